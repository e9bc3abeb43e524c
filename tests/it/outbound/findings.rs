//! What lettre does on its own and must not do here: one regression test for each executed finding.

use std::time::Duration;

use postern::config::duration::Span;
use postern::config::outbound::Outbound as Settings;
use postern::model::Address;

use super::{Bench, deferred, delivered, message, refused, smarthost};
use crate::support::sink::{Act, Identity, Point, Script, Sink};

const TEXT: &str = "Subject: x\r\n\r\nhello\r\n";

#[tokio::test]
async fn e1_354_after_the_dot_is_no_delivery() {
    for reply in ["354 go on\r\n", "334 x\r\n"] {
        let sink = Sink::with(Script::new().reply(Point::Dot, reply)).await;
        let report = Bench::smarthost(&sink).give(TEXT).await;
        assert!(deferred(&report).detail.reveal().contains("unknown whether delivered"));
    }
}

#[tokio::test]
async fn e2_250_to_data_is_no_invitation() {
    for offers in [vec![], vec!["PIPELINING"]] {
        let sink = Sink::with(Script::new().offers(&offers).reply(Point::Data, "250 ok\r\n")).await;
        let report = Bench::smarthost(&sink).give(TEXT).await;
        assert_eq!(deferred(&report).code, Some(250));
        sink.wait_for_quiet().await;
        assert!(!String::from_utf8_lossy(&sink.connections()[0].received).contains("Subject"));
    }
}

#[tokio::test]
async fn a_reply_that_comes_before_the_text_is_no_answer_to_the_dot() {
    let sink = Sink::with(Script::new().reply(Point::Data, "354 go on\r\n250 taken\r\n")).await;
    deferred(&Bench::smarthost(&sink).give(TEXT).await);
    assert!(sink.messages().is_empty());
}

#[tokio::test]
async fn e3_a_reply_in_latin_1_is_understood() {
    let latin = |code: &str| [code.as_bytes(), b" d\xe9j\xe0 re\xe7u\r\n"].concat();
    let sink = Sink::with(
        Script::new().reply(Point::Greeting, latin("220")).reply(Point::Mail, latin("250")).reply(Point::Dot, latin("250")),
    )
    .await;
    delivered(&Bench::smarthost(&sink).give(TEXT).await);
    sink.follow(Script::new().reply(Point::Rcpt, latin("550")));
    let report = Bench::smarthost(&sink).give(TEXT).await;
    assert!(refused(&report).detail.reveal().ends_with("550 d?j? re?u"), "{:?}", refused(&report).detail.reveal());
}

/// Picks the deadline of a phase.
type Limit = fn(&mut Settings) -> &mut Span;

#[tokio::test]
async fn e4_a_silent_server_is_left_at_every_phase() {
    let short = Span(Duration::from_millis(150));
    let points: [(Point, Limit); 8] = [
        (Point::Greeting, |s| &mut s.deadlines.greeting),
        (Point::Ehlo, |s| &mut s.deadlines.greeting),
        (Point::Mail, |s| &mut s.deadlines.command),
        (Point::Rcpt, |s| &mut s.deadlines.command),
        (Point::Data, |s| &mut s.deadlines.data),
        (Point::Dot, |s| &mut s.deadlines.end),
        (Point::StartTls, |s| &mut s.deadlines.command),
        (Point::Content, |s| &mut s.deadlines.end),
    ];
    for (point, limit) in points {
        let mut script = Script::new().at(point, Act::Stall);
        if point == Point::StartTls {
            script = script.offer("STARTTLS");
        }
        let sink = Sink::with(script).await;
        let mut settings = smarthost(&sink);
        *limit(&mut settings) = short;
        let report = tokio::time::timeout(Duration::from_secs(10), Bench::of(&settings, "").give(TEXT)).await.unwrap();
        assert_eq!(deferred(&report).status, "4.4.2", "{point:?}");
    }
}

#[tokio::test]
async fn e4_a_server_that_does_not_read_is_left() {
    let sink = Sink::with(Script::new().at(Point::Content, Act::Deaf)).await;
    let mut settings = smarthost(&sink);
    settings.deadlines.block = Span(Duration::from_millis(300));
    // More than the buffers of both sockets hold.
    let text = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(1_500_000));
    let report = tokio::time::timeout(Duration::from_secs(15), Bench::of(&settings, "").give(&text)).await.unwrap();
    assert!(deferred(&report).detail.reveal().ends_with("did not answer the message text in time"));
}

