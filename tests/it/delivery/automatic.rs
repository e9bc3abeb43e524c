//! Answers of machines: an out-of-office note passes through the alias, two machines that answer each other are stopped.

use std::time::Duration;

use postern::service::automatic::HOURLY;

use super::reply::{House, ZONE, letter, text};
use crate::support::app::MAILBOX;
use crate::support::database::{address, each_driver};
use crate::support::sink::{Point, Script};

/// What a machine answers that knows no rules.
const STUBBORN: &str =
    "From: LG <news@lg.example>\r\nTo: shop@you.example\r\nSubject: Re: Re\r\nAuto-Submitted: auto-replied\r\n\r\nWe got it\r\n";

#[tokio::test]
async fn an_out_of_office_note_goes_out_from_the_alias_with_a_null_sender_and_its_mark() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let note = letter(&format!("To: {}", house.lg), "Auto-Submitted: auto-replied (vacation)\r\nPrecedence: bulk\r\n");
        // Out-of-office programs use the null reverse-path themselves (RFC 3834 section 3.3): From and SPF of HELO prove them.
        assert!(house.reply(&[&house.lg], &note).await.starts_with("250 "));
        let sent = &house.sent()[0];
        assert_eq!((sent.sender(), sent.recipients()), ("", vec!["news@lg.example"]));
        let sent = text(sent);
        assert!(
            sent.contains("\r\nAuto-Submitted: auto-replied\r\n") && sent.contains("\r\nFrom: <shop@you.example>\r\n"),
            "{sent}"
        );
        let told = &sent[sent.find("\r\nFrom:").unwrap()..];
        assert!(!told.contains("mailbox-provider") && !told.contains("jane"), "{told}");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn two_machines_that_answer_each_other_stop() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let note = letter(&format!("To: {}", house.lg), "Auto-Submitted: auto-replied\r\n");
        let mut rounds = 0;
        loop {
            let arrived = house.app.sink.messages().len();
            let answer = house.app.send("news@lg.example", &house.alias, STUBBORN).await;
            if !answer.starts_with("250 ") {
                assert!(answer.starts_with("550 5.7.1 Too many automatic answers"), "{answer}");
                break;
            }
            house.app.sink.wait_for(arrived + 1).await;
            rounds += 1;
            assert!(rounds <= HOURLY, "it goes on for ever");
            assert!(house.reply(&[&house.lg], &note).await.starts_with("250 "));
        }
        assert_eq!(rounds, HOURLY);
        let answer = house.reply(&[&house.lg], &note).await;
        assert!(answer.starts_with("550 5.7.1 Too many automatic answers"), "{answer}");
        // People go on, and so do machines an hour later.
        assert!(house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await.starts_with("250 "));
        assert!(
            house.app.send("news@lg.example", &house.alias, &STUBBORN.replace("auto-replied", "no")).await.starts_with("250 ")
        );
        house.app.clock.advance(Duration::from_hours(1));
        assert!(house.reply(&[&house.lg], &note).await.starts_with("250 "));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_machine_without_marks_is_stopped_by_the_other_s() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let note = letter(&format!("To: {}", house.lg), "Auto-Submitted: auto-replied\r\n");
        let unmarked = STUBBORN.replace("Auto-Submitted: auto-replied\r\n", "");
        for _ in 0..HOURLY {
            assert!(house.app.send("news@lg.example", &house.alias, &unmarked).await.starts_with("250 "));
            assert!(house.reply(&[&house.lg], &note).await.starts_with("250 "));
        }
        assert!(house.reply(&[&house.lg], &note).await.starts_with("550 5.7.1 "));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_its_sender_has_to_try_again_is_not_counted_and_other_aliases_go_on() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        for _ in 0..HOURLY * 2 {
            house.app.sink.next(Script::new().reply(Point::Dot, "554 5.6.0 no\r\n"));
            assert!(house.app.send("news@lg.example", &house.alias, STUBBORN).await.starts_with("55"));
        }
        house.app.next_hop(Script::new());
        for _ in 0..HOURLY {
            assert!(house.app.send("news@lg.example", &house.alias, STUBBORN).await.starts_with("250 "));
        }
        assert!(house.app.send("news@lg.example", &house.alias, STUBBORN).await.starts_with("550 5.7.1 Too many"));
        let other = house.app.alias("other").await;
        let arrived = house.app.sink.messages().len();
        let both = [&house.alias.address, &other.address];
        assert!(house.app.send_to("news@lg.example", &both, STUBBORN).await.starts_with("250 "), "for the other alias");
        assert_eq!(house.app.sink.wait_for(arrived + 1).await.len(), arrived + 1);
        house.app.wait_until(async |app| app.queue().await.len() == 1).await;
        assert_eq!(house.app.queue().await[0].alias_id, Some(house.alias.id), "its owner sees what was stopped");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_owner_s_monitoring_is_not_limited() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let alarm = letter(&format!("To: {}", house.lg), "Auto-Submitted: auto-generated\r\n");
        for _ in 0..HOURLY + 2 {
            assert!(house.reply(&[&house.lg], &alarm).await.starts_with("250 "));
        }
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_vacation_answer_to_a_notice_or_a_report_of_ours_gets_nowhere() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        assert!(house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await.starts_with("250 "));
        let arrived = house.app.sink.messages().len();
        let verp = address(house.sent()[0].sender());
        for to in [&verp, &address("postern@you.example"), &address("mailer-daemon@you.example")] {
            for sender in ["", MAILBOX] {
                let answer =
                    house.app.send_to(sender, &[to], &letter(&format!("To: {to}"), "Auto-Submitted: auto-replied\r\n")).await;
                assert!(answer.starts_with("550 5."), "{to}: {answer}");
            }
        }
        assert!(house.app.queue().await.is_empty());
        assert_eq!(house.app.sink.messages().len(), arrived);
        house.app.finish().await;
    })
    .await;
}
