//! What leaves is signed, and others find the signatures good: python3-dkim and mail-auth.

use std::time::Duration;

use postern::config::dkim::Dkim;
use postern::model::alias::Alias;
use postern::model::dkim_key::{Algorithm, KeyState};
use postern::model::{Address, Clock, DomainName, Private};
use postern::storage::dkim_key::NewDkimKey;
use postern::storage::domain::NewDomain;
use postern::storage::{self, dkim_key, domain};

use super::direct::MESSAGE;
use crate::support::app::{DOMAIN, TestApp};
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::dkim::{assert_signed, check, check_with_mail_auth, records_of};
use crate::support::sink::{Point, Script};

/// An instance that signs with both algorithms.
async fn start(database: &Database) -> TestApp {
    TestApp::with(database, |config| config.dkim = Dkim::default()).await
}

/// Sends bytes as they are, with all extensions declared; the last reply.
pub async fn send(app: &TestApp, alias: &Alias, message: &[u8]) -> String {
    let mut client = app.client().await;
    client.ask("MAIL FROM:<news@lg.example> BODY=8BITMIME SMTPUTF8", "250").await;
    client.ask(&format!("RCPT TO:<{}>", alias.address), "250").await;
    client.ask("DATA", "354").await;
    let mut text = Vec::new();
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            text.push(b'.');
        }
        text.extend_from_slice(line);
    }
    if !text.ends_with(b"\r\n") {
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b".\r\n");
    client.send(text).await;
    client.read_reply().await.unwrap()
}

pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir("tests/corpus").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

/// The message with the space before the colon of `X-Space : kept` taken out.
pub fn without(message: &[u8], pattern: &[u8]) -> Vec<u8> {
    let Some(at) = message.windows(pattern.len()).position(|window| window == pattern) else { return message.to_vec() };
    let is_name = message[..at].ends_with(b"X-Space");
    if is_name { [&message[..at], &message[at + 1..]].concat() } else { message.to_vec() }
}

/// Everything that was accepted carries both signatures.
async fn assert_all_signed(app: &TestApp) -> usize {
    let records = records_of(app).await;
    let messages: Vec<Vec<u8>> =
        app.sink.messages().into_iter().filter(|message| message.accepted).map(|message| message.content).collect();
    // python3-dkim can't read a field with a space before its colon; none of those is signed.
    let readable: Vec<Vec<u8>> = messages.iter().map(|message| without(message, b" : ")).collect();
    for (message, signatures) in readable.iter().zip(check(&readable, &records, app.clock.now().as_seconds())) {
        assert_signed(message, &signatures, DOMAIN);
    }
    messages.len()
}

