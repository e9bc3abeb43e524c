//! One line that does not end, as a command and inside a message: skipped or refused, never gathered.

use super::size;
use super::watch::{Attack, Target};
use crate::crash::sender::Sender;

const MIB: usize = 1024 * 1024;

#[test]
fn an_endless_command_line_takes_no_memory() {
    let target = Target::start("");
    let size = size(64, 1024);
    let attack = Attack { name: "one command line", size: format!("{size} MiB"), growth_mib: 8, may_wait: false };
    target.under(&attack, || {
        let mut sender = Sender::connect(target.broker.smtp).unwrap();
        let piece = vec![b'A'; MIB];
        // It may be hung up on at any time; if not, it is one wrong command and the session is in step.
        let whole = (0..size).try_for_each(|_| sender.write(&piece)).and_then(|()| sender.command(""));
        if let Ok(said) = whole {
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
    let piece = vec![b'A'; MIB];
    sender.write(start.as_bytes()).unwrap();
    let whole = (0..size).try_for_each(|_| sender.write(&piece)).and_then(|()| sender.command("\r\n."));
    // Refused at the end, or hung up on before.
    if let Ok(said) = whole {
        assert!([421, 500, 552, 554].contains(&said.code), "{said:?}");
    }
    let arrived = target.sink.arrivals().iter().any(|arrival| arrival.recipient == target.route().mailbox);
    assert!(!arrived, "it was passed on");
}
