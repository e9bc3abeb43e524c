//! What was found out about a sender is sealed where the operator wants it, and others find the chain whole.

use std::time::Duration;

use mail_auth::{AuthenticatedMessage, DkimResult};
use postern::config::dkim::Dkim;
use postern::model::Clock;
use postern::model::alias::Alias;
use postern::model::user::OnQuarantine;
use postern::service::{hold, user};

use super::signing::{corpus, send, without};
use crate::support::app::{DOMAIN, TestApp};
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::dkim::{Records, assert_signed, check, check_chain_with_mail_auth, check_chains, records_of};
use crate::support::signer::{How, Sealer, Signer, txt};
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: lg@you.example\r\nSubject: Offers\r\nMessage-ID: <1@shop.example>\r\n\
                       Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello,  there \r\n\r\ngood-bye\r\n";
const ACCEPTED: &str = "250 2.0.0 Ok, message accepted";
/// How each field of a chain begins.
const ARC: &str = "\r\nARC-";

/// An instance with these names that seals, if it is told to.
async fn instance(database: &Database, zone: &str, seal_arc: bool) -> (TestApp, Alias, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, zone).unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(path);
        config.sender_auth.seal_arc = seal_arc;
        config.dkim = Dkim::default();
        config.smtp.trusted_networks.clear();
    });
    let app = app.await;
    // mail-auth reads the machine's clock.
    app.clock.catch_up();
    let alias = app.alias("lg").await;
    (app, alias, folder)
}

/// The message that arrived last.
fn last(app: &TestApp) -> String {
    String::from_utf8(app.sink.messages().pop().unwrap().content).unwrap()
}

/// The fields of the header block, unfolded, by name.
fn fields(message: &str) -> Vec<(String, String)> {
    let header = message.split("\r\n\r\n").next().unwrap().replace("\r\n\t", " ").replace("\r\n ", " ");
    let split = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    header.split("\r\n").map(|line| split(line).unwrap()).collect()
}

fn named<'f>(fields: &'f [(String, String)], name: &str) -> Vec<&'f str> {
    fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

/// Both our signatures and the chain are good, whoever checks them.
async fn assert_whole(app: &TestApp, message: &str, more: Records) {
    let records: Records = records_of(app).await.into_iter().chain(more).collect();
    let (bytes, now) = (vec![message.as_bytes().to_vec()], app.clock.now().as_seconds());
    for signatures in check(&bytes, &records, now) {
        assert_signed(message.as_bytes(), &signatures, DOMAIN);
    }
    for chain in check_chains(&bytes, &records, now) {
        assert_eq!(chain, ("pass".to_owned(), "success".to_owned()), "{message}");
    }
    let parsed = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let result = check_chain_with_mail_auth(&parsed, &records).await;
    assert!(matches!(result, DkimResult::Pass), "{result:?}\n{message}");
}

