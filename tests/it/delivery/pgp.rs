//! What is forwarded to a mailbox with a PGP key: encrypted for GnuPG, signed by us, never in clear.

use std::time::Duration;

use postern::config::dkim::Dkim;
use postern::model::{Address, Clock};
use postern::service::pgp_key;
use postern::storage::{Options, message};

use super::direct::MESSAGE;
use crate::support::app::{DOMAIN, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::dkim::{assert_signed, check, records_of};
use crate::support::gpg::Gpg;
use crate::support::sink::{Point, Script};
use crate::web::letter::{find, link};

const DAY: Duration = Duration::from_hours(24);

/// Has a body of two parts, bytes above 127 and lines an encoder would change.
const MIXED: &str = "From: LG News <news@lg.example>\r\nTo: shop@you.example\r\nSubject: Secret sale\r\nThread-Topic: Secret sale\r\n\
                     Message-ID: <1@lg.example>\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMIME-Version: 1.0\r\n\
                     Content-Type: multipart/mixed; boundary=\"b\"\r\nContent-Language: de\r\n";
const PARTS: &str = "\r\npreamble\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
                     Grüße \t \r\n..dots\r\n--b--\r\n";

async fn set(app: &TestApp, mailbox: &str, key: &[u8], hide_subject: bool) {
    pgp_key::set(&app.running.broker.desk, app.user, &address(mailbox), key, hide_subject).await.unwrap();
}

/// Messages that were taken, for this mailbox.
fn taken(app: &TestApp, mailbox: &str) -> Vec<Vec<u8>> {
    let taken = app.sink.messages().into_iter().filter(|message| message.accepted && message.recipients() == [mailbox]);
    taken.map(|message| message.content).collect()
}

/// The letters among them.
fn letters(app: &TestApp, subject: &str) -> usize {
    let subject = format!("Subject: {subject}");
    app.sink.messages().iter().filter(|one| one.accepted && String::from_utf8_lossy(&one.content).contains(&subject)).count()
}

/// The page of the mailbox.
async fn page(app: &TestApp) -> String {
    let mailbox = app.read(async |tx| postern::storage::mailbox::find(tx, app.mailbox).await).await.unwrap();
    format!("/mailboxes/{}", mailbox.uuid)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Sends [`MIXED`]; the last reply.
async fn send_mixed(app: &TestApp, to: &Address) -> String {
    let mut client = app.client().await;
    client.ask("MAIL FROM:<news@lg.example> BODY=8BITMIME", "250").await;
    client.ask(&format!("RCPT TO:<{to}>"), "250").await;
    client.ask("DATA", "354").await;
    client.send(format!("{MIXED}{}.\r\n", PARTS.replace("..", "..."))).await;
    client.read_reply().await.unwrap()
}

#[tokio::test]
async fn gnupg_decrypts_to_the_entity_that_arrived_and_our_signatures_hold() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::with(&database, |config| config.dkim = Dkim::default()).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), false).await;
        let alias = app.alias("shop").await;
        assert!(send_mixed(&app, &alias.address).await.starts_with("250 "));
        app.sink.wait_for(1).await;
        let [message] = &taken(&app, MAILBOX)[..] else { panic!("one message") };
        let entity = format!("Content-Type: multipart/mixed; boundary=\"b\"\r\nContent-Language: de\r\n{PARTS}");
        assert_eq!(String::from_utf8(gpg.decrypt(message)).unwrap(), entity);
        let text = String::from_utf8(message.clone()).unwrap();
        assert!(text.contains("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\""), "{text}");
        assert!(text.contains("Subject: Secret sale\r\n") && text.contains("X-Postern-Alias: shop@you.example\r\n"), "{text}");
        assert_eq!(text.matches("\r\nMIME-Version:").count(), 1);
        for clear in ["Grüße", "dots", "multipart/mixed", "Content-Language"] {
            assert!(!text.contains(clear), "{clear} in {text}");
        }
        for signatures in check(std::slice::from_ref(message), &records_of(&app).await, app.clock.now().as_seconds()) {
            assert_signed(message, &signatures, DOMAIN);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_hidden_subject_is_inside_only() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), true).await;
        let alias = app.alias("shop").await;
        assert!(send_mixed(&app, &alias.address).await.starts_with("250 "));
        app.sink.wait_for(1).await;
        let [message] = &taken(&app, MAILBOX)[..] else { panic!("one message") };
        assert!(contains(message, "\r\nSubject: ...\r\n") && !contains(message, "Secret"));
        let entity = format!(
            "Subject: Secret sale\r\nContent-Type: multipart/mixed; boundary=\"b\";\r\n protected-headers=\"v1\"\r\n\
             Content-Language: de\r\n{PARTS}"
        );
        assert_eq!(String::from_utf8(gpg.decrypt(message)).unwrap(), entity);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_spilled_to_disk_is_encrypted() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), false).await;
        let alias = app.alias("shop").await;
        let body = "A line of text\r\n".repeat(150_000);
        assert!(
            app.send("news@lg.example", &alias, &format!("Subject: x\r\nFrom: a@lg.example\r\n\r\n{body}"))
                .await
                .starts_with("250 ")
        );
        app.sink.wait_for(1).await;
        assert_eq!(gpg.decrypt(&taken(&app, MAILBOX)[0]), format!("\r\n{body}").as_bytes());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_the_mailbox_with_a_key_gets_it_encrypted_until_the_key_is_removed() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        let other = app.mailbox("ann@other.example").await;
        set(&app, "ann@other.example", &gpg.key("Ann <ann@keys.example>", "never"), false).await;
        let alias = app.alias_to("shop", vec![app.mailbox, other], |_| {}).await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.sink.wait_for(2).await;
        let (clear, sealed) = (&taken(&app, MAILBOX)[0], &taken(&app, "ann@other.example")[0]);
        assert!(clear.ends_with(b"\r\n\r\nHello,\r\n.two dots\r\n\r\n"));
        assert!(!contains(sealed, "Hello"));
        assert_eq!(gpg.decrypt(sealed), b"\r\nHello,\r\n.two dots\r\n\r\n");
        pgp_key::remove(&app.running.broker.desk, app.user, &address("ann@other.example")).await.unwrap();
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.sink.wait_for(4).await;
        assert!(contains(&taken(&app, "ann@other.example")[1], "Hello"));
        app.finish().await;
    })
    .await;
}

