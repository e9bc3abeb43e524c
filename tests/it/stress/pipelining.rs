//! Ten thousand commands in one go: answered in order, or hung up on; never gathered in memory.

use std::io::Write;
use std::thread;

use super::size;
use super::watch::{Attack, Target};
use crate::crash::sender::Sender;

const COMMANDS: usize = 10_000;

#[test]
fn ten_thousand_pipelined_commands_are_answered_in_order() {
    let target = Target::start("");
    let connections = size(2, 20);
    let attack =
        Attack { name: "pipelined commands", size: format!("{connections} x {COMMANDS}"), growth_mib: 16, may_wait: false };
    target.under(&attack, || {
        thread::scope(|scope| {
            for _ in 0..connections {
                scope.spawn(|| in_order(&target));
            }
        });
    });
}

fn in_order(target: &Target) {
    let mut sender = Sender::connect(target.broker.smtp).unwrap();
    // Four commands whose answers differ.
    let group = "NOOP\r\nVRFY x\r\nMAIL FROM:<a@b.example>\r\nRSET\r\n";
    let mut writing = sender.stream().try_clone().unwrap();
    let writer = thread::spawn(move || writing.write_all(group.repeat(COMMANDS / 4).as_bytes()));
    for group in 0..COMMANDS / 4 {
        for (command, allowed) in [("NOOP", &[250][..]), ("VRFY", &[252, 502]), ("MAIL", &[250]), ("RSET", &[250])] {
            let said = sender.reply().unwrap();
            assert!(allowed.contains(&said.code), "{command} of group {group}: {said:?}");
        }
    }
    writer.join().unwrap().unwrap();
    assert_eq!(sender.command("NOOP").unwrap().code, 250);
}

#[test]
fn ten_thousand_wrong_commands_are_cut_short() {
    let target = Target::start("");
    let attack = Attack { name: "pipelined nonsense", size: format!("{COMMANDS}"), growth_mib: 16, may_wait: false };
    target.under(&attack, || {
        for _ in 0..size(5, 100) {
            let mut sender = Sender::connect(target.broker.smtp).unwrap();
            let mut writing = sender.stream().try_clone().unwrap();
            // The other side hangs up in the middle of it.
            let writer = thread::spawn(move || drop(writing.write_all("GARBAGE and more\r\n".repeat(COMMANDS).as_bytes())));
            let mut codes = Vec::new();
            while let Ok(said) = sender.reply() {
                codes.push(said.code);
            }
            writer.join().unwrap();
            assert!(codes.len() <= 20, "{} answers", codes.len());
            assert!(codes.iter().all(|code| [500, 421].contains(code)), "{codes:?}");
        }
    });
}
