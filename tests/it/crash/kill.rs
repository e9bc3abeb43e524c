//! `kill -9` at random moments under load: nothing that got 250 is lost, on either driver.

use std::thread;
use std::time::{Duration, Instant};

use super::alone::alone;
use super::broker::{Broker, Setup};
use super::check::check_or_fail;
use super::dice::Dice;
use super::load::Load;
use super::postgres::Database;
use super::settings::{number, seed, skipped, variable};
use super::sink::{Mode, Sink};

const SENDERS: u64 = 8;
/// As in the settings (`broker.rs`).
const WORKERS: usize = 20;
/// For the rest of the queue, once nobody kills any more.
const DRAIN: Duration = Duration::from_mins(3);

#[test]
fn kill_minus_nine_loses_nothing_on_sqlite() {
    if wanted("sqlite") {
        rounds("sqlite", "sqlite:postern.db");
    }
}

#[test]
fn kill_minus_nine_loses_nothing_on_postgres() {
    if !wanted("postgres") {
        return;
    }
    let Some(database) = Database::make() else {
        return skipped("kill -9 on PostgreSQL", "POSTERN_TEST_POSTGRES is not set", "POSTERN_TEST_REQUIRE_POSTGRES");
    };
    rounds("postgres", &database.url());
}

/// `POSTERN_CRASH_DATABASE` picks one driver.
fn wanted(driver: &str) -> bool {
    variable("POSTERN_CRASH_DATABASE").is_none_or(|only| only == driver)
}

fn rounds(driver: &str, database: &str) {
    let _alone = alone();
    let rounds = number("POSTERN_CRASH_ROUNDS", 20);
    let seed = seed();
    eprintln!("{driver}: {rounds} rounds, POSTERN_CRASH_SEED={seed}");
    let sink = Sink::start(seed, Mode::Mixed);
    let mut broker = Broker::new(&Setup::new(database, sink.address));
    let load = Load::new(seed, SENDERS, broker.smtp, &broker.people());
    let mut dice = Dice::new(seed, 0x0C4A_5400);
    let begun = Instant::now();
    for round in 1..=rounds {
        one_round(&mut broker, &load, &mut dice);
        sink.next_round();
        if round % 10 == 0 || round == rounds {
            let accepted = load.look(|book| book.ledger.len());
            let (arrived, elapsed) = (sink.count(), begun.elapsed().as_secs_f64());
            eprintln!("{driver}: round {round}, {accepted} accepted, {arrived} arrived, {elapsed:.0} s");
        }
    }
    let per_minute = 60.0 * f64::from(u32::try_from(rounds).unwrap()) / begun.elapsed().as_secs_f64();
    // Nobody kills any more: what was promised must come out by itself.
    broker.start();
    let book = load.finish();
    broker.drain(DRAIN);
    let in_flight = usize::try_from(SENDERS).unwrap() + WORKERS;
    let summary = check_or_fail(seed, &book, &sink.arrivals(), in_flight);
    assert!(sink.faults().is_empty(), "{:?}", sink.faults());
    assert!(summary.accepted > 0, "nothing was accepted: {:?}\n{}", book.temporary, broker.log_tail());
    eprintln!(
        "{driver}: {rounds} rounds, {} accepted, {} delivered, {} duplicates (at most {} after one kill, allowed {in_flight}), \
         {} arrived without a 250 seen, {} answers of 4xx, 0 lost, 0 changed, {per_minute:.0} rounds/min",
        summary.accepted,
        summary.delivered,
        summary.duplicates,
        summary.worst_round,
        summary.unconfirmed,
        book.temporary_count(),
    );
}

/// Start, some load, `kill -9`. Now and then the kill comes while it starts.
fn one_round(broker: &mut Broker, load: &Load, dice: &mut Dice) {
    load.open();
    if dice.one_in(12) {
        broker.launch();
        thread::sleep(dice.milliseconds(0, 60));
    } else {
        broker.start();
        thread::sleep(dice.milliseconds(10, 500));
    }
    broker.kill();
    load.close();
}
