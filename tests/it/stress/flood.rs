//! More messages at once than the memory set aside for them: some are taken, the others are told 452, none is lost.

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use super::size;
use super::watch::{Attack, Target};
use crate::crash::broker::until;
use crate::crash::check::check;
use crate::crash::load::{Book, Promise};
use crate::crash::message::Message;
use crate::crash::sender::Sender;

/// As in the settings below.
const BUDGET_MIB: u64 = 8;
const MESSAGE: usize = 900 * 1024;

#[test]
fn beyond_the_memory_budget_senders_are_told_452() {
    let target = Target::start("memory_budget = 8388608\nspill_above = 1048576");
    let senders = size(24, 200);
    let book = Mutex::new(Book::default());
    let codes = Mutex::new(BTreeMap::<u16, usize>::new());
    let attack = Attack {
        name: "messages beyond the memory budget",
        size: format!("{senders} x 900 KiB"),
        // The budget, and what sockets, hand-offs and the allocator keep beside it.
        growth_mib: BUDGET_MIB + 24,
        may_wait: true,
    };
    target.under(&attack, || {
        let barrier = Barrier::new(senders);
        thread::scope(|scope| {
            for number in 0..senders {
                let (barrier, book, codes, target) = (&barrier, &book, &codes, &target);
                scope.spawn(move || {
                    let code = one(target, u64::try_from(number).unwrap(), barrier, book);
                    *codes.lock().unwrap().entry(code).or_default() += 1;
                });
            }
        });
    });
    let codes = codes.into_inner().unwrap();
    eprintln!("stress: answers to the flood: {codes:?}");
    assert!(codes.keys().all(|code| [250, 452].contains(code)), "{codes:?}");
    assert!(codes.contains_key(&250) && codes.contains_key(&452), "{codes:?}");
    // The room is given back.
    let route = target.route();
    let message = Message::of_size(1, 500_000, &route.alias, MESSAGE);
    let handed = Sender::connect(target.broker.smtp).unwrap().hand_in(&message, &[&route.alias]).unwrap();
    assert_eq!(handed.last.code, 250, "{handed:?}");
    let book = book.into_inner().unwrap();
    let arrived = || check(&book, &target.sink.arrivals(), 0);
    assert!(until(Duration::from_mins(1), || arrived().is_ok()), "{:#?}", arrived());
}

/// All messages are under way before the first one ends.
fn one(target: &Target, number: u64, barrier: &Barrier, book: &Mutex<Book>) -> u16 {
    let route = target.route();
    let message = Message::of_size(1, number, &route.alias, MESSAGE);
    let wire = message.on_the_wire();
    let (last, most) = (wire.get(wire.len() - 3..).unwrap(), wire.get(..wire.len() - 3).unwrap());
    let mut sender = Sender::connect(target.broker.smtp).unwrap();
    let mut said = sender.command("MAIL FROM:<a@shop.example>").unwrap();
    if said.code == 250 {
        said = sender.command(&format!("RCPT TO:<{}>", route.alias)).unwrap();
    }
    if said.code == 250 {
        said = sender.command("DATA").unwrap();
    }
    if said.code != 354 {
        barrier.wait();
        return said.code;
    }
    sender.write(most).unwrap();
    barrier.wait();
    sender.write(last).unwrap();
    let said = sender.reply().unwrap();
    if said.code == 250 {
        let promise = Promise { number, recipients: vec![route.mailbox.clone()], fingerprint: message.fingerprint() };
        book.lock().unwrap().ledger.push(promise);
    }
    said.code
}
