//! Who wrote it, end to end: what a domain disowns is refused before anything is rewritten, the rest is told to the owner.

use postern::config::sender_auth::DmarcMode;
use postern::model::Address;
use postern::model::alias::Alias;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{Database, each_driver};
use crate::support::signer::{How, Signer, txt};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: lg@you.example\r\nSubject: Offers\r\nMessage-ID: <1@shop.example>\r\n\
                       Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello,\r\n\r\ngood-bye\r\n";
const DISOWNED: &str = "550 5.7.1 The domain in From does not permit this message (DMARC policy)";
const UNKNOWN: &str = "451 4.7.0 The domain in From can't be checked now, please try again later";
const ACCEPTED: &str = "250 2.0.0 Ok, message accepted";

/// An instance with these names, where the test's client is a stranger or a relay in front.
pub async fn instance(database: &Database, zone: &str, mode: DmarcMode, is_relay: bool) -> (TestApp, Alias, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, zone).unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(path);
        config.sender_auth.dmarc = mode;
        config.smtp.spill_above = 100_000;
        if !is_relay {
            config.smtp.trusted_networks.clear();
        }
    });
    let app = app.await;
    let alias = app.alias("lg").await;
    (app, alias, folder)
}

fn policy(tags: &str) -> String {
    txt("_dmarc.shop.example", &format!("v=DMARC1; {tags}"))
}

/// What arrived, one message, as text.
async fn arrived(app: &TestApp) -> String {
    let messages = app.sink.wait_for(1).await;
    assert_eq!(messages.len(), 1);
    String::from_utf8(messages[0].content.clone()).unwrap()
}

