//! Pipelining (RFC 2920): many commands in one segment, one answer each, in order.

use super::TestDoor;
use crate::support::client::Client;

#[tokio::test]
async fn ten_thousand_commands_at_once_get_ten_thousand_answers_in_order() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    let group = "NOOP\r\nVRFY x\r\nHELP\r\nRSET\r\n";
    client.send(group.repeat(2500)).await;
    for _ in 0..2500 {
        for expected in ["250 2.0.0", "252", "214", "250 2.0.0"] {
            client.expect(expected).await;
        }
    }
    client.ask("QUIT", "221").await;
}

#[tokio::test]
async fn a_client_that_guesses_ten_thousand_times_is_sent_away() {
    let door = TestDoor::with(|settings| settings.max_errors = 5).await;
    let mut client = Client::greeted(door.address).await;
    client.send("FOO\r\n".repeat(10_000)).await;
    for _ in 0..4 {
        client.expect("500 5.5.2").await;
    }
    client.expect("421 4.7.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn whole_transactions_may_be_pipelined_up_to_data() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    let envelope = "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<unknown@y.example>\r\nDATA\r\n";
    client.send(envelope).await;
    for n in 0..20 {
        for expected in ["250 2.1.0", "250 2.1.5", "550 5.1.1", "354"] {
            client.expect(expected).await;
        }
        // The next envelope follows the end of data in the same segment.
        client.send(format!("Subject: {n}\r\n\r\n.\r\n{envelope}")).await;
        client.expect("250 2.0.0").await;
    }
    assert_eq!(door.arrived().len(), 20);
}

#[tokio::test]
async fn commands_behind_ehlo_end_the_connection() {
    let door = TestDoor::open().await;
    let mut client = Client::connect(door.address).await;
    client.expect("220").await;
    client.send("EHLO x.example\r\nMAIL FROM:<a@x.example>\r\n").await;
    client.expect("554 5.5.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn commands_behind_quit_are_not_answered() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    client.send("QUIT\r\nNOOP\r\n").await;
    client.expect("221").await;
    assert!(client.read_reply().await.is_err());
}