/// The bodies in the queue, and on SQLite everything in the files.
async fn at_rest(app: &TestApp, database: &Database) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for row in app.queue().await {
        let id = row.message_id.unwrap();
        found.push(app.read(async |tx| message::find_chunk(tx, id, 0).await).await.unwrap());
    }
    if let Options::Sqlite(path) = &database.options {
        for ending in ["", "-wal"] {
            found.extend(std::fs::read(format!("{}{ending}", path.display())));
        }
    }
    found
}

#[tokio::test]
async fn what_waits_is_encrypted_on_disk_and_when_it_arrives() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::with(&database, |config| config.dkim = Dkim::default()).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), false).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        assert!(send_mixed(&app, &alias.address).await.starts_with("250 "));
        let kept = at_rest(&app, &database).await;
        assert!(contains(&kept[0], "-----BEGIN PGP MESSAGE-----"));
        assert!(kept.iter().all(|bytes| !contains(bytes, "Grüße") && !contains(bytes, "preamble")));
        // The key is not needed any more.
        pgp_key::remove(&app.running.broker.desk, app.user, &address(MAILBOX)).await.unwrap();
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 1);
        let [message] = &taken(&app, MAILBOX)[..] else { panic!("one message") };
        assert!(String::from_utf8(gpg.decrypt(message)).unwrap().ends_with(PARTS));
        for signatures in check(std::slice::from_ref(message), &records_of(&app).await, app.clock.now().as_seconds()) {
            assert_signed(message, &signatures, DOMAIN);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn both_forms_wait_each_for_its_mailbox_and_a_delivered_one_mutes_the_other() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        let other = app.mailbox("ann@other.example").await;
        set(&app, "ann@other.example", &gpg.key("Ann <ann@keys.example>", "never"), false).await;
        let alias = app.alias_to("shop", vec![app.mailbox, other], |_| {}).await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let rows = app.queue().await;
        assert_eq!(rows.len(), 2);
        assert_ne!(rows[0].message_id, rows[1].message_id);
        let (one, two) = (rows[0].id, rows[1].id);
        let muted = async || {
            app.read(async |tx| {
                Ok([postern::storage::muted::is_muted(tx, one).await?, postern::storage::muted::is_muted(tx, two).await?])
            })
            .await
        };
        assert_eq!(muted().await, [false, false]);
        let message_id = rows[0].message_id.unwrap();
        let alias_id = alias.id;
        let written =
            app.storage().write(move |tx| Box::pin(async move { postern::storage::muted::mute(tx, message_id, alias_id).await }));
        written.await.unwrap();
        assert_eq!(muted().await, [true, true], "the copies of one message are one message");
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 2);
        assert!(contains(&taken(&app, MAILBOX)[0], "Hello"));
        assert_eq!(gpg.decrypt(&taken(&app, "ann@other.example")[0]), b"\r\nHello,\r\n.two dots\r\n\r\n");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_expired_key_defers_and_its_owner_is_told_once() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "30d"), false).await;
        let alias = app.alias("shop").await;
        app.clock.advance(DAY * 40);
        for _ in 0..2 {
            let reply = app.send("news@lg.example", &alias, MESSAGE).await;
            assert!(reply.starts_with("450 4.7.0 ") && !reply.contains("mailbox") && !reply.contains("key"), "{reply}");
        }
        // The mail of others does not wait for it.
        let (_, others) = crate::support::app::user(app.storage(), &*app.clock, "bob@bob.example").await;
        let other = app.alias_to("bob", vec![others], |_| {}).await;
        let mut client = app.client().await;
        client.ask("MAIL FROM:<news@lg.example>", "250").await;
        client.ask(&format!("RCPT TO:<{}>", alias.address), "450 4.7.0").await;
        client.ask(&format!("RCPT TO:<{}>", other.address), "250").await;
        client.ask("DATA", "354").await;
        client.send(format!("{MESSAGE}.\r\n")).await;
        assert!(client.read_reply().await.unwrap().starts_with("250 "));
        app.wait_until(async |app| taken(app, "bob@bob.example").len() == 1).await;
        assert!(contains(&taken(&app, "bob@bob.example")[0], "Hello"));
        app.deliver_after(Duration::from_secs(1)).await;
        app.wait_until(async |app| letters(app, "Mail waits: it could not be encrypted") == 1).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let [letter] = &taken(&app, MAILBOX)[..] else { panic!("the letter alone") };
        assert_eq!(link(&find(&app, "Mail waits: it could not be encrypted"), "/mailboxes/"), page(&app).await);
        assert!(contains(letter, "the key expired on 2027-02-09") && !contains(letter, "Hello"), "{}", letter.escape_ascii());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_damaged_row_defers() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), false).await;
        let alias = app.alias("shop").await;
        let mailbox = app.mailbox;
        let written = app.storage().write(move |tx| {
            Box::pin(async move {
                let mut key = postern::storage::pgp_key::find(tx, mailbox).await?.unwrap();
                key.public_key.truncate(40);
                postern::storage::pgp_key::set(tx, &key).await
            })
        });
        written.await.unwrap();
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("451 4.7.0 "));
        assert!(!app.sink.messages().iter().any(|message| contains(&message.content, "Hello")));
        app.deliver_after(Duration::from_secs(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_its_sender_encrypted_goes_on_as_it_is() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), true).await;
        let alias = app.alias("shop").await;
        let message = String::from_utf8(std::fs::read("tests/corpus/pgp-mime.eml").unwrap()).unwrap();
        assert!(app.send("ann@x.org", &alias, &message).await.starts_with("250 "));
        app.sink.wait_for(1).await;
        let [arrived] = &taken(&app, MAILBOX)[..] else { panic!("one message") };
        let body = message.split_once("\r\n\r\n").unwrap().1;
        assert!(arrived.ends_with(format!("\r\n\r\n{body}").as_bytes()));
        assert!(contains(arrived, "Subject: Spring offers\r\n"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_a_key_that_expires_soon_is_told_once() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "30d"), false).await;
        let subject = "The PGP key of a mailbox expires soon";
        pgp_key::warn_expiring(&app.running.broker).await.unwrap();
        assert!(app.queue().await.is_empty(), "there is time");
        app.clock.advance(DAY * 12);
        for _ in 0..2 {
            pgp_key::warn_expiring(&app.running.broker).await.unwrap();
            app.deliver_after(DAY).await;
            app.wait_until(async |app| app.queue().await.is_empty()).await;
            assert_eq!(letters(&app, subject), 1);
        }
        let [letter] = &taken(&app, MAILBOX)[..] else { panic!("one letter") };
        assert!(contains(letter, "2027-02-09"), "{}", letter.escape_ascii());
        let page = page(&app).await;
        assert_eq!(link(&find(&app, subject), "/mailboxes/"), page);
        assert!(Browser::signed_in(&app).await.get(&page).await.body.contains("Encrypt with this key"));
        app.finish().await;
    })
    .await;
}

