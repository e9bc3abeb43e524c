//! A message can be taken back until the final dot: the permit is asked last, and what it refuses does not leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use postern::config::duration::Span;
use postern::outbound::{HandOff, Outcome, Permit};

use super::{Bench, deferred, delivered, message, smarthost};
use crate::support::sink::{Act, Point, Script, Sink};

const TEXT: &str = "Subject: x\r\n\r\nhello\r\n";
const SLOW: Duration = Duration::from_millis(300);

/// Says yes `yes` times and no from then on; counts the questions.
fn permit(yes: usize) -> (Permit, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let permit: Permit = Arc::new(move || std::future::ready(count.fetch_add(1, Ordering::Relaxed) < yes).boxed());
    (permit, asked)
}

fn with(permit: Permit, text: &str) -> HandOff {
    HandOff { permit: Some(permit), ..message(text.as_bytes()) }
}

#[tokio::test]
async fn a_refused_permit_leaves_nothing_but_a_usable_connection() {
    for offers in [vec!["PIPELINING"], vec![]] {
        let sink = Sink::with(Script::new().offers(&offers)).await;
        let bench = Bench::smarthost(&sink);
        for _ in 0..2 {
            let report = bench.outbound.hand_off(&with(permit(0).0, TEXT)).await;
            assert_eq!(report.outcome, Outcome::Withdrawn);
            assert!(!report.attempted && !report.site_in_trouble);
            assert_eq!(bench.outbound.rest_until(report.site.as_deref().unwrap()), None);
        }
        assert_eq!(sink.connections()[0].received, b"EHLO postern.example\r\n");
        delivered(&bench.give(TEXT).await);
        assert_eq!(sink.connections().len(), 1);
    }
}

#[tokio::test]
async fn the_permit_is_asked_when_the_server_is_ready_for_mail_and_not_before() {
    let sink = Arc::new(Sink::start().await);
    let seen = Arc::clone(&sink);
    let ask: Permit = Arc::new(move || {
        let ready = seen.connections().first().is_some_and(|c| c.received == b"EHLO postern.example\r\n");
        std::future::ready(ready).boxed()
    });
    delivered(&Bench::smarthost(&sink).outbound.hand_off(&with(ask, TEXT)).await);
}

#[tokio::test]
async fn a_quick_server_costs_one_question() {
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    let mut counts = Vec::new();
    // On a busy machine the server may be slow once, hardly ten times.
    for _ in 0..10 {
        let (permit, asked) = permit(usize::MAX);
        delivered(&bench.outbound.hand_off(&with(permit, TEXT)).await);
        counts.push(asked.load(Ordering::Relaxed));
    }
    assert!(counts.contains(&1) && !counts.contains(&0), "{counts:?}");
}

#[tokio::test]
async fn a_message_taken_back_while_the_server_thinks_about_data_is_not_sent() {
    for offers in [vec!["PIPELINING"], vec![]] {
        let slow = Act::SayAfter(SLOW, b"354 go on\r\n".to_vec());
        let sink = Sink::with(Script::new().offers(&offers).at(Point::Data, slow)).await;
        let (permit, asked) = permit(1);
        let report = Bench::smarthost(&sink).outbound.hand_off(&with(permit, TEXT)).await;
        assert_eq!((report.outcome, asked.load(Ordering::Relaxed)), (Outcome::Withdrawn, 2));
        sink.wait_for_quiet().await;
        assert!(sink.messages().is_empty() && sink.connections()[0].received.ends_with(b"DATA\r\n"));
    }
}

#[tokio::test]
async fn a_large_message_taken_back_on_its_way_gets_no_dot() {
    let sink = Sink::with(Script::new().at(Point::Content, Act::SayAfter(SLOW, Vec::new()))).await;
    // More than the buffers of both sockets hold.
    let text = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(1_500_000));
    let (permit, _) = permit(1);
    let report = Bench::smarthost(&sink).outbound.hand_off(&with(permit, &text)).await;
    assert_eq!(report.outcome, Outcome::Withdrawn);
    sink.wait_for_quiet().await;
    assert!(sink.messages().is_empty() && !sink.connections()[0].has_dot());
}

#[tokio::test]
async fn a_permit_that_never_answers_defers_without_blame() {
    let sink = Sink::start().await;
    let mut settings = smarthost(&sink);
    settings.deadlines.connect = Span(Duration::from_millis(300));
    let bench = Bench::of(&settings, "");
    let never: Permit = Arc::new(|| std::future::pending().boxed());
    let report = bench.outbound.hand_off(&with(never, TEXT)).await;
    assert_eq!((deferred(&report).status.as_str(), report.attempted, report.site_in_trouble), ("4.3.0", false, false));
    delivered(&bench.give(TEXT).await);
    assert_eq!(sink.connections().len(), 1);
}
