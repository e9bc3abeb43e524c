//! Killing an alias is instant: its mail in the queue stays there, and every node answers 550 to the next RCPT.

use std::time::Duration;

use super::alone::alone;
use super::broker::{Broker, Setup, until};
use super::load::Route;
use super::message::Message;
use super::postgres::Database;
use super::sender::Sender;
use super::settings::skipped;
use super::sink::{Mode, Sink};

#[test]
fn mail_that_waits_for_a_killed_alias_is_not_delivered() {
    let _alone = alone();
    let sink = Sink::start(1, Mode::Refusing);
    let mut broker = Broker::new(&Setup::new("sqlite:postern.db", sink.address));
    let routes = broker.people();
    broker.start();
    let [dead, alive] = routes.first_chunk().unwrap();
    kept(&broker, dead, 0..5);
    kept(&broker, alive, 5..10);
    assert_eq!(broker.queue().len(), 10);
    broker.command(&["alias", "kill", &dead.alias]);
    assert_eq!(rcpt(&broker, &dead.alias), 550);
    sink.set(Mode::Good);
    let arrived = || sink.arrivals().iter().filter(|arrival| arrival.recipient == alive.mailbox).count();
    assert!(until(Duration::from_secs(30), || arrived() == 5), "the other alias' mail did not arrive");
    // What the kill ended may be listed for its owner, but none of it waits any more.
    assert!(until(Duration::from_secs(30), || !waits(&broker)), "{:#?}", broker.queue());
    let told = sink.arrivals();
    assert_eq!(told.len(), 5, "mail for a killed alias was delivered: {told:#?}");
}

#[test]
fn a_second_node_answers_550_the_moment_the_alias_is_killed() {
    let Some(database) = Database::make() else {
        return skipped("two nodes", "POSTERN_TEST_POSTGRES is not set", "POSTERN_TEST_REQUIRE_POSTGRES");
    };
    let _alone = alone();
    let sink = Sink::start(1, Mode::Refusing);
    let setup = Setup::new(&database.url(), sink.address);
    let (mut first, mut second) = (Broker::new(&setup), Broker::new(&setup));
    let routes = first.people();
    first.start();
    second.start();
    let [dead, alive] = routes.first_chunk().unwrap();
    kept(&second, dead, 0..3);
    kept(&first, dead, 3..6);
    kept(&first, alive, 6..9);
    let mut open = Sender::connect(second.smtp).unwrap();
    assert_eq!(open.command("MAIL FROM:<news@shop.example> BODY=8BITMIME").unwrap().code, 250);
    assert_eq!(open.command(&format!("RCPT TO:<{}>", dead.alias)).unwrap().code, 250);
    first.command(&["alias", "kill", &dead.alias]);
    // The same connection, the other node: too late for DATA, and no more RCPT.
    let message = Message::make(1, 100, &dead.alias);
    assert_eq!(open.command("DATA").unwrap().code, 354);
    open.write(&message.on_the_wire()).unwrap();
    assert_eq!(open.reply().unwrap().code, 550);
    assert_eq!(open.command("MAIL FROM:<news@shop.example>").unwrap().code, 250);
    assert_eq!(open.command(&format!("RCPT TO:<{}>", dead.alias)).unwrap().code, 550);
    assert_eq!(open.command(&format!("RCPT TO:<{}>", alive.alias)).unwrap().code, 250);
    assert_eq!((rcpt(&first, &dead.alias), rcpt(&second, &dead.alias)), (550, 550));
    sink.set(Mode::Good);
    assert!(until(Duration::from_secs(30), || sink.count() >= 3 && !waits(&first)), "{:#?}", first.queue());
    assert!(sink.arrivals().iter().all(|arrival| arrival.recipient == alive.mailbox), "{:#?}", sink.arrivals());
}

/// Hands in messages that the next hop does not want yet: each gets 250.
fn kept(broker: &Broker, route: &Route, numbers: std::ops::Range<u64>) {
    let mut sender = Sender::connect(broker.smtp).unwrap();
    for number in numbers {
        let handed = sender.hand_in(&Message::make(1, number, &route.alias), &[&route.alias]).unwrap();
        assert_eq!(handed.last.code, 250, "{handed:?}");
    }
}

fn rcpt(broker: &Broker, alias: &str) -> u16 {
    let mut sender = Sender::connect(broker.smtp).unwrap();
    sender.command("MAIL FROM:<news@shop.example>").unwrap();
    sender.command(&format!("RCPT TO:<{alias}>")).unwrap().code
}

fn waits(broker: &Broker) -> bool {
    broker.queue().iter().any(|row| row.get("state").and_then(|state| state.as_str()) == Some("waiting"))
}
