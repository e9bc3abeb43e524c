//! The text of a message arrives byte for byte, whatever its dots, its end and its size.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Bench, delivered, message};
use crate::support::sink::Sink;

/// What a receiver must see: the text, with the line end that SMTP demands.
fn ended(text: &str) -> Vec<u8> {
    let mut text = text.to_owned();
    if !text.ends_with("\r\n") {
        text.push_str("\r\n");
    }
    text.into_bytes()
}

#[test]
fn any_text_arrives_as_it_is() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sink, bench) = runtime.block_on(async {
        let sink = Sink::start().await;
        let bench = Bench::smarthost(&sink);
        (sink, bench)
    });
    let lines = prop::collection::vec("[.a]{0,3}", 0..20);
    // Around the border of a piece, where a dot or half a CRLF falls on either side.
    let filler = prop_oneof![3 => Just(0_usize), 1 => 65_480_usize..65_600, 1 => 130_980_usize..131_140];
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(lines, filler), |(lines, filler)| {
        let text = format!("A: b\r\n\r\n{}\r\n{}", "x".repeat(filler), lines.join("\r\n"));
        runtime.block_on(async { delivered(&bench.give(&text).await) });
        let arrived = sink.messages().pop().unwrap();
        prop_assert_eq!(arrived.content, ended(&text));
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn every_position_of_the_border_is_right() {
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    for filler in 65_500..65_560 {
        let text = format!("A: b\r\n\r\n{}\r\n.\r\n..\r\n\r\n.x", "y".repeat(filler));
        delivered(&bench.give(&text).await);
        assert_eq!(sink.messages().pop().unwrap().content, ended(&text), "{filler}");
    }
}

#[tokio::test]
async fn a_small_message_takes_one_write_for_the_envelope_and_one_for_the_text() {
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    delivered(&bench.give("A: b\r\n\r\nhello\r\n").await);
    let chunks: Vec<String> = sink.connections()[0].chunks.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    assert_eq!(
        chunks,
        [
            "EHLO postern.example\r\n",
            "MAIL FROM:<bounce+1@postern.example> SIZE=15\r\nRCPT TO:<ann@inbox.example>\r\nDATA\r\n",
            "A: b\r\n\r\nhello\r\n.\r\n",
        ]
    );
}

#[tokio::test]
async fn a_spilled_message_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let budget = postern::spool::Budget::new(1 << 20, 1 << 26, 1000, folder.path());
    let mut collector = budget.collector();
    let text = format!("\r\n{}", "..line\r\nmore\r\n".repeat(100_000));
    collector.push(text.as_bytes()).unwrap();
    let sink = Sink::start().await;
    let mut hand_off = message(b"A: b\r\n");
    hand_off.body = collector.finish();
    delivered(&Bench::smarthost(&sink).outbound.hand_off(&hand_off).await);
    assert_eq!(sink.messages().pop().unwrap().content, format!("A: b\r\n{text}").into_bytes());
}
