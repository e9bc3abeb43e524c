//! Connections are reused, bounded, closed politely; sites in trouble rest.

use std::time::Duration;

use futures_util::future::join_all;
use postern::config::duration::Span;
use tokio::sync::watch;

use super::{Bench, deferred, delivered, message, refused, smarthost};
use crate::support::sink::{Act, Point, Script, Sink};

const TEXT: &str = "Subject: x\r\n\r\nhello\r\n";

#[tokio::test]
async fn a_connection_carries_many_messages_up_to_its_limit() {
    let sink = Sink::start().await;
    let mut settings = smarthost(&sink);
    settings.messages_per_connection = 3;
    let bench = Bench::of(&settings, "");
    for _ in 0..7 {
        delivered(&bench.give(TEXT).await);
    }
    assert_eq!(sink.connections().len(), 3);
    sink.wait_until(|sink| sink.connections().iter().take(2).all(|c| c.received.ends_with(b"QUIT\r\n") && c.ended)).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_quit_and_nothing_remains() {
    let sink = Sink::start().await;
    let mut settings = smarthost(&sink);
    settings.keep_alive = Span(Duration::from_millis(40));
    let bench = Bench::of(&settings, "");
    delivered(&bench.give(TEXT).await);
    sink.wait_for_quiet().await;
    assert!(sink.connections()[0].received.ends_with(b"QUIT\r\n"));
    bench.tasks.close();
    tokio::time::timeout(Duration::from_secs(10), bench.tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn closing_lets_go_of_idle_connections_at_once() {
    let sink = Sink::start().await;
    let mut settings = smarthost(&sink);
    settings.keep_alive = Span(Duration::from_hours(1));
    let bench = Bench::of(&settings, "");
    delivered(&bench.give(TEXT).await);
    bench.outbound.close();
    bench.tasks.close();
    tokio::time::timeout(Duration::from_secs(10), bench.tasks.wait()).await.unwrap();
    sink.wait_for_quiet().await;
}

#[tokio::test]
async fn a_refusal_costs_no_connection_and_the_next_message_is_clean() {
    for offers in [vec!["PIPELINING"], vec![]] {
        let sink = Sink::with(Script::new().offers(&offers).reply(Point::Rcpt, "550 5.1.1 no\r\n")).await;
        let bench = Bench::smarthost(&sink);
        refused(&bench.give(TEXT).await);
        refused(&bench.give(TEXT).await);
        let connections = sink.connections();
        assert_eq!(connections.len(), 1);
        assert!(String::from_utf8_lossy(&connections[0].received).contains("RSET\r\n"));
    }
}

#[tokio::test]
async fn a_connection_on_which_something_came_unasked_is_not_used_again() {
    // Closing while idle, and a word too many that would be taken for the answer to the next MAIL.
    for late in ["421 4.4.2 idle too long\r\n", "250 ok\r\n"] {
        let sink = Sink::start().await;
        sink.next(Script::new().reply(Point::Dot, format!("250 ok\r\n{late}")));
        let bench = Bench::smarthost(&sink);
        delivered(&bench.give(TEXT).await);
        delivered(&bench.give(TEXT).await);
        let connections = sink.connections();
        assert_eq!(connections.len(), 2);
        assert_eq!(String::from_utf8_lossy(&connections[0].received).matches("MAIL").count(), 1);
    }
}

#[tokio::test]
async fn a_reused_connection_that_breaks_at_mail_is_retried_once_on_a_new_one() {
    let sink = Sink::start().await;
    // Refuses the first message, then breaks at the RSET before the second.
    for act in [Act::Drop, Act::SayAndDrop(b"421 4.4.2 idle too long\r\n".to_vec())] {
        sink.next(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n").at(Point::Reset, act));
        let bench = Bench::smarthost(&sink);
        deferred(&bench.give(TEXT).await);
        let before = sink.messages().len();
        let report = bench.give(TEXT).await;
        delivered(&report);
        assert!(!report.site_in_trouble);
        assert_eq!(sink.messages().len(), before + 1);
    }
}

#[tokio::test]
async fn a_site_has_no_more_connections_than_allowed() {
    let (open, gate) = watch::channel(false);
    let sink = Sink::with(Script::new().gate(gate)).await;
    let mut settings = smarthost(&sink);
    settings.connections_per_site = 3;
    let bench = Bench::of(&settings, "");
    let hand_off = message(TEXT.as_bytes());
    let all = join_all((0..30).map(|_| bench.outbound.hand_off(&hand_off)));
    let watch = async {
        sink.wait_until(|sink| sink.connections().iter().filter(|c| c.has_dot()).count() == 3).await;
        open.send(true).unwrap();
    };
    let (reports, ()) = tokio::join!(all, watch);
    reports.iter().for_each(delivered);
    assert_eq!((sink.most_open(), sink.messages().len()), (3, 30));
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_deferred_without_blame() {
    let sink = Sink::with(Script::new().at(Point::Dot, Act::Stall)).await;
    let mut settings = smarthost(&sink);
    settings.connections_per_site = 1;
    settings.deadlines.connect = Span(Duration::from_millis(300));
    let bench = Bench::of(&settings, "");
    let hand_off = message(TEXT.as_bytes());
    let first = bench.outbound.hand_off(&hand_off);
    let second = async {
        sink.wait_for(1).await;
        bench.outbound.hand_off(&hand_off).await
    };
    tokio::select! {
        _ = first => panic!("the server never answers"),
        report = second => {
            assert_eq!((deferred(&report).status.as_str(), report.site_in_trouble), ("4.4.5", false));
            assert!(!report.attempted);
        }
    }
}

#[tokio::test]
async fn a_hand_off_that_is_given_up_closes_its_connection() {
    let sink = Sink::with(Script::new().at(Point::Dot, Act::Stall)).await;
    let bench = Bench::smarthost(&sink);
    let hand_off = message(TEXT.as_bytes());
    tokio::select! {
        _ = bench.outbound.hand_off(&hand_off) => panic!("the server never answers"),
        _ = sink.wait_for(1) => {}
    }
    sink.wait_for_quiet().await;
}

#[tokio::test]
async fn a_site_in_trouble_rests_and_comes_back() {
    let sink = Sink::with(Script::new().reply(Point::Greeting, "421 busy\r\n")).await;
    let bench = Bench::smarthost(&sink);
    let report = bench.give(TEXT).await;
    let site = report.site.clone().unwrap();
    assert!(report.site_in_trouble && bench.outbound.rest_until(&site).is_some());
    let report = bench.give(TEXT).await;
    assert_eq!((deferred(&report).status.as_str(), report.site_in_trouble), ("4.4.1", false));
    assert_eq!(sink.connections().len(), 1, "a resting site is not connected");
    bench.clock.forward(Duration::from_secs(31));
    sink.follow(Script::new());
    delivered(&bench.give(TEXT).await);
    assert_eq!(bench.outbound.rest_until(&site), None);
}

#[tokio::test]
async fn the_rest_that_another_node_has_seen_counts() {
    use postern::model::Clock;
    let sink = Sink::start().await;
    let bench = Bench::smarthost(&sink);
    let site = sink.address().to_string();
    bench.outbound.load([(site, bench.clock.now().plus(Duration::from_mins(1)))]);
    deferred(&bench.give(TEXT).await);
    bench.clock.forward(Duration::from_secs(61));
    delivered(&bench.give(TEXT).await);
}

#[tokio::test]
async fn a_rest_that_is_no_longer_listed_is_over_and_a_success_is_told() {
    use postern::model::Clock;
    let sink = Sink::with(Script::new().reply(Point::Greeting, "421 busy\r\n")).await;
    let bench = Bench::smarthost(&sink);
    let site = bench.give(TEXT).await.site.unwrap();
    let shared = bench.outbound.rests_to_share();
    assert_eq!(shared, [(site.clone(), bench.outbound.rest_until(&site).unwrap())]);
    bench.outbound.load(shared);
    assert!(bench.outbound.rests_to_share().is_empty());
    deferred(&bench.give(TEXT).await);
    sink.follow(Script::new());
    // The operator asks for a retry: the row is gone from the list.
    bench.outbound.load([]);
    delivered(&bench.give(TEXT).await);
    assert!(bench.outbound.take_recovered().is_empty(), "it was not resting");
    let listed = || [(site.clone(), bench.clock.now().plus(Duration::from_mins(1)))];
    bench.outbound.load(listed());
    bench.outbound.clear_rest(&site);
    delivered(&bench.give(TEXT).await);
}

#[tokio::test]
async fn messages_a_server_can_not_take_do_not_pile_up_connections() {
    let sink = Sink::with(Script::new().offers(&["SIZE 100"])).await;
    let mut settings = smarthost(&sink);
    settings.keep_alive = Span(Duration::from_hours(1));
    let bench = Bench::of(&settings, "");
    let large = format!("{TEXT}{}", "x\r\n".repeat(100));
    for _ in 0..5 {
        delivered(&bench.give(TEXT).await);
        assert_eq!(refused(&bench.give(&large).await).status, "5.3.4");
    }
    sink.wait_until(|sink| sink.connections().iter().all(|connection| connection.ended)).await;
}
