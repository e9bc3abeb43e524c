//! Command lines that are none: refused, counted, and the session stays in step.

use super::TestDoor;
use crate::support::client::Client;

/// How long the endless line is; the stress run takes a gigabyte.
const ENDLESS: usize = 64 * 1024 * 1024;
/// What the process may grow by meanwhile, other tests in it included.
const GROWTH: usize = 24 * 1024 * 1024;

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn an_endless_line_takes_constant_memory_and_is_one_error() {
    let door = TestDoor::with(|settings| settings.max_errors = 3).await;
    let mut client = Client::greeted(door.address).await;
    let piece = vec![b'x'; 1024 * 1024];
    client.send("NOOP ").await;
    client.send(&piece).await;
    let before = resident();
    let mut most = before;
    for _ in 1..ENDLESS / piece.len() {
        client.send(&piece).await;
        most = most.max(resident());
    }
    client.send("\r\nNOOP\r\n").await;
    client.expect("500 5.5.2").await;
    client.expect("250 2.0.0").await;
    assert!(most - before < GROWTH, "grew by {} bytes", most - before);
    client.ask("FOO", "500").await;
    client.ask("FOO", "421").await;
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_the_next_line_is_read() {
    let door = TestDoor::with(|settings| settings.max_errors = 1000).await;
    for line in [
        b"NOOP\n".as_slice(),
        b"NO\rOP\r\n",
        b"NOOP \0\r\n",
        b"NOOP\t\r\n",
        b"NOOP \x7f\r\n",
        b"\xff\xfe\r\n",
        b"MAIL FROM:<\xc0\xaf@x.example>\r\n",
        b"MAIL FROM:<admin@x.example\0@evil.example>\r\n",
        b"EHLO \xe4.example\r\n",
        b"\r\n",
        b" \r\n",
        b"NOOP\r\r\n",
    ] {
        for size in [1, line.len()] {
            let mut client = Client::greeted(door.address).await;
            client.send_in_pieces(line, size).await;
            client.expect("500 5.5.2").await;
            client.ask("NOOP", "250").await;
            client.ask("QUIT", "221").await;
        }
    }
}

#[tokio::test]
async fn names_that_could_not_stand_in_a_header_are_refused() {
    let door = TestDoor::with(|settings| settings.max_errors = 1000).await;
    let mut client = Client::connect(door.address).await;
    client.expect("220").await;
    for name in ["<script>alert(1)</script>", "a\"b", "ünicode.example", &"x".repeat(256), "(comment)"] {
        client.ask(&format!("EHLO {name}"), "501 5.5.4").await;
    }
    client.ask(&format!("EHLO {}", "x".repeat(4096)), "500 5.5.2").await;
    client.ask("EHLO", "501 5.5.4").await;
    client.ask("MAIL FROM:<>", "503").await;
    client.ask("EHLO [::ffff:127.0.0.1]", "250").await;
    assert!(client.deliver("", "b@y.example", ".\r\n").await.starts_with("250"));
    assert_eq!(door.the_message().peer.helo, "[::ffff:127.0.0.1]");
}

#[tokio::test]
async fn answers_get_slow_from_the_tenth_error_on() {
    let door = TestDoor::with(|settings| settings.max_errors = 12).await;
    let mut client = Client::greeted(door.address).await;
    let started = std::time::Instant::now();
    client.send("FOO\r\n".repeat(9)).await;
    for _ in 0..9 {
        client.expect("500").await;
    }
    assert!(started.elapsed().as_millis() < 900);
    client.ask("FOO", "500").await;
    assert!(started.elapsed().as_secs() >= 1, "the tenth is delayed");
    client.ask("NOOP", "250").await;
    assert!(started.elapsed().as_secs() >= 2, "and what follows, right or wrong");
}