/// Puts [`MIXED`] into the queue in clear.
async fn kept_in_clear(app: &TestApp, name: &str) {
    let alias = app.alias(name).await;
    app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
    assert!(send_mixed(app, &alias.address).await.starts_with("250 "));
    app.next_hop(Script::new());
}

#[tokio::test]
async fn what_waits_in_clear_is_encrypted_when_a_key_was_set_meanwhile() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::with(&database, |config| config.dkim = Dkim::default()).await;
        kept_in_clear(&app, "shop").await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), true).await;
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 1);
        let [message] = &taken(&app, MAILBOX)[..] else { panic!("one message") };
        let clear = gpg.decrypt(message);
        assert!(clear.starts_with(b"Subject: Secret sale\r\n") && clear.ends_with(PARTS.as_bytes()), "{}", clear.escape_ascii());
        for clear in ["Grüße", "dots", "Secret", "multipart/mixed"] {
            assert!(!contains(message, clear), "{clear} in {}", message.escape_ascii());
        }
        let signatures = check(std::slice::from_ref(message), &records_of(&app).await, app.clock.now().as_seconds());
        assert_signed(message, &signatures[0], DOMAIN);
        let fields = String::from_utf8_lossy(message).matches("DKIM-Signature:").count();
        assert_eq!(fields, signatures[0].len(), "the signatures over the clear text are gone");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_in_clear_for_a_moved_mailbox_is_encrypted_to_the_key_of_the_new_one() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        app.mailbox("ann@other.example").await;
        set(&app, "ann@other.example", &gpg.key("Ann <ann@keys.example>", "never"), false).await;
        kept_in_clear(&app, "shop").await;
        let desk = &app.running.broker.desk;
        postern::service::mailbox::relocate(desk, app.user, &address(MAILBOX), address("ann@other.example"), false)
            .await
            .unwrap();
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 1);
        let [message] = &taken(&app, "ann@other.example")[..] else { panic!("one message") };
        assert!(gpg.decrypt(message).ends_with(PARTS.as_bytes()) && !contains(message, "Grüße"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_in_clear_waits_on_while_the_key_can_not_be_used() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        let key = gpg.key("Jane <jane@keys.example>", "30d");
        set(&app, MAILBOX, &key, false).await;
        app.clock.advance(DAY * 40);
        pgp_key::remove(&app.running.broker.desk, app.user, &address(MAILBOX)).await.unwrap();
        kept_in_clear(&app, "shop").await;
        let (mailbox, now) = (app.mailbox, app.clock.now());
        let written = app.storage().write(move |tx| {
            Box::pin(async move {
                let key = postern::model::pgp_key::PgpKey {
                    mailbox_id: mailbox,
                    public_key: key,
                    fingerprint: "AB".into(),
                    expires_at: None,
                    hide_subject: false,
                    created_at: now,
                };
                postern::storage::pgp_key::set(tx, &key).await
            })
        });
        written.await.unwrap();
        app.deliver_after(Duration::from_mins(2)).await;
        app.wait_until(async |app| letters(app, "Mail waits: it could not be encrypted") == 1).await;
        app.wait_until(async |app| app.queue().await.len() == 1).await;
        let rows = app.queue().await;
        assert_eq!(rows[0].last_failure.as_ref().unwrap().status, "4.7.0");
        assert!(taken(&app, MAILBOX).iter().all(|message| !contains(message, "dots")));
        set(&app, MAILBOX, &gpg.key("Ann <ann@keys.example>", "never"), false).await;
        assert_eq!(app.deliver_after(Duration::from_mins(30)).await, 1);
        let message = taken(&app, MAILBOX).pop().unwrap();
        assert!(gpg.decrypt(&message).ends_with(PARTS.as_bytes()));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_set_after_the_recipient_was_accepted_counts() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::start(&database).await;
        let key = gpg.key("Jane <jane@keys.example>", "never");
        let alias = app.alias("shop").await;
        let mut client = app.client().await;
        client.ask("MAIL FROM:<news@lg.example>", "250").await;
        client.ask(&format!("RCPT TO:<{}>", alias.address), "250").await;
        client.ask("DATA", "354").await;
        set(&app, MAILBOX, &key, false).await;
        client.send(format!("{MESSAGE}.\r\n")).await;
        assert!(client.read_reply().await.unwrap().starts_with("250 "));
        app.sink.wait_for(1).await;
        let [message] = &taken(&app, MAILBOX)[..] else { panic!("one message") };
        assert!(!contains(message, "Hello") && gpg.decrypt(message).starts_with(b"\r\nHello,\r\n"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn aliases_of_one_mailbox_share_the_encrypted_body() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::with(&database, |config| config.dkim = Dkim::default()).await;
        set(&app, MAILBOX, &gpg.key("Jane <jane@keys.example>", "never"), false).await;
        let (one, two) = (app.alias("one").await, app.alias("two").await);
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        assert!(app.send_to("news@lg.example", &[&one.address, &two.address], MESSAGE).await.starts_with("250 "));
        let rows = app.queue().await;
        assert_eq!((rows.len(), rows[0].message_id), (2, rows[1].message_id));
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 2);
        let messages = taken(&app, MAILBOX);
        for message in &messages {
            assert!(!contains(message, "Hello"));
            assert_eq!(gpg.decrypt(message), b"\r\nHello,\r\n.two dots\r\n\r\n");
        }
        for (signatures, message) in check(&messages, &records_of(&app).await, app.clock.now().as_seconds()).iter().zip(&messages)
        {
            assert_signed(message, signatures, DOMAIN);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_message_is_not_encrypted_any_number_of_times() {
    each_driver(async |database| {
        let Some(gpg) = Gpg::new() else { return };
        let app = TestApp::with(&database, |config| config.smtp.max_message_size = 65_536).await;
        let key = gpg.key("Jane <jane@keys.example>", "never");
        let mut aliases = Vec::new();
        for number in 0..8 {
            let text = format!("m{number}@other.example");
            let mailbox = app.mailbox(&text).await;
            set(&app, &text, &key, false).await;
            aliases.push(app.alias_to(&format!("a{number}"), vec![mailbox], |_| {}).await);
        }
        let all: Vec<_> = aliases.iter().map(|alias| &alias.address).collect();
        let message = format!("From: a@lg.example\r\n\r\n{}", "A line of text\r\n".repeat(3_900));
        let reply = app.send_to("news@lg.example", &all, &message).await;
        assert!(reply.starts_with("452 "), "{reply}");
        assert!(app.sink.messages().is_empty(), "nothing was handed off");
        assert!(app.send_to("news@lg.example", &all[..4], &message).await.starts_with("250 "));
        app.finish().await;
    })
    .await;
}
