//! The two stages of stopping: first 421 between commands, and what is being received is finished; then the end.

use tokio::net::TcpStream;

use super::TestDoor;
use crate::support::client::Client;

#[tokio::test]
async fn sessions_end_with_421_and_a_message_under_way_is_finished() {
    let door = TestDoor::open().await;
    let mut idle = Client::greeted(door.address).await;
    let mut fresh = Client::connect(door.address).await;
    fresh.expect("220").await;
    let mut sending = Client::greeted(door.address).await;
    sending.ask("MAIL FROM:<a@x.example>", "250").await;
    sending.ask("RCPT TO:<b@y.example>", "250").await;
    sending.ask("DATA", "354").await;
    sending.send("Subject: half\r\n").await;

    door.soft.cancel();
    for client in [&mut idle, &mut fresh] {
        client.expect("421 4.3.2").await;
        client.expect_end().await;
    }
    door.wait(|door| door.tasks.len() == 1).await;
    assert!(TcpStream::connect(door.address).await.is_err(), "nothing listens any more");

    sending.send("\r\nrest\r\n.\r\n").await;
    sending.expect("250 2.0.0").await;
    sending.expect("421 4.3.2").await;
    sending.expect_end().await;
    door.all_sessions_end().await;
    assert_eq!(door.the_message().content, b"Subject: half\r\n\r\nrest\r\n");
}

#[tokio::test]
async fn the_second_stage_ends_everything_at_once() {
    let door = TestDoor::open().await;
    let mut idle = Client::greeted(door.address).await;
    let mut sending = Client::greeted(door.address).await;
    sending.ask("MAIL FROM:<a@x.example>", "250").await;
    sending.ask("RCPT TO:<b@y.example>", "250").await;
    sending.ask("DATA", "354").await;
    door.soft.cancel();
    door.hard.cancel();
    door.all_sessions_end().await;
    assert!(sending.read_reply().await.is_err());
    drop(idle.read_reply().await);
    assert!(door.arrived().is_empty());
}