#[tokio::test]
async fn e5_the_text_arrives_without_a_line_more_or_less() {
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    for text in ["Subject: x\r\n\r\nhello\r\n", "Subject: x\r\n\r\nhello\r\n\r\n", "Subject: x\r\n", "Subject: x\r\n\r\n"] {
        delivered(&bench.give(text).await);
        assert_eq!(sink.messages().last().unwrap().raw, text.as_bytes());
    }
    delivered(&bench.give("Subject: x\r\n\r\nno end").await);
    assert_eq!(sink.messages().last().unwrap().raw, b"Subject: x\r\n\r\nno end\r\n");
}

#[tokio::test]
async fn e6_a_text_with_a_bare_line_end_does_not_leave() {
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    let filler = "0123456789\r\n".repeat(10_000);
    for evil in
        ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r.\n", "\r\n.\n", "\r\n.\r\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n", "a\nb", "a\rb"]
    {
        for filler in ["", filler.as_str()] {
            let text = format!("Subject: x\r\n\r\n{filler}A{evil}MAIL FROM:<evil@x.example>\r\n");
            assert_eq!(refused(&bench.give(&text).await).status, "5.6.0", "{evil:?}");
        }
    }
    assert!(sink.connections().is_empty(), "not even a connection was made");
}

#[tokio::test]
async fn e7_a_refused_recipient_concerns_only_itself() {
    let sink = Sink::with(Script::new().reply(Point::Rcpt, "550 5.1.1 no\r\n")).await;
    let bench = Bench::smarthost(&sink);
    assert_eq!(refused(&bench.give(TEXT).await).status, "5.1.1");
    sink.follow(Script::new());
    sink.next(Script::new());
    delivered(&Bench::smarthost(&sink).give(TEXT).await);
    let message = sink.messages().pop().unwrap();
    assert_eq!(message.rcpt, ["<ann@inbox.example>"]);
}

#[tokio::test]
async fn e8_bytes_behind_the_answer_to_starttls_end_the_connection() {
    let identity = Identity::new(&["127.0.0.1"]);
    let injected = "220 go\r\n250-evil.example\r\n250 AUTH PLAIN\r\n";
    let sink = Sink::with(Script::new().start_tls(&identity).reply(Point::StartTls, injected)).await;
    let report = Bench::smarthost(&sink).give(TEXT).await;
    assert_eq!(deferred(&report).status, "4.7.0");
    sink.wait_for_quiet().await;
    assert_eq!(sink.connections().len(), 1, "and it is not tried in clear");
}

#[tokio::test]
async fn e9_long_and_odd_addresses_are_one_path() {
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    let longest = format!("{}@x.example", "s".repeat(64));
    for text in [longest.as_str(), "\"a> b\"@x.example", "\"q\\\"q\"@x.example", "o'hara+tag=x@x.example"] {
        let mut hand_off = message(TEXT.as_bytes());
        hand_off.sender = Some(Address::parse(text).unwrap());
        delivered(&bench.outbound.hand_off(&hand_off).await);
        let mail = sink.messages().pop().unwrap().mail;
        assert_eq!(mail.strip_suffix(&format!(" SIZE={}", TEXT.len())).unwrap(), format!("<{text}>"));
    }
    let mut hand_off = message(TEXT.as_bytes());
    hand_off.sender = None;
    delivered(&bench.outbound.hand_off(&hand_off).await);
    assert!(sink.messages().pop().unwrap().mail.starts_with("<> "));
}

#[tokio::test]
async fn replies_of_any_size_and_shape_end_in_the_right_class() {
    let megabyte = "x".repeat(1_000_000);
    let many: String = "250-more\r\n".repeat(100_000);
    let cases = [
        (format!("250 {}\r\n", "x".repeat(2000)), true),
        ("250\r\n".to_owned(), true),
        ("250 ok\n".to_owned(), true),
        ("250-one\r\n250 two\r\n".to_owned(), true),
        (format!("250 {megabyte}\r\n"), false),
        (format!("{many}250 end\r\n"), false),
        ("hello\r\n".to_owned(), false),
        ("999 what\r\n".to_owned(), false),
        ("250-one\r\n251 two\r\n".to_owned(), false),
        ("\r\n".to_owned(), false),
    ];
    for (reply, taken) in cases {
        let sink = Sink::with(Script::new().at(Point::Dot, Act::SayAndDrop(reply.clone().into_bytes()))).await;
        let report = Bench::smarthost(&sink).give(TEXT).await;
        let shown: String = reply.chars().take(30).collect();
        assert_eq!(report.outcome == postern::outbound::Outcome::Delivered, taken, "{shown:?}");
        if !taken {
            deferred(&report);
        }
    }
}