#[tokio::test]
async fn every_message_of_the_corpus_leaves_signed() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let alias = app.alias("lg.k7f3qz2m").await;
        let mut accepted = 0;
        for (name, message) in corpus() {
            let reply = send(&app, &alias, &message).await;
            let refused = name.contains("refused");
            assert!(reply.starts_with(if refused { "5" } else { "250 " }), "{name}: {reply}");
            accepted += usize::from(!refused);
        }
        assert!(accepted > 30);
        assert_eq!(assert_all_signed(&app).await, accepted);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_message_of_the_corpus_leaves_the_queue_signed() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let alias = app.alias("lg.k7f3qz2m").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        let mut accepted = 0;
        for (name, message) in corpus().into_iter().filter(|(name, _)| !name.contains("refused")) {
            assert!(send(&app, &alias, &message).await.starts_with("250 "), "{name}");
            accepted += 1;
        }
        app.next_hop(Script::new());
        // Far into the queue's patience: the signatures must outlive it.
        app.deliver_after(Duration::from_hours(119)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(assert_all_signed(&app).await, accepted);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_spilled_to_disk_is_signed() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let alias = app.alias("shop").await;
        let body = "A line of text with  spaces \t and an end \r\n\r\n".repeat(60_000);
        assert!(send(&app, &alias, format!("{}{body}", MESSAGE.replace("..two", "two")).as_bytes()).await.starts_with("250 "));
        assert_eq!(assert_all_signed(&app).await, 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn notices_are_signed() {
    each_driver(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let zone = folder.path().join("zone");
        std::fs::write(&zone, "$ORIGIN lg.example.\n$TTL 60\n@ IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n").unwrap();
        let app = TestApp::with(&database, |config| {
            config.dns.zone_file = Some(zone.clone());
            config.dkim = Dkim::default();
        })
        .await;
        let alias = app.alias("shop").await;
        app.sink.next(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.sink.next(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n"));
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.sink.messages().iter().any(|message| message.accepted && message.sender().is_empty()))
            .await;
        assert_eq!(assert_all_signed(&app).await, 1);
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.settled_at.is_some())).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_good_key_mail_waits_and_never_leaves_unsigned() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let name: DomainName = "late.example".parse().unwrap();
        let (now, uuid, made) = (app.clock.now(), database.uuid(), name.clone());
        // In one transaction: a domain without any key would get one at the next heartbeat.
        let domain = app.storage().write(move |tx| {
            Box::pin(async move {
                let new = NewDomain { uuid, name: made, user_id: None, created_at: now };
                let domain_id = domain::create(tx, &new).await?.id;
                let damaged = NewDkimKey {
                    domain_id,
                    selector: "damaged".into(),
                    algorithm: Algorithm::Ed25519,
                    private_key: Private::new(b"no key".to_vec()),
                    public_key: Vec::new(),
                    state: KeyState::Active,
                    created_at: now,
                };
                assert!(dkim_key::create(tx, &damaged).await?);
                Ok::<_, storage::Error>(domain_id)
            })
        });
        let domain = domain.await.unwrap();
        let alias = app
            .alias_to("shop", vec![app.mailbox], |new| {
                new.domain_id = domain;
                new.address = Address::from_parts("shop", name.clone()).unwrap();
            })
            .await;
        let reply = app.send("news@lg.example", &alias, MESSAGE).await;
        assert!(reply.starts_with("451 4.3.0"), "{reply}");
        assert!(app.sink.messages().is_empty() && app.queue().await.is_empty());
        let broker = &app.running.broker;
        postern::service::dkim_key::rotate(&broker.desk, &name, &app.config.dkim.in_use()).await.unwrap();
        postern::service::dkim_key::activate(&broker.desk, &name).await.unwrap();
        // A domain without a key in memory is looked up at once, not at the next heartbeat.
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let message = &app.sink.wait_for(1).await[0];
        assert!(String::from_utf8_lossy(&message.content).contains(" d=late.example;"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_operator_may_have_mail_leave_unsigned() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.dkim.sign = false).await;
        let alias = app.alias("shop").await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let [message] = &app.sink.wait_for(1).await[..] else { panic!("one message") };
        assert!(!String::from_utf8_lossy(&message.content).contains("DKIM-Signature:"));
        assert!(app.read(async |tx| dkim_key::list_active(tx).await).await.is_empty(), "no keys are made");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_running_instance_follows_a_rotation() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let (broker, name) = (&app.running.broker, DOMAIN.parse().unwrap());
        app.send("news@lg.example", &alias, MESSAGE).await;
        let next = postern::service::dkim_key::rotate(&broker.desk, &name, &app.config.dkim.in_use()).await.unwrap();
        broker.signing.keep_up(&broker.desk).await.unwrap();
        app.send("news@lg.example", &alias, MESSAGE).await;
        postern::service::dkim_key::activate(&broker.desk, &name).await.unwrap();
        broker.signing.keep_up(&broker.desk).await.unwrap();
        app.send("news@lg.example", &alias, MESSAGE).await;
        let is_new: Vec<bool> = app
            .sink
            .wait_for(3)
            .await
            .iter()
            .map(|message| String::from_utf8_lossy(&message.content).contains(&format!("s={};", next[0].selector)))
            .collect();
        assert_eq!(is_new, [false, false, true], "a key signs only once it is activated");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn mail_auth_finds_the_signatures_good_and_aligned() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        // mail-auth reads the machine's clock.
        app.clock.catch_up();
        let alias = app.alias("shop").await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let content = app.sink.wait_for(1).await[0].content.clone();
        let message = mail_auth::AuthenticatedMessage::parse(&content).unwrap();
        let from = Address::parse(&message.from[0]).unwrap();
        assert_eq!(from.domain().as_str(), DOMAIN);
        let verdicts = check_with_mail_auth(&message, &records_of(&app).await).await;
        assert_eq!(verdicts, [("you.example".to_owned(), true), ("you.example".to_owned(), true)]);
        app.finish().await;
    })
    .await;
}