/// The fields of a message of that name, unfolded.
fn fields(message: &str, name: &str) -> Vec<String> {
    let header = message.split("\r\n\r\n").next().unwrap().replace("\r\n\t", " ").replace("\r\n ", " ");
    let prefix = format!("{name}: ");
    header.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_signed_message_of_a_strict_domain_arrives_with_the_proof_on_top() {
    each_driver(async |database| {
        let signer = Signer::rsa("shop.example", "s1");
        let zone = policy("p=reject") + &signer.record();
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        let large = format!("{MESSAGE}{}", "A line of a long letter.\r\n".repeat(20_000));
        for message in [MESSAGE, &large] {
            assert_eq!(app.send("bounce@mailer.example", &alias, &signer.sign(message, &How::default())).await, ACCEPTED);
        }
        for message in app.sink.wait_for(2).await {
            let text = String::from_utf8(message.content).unwrap();
            let (ours, rest) = text.split_once("\r\nAuthentication-Results: gate.you.example;\r\n").unwrap();
            assert!(
                ours.starts_with("DKIM-Signature: ") && !rest.contains("d=you.example;"),
                "only our signature stands above: {text}"
            );
            assert_eq!(
                fields(&text, "Authentication-Results"),
                ["gate.you.example; dkim=pass header.d=shop.example header.s=s1; spf=none smtp.mailfrom=mailer.example; \
                  dmarc=pass (p=reject) header.from=shop.example"]
            );
            assert!(fields(&text, "X-Postern-Warning").is_empty());
            assert!(text.contains("\r\nDKIM-Signature: v=1; a=rsa-sha256; "), "the sender's proof goes along");
            assert!(!text.contains(MAILBOX));
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_domain_disowns_is_refused_and_never_handed_on() {
    each_driver(async |database| {
        let signer = Signer::ed25519("shop.example", "s1");
        let stranger = Signer::ed25519("evil.example", "s1");
        let zone = policy("p=reject") + &signer.record() + &stranger.record() + "evil.example. 60 IN TXT \"v=spf1 +all\"\n";
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        let signed = signer.sign(MESSAGE, &How::default());
        let partial = signer.sign(MESSAGE, &How { length: Some(8), ..How::default() });
        let subdomain = MESSAGE.replace("news@shop", "news@nowhere.shop");
        for forged in [
            MESSAGE.to_owned(),
            signed.replace("Offers", "Bills"),
            signed.replace("good-bye", "pay here"),
            partial.replace("good-bye", "pay here"),
            partial,
            stranger.sign(MESSAGE, &How::default()),
            subdomain,
        ] {
            assert_eq!(app.send("x@evil.example", &alias, &forged).await, DISOWNED, "{forged}");
        }
        assert_eq!(app.activity(&alias).await.blocked, 7);
        assert_eq!(app.send("x@evil.example", &alias, &signed).await, ACCEPTED);
        assert_eq!(app.sink.wait_for(1).await.len(), 1);
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_aligned_sender_address_is_enough() {
    each_driver(async |database| {
        let zone = policy("p=reject") + "shop.example. 60 IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n";
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        assert_eq!(app.send("news@shop.example", &alias, MESSAGE).await, ACCEPTED);
        let results = fields(&arrived(&app).await, "Authentication-Results");
        assert_eq!(
            results,
            ["gate.you.example; dkim=none; spf=pass smtp.mailfrom=shop.example; dmarc=pass (p=reject) header.from=shop.example"]
        );
        assert_eq!(app.send("news@other.example", &alias, MESSAGE).await, DISOWNED);
        app.finish().await;
    })
    .await;
}

/// A forgery that is delivered all the same, with fields that praise it.
async fn gets_one_warning(tags: &str, mode: DmarcMode) {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database, &policy(tags), mode, false).await;
        let forged = format!(
            "Authentication-Results: gate.you.example; dmarc=pass header.from=shop.example\r\n\
             Authentication-Results: mx.shop.example; spf=pass\r\nX-Postern-Warning: none at all\r\n{MESSAGE}"
        );
        assert_eq!(app.send("x@evil.example", &alias, &forged).await, ACCEPTED);
        let text = arrived(&app).await;
        let warning = "shop.example says that this message does not come from it";
        assert_eq!(fields(&text, "X-Postern-Warning"), [warning]);
        let results = fields(&text, "Authentication-Results");
        assert_eq!(results.len(), 2, "{results:?}");
        assert!(results[0].starts_with("gate.you.example; ") && results[0].contains("; dmarc=fail ("), "{results:?}");
        assert_eq!(results[1], "mx.shop.example; spf=pass");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn quarantine_is_a_warning_and_forged_results_go() {
    gets_one_warning("p=quarantine", DmarcMode::Enforce).await;
}

#[tokio::test]
async fn an_operator_who_only_notes_gets_a_warning_instead_of_a_refusal() {
    gets_one_warning("p=reject", DmarcMode::Tag).await;
}

#[tokio::test]
async fn what_cannot_be_found_out_is_put_off_and_nothing_is_kept() {
    each_driver(async |database| {
        let zone = "; servfail: shop.example\n";
        let (app, alias, _folder) = instance(&database, zone, DmarcMode::Enforce, false).await;
        assert_eq!(app.send("news@shop.example", &alias, MESSAGE).await, UNKNOWN);
        assert!(app.sink.messages().is_empty() && app.queue().await.is_empty());
        let other = MESSAGE.replace("shop.example", "plain.example");
        assert_eq!(app.send("news@shop.example", &alias, &other).await, ACCEPTED, "an author without a policy");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_operator_who_only_notes_gets_what_cannot_be_found_out_with_a_warning() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database, "; servfail: shop.example\n", DmarcMode::Tag, false).await;
        assert_eq!(app.send("news@shop.example", &alias, MESSAGE).await, ACCEPTED);
        let text = arrived(&app).await;
        let warning = "whether this message comes from shop.example could not be found out";
        assert_eq!(fields(&text, "X-Postern-Warning"), [warning]);
        assert!(fields(&text, "Authentication-Results")[0].contains("dmarc=temperror header.from=shop.example"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_relay_in_front_is_not_taken_for_the_sender_and_gets_no_refusal() {
    each_driver(async |database| {
        let signer = Signer::ed25519("shop.example", "s1");
        let zone = policy("p=reject") + &signer.record() + "shop.example. 60 IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n";
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Enforce, true).await;
        assert_eq!(app.send("news@shop.example", &alias, MESSAGE).await, ACCEPTED);
        assert_eq!(app.send("news@shop.example", &alias, &signer.sign(MESSAGE, &How::default())).await, ACCEPTED);
        let texts: Vec<String> =
            app.sink.wait_for(2).await.iter().map(|message| String::from_utf8(message.content.clone()).unwrap()).collect();
        assert_eq!(
            fields(&texts[0], "Authentication-Results"),
            ["gate.you.example; dkim=none; dmarc=fail (p=reject) header.from=shop.example"]
        );
        assert_eq!(fields(&texts[0], "X-Postern-Warning").len(), 1);
        assert!(fields(&texts[1], "Authentication-Results")[0].contains("dmarc=pass"));
        assert!(fields(&texts[1], "X-Postern-Warning").is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn off_asks_nobody_and_writes_nothing() {
    each_driver(async |database| {
        let zone = format!("; servfail: example\n{}", policy("p=reject"));
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Off, false).await;
        assert_eq!(app.send("x@evil.example", &alias, MESSAGE).await, ACCEPTED);
        let text = arrived(&app).await;
        assert!(fields(&text, "Authentication-Results").is_empty() && fields(&text, "X-Postern-Warning").is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_author_who_is_not_one_is_refused_whoever_signed() {
    each_driver(async |database| {
        let signer = Signer::ed25519("shop.example", "s1");
        let (app, alias, _folder) = instance(&database, &signer.record(), DmarcMode::Enforce, false).await;
        let second: Address = "second@you.example".parse().unwrap();
        app.alias("second").await;
        let how = How { names: vec!["from", "to"], ..How::default() };
        for (from, text) in [
            ("From: a@shop.example\r\nFrom: b@bank.example\r\n", "The message has more than one From address"),
            ("From: a@shop.example, b@bank.example\r\n", "The message has more than one From address"),
            ("From: a@shop.example <b@bank.example\r\n", "The From address is ambiguous"),
            ("X-From: a@shop.example\r\n", "The message has no From address"),
        ] {
            let message = signer.sign(&MESSAGE.replace("From: Shop <news@shop.example>\r\n", from), &how);
            assert_eq!(app.send_to("a@shop.example", &[&alias.address, &second], &message).await, format!("550 5.7.1 {text}"));
        }
        assert!(app.sink.messages().is_empty() && app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}
