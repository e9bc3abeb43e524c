//! Every fault at every point of the dialogue has the right class, and none of them is ever a delivery.

use std::time::Duration;

use postern::config::duration::Span;
use postern::outbound::Outcome;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Bench, deferred, delivered, refused, smarthost};
use crate::support::sink::{Act, Point, Script, Sink};

const TEXT: &str = "Subject: x\r\n\r\nhello\r\n";
const OPENING: [Point; 2] = [Point::Greeting, Point::Ehlo];
const ENVELOPE: [Point; 3] = [Point::Mail, Point::Rcpt, Point::Data];

/// Servers with and without PIPELINING.
fn servers() -> [Script; 2] {
    [Script::new(), Script::new().offers(&["8BITMIME"])]
}

#[tokio::test]
async fn a_closed_connection_defers_wherever_it_closes() {
    for server in servers() {
        for point in OPENING.into_iter().chain(ENVELOPE).chain([Point::Content, Point::Dot]) {
            for act in [Act::Drop, Act::HalfClose, Act::SayAndDrop(b"25".to_vec()), Act::SayAndDrop(b"250-half\r\n".to_vec())] {
                let sink = Sink::with(server.clone().at(point, act.clone())).await;
                let mut settings = smarthost(&sink);
                settings.deadlines.end = Span(Duration::from_secs(5));
                let report = Bench::of(&settings, "").give(TEXT).await;
                deferred(&report);
                let taken = sink.messages().len();
                assert_eq!(taken, usize::from(point == Point::Dot), "{act:?} at {point:?}");
            }
        }
    }
}

