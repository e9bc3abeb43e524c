//! SIGTERM under load: it ends by itself in time, nothing is lost, and nothing is sent twice.

use std::time::{Duration, Instant};

use super::alone::alone;
use super::broker::{Broker, Setup, until};
use super::check::check_or_fail;
use super::load::Load;
use super::settings::seed;
use super::sink::{Mode, Sink};

#[test]
fn sigterm_under_load_ends_in_time_and_sends_nothing_twice() {
    let _alone = alone();
    let seed = seed();
    let sink = Sink::start(seed, Mode::Mixed);
    let mut broker = Broker::new(&Setup::new("sqlite:postern.db", sink.address));
    let load = Load::new(seed, 8, broker.smtp, &broker.people());
    let mut slowest = Duration::ZERO;
    for round in 1..=5 {
        load.open();
        broker.start();
        assert!(until(Duration::from_mins(1), || sink.count() > round * 20), "no mail flows\n{}", broker.log_tail());
        let begun = Instant::now();
        let status = broker.terminate(Duration::from_secs(30));
        slowest = slowest.max(begun.elapsed());
        load.close();
        sink.next_round();
        let tail = broker.log_tail();
        assert!(status.is_some_and(|status| status.success()), "SIGTERM ended in {status:?}\n{tail}");
    }
    broker.start();
    let book = load.finish();
    broker.drain(Duration::from_mins(1));
    let summary = check_or_fail(seed, &book, &sink.arrivals(), 0);
    eprintln!("SIGTERM: {summary:?}, the slowest end took {slowest:?}");
}
