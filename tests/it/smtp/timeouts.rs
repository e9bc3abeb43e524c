//! Every wait has an end (RFC 5321 §4.5.3.2), told with 421.

use std::time::Duration;

use postern::config::duration::Span;

use super::TestDoor;
use crate::support::client::Client;

const SHORT: Span = Span(Duration::from_millis(100));

#[tokio::test]
async fn a_silent_client_is_cut_off_also_one_that_trickles() {
    let door = TestDoor::with(|settings| settings.command_timeout = SHORT).await;
    let mut silent = Client::connect(door.address).await;
    silent.expect("220").await;
    silent.expect("421 4.4.2").await;
    silent.expect_end().await;
    let mut trickling = Client::connect(door.address).await;
    trickling.expect("220").await;
    let trickle = async {
        loop {
            trickling.send("x").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            if door.tasks.len() == 1 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trickle).await.expect("bytes of one line do not extend its time");
}

#[tokio::test]
async fn a_message_that_stops_or_trickles_is_cut_off() {
    let door = TestDoor::with(|settings| settings.data_timeout = SHORT).await;
    for trickles in [false, true] {
        let mut client = Client::greeted(door.address).await;
        client.ask("MAIL FROM:<a@x.example>", "250").await;
        client.ask("RCPT TO:<b@y.example>", "250").await;
        client.ask("DATA", "354").await;
        client.send("Subject: x\r\n").await;
        let trickle = async {
            while trickles && door.tasks.len() > 1 {
                client.send("x").await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), trickle).await.expect("a few bytes a second are too few");
        if !trickles {
            client.expect("421 4.4.2").await;
            client.expect_end().await;
        }
    }
    assert!(door.arrived().is_empty());
}

#[tokio::test]
async fn a_session_ends_in_time_however_busy() {
    let door = TestDoor::with(|settings| settings.session_timeout = SHORT).await;
    let mut client = Client::greeted(door.address).await;
    let busy = async {
        loop {
            client.send("NOOP\r\n").await;
            match client.read_reply().await {
                Ok(reply) if reply.starts_with("250") => tokio::time::sleep(Duration::from_millis(5)).await,
                other => return other,
            }
        }
    };
    let end = tokio::time::timeout(Duration::from_secs(10), busy).await.expect("the session ends").unwrap();
    assert!(end.starts_with("421 4.4.2"), "{end}");
}
