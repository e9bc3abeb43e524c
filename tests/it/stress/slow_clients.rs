//! Thousands of clients that send a byte now and then: each costs little, and others are served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::size;
use super::watch::{Attack, Target};

#[test]
fn clients_that_send_a_byte_now_and_then_keep_nobody_out() {
    let clients = size(500, 5000);
    open_files(u64::try_from(clients).unwrap() + 500);
    let target = Target::start("max_connections = 8000");
    // 20 KiB each, and 16 MiB for the rest.
    let growth_mib = 16 + u64::try_from(clients).unwrap() * 20 / 1024;
    let attack =
        Attack { name: "clients of a byte now and then", size: format!("{clients} clients"), growth_mib, may_wait: false };
    target.under(&attack, || {
        let mut slow: Vec<TcpStream> = (0..clients)
            .map(|_| {
                let mut stream = TcpStream::connect(target.broker.smtp).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut greeting = [0; 4];
                stream.read_exact(&mut greeting).unwrap();
                assert_eq!(&greeting, b"220 ");
                stream
            })
            .collect();
        let until = Instant::now() + Duration::from_secs(if clients > 500 { 20 } else { 4 });
        let mut text = b"EHLO a-name-that-is-never-finished.example".iter().cycle();
        while Instant::now() < until {
            let byte = *text.next().unwrap();
            for stream in &mut slow {
                stream.write_all(&[byte]).unwrap();
            }
            thread::sleep(Duration::from_millis(500));
        }
        // None of them was thrown out for another: a session that has ended can't be written to for long.
        assert!(slow.iter_mut().all(|stream| stream.write_all(b"x").is_ok()));
    });
}

/// Raises the number of files this process and those it starts may have open.
fn open_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).expect("the limit of open files can be raised");
    }
}
