//! The durable path: what the next hop does not take at once is kept, tried again, and ends where its owner sees it.

use std::time::Duration;

use postern::model::alias::AliasState;
use postern::model::delivery::{DeliveryKind, DeliveryState};
use postern::storage::queue;

use super::direct::MESSAGE;
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::each_driver;
use crate::support::sink::{Act, Point, Script};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_deferred_message_is_kept_and_arrives_later_unchanged() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!((row.state, row.attempts), (DeliveryState::Waiting, 1));
        assert!(app.sink.messages().is_empty());
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 1);
        let [message] = &app.sink.messages()[..] else { panic!("one message") };
        assert_eq!(message.recipients(), [MAILBOX]);
        assert!(message.content.ends_with(b"\r\n\r\nHello,\r\n.two dots\r\n\r\n"));
        assert!(app.queue().await.is_empty(), "a delivered message is erased");
        assert_eq!(app.activity(&alias).await.forwarded, 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_attempt_in_flight_at_the_deadline_settles_its_row() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let (open, gate) = tokio::sync::watch::channel(false);
        app.next_hop(Script::new().gate(gate));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!((row.state, row.attempts), (DeliveryState::Waiting, 1), "the one in flight has begun");
        assert_eq!(app.deliver_after(Duration::from_mins(1)).await, 0, "the attempt in flight holds the lease");
        open.send(true).unwrap();
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(app.sink.messages().len(), 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_answer_that_leaves_it_open_is_kept() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut expected = 0;
        for act in [
            Act::Drop,
            Act::Say(b"354 what\r\n".to_vec()),
            Act::Say(b"nonsense\r\n".to_vec()),
            Act::SayAndDrop(b"421 4.3.2 bye\r\n".to_vec()),
        ] {
            app.next_hop(Script::new().at(Point::Dot, act));
            assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
            expected += 1;
            assert_eq!(app.read(async |tx| queue::counts(tx).await).await.waiting, expected);
        }
        app.next_hop(Script::new());
        app.deliver_after(HOUR).await;
        app.wait_until(async |app| app.sink.messages().iter().filter(|message| message.accepted).count() >= 4).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_kill_stops_what_waits() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.set_state(&alias, AliasState::Killed).await;
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(HOUR).await, 0);
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!(row.state, DeliveryState::Cancelled);
        assert!(row.message_id.is_none(), "its contents are erased");
        assert!(app.sink.messages().is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn expiry_ends_in_a_failure_its_owner_sees_when_nobody_vouches_for_the_sender() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        assert!(app.send("news@unknown.example", &alias, MESSAGE).await.starts_with("250 "));
        for _ in 0..130 {
            app.deliver_after(HOUR).await;
        }
        let [row] = &app.queue().await[..] else { panic!("one row: {:?}", app.queue().await) };
        assert_eq!(row.state, DeliveryState::Failed);
        assert!(row.message_id.is_none());
        assert!(row.last_failure.as_ref().unwrap().detail.reveal().contains("later"));
        assert_eq!(app.activity(&alias).await.failed, 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_late_refusal_becomes_a_scrubbed_notice_when_spf_vouches_for_the_sender() {
    each_driver(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let zone = folder.path().join("zone");
        std::fs::write(&zone, "$ORIGIN lg.example.\n$TTL 60\n@ IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n").unwrap();
        let app = TestApp::with(&database, |config| config.dns.zone_file = Some(zone.clone())).await;
        let alias = app.alias("shop").await;
        app.sink.next(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let refusal = format!("550 5.1.1 <{MAILBOX}> no such user at mx.mailbox-provider.example\r\n");
        app.sink.next(Script::new().reply(Point::Rcpt, refusal));
        app.deliver_after(HOUR).await;
        let kinds: Vec<_> = app.queue().await.iter().map(|row| (row.kind, row.state)).collect();
        assert!(kinds.contains(&(DeliveryKind::Forward, DeliveryState::Failed)), "{kinds:?}");
        app.wait_until(async |app| app.sink.messages().iter().any(|message| message.accepted)).await;
        let notice = app.sink.messages().into_iter().find(|message| message.accepted).unwrap();
        assert_eq!((notice.sender(), notice.recipients()), ("", vec!["news@lg.example"]));
        let text = String::from_utf8(notice.content).unwrap();
        for wanted in ["report-type=delivery-status", "Action: failed", "shop@you.example", "Subject: Sale"] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        for secret in ["jane", "mailbox-provider"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        // The sink has the notice a moment before its row is settled.
        app.wait_until(async |app| app.read(async |tx| queue::counts(tx).await).await.waiting == 0).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_sender_is_not_told_when_another_mailbox_of_the_alias_has_the_message() {
    each_driver(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let zone = folder.path().join("zone");
        std::fs::write(&zone, "$ORIGIN lg.example.\n$TTL 60\n@ IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n").unwrap();
        let app = TestApp::with(&database, |config| config.dns.zone_file = Some(zone.clone())).await;
        let second = app.mailbox("second@elsewhere.example").await;
        let alias = app.alias_to("both", vec![app.mailbox, second], |_| {}).await;
        app.sink.next(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n"));
        app.deliver_after(Duration::from_secs(1)).await;
        app.wait_until(async |app| app.queue().await.iter().any(|row| row.state == DeliveryState::Failed)).await;
        assert!(app.queue().await.iter().all(|row| row.kind == DeliveryKind::Forward), "no notice was made");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_of_two_mailboxes_refusing_is_visible_and_the_other_gets_its_copy() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let second = app.mailbox("second@elsewhere.example").await;
        let alias = app.alias_to("both", vec![app.mailbox, second], |_| {}).await;
        app.sink.next(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n"));
        assert!(app.send("news@unknown.example", &alias, MESSAGE).await.starts_with("250 "));
        app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n"));
        app.deliver_after(Duration::from_secs(1)).await;
        app.wait_until(async |app| app.queue().await.iter().any(|row| row.state == DeliveryState::Failed)).await;
        assert_eq!(app.sink.messages().iter().filter(|message| message.accepted).count(), 1);
        app.finish().await;
    })
    .await;
}
