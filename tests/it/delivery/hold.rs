//! Suspicious mail of an owner who decides: kept before the 250, not tried, released, dropped, or given up in the end.

use std::time::Duration;

use postern::model::Clock;
use postern::model::alias::{Alias, AliasState};
use postern::model::delivery::{Delivery, DeliveryKind, DeliveryState};
use postern::model::user::OnQuarantine;
use postern::service::user::Settings;
use postern::service::{hold, queue, user};
use postern::storage::alias::NewAlias;
use postern::storage::delivery::NewDelivery;
use postern::storage::message::NewMessage;
use postern::storage::{self, Tx, delivery, message};

use crate::support::app::{self, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::dkim;
use crate::support::sink::{Point, Script};
use crate::web::letter::{find, link};

const ZONE: &str = "_dmarc.shop.example. 60 IN TXT \"v=DMARC1; p=quarantine\"\n";
const FORGED: &str = "From: Shop <news@shop.example>\r\nTo: lg@you.example\r\nSubject: =?utf-8?q?Off=C3=A9rs?=\r\n\r\nHello\r\n";
const EXPIRE: Duration = Duration::from_hours(120);
const DAY: Duration = Duration::from_hours(24);

/// An instance whose user decides on what is suspicious.
async fn instance(database: &Database) -> (TestApp, Alias, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, ZONE).unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(path);
        config.smtp.trusted_networks.clear();
    })
    .await;
    let settings = Settings { on_quarantine: Some(OnQuarantine::Hold), ..Settings::default() };
    user::set(&app.running.broker.desk, app.user, settings).await.unwrap();
    let alias = app.alias("lg").await;
    (app, alias, folder)
}

async fn held(app: &TestApp) -> Vec<Delivery> {
    app.queue().await.into_iter().filter(|row| row.state == DeliveryState::Held).collect()
}

/// Messages that arrived, notices left out.
fn arrived(app: &TestApp) -> Vec<String> {
    let all = app.sink.messages().into_iter().map(|message| String::from_utf8(message.content).unwrap());
    all.filter(|text| !text.contains("\r\nAuto-Submitted: ")).collect()
}

/// Waits until nothing but held mail is left and so many notices have come.
async fn told(app: &TestApp, times: usize) {
    let told = |app: &TestApp| app.sink.messages().len() - arrived(app).len();
    app.wait_until(async |app| told(app) >= times && app.queue().await.iter().all(|row| row.state != DeliveryState::Waiting))
        .await;
    assert_eq!(told(app), times);
}