#[tokio::test]
async fn a_message_without_a_chain_gets_its_first_set_below_our_signatures() {
    each_driver(async |database| {
        let signer = Signer::ed25519("shop.example", "s1");
        let (app, alias, _folder) = instance(&database, &signer.record(), true).await;
        assert_eq!(app.send("news@shop.example", &alias, &signer.sign(MESSAGE, &How::default())).await, ACCEPTED);
        app.sink.wait_for(1).await;
        let message = last(&app);
        assert_whole(&app, &message, Records::from([signer.record_parts()])).await;

        let fields = fields(&message);
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).take(6).collect();
        assert_eq!(
            names,
            [
                "DKIM-Signature",
                "DKIM-Signature",
                "ARC-Seal",
                "ARC-Message-Signature",
                "ARC-Authentication-Results",
                "Authentication-Results"
            ]
        );
        let results = named(&fields, "Authentication-Results")[0];
        assert!(results.starts_with("gate.you.example; dkim=pass header.d=shop.example"), "{results}");
        assert_eq!(named(&fields, "ARC-Authentication-Results"), [format!("i=1; {results}")]);
        let seal = named(&fields, "ARC-Seal")[0];
        assert!(seal.starts_with("i=1; a=rsa-sha256; d=you.example; s=rsa-") && seal.contains("; cv=none; b="), "{seal}");
        let signature = named(&fields, "ARC-Message-Signature")[0];
        assert!(signature.starts_with("i=1; a=rsa-sha256; c=relaxed/relaxed; d=you.example; s=rsa-"), "{signature}");
        let covered = |field: &str| field.split(" h=").nth(1).unwrap().split(';').next().unwrap().replace(' ', "");
        assert!(covered(signature).ends_with(":DKIM-Signature") && !signature.contains("l="), "the sender's is covered");
        for signature in [named(&fields, "DKIM-Signature")[0], named(&fields, "DKIM-Signature")[1], signature] {
            let covered = covered(signature);
            assert!(!covered.contains("ARC-") && !covered.contains("Authentication-Results"), "{covered}");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_whole_chain_is_continued_by_one_set_at_each_pass() {
    on_sqlite(async |database| {
        let list = Sealer::new("list.example");
        let (app, alias, folder) = instance(&database, &list.record(), true).await;
        assert_eq!(app.send("x@list.example", &alias, &list.seal(MESSAGE)).await, ACCEPTED);
        app.sink.wait_for(1).await;
        let second = last(&app);
        assert_whole(&app, &second, Records::from([list.record_parts()])).await;
        let found = fields(&second);
        assert!(named(&found, "ARC-Authentication-Results")[0].ends_with("; arc=pass"), "{second}");
        assert!(named(&found, "ARC-Seal")[0].starts_with("i=2; ") && named(&found, "ARC-Seal")[0].contains("; cv=pass; "));
        assert!(
            second.contains(list.seal(MESSAGE).split("\r\n").next().unwrap().split(" t=").next().unwrap()),
            "the first is there"
        );

        // Once more through us, now that our keys are in the zone.
        let records = records_of(&app).await;
        let zone: String = records.iter().map(|(name, text)| txt(name, text)).collect();
        std::fs::write(folder.path().join("zone"), zone + &list.record()).unwrap();
        let app = app.restart().await;
        let other = app.alias("other").await;
        assert_eq!(app.send("x@list.example", &other, &second).await, ACCEPTED);
        app.sink.wait_for(2).await;
        let third = last(&app);
        assert_whole(&app, &third, Records::from([list.record_parts()])).await;
        let found = fields(&third);
        let instances: Vec<&str> = named(&found, "ARC-Seal").iter().map(|seal| seal.split(';').next().unwrap()).collect();
        assert_eq!(instances, ["i=3", "i=2", "i=1"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_message_of_the_corpus_leaves_with_a_whole_chain_or_with_none_of_ours() {
    on_sqlite(async |database| {
        let app = TestApp::with(&database, |config| {
            config.dkim = Dkim::default();
            config.sender_auth.seal_arc = true;
        });
        let app = app.await;
        let alias = app.alias("lg.k7f3qz2m").await;
        for (_, message) in corpus() {
            send(&app, &alias, &message).await;
        }
        let arrived = app.sink.messages().into_iter().filter(|message| message.accepted);
        let readable: Vec<Vec<u8>> = arrived.map(|message| without(&message.content, b" : ")).collect();
        let is_sealed =
            |message: &&Vec<u8>| String::from_utf8_lossy(message).contains("\r\nARC-Seal: i=1; a=rsa-sha256; d=you.example;");
        let sealed: Vec<Vec<u8>> = readable.iter().filter(is_sealed).cloned().collect();
        assert_eq!(readable.len() - sealed.len(), 1, "one arrives with a broken chain");
        let (records, now) = (records_of(&app).await, app.clock.now().as_seconds());
        for ((chain, signatures), message) in
            check_chains(&sealed, &records, now).iter().zip(check(&sealed, &records, now)).zip(&sealed)
        {
            assert_eq!(chain, &("pass".to_owned(), "success".to_owned()), "{}", message.escape_ascii());
            assert_signed(message, &signatures, DOMAIN);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_chain_that_did_not_verify_goes_along_and_is_not_continued() {
    let list = &Sealer::new("list.example");
    let sealed = &list.seal(MESSAGE);
    let broken = &sealed.replace("Hello", "Hullo");
    let zone = list.record();
    for (zone, message, result) in [(zone.as_str(), broken, "arc=fail"), ("; servfail: list.example\n", sealed, "arc=temperror")]
    {
        on_sqlite(async |database| {
            let (app, alias, _folder) = instance(&database, zone, true).await;
            assert_eq!(app.send("x@shop.example", &alias, message).await, ACCEPTED);
            app.sink.wait_for(1).await;
            let arrived = last(&app);
            assert!(arrived.contains(result) && arrived.starts_with("DKIM-Signature: "), "{arrived}");
            assert!(arrived.contains(sealed.split("From: ").next().unwrap()), "not a byte of it was changed: {arrived}");
            assert_eq!(arrived.matches(ARC).count(), 3, "{arrived}");
            app.finish().await;
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_sealed_unless_the_operator_wants_it() {
    on_sqlite(async |database| {
        let list = Sealer::new("list.example");
        let (app, alias, _folder) = instance(&database, &list.record(), false).await;
        assert!(!postern::config::Config::default().sender_auth.seal_arc);
        for (message, fields) in [(MESSAGE, 0), (&list.seal(MESSAGE), 3)] {
            assert_eq!(app.send("news@shop.example", &alias, message).await, ACCEPTED);
            assert_eq!(last(&app).matches(ARC).count(), fields);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_waited_in_the_queue_leaves_sealed() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database, "", true).await;
        app.sink.next(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        assert_eq!(app.send("news@shop.example", &alias, MESSAGE).await, ACCEPTED);
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.sink.messages().iter().any(|message| message.accepted)).await;
        assert_whole(&app, &last(&app), Records::new()).await;
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.settled_at.is_some())).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn held_copies_are_signed_and_not_sealed() {
    on_sqlite(async |database| {
        let policy = txt("_dmarc.shop.example", "v=DMARC1; p=quarantine");
        let (app, alias, _folder) = instance(&database, &policy, true).await;
        let desk = app.running.broker.desk.clone();
        let settings = user::Settings { on_quarantine: Some(OnQuarantine::Hold), ..user::Settings::default() };
        user::set(&desk, app.user, settings).await.unwrap();
        assert_eq!(app.send("x@evil.example", &alias, MESSAGE).await, ACCEPTED);
        let is_held = |row: &&postern::model::delivery::Delivery| row.state == postern::model::delivery::DeliveryState::Held;
        let held = app.queue().await.iter().find(is_held).unwrap().id;
        hold::release(&desk, app.user, held, Duration::from_hours(120)).await.unwrap();
        app.running.broker.queue.notify_one();
        let released = |app: &TestApp| {
            let all = app.sink.messages().into_iter().map(|message| String::from_utf8(message.content).unwrap());
            all.filter(|text| text.contains("\r\nX-Postern-Warning: ")).collect::<Vec<_>>()
        };
        app.wait_until(async |app| !released(app).is_empty() && app.queue().await.iter().all(|row| row.settled_at.is_some()))
            .await;
        let copy = released(&app).pop().unwrap();
        assert!(copy.starts_with("DKIM-Signature: ") && !copy.contains(ARC), "{copy}");
        app.finish().await;
    })
    .await;
}

#[cfg(feature = "pgp")]
#[tokio::test]
async fn encrypted_copies_are_signed_and_not_sealed() {
    on_sqlite(async |database| {
        let (app, alias, _folder) = instance(&database, "", true).await;
        let desk = app.running.broker.desk.clone();
        let Some(gpg) = crate::support::gpg::Gpg::new() else { return app.finish().await };
        let key = gpg.key("Jane <jane@keys.example>", "never");
        postern::service::pgp_key::set(
            &desk,
            app.user,
            &crate::support::database::address(crate::support::app::MAILBOX),
            &key,
            false,
        )
        .await
        .unwrap();
        let harmless = MESSAGE.replace("shop.example", "news.example");
        assert_eq!(app.send("x@news.example", &alias, &harmless).await, ACCEPTED);
        app.wait_until(async |app| last(app).contains("multipart/encrypted")).await;
        let copy = last(&app);
        assert!(copy.starts_with("DKIM-Signature: ") && !copy.contains(ARC), "{copy}");
        app.finish().await;
    })
    .await;
}
