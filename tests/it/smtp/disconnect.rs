//! A client that goes in the middle leaves nothing: no message, no session, no place taken.

use tokio_util::sync::CancellationToken;

use super::TestDoor;
use crate::support::client::Client;

#[tokio::test]
async fn at_no_point_does_a_lost_connection_leave_a_message() {
    let door = TestDoor::open().await;
    let whole =
        b"EHLO client.example\r\n\0MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n\0Subject: x\r\n\r\nbody\r\n.\r";
    for end in 0..=whole.len() {
        let mut client = Client::connect(door.address).await;
        client.expect("220").await;
        // NUL marks where a client has to wait for an answer.
        let mut parts = whole[..end].split(|&b| b == 0);
        client.send(parts.next().unwrap()).await;
        if let Some(envelope) = parts.next() {
            client.expect("250").await;
            client.send(envelope).await;
        }
        if let Some(data) = parts.next() {
            for expected in ["250", "250", "354"] {
                client.expect(expected).await;
            }
            client.send(data).await;
        }
        drop(client);
    }
    door.all_sessions_end().await;
    assert!(door.arrived().is_empty());
}

#[tokio::test]
async fn a_client_lost_after_the_end_of_data_has_handed_over_one_message() {
    let door = TestDoor::open().await;
    let hold = CancellationToken::new();
    *door.gate.hold.lock() = Some(hold.clone());
    let mut client = Client::greeted(door.address).await;
    client.send("MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n").await;
    for expected in ["250", "250", "354"] {
        client.expect(expected).await;
    }
    client.send("\r\nbody\r\n.\r\n").await;
    drop(client);
    hold.cancel();
    door.all_sessions_end().await;
    assert_eq!(door.the_message().content, b"\r\nbody\r\n");
}