#[tokio::test]
async fn garbage_defers_wherever_it_comes() {
    let garbage: [&[u8]; 6] =
        [b"SSH-2.0-x\r\n", b"\0\x01\xff\r\n", b"25x ok\r\n", b"2500 ok\r\n", b"\xff\xfe\r\n", b"600 ok\r\n"];
    for server in servers() {
        for point in OPENING.into_iter().chain(ENVELOPE).chain([Point::Dot]) {
            for bytes in garbage {
                let sink = Sink::with(server.clone().reply(point, bytes)).await;
                deferred(&Bench::smarthost(&sink).give(TEXT).await);
                assert_eq!(sink.messages().len(), usize::from(point == Point::Dot), "{bytes:?} at {point:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_reply_of_class_5_to_the_message_refuses_it_and_of_class_4_defers_it() {
    for server in servers() {
        for point in ENVELOPE.into_iter().chain([Point::Dot]) {
            let sink = Sink::with(server.clone().reply(point, "550-5.7.1 not\r\n550 5.7.1 you\r\n")).await;
            let report = Bench::smarthost(&sink).give(TEXT).await;
            let failure = refused(&report);
            assert_eq!((failure.code, failure.status.as_str()), (Some(550), "5.7.1"));
            assert!(failure.detail.reveal().ends_with("550 5.7.1 not you"));
            assert!(!report.site_in_trouble);
            sink.follow(server.clone().reply(point, "451 4.3.0 later\r\n"));
            let report = Bench::smarthost(&sink).give(TEXT).await;
            assert_eq!((deferred(&report).code, report.site_in_trouble), (Some(451), false));
        }
    }
}

#[tokio::test]
async fn no_reply_to_the_opening_refuses_a_message() {
    for point in OPENING {
        for code in [421, 450, 530, 550, 554] {
            let sink = Sink::with(Script::new().reply(point, format!("{code} {}.7.1 no\r\n", code / 100))).await;
            let report = Bench::smarthost(&sink).give(TEXT).await;
            assert_eq!(deferred(&report).code, Some(code));
            assert!(report.site_in_trouble && deferred(&report).status.starts_with('4'));
        }
    }
}

#[tokio::test]
async fn the_word_421_is_the_trouble_of_the_site() {
    for server in servers() {
        for point in ENVELOPE.into_iter().chain([Point::Dot]) {
            let sink = Sink::with(server.clone().at(point, Act::SayAndDrop(b"421 4.3.2 closing\r\n".to_vec()))).await;
            let report = Bench::smarthost(&sink).give(TEXT).await;
            assert_eq!((deferred(&report).code, report.site_in_trouble), (Some(421), true), "{point:?}");
        }
    }
}

#[tokio::test]
async fn the_word_552_to_rcpt_is_read_as_452() {
    for server in servers() {
        let sink = Sink::with(server.reply(Point::Rcpt, "552 5.2.2 too many\r\n")).await;
        let report = Bench::smarthost(&sink).give(TEXT).await;
        assert_eq!(deferred(&report).status, "4.5.3");
    }
}

#[tokio::test]
async fn a_reply_of_the_wrong_class_defers() {
    for server in servers() {
        for (point, reply) in
            [(Point::Mail, "354 x\r\n"), (Point::Rcpt, "334 x\r\n"), (Point::Data, "220 x\r\n"), (Point::Greeting, "250 x\r\n")]
        {
            let sink = Sink::with(server.clone().reply(point, reply)).await;
            deferred(&Bench::smarthost(&sink).give(TEXT).await);
            assert!(sink.messages().is_empty());
        }
    }
}

#[tokio::test]
async fn a_refused_recipient_with_an_open_data_gets_no_empty_message() {
    let sink = Sink::with(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n").reply(Point::Data, "354 go on\r\n")).await;
    let bench = Bench::smarthost(&sink);
    assert_eq!(refused(&bench.give(TEXT).await).status, "5.1.1");
    sink.wait_for_quiet().await;
    assert!(sink.messages().is_empty());
    let received = sink.connections()[0].received.clone();
    assert!(received.ends_with(b"DATA\r\n"), "nothing follows, not even QUIT: {:?}", String::from_utf8_lossy(&received));
}

#[tokio::test]
async fn a_server_without_ehlo_is_spoken_to_with_helo() {
    let sink = Sink::with(Script::new().reply(Point::Ehlo, "502 5.5.1 what?\r\n")).await;
    delivered(&Bench::smarthost(&sink).give(TEXT).await);
    assert_eq!(sink.messages()[0].mail, "<bounce+1@postern.example>");
}

#[tokio::test]
async fn a_host_that_can_not_be_connected_is_trouble() {
    let sink = Sink::start().await;
    let settings = smarthost(&sink);
    drop(sink);
    let bench = Bench::of(&settings, "");
    // The listener is gone as soon as its task was polled once more.
    let report = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let report = bench.give(TEXT).await;
            if report.outcome != Outcome::Delivered && report.site_in_trouble {
                return report;
            }
            tokio::task::yield_now().await;
        }
    });
    let report = report.await.unwrap();
    assert!(matches!(deferred(&report).status.as_str(), "4.4.1" | "4.4.2"));
}

#[test]
fn whatever_a_server_says_only_a_2_at_the_dot_delivers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let points = [Point::Greeting, Point::Ehlo, Point::StartTls, Point::Mail, Point::Rcpt, Point::Data, Point::Dot];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        prop::collection::vec(prop::sample::select(b"23450- \r\n.\xff\0x".to_vec()), 0..60),
        "(2[05]0|354|4[52]1|55[0-4])[- ][ -~]{0,20}\r\n((250|354|550)[- ][ -~]{0,9}\r?\n)?".prop_map(String::into_bytes),
    ];
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(prop::sample::select(points.to_vec()), bytes), |(point, bytes)| {
        runtime.block_on(async {
            let sink = Sink::with(Script::new().offer("STARTTLS").at(point, Act::SayAndDrop(bytes.clone()))).await;
            sink.next(
                Script::new().offer("STARTTLS").reply(Point::StartTls, "454 no\r\n").at(point, Act::SayAndDrop(bytes.clone())),
            );
            let report = Bench::smarthost(&sink).give(TEXT).await;
            let taken = sink.messages().len();
            if report.outcome == Outcome::Delivered {
                // A refused or broken STARTTLS may be followed by a polite conversation in clear.
                prop_assert!(taken == 1 && (bytes.first() == Some(&b'2') || point == Point::StartTls));
                prop_assert!(point == Point::Dot || sink.messages().iter().all(|message| message.accepted));
            }
            if matches!(report.outcome, Outcome::Refused(_)) {
                // Possibly a second line, which then answers the next command of the group.
                let mut lines = bytes.split(|byte| *byte == b'\n');
                prop_assert!(lines.any(|line| line.first() == Some(&b'5')) && !OPENING.contains(&point));
            }
            Ok(())
        })
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_silent_server_at_mail_is_the_trouble_of_the_site() {
    let sink = Sink::with(Script::new().at(Point::Mail, Act::Stall)).await;
    let mut settings = smarthost(&sink);
    settings.deadlines.command = Span(Duration::from_millis(150));
    assert!(Bench::of(&settings, "").give(TEXT).await.site_in_trouble);
}

#[tokio::test]
async fn what_a_smarthost_says_about_our_login_is_never_the_senders_fault() {
    for server in servers() {
        for point in ENVELOPE {
            for reply in ["530 5.7.0 log in first\r\n", "535 5.7.8 no\r\n", "538 x\r\n", "550 5.7.8 who are you?\r\n"] {
                let sink = Sink::with(server.clone().reply(point, reply)).await;
                let report = Bench::smarthost(&sink).give(TEXT).await;
                assert_eq!((deferred(&report).status.as_str(), report.site_in_trouble), ("4.7.0", true), "{reply} at {point:?}");
                assert!(report.attempted);
            }
        }
        let sink = Sink::with(server.reply(Point::Rcpt, "554 5.7.1 <x>: Relay access denied\r\n")).await;
        let report = Bench::smarthost(&sink).give(TEXT).await;
        assert_eq!((deferred(&report).status.as_str(), report.site_in_trouble), ("4.7.0", false));
    }
}

#[tokio::test]
async fn ascii_that_was_declared_8_bit_goes_to_a_server_without_8bitmime() {
    let helo_only = Script::new().reply(Point::Ehlo, "502 5.5.1 what?\r\n");
    for (script, declares) in [(helo_only, false), (Script::new().offers(&["PIPELINING"]), false), (Script::new(), true)] {
        let sink = Sink::with(script).await;
        let bench = Bench::smarthost(&sink);
        for filler in [0, 100_000] {
            let mut hand_off = super::message(format!("{TEXT}{}", "x\r\n".repeat(filler)).as_bytes());
            hand_off.eight_bit = true;
            delivered(&bench.outbound.hand_off(&hand_off).await);
        }
        assert_eq!(String::from_utf8_lossy(&sink.connections()[0].received).contains("BODY=8BITMIME"), declares);
    }
}

#[tokio::test]
async fn bytes_above_127_need_8bitmime_whether_declared_or_not() {
    for filler in [0, 100_000] {
        let mut hand_off = super::message(format!("{TEXT}{}h\u{e9}\r\n", "x\r\n".repeat(filler)).as_bytes());
        hand_off.eight_bit = false;
        let sink = Sink::start().await;
        delivered(&Bench::smarthost(&sink).outbound.hand_off(&hand_off).await);
        assert!(String::from_utf8_lossy(&sink.connections()[0].received).contains("BODY=8BITMIME"));
        sink.follow(Script::new().offers(&[]));
        let report = Bench::smarthost(&sink).outbound.hand_off(&hand_off).await;
        assert_eq!(refused(&report).status, "5.6.3");
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_given_up_before_the_dot_and_never_after_it() {
    let short = Span(Duration::from_millis(200));
    for point in [Point::Greeting, Point::Mail, Point::Rcpt, Point::Data] {
        let sink = Sink::with(Script::new().offers(&[]).at(point, Act::Stall)).await;
        let mut settings = smarthost(&sink);
        settings.deadlines.attempt = short;
        let report = tokio::time::timeout(Duration::from_secs(10), Bench::of(&settings, "").give(TEXT)).await.unwrap();
        assert_eq!((deferred(&report).status.as_str(), report.attempted), ("4.4.2", true), "{point:?}");
    }
    let slow = Act::SayAfter(Duration::from_millis(500), b"250 taken\r\n".to_vec());
    let sink = Sink::with(Script::new().at(Point::Dot, slow)).await;
    let mut settings = smarthost(&sink);
    settings.deadlines.attempt = short;
    // Opening the connection may be slow on a busy machine; what is shown is that the wait after the dot is not cut.
    let report = Bench::of(&settings, "").give(TEXT).await;
    assert_eq!(report.outcome == Outcome::Delivered, sink.messages().len() == 1);
}

#[tokio::test]
async fn a_large_message_that_crawls_is_given_up() {
    let sink = Sink::with(Script::new().at(Point::Content, Act::Deaf)).await;
    let mut settings = smarthost(&sink);
    settings.deadlines.attempt = Span(Duration::from_secs(1));
    let text = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(1_500_000));
    let report = tokio::time::timeout(Duration::from_secs(15), Bench::of(&settings, "").give(&text)).await.unwrap();
    assert_eq!((deferred(&report).status.as_str(), report.attempted), ("4.4.2", true));
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_the_text_is_heard() {
    // More than the buffers of both sockets hold.
    let text = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(1_500_000));
    let early = |reply: &str| Script::new().at(Point::Content, Act::SayAfter(Duration::ZERO, reply.into()));
    for (reply, is_refused) in [("552 5.3.4 too much\r\n", true), ("452 4.3.1 full\r\n", false), ("250 taken\r\n", false)] {
        let sink = Sink::with(early(reply)).await;
        let report = Bench::smarthost(&sink).give(&text).await;
        if is_refused {
            assert_eq!((refused(&report).code, refused(&report).status.as_str()), (Some(552), "5.3.4"));
        } else {
            deferred(&report);
        }
        sink.wait_for_quiet().await;
        assert!(sink.messages().is_empty(), "{reply}");
    }
}
