//! PostgreSQL crashes under load and comes back: senders are told to wait, nothing is lost, nothing is refused.

use std::time::Duration;

use super::alone::alone;
use super::broker::{Broker, Setup, until};
use super::check::check_or_fail;
use super::load::Load;
use super::postgres::Cluster;
use super::settings::{seed, skipped};
use super::sink::{Mode, Sink};

#[test]
fn while_the_database_is_away_senders_see_4xx_and_nothing_is_lost() {
    let _alone = alone();
    let Some(cluster) = Cluster::start_new() else {
        return skipped("database away", "PostgreSQL is not installed", "POSTERN_TEST_REQUIRE_POSTGRES");
    };
    let seed = seed();
    let sink = Sink::start(seed, Mode::Mixed);
    let mut broker = Broker::new(&Setup::new(&cluster.url("postern"), sink.address));
    let load = Load::new(seed, 8, broker.smtp, &broker.people());
    broker.start();
    load.open();
    let accepted = || load.look(|book| book.ledger.len());
    let temporary = || load.look(super::load::Book::temporary_count);
    for _ in 0..3 {
        let before = accepted();
        assert!(until(Duration::from_mins(1), || accepted() > before + 30), "no mail is accepted\n{}", broker.log_tail());
        let before = temporary();
        cluster.stop_at_once();
        sink.next_round();
        let told = until(Duration::from_mins(1), || temporary() > before + 8);
        assert!(told, "senders are told nothing: {:?}\n{}", load.book().temporary, broker.log_tail());
        assert!(broker.is_up(), "it ended with the database\n{}", broker.log_tail());
        cluster.start();
    }
    let before = accepted();
    assert!(until(Duration::from_mins(1), || accepted() > before + 30), "no mail is accepted any more\n{}", broker.log_tail());
    let book = load.finish();
    broker.drain(Duration::from_mins(2));
    assert!(book.broken.is_empty(), "connections broke: {:?}", book.broken);
    // Each outage may repeat what was under way: eight senders, twenty workers.
    let summary = check_or_fail(seed, &book, &sink.arrivals(), 28);
    eprintln!("database away three times: {summary:?}, told meanwhile: {:?}", book.temporary);
}