#[tokio::test]
async fn a_held_message_is_kept_and_told_of_and_goes_out_signed_when_released() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        let desk = &app.running.broker.desk;
        for _ in 0..2 {
            assert_eq!(app.send("x@evil.example", &alias, FORGED).await, "250 2.0.0 Ok, message accepted");
        }
        told(&app, 1).await;
        let page = link(&app.sink.messages()[0], "/holds");
        assert!(Browser::signed_in(&app).await.get(&page).await.body.contains("Deliver it to me"));
        assert!(arrived(&app).is_empty(), "nothing is delivered before the owner says so");
        let rows = held(&app).await;
        assert_eq!((rows.len(), rows[0].attempts), (2, 0));
        let shown = hold::show(desk, app.user, rows[0].id).await.unwrap();
        assert_eq!((shown.from.reveal().as_str(), shown.subject.reveal().as_str()), ("Shop <news@shop.example>", "Off\u{e9}rs"));
        assert_eq!(shown.sender.unwrap().to_string(), "x@evil.example");
        assert!(matches!(queue::retry(desk, Some(rows[0].id)).await, Err(queue::ChangeError::Held)));

        // Longer than a signature of the first day would last, over a restart and a sweep.
        app.clock.advance(DAY * 20);
        let app = app.restart().await;
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        let desk = &app.running.broker.desk;
        assert_eq!(hold::release(desk, app.user, rows[0].id, EXPIRE).await.unwrap(), 1);
        app.running.broker.queue.notify_one();
        app.wait_until(async |app| app.queue().await.len() == 1).await;
        let copy = arrived(&app).pop().unwrap();
        assert!(copy.starts_with("DKIM-Signature: ") && copy.contains("\r\nX-Postern-Warning: "), "{copy}");
        assert!(copy.ends_with("\r\n\r\nHello\r\n"), "{copy}");
        let now = postern::model::Clock::now(&*app.clock).as_seconds();
        for signature in dkim::check(&[copy.into_bytes()], &dkim::records_of(&app).await, now).iter().flatten() {
            assert!(signature.ok, "{signature:?}");
        }
        assert!(matches!(hold::release(desk, app.user, rows[0].id, EXPIRE).await, Err(hold::HoldError::Unknown)));

        assert_eq!(hold::drop(desk, app.user, rows[1].id).await.unwrap(), 1);
        assert_eq!(app.queue().await[0].state, DeliveryState::Cancelled);
        assert_eq!(app.queue().await[0].message_id, None, "its content is erased");
        let counts = app.activity(&alias).await;
        assert_eq!((counts.forwarded, counts.cancelled, counts.blocked), (1, 1, 0));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_decides_on_is_given_up_where_its_owner_sees_it() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        told(&app, 1).await;
        app.clock.advance(DAY * 29);
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert_eq!(held(&app).await.len(), 1);
        app.clock.advance(DAY);
        let report = postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert_eq!((report.held_expired, report.messages_erased, report.found_anything()), (1, 0, false));
        let row = app.queue().await.pop().unwrap();
        assert_eq!((row.state, row.message_id), (DeliveryState::Failed, None));
        let failure = row.last_failure.unwrap();
        assert_eq!((failure.status.as_str(), failure.detail.reveal().as_str()), ("5.7.1", "nobody released it within 30 days"));
        assert_eq!(app.activity(&alias).await.failed, 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_kill_cancels_what_is_held() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        told(&app, 1).await;
        app.set_state(&alias, AliasState::Killed).await;
        let row = app.queue().await.pop().unwrap();
        assert_eq!((row.state, row.message_id), (DeliveryState::Cancelled, None));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn each_owner_of_a_message_has_it_their_own_way_and_nobody_decides_for_another() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        let answer = app.send_to("x@evil.example", &[&alias.address, &theirs.address], FORGED).await;
        assert!(answer.starts_with("250 "), "{answer}");
        told(&app, 1).await;
        assert_eq!(arrived(&app).len(), 1, "Bob has his with a warning");
        let rows = held(&app).await;
        assert_eq!((rows.len(), rows[0].recipient.to_string().as_str()), (1, MAILBOX));
        let desk = &app.running.broker.desk;
        assert!(matches!(hold::show(desk, bob, rows[0].id).await, Err(hold::HoldError::Unknown)));
        assert!(matches!(hold::drop(desk, bob, rows[0].id).await, Err(hold::HoldError::Unknown)));
        assert!(hold::list(desk, bob, None, 10).await.unwrap().is_empty());
        assert_eq!(hold::list(desk, app.user, None, 10).await.unwrap().len(), 1);
        // The others' trouble is no reason to try it.
        app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 later\r\n"));
        assert!(app.send_to("x@evil.example", &[&alias.address, &theirs.address], FORGED).await.starts_with("250 "));
        app.next_hop(Script::new());
        app.clock.advance(Duration::from_hours(1));
        told(&app, 1).await;
        assert_eq!((arrived(&app).len(), held(&app).await.len()), (2, 2));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_decision_holds_for_all_mailboxes_of_the_alias() {
    each_driver(async |database| {
        let (app, _, _folder) = instance(&database).await;
        let second = app.mailbox("work@corp.example").await;
        let alias = app.alias_to("both", vec![app.mailbox, second], |_| {}).await;
        assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        told(&app, 1).await;
        let rows = held(&app).await;
        assert_eq!(rows.len(), 2);
        assert_eq!(hold::release(&app.running.broker.desk, app.user, rows[1].id, EXPIRE).await.unwrap(), 2);
        app.running.broker.queue.notify_one();
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(arrived(&app).len(), 2);
        app.finish().await;
    })
    .await;
}

#[cfg(feature = "pgp")]
#[tokio::test]
async fn what_was_held_in_clear_is_released_encrypted_when_a_key_was_set_meanwhile() {
    each_driver(async |database| {
        let Some(gpg) = crate::support::gpg::Gpg::new() else { return };
        let (app, alias, _folder) = instance(&database).await;
        let desk = &app.running.broker.desk;
        assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        told(&app, 1).await;
        let key = gpg.key("Jane <jane@keys.example>", "never");
        let mailbox = postern::model::Address::parse(MAILBOX).unwrap();
        postern::service::pgp_key::set(desk, app.user, &mailbox, &key, false).await.unwrap();
        let row = held(&app).await.remove(0);
        assert_eq!(hold::release(desk, app.user, row.id, EXPIRE).await.unwrap(), 1);
        app.running.broker.queue.notify_one();
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let copy = arrived(&app).pop().unwrap();
        assert!(copy.starts_with("DKIM-Signature: ") && !copy.contains("Hello"), "{copy}");
        assert_eq!(gpg.decrypt(copy.as_bytes()), b"\r\nHello\r\n");
        let now = postern::model::Clock::now(&*app.clock).as_seconds();
        for signature in dkim::check(&[copy.into_bytes()], &dkim::records_of(&app).await, now).iter().flatten() {
            assert!(signature.ok, "{signature:?}");
        }
        app.finish().await;
    })
    .await;
}

/// Puts so many messages of that size aside.
async fn put_aside(app: &TestApp, alias: &Alias, count: u64, size: u64) {
    let (alias_id, mailbox_id, now) = (alias.id, app.mailbox, app.clock.now());
    let uuid = || uuid::Uuid::from_u128(rand::random());
    let kept = NewMessage {
        uuid: uuid(),
        received_at: now,
        sender: None,
        client_ip: std::net::Ipv4Addr::LOCALHOST.into(),
        helo: "x".into(),
        header: Vec::new(),
        body_length: size,
        body_sha256: [0; 32],
        eight_bit: false,
        smtputf8: false,
    };
    let row = move |message_id| NewDelivery {
        uuid: uuid(),
        message_id,
        kind: DeliveryKind::Forward,
        alias_id: Some(alias_id),
        mailbox_id: Some(mailbox_id),
        sender: None,
        recipient: address(MAILBOX),
        header: Vec::new(),
        site: None,
        queued_at: now,
        next_attempt_at: now,
        attempts: 0,
        expires_at: now.plus(DAY),
        last_failure: None,
        held: true,
        sealed: false,
        lease: None,
    };
    let written = app.storage().write(move |tx| {
        Box::pin(async move {
            for _ in 0..count {
                let id = message::insert(tx, &NewMessage { uuid: uuid(), ..kept.clone() }).await?;
                delivery::insert(tx, &row(id)).await?;
            }
            Ok::<_, storage::Error>(())
        })
    });
    written.await.unwrap();
}

#[tokio::test]
async fn what_finds_no_room_is_delivered_with_a_warning_and_its_owner_is_told() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        put_aside(&app, &alias, 199, 1).await;
        assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        told(&app, 1).await;
        assert_eq!((held(&app).await.len(), arrived(&app).len()), (200, 0));
        for _ in 0..2 {
            assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        }
        told(&app, 2).await;
        assert_eq!(link(&find(&app, "No more messages can be held for you"), "/holds"), "/holds");
        assert_eq!((held(&app).await.len(), arrived(&app).len()), (200, 2));
        let copy = arrived(&app).pop().unwrap();
        assert!(copy.contains("\r\nX-Postern-Warning: ") && copy.ends_with("\r\n\r\nHello\r\n"), "{copy}");
        // Once there is room again it is held again.
        let oldest = held(&app).await.pop().unwrap().id;
        assert_eq!(hold::drop(&app.running.broker.desk, app.user, oldest).await.unwrap(), 1);
        assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        told(&app, 2).await;
        assert_eq!((held(&app).await.len(), arrived(&app).len()), (200, 2));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn large_messages_fill_the_room_as_well_and_nobody_takes_the_room_of_another() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let settings = Settings { on_quarantine: Some(OnQuarantine::Hold), ..Settings::default() };
        user::set(&app.running.broker.desk, bob, settings).await.unwrap();
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        put_aside(&app, &alias, 1, (256 << 20) - 5).await;
        assert!(app.send_to("x@evil.example", &[&alias.address, &theirs.address], FORGED).await.starts_with("250 "));
        told(&app, 2).await;
        let rows = held(&app).await;
        assert_eq!((rows.len(), rows[0].recipient.to_string().as_str()), (2, "bob@inbox.example"));
        assert_eq!(arrived(&app).len(), 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_of_what_was_not_held() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let settings = Settings { on_quarantine: Some(OnQuarantine::Hold), ..Settings::default() };
        user::set(&app.running.broker.desk, bob, settings).await.unwrap();
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        let mut client = app.client().await;
        for line in
            ["MAIL FROM:<x@evil.example>", &format!("RCPT TO:<{}>", alias.address), &format!("RCPT TO:<{}>", theirs.address)]
        {
            client.send(format!("{line}\r\n")).await;
            assert!(client.read_reply().await.unwrap().starts_with("250 "));
        }
        app.set_state(&theirs, AliasState::Killed).await;
        client.send("DATA\r\n".to_owned()).await;
        assert!(client.read_reply().await.unwrap().starts_with("354 "));
        client.send(format!("{FORGED}.\r\n")).await;
        assert!(client.read_reply().await.unwrap().starts_with("250 "));
        told(&app, 1).await;
        assert_eq!(app.sink.messages()[0].recipients(), [MAILBOX]);
        assert_eq!(held(&app).await.len(), 1);
        app.finish().await;
    })
    .await;
}

