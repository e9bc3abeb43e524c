//! No byte that leaves towards a sender holds the mailbox address or its provider's name, whatever the next hop does:
//! neither the SMTP dialogue with the sender nor a delivery status notification, which travels to the sender later.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::direct::MESSAGE;
use postern::storage;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::client::Client;
use crate::support::database::{Database, each_driver};
use crate::support::sink::{Act, Point, Script};

/// What gives the owner away: the whole address, its local part, its provider, in any case.
const SECRETS: [&str; 4] = ["jane.roe", "janeroe", "mailbox-provider", MAILBOX];

fn gives_away(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    SECRETS.into_iter().find(|secret| text.contains(secret))
}

/// Every point of the dialogue at which a next hop may speak or fail.
fn point() -> impl Strategy<Value = Point> {
    prop::sample::select(vec![
        Point::Greeting,
        Point::Ehlo,
        Point::Mail,
        Point::Rcpt,
        Point::Data,
        Point::Content,
        Point::Dot,
        Point::Reset,
        Point::Quit,
    ])
}

/// Answers that try to smuggle the address out: with any code, in one line or many, with other bytes around it.
fn act() -> impl Strategy<Value = Act> {
    let word = prop::sample::select(vec![
        MAILBOX,
        "jane.roe",
        "JaneRoe",
        "mx7.Mailbox-Provider.example",
        "<Jane.Roe@MAILBOX-provider.example>",
    ]);
    let code = prop::sample::select(vec![
        220_u16, 250, 251, 334, 354, 421, 450, 451, 452, 500, 501, 535, 550, 551, 552, 553, 554, 556, 599,
    ]);
    let status = prop::sample::select(vec!["", "2.1.5 ", "4.2.2 ", "4.7.1 ", "5.1.1 ", "5.1.6 ", "5.2.2 ", "5.7.26 ", "9.9.9 "]);
    let answer = (code, status, word, any::<[u8; 6]>(), any::<bool>()).prop_map(|(code, status, word, noise, many)| {
        let noise: Vec<u8> = noise.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        let mut bytes = Vec::new();
        if many {
            bytes.extend(format!("{code}-{status}{word}\r\n").bytes());
        }
        bytes.extend(format!("{code} {status}{word} moved to {MAILBOX} ").bytes());
        bytes.extend(noise);
        bytes.extend(b"\r\n");
        bytes
    });
    prop_oneof![
        6 => answer.clone().prop_map(Act::Say),
        2 => answer.prop_map(Act::SayAndDrop),
        1 => Just(Act::Drop),
        1 => Just(Act::HalfClose),
    ]
}

#[tokio::test]
async fn nothing_that_goes_to_a_sender_betrays_the_mailbox() {
    each_driver(async |database| betrayals(&database, 200).await).await;
}

async fn betrayals(database: &Database, cases: usize) {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zone");
    std::fs::write(&zone, "$ORIGIN lg.example.\n$TTL 60\n@ IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n").unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(zone.clone());
        config.outbound.expire = postern::config::duration::Span::seconds(2 * 3600);
    })
    .await;
    app.alias("shop").await;
    let mut runner = TestRunner::deterministic();
    let mut answers = std::collections::BTreeSet::new();
    for _ in 0..cases {
        let (point, act) = (point(), act()).new_tree(&mut runner).unwrap().current();
        app.next_hop(Script::new().at(point, act.clone()));
        let mut client = app.client().await;
        converse(&mut client).await;
        answers.insert(
            client
                .transcript()
                .lines()
                .rev()
                .find(|line| line.starts_with("S: "))
                .unwrap_or_default()
                .get(..6)
                .unwrap_or_default()
                .to_owned(),
        );
        let transcript = client.transcript().as_bytes();
        assert_eq!(gives_away(transcript), None, "{point:?} {act:?}\n{}", client.transcript());
        // Site trouble rests in memory; an hour later it is over, and deferred mail meets the same next hop again.
        app.deliver_after(Duration::from_hours(1)).await;
        // A mailbox that is refused again and again is paused; here it is always put right.
        let id = app.mailbox;
        let write = app.storage().write(move |tx| Box::pin(async move { storage::mailbox::resume(tx, id).await }));
        write.await.unwrap();
    }
    for _ in 0..6 {
        app.deliver_after(Duration::from_hours(1)).await;
    }
    app.next_hop(Script::new());
    for _ in 0..4 {
        app.deliver_after(Duration::from_hours(1)).await;
    }
    let notices: Vec<_> = app.sink.messages().into_iter().filter(|message| message.sender().is_empty()).collect();
    assert!(!notices.is_empty(), "the test is worth nothing without notices");
    for notice in &notices {
        assert_eq!(notice.recipients(), ["news@lg.example"]);
        assert_eq!(gives_away(&notice.content), None, "{}", String::from_utf8_lossy(&notice.content));
        assert_eq!(gives_away(notice.mail.as_bytes()), None);
    }
    assert!(answers.len() >= 3, "the next hops forced only {answers:?}");
    app.finish().await;
}

/// One message, up to the first refusal.
async fn converse(client: &mut Client) {
    for line in ["MAIL FROM:<news@lg.example>", "RCPT TO:<shop@you.example>", "DATA"] {
        client.send(format!("{line}\r\n")).await;
        if !client.read_reply().await.unwrap().starts_with(['2', '3']) {
            return;
        }
    }
    client.send(format!("{MESSAGE}.\r\n")).await;
    client.read_reply().await.unwrap();
}
