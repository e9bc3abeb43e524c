//! A dictionary attack from a client no limit holds for: every guess is looked up and answered 550, and that is all.

use std::fmt::Write as _;
use std::io::Write;
use std::thread;

use super::size;
use super::watch::{Attack, Target};
use crate::crash::sender::Sender;

const CONNECTIONS: usize = 4;
const BATCH: usize = 500;

#[test]
fn a_flood_of_unknown_recipients_is_answered_and_forgotten() {
    let target = Target::start("");
    let total = size(20_000, 1_000_000);
    let attack = Attack { name: "unknown recipients", size: format!("{total}"), growth_mib: 24, may_wait: false };
    target.under(&attack, || {
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let target = &target;
                scope.spawn(move || guess(target, connection, total / CONNECTIONS));
            }
        });
    });
}

fn guess(target: &Target, connection: usize, total: usize) {
    let mut sender = Sender::connect(target.broker.smtp).unwrap();
    assert_eq!(sender.command("MAIL FROM:<a@shop.example>").unwrap().code, 250);
    for batch in 0..total / BATCH {
        let mut commands = String::new();
        for guess in 0..BATCH {
            write!(commands, "RCPT TO:<guess{connection}.{batch}.{guess}@alias.example>\r\n").unwrap();
        }
        // Small enough for the socket's buffers, both ways.
        sender.stream().write_all(commands.as_bytes()).unwrap();
        for _ in 0..BATCH {
            let said = sender.reply().unwrap();
            assert_eq!(said.code, 550, "{said:?}");
        }
    }
    // The session is as good as before.
    assert_eq!(sender.command(&format!("RCPT TO:<{}>", target.route().alias)).unwrap().code, 250);
}