/// Makes the database refuse to keep anything held.
async fn refuse_held(app: &TestApp) {
    let refused = app.storage().write(|tx| {
        Box::pin(async move {
            match tx {
                Tx::Sqlite(t) => {
                    let sql = "CREATE TRIGGER no_held BEFORE INSERT ON deliveries WHEN NEW.state = 'held' \
                               BEGIN SELECT RAISE(ABORT, 'no'); END";
                    sqlx::query(sql).execute(&mut **t).await.map(drop)
                }
                Tx::PostgresRead(t) | Tx::Postgres(t) => {
                    let sql = "ALTER TABLE deliveries ADD CONSTRAINT no_held CHECK (state <> 'held')";
                    sqlx::query(sql).execute(&mut **t).await.map(drop)
                }
            }?;
            Ok::<_, storage::Error>(())
        })
    });
    refused.await.unwrap();
}

#[tokio::test]
async fn where_it_can_not_be_held_nobody_has_it_yet() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        refuse_held(&app).await;
        let answer = app.send_to("x@evil.example", &[&alias.address, &theirs.address], FORGED).await;
        assert!(answer.starts_with('4'), "{answer}");
        assert!(app.sink.messages().is_empty(), "the sender tries again, and Bob would have it twice");
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_safe_where_all_others_refuse() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        app.next_hop(Script::new().reply(Point::Dot, "550 5.7.1 no\r\n"));
        assert!(app.send_to("x@evil.example", &[&alias.address, &theirs.address], FORGED).await.starts_with("250 "));
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.state != DeliveryState::Waiting)).await;
        assert_eq!(held(&app).await.len(), 1);
        app.finish().await;
    })
    .await;
}
