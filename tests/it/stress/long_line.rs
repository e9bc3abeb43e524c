//! One line that does not end, as a command and inside a message: skipped or refused, never gathered.

use super::size;
use super::watch::{Attack, Target};
use crate::crash::sender::{Said, Sender};

const MIB: usize = 1024 * 1024;

#[test]
fn an_endless_command_line_takes_no_memory() {
    let target = Target::start("");
    let size = size(64, 1024);
    let attack = Attack { name: "one command line", size: format!("{size} MiB"), growth_mib: 8, may_wait: false };
    target.under(&attack, || {
        let mut sender = Sender::connect(target.broker.smtp).unwrap();
        // It may be hung up on at any time; if not, it is one wrong command and the session is in step.
        let answer = endless(&mut sender, size, "");
        if let Some(said) = answer {
            assert!(said.code == 500 || said.code == 421, "{said:?}");
            if said.code == 500 {
                assert_eq!(sender.command("NOOP").unwrap().code, 250);
            }
        }
    });
}

#[test]
fn an_endless_line_in_a_message_takes_no_more_than_a_message_may() {
    let target = Target::start("max_message_size = 4194304");
    let size = size(64, 1024);
    let attack = Attack { name: "one line in DATA", size: format!("{size} MiB"), growth_mib: 16, may_wait: false };
    target.under(&attack, || in_data(&target, "Subject: x\r\n\r\n", size));
}

#[test]
fn an_endless_header_line_takes_no_more_than_a_message_may() {
    let target = Target::start("max_message_size = 4194304");
    let size = size(64, 1024);
    let attack = Attack { name: "one header line", size: format!("{size} MiB"), growth_mib: 16, may_wait: false };
    target.under(&attack, || in_data(&target, "Subject: ", size));
}

fn in_data(target: &Target, start: &str, size: usize) {
    let mut sender = Sender::connect(target.broker.smtp).unwrap();
    assert_eq!(sender.command("MAIL FROM:<a@shop.example>").unwrap().code, 250);
    assert_eq!(sender.command(&format!("RCPT TO:<{}>", target.route().alias)).unwrap().code, 250);
    assert_eq!(sender.command("DATA").unwrap().code, 354);
    sender.write(start.as_bytes()).unwrap();
    // Refused at the end, or hung up on before.
    if let Some(said) = endless(&mut sender, size, "\r\n.") {
        assert!([421, 500, 552, 554].contains(&said.code), "{said:?}");
    }
    let arrived = target.sink.arrivals().iter().any(|arrival| arrival.recipient == target.route().mailbox);
    assert!(!arrived, "it was passed on");
}

/// Sends that many MiB without a line end, then `end`; the answer, if it came so far.
fn endless(sender: &mut Sender, size: usize, end: &str) -> Option<Said> {
    let piece = vec![b'A'; MIB];
    let sent = (0..size).take_while(|_| sender.write(&piece).is_ok()).count();
    let answer = if sent == size { sender.command(end) } else { sender.reply() };
    eprintln!("stress: {sent} of {size} MiB were taken, then: {answer:?}");
    answer.ok()
}
