//! What one client may do: at once, in a minute, over one connection, in one message.

use std::time::Duration;

use super::TestDoor;
use crate::support::client::Client;

async fn turned_away(client: &mut Client) {
    client.expect("421 4.7.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn connections_at_once_are_counted_per_client() {
    let door = TestDoor::with(|settings| settings.max_connections_per_client = 2).await;
    let mut first = Client::greeted(door.address).await;
    let mut second = Client::greeted(door.address).await;
    turned_away(&mut Client::connect(door.address).await).await;
    let mut other = Client::connect_from("127.0.0.2", door.address).await;
    other.expect("220").await;
    first.ask("QUIT", "221").await;
    first.expect_end().await;
    door.wait(|door| door.tasks.len() == 3).await;
    Client::connect(door.address).await.expect("220").await;
    second.ask("NOOP", "250").await;
}

#[tokio::test]
async fn connections_in_all_are_bounded() {
    let door = TestDoor::with(|settings| settings.max_connections = 2).await;
    let mut first = Client::connect_from("127.0.0.1", door.address).await;
    first.expect("220").await;
    let mut second = Client::connect_from("127.0.0.2", door.address).await;
    second.expect("220").await;
    turned_away(&mut Client::connect_from("127.0.0.3", door.address).await).await;
    drop(second);
    door.wait(|door| door.tasks.len() == 2).await;
    Client::connect(door.address).await.expect("220").await;
}

#[tokio::test]
async fn new_connections_are_counted_per_minute() {
    let door = TestDoor::with(|settings| settings.connections_per_minute = 3).await;
    for _ in 0..3 {
        Client::greeted(door.address).await.ask("QUIT", "221").await;
    }
    turned_away(&mut Client::connect(door.address).await).await;
    Client::connect_from("127.0.0.2", door.address).await.expect("220").await;
    door.clock.advance(Duration::from_mins(1));
    Client::connect(door.address).await.expect("220").await;
}

#[tokio::test]
async fn trusted_networks_are_not_counted() {
    let door = TestDoor::with(|settings| {
        settings.max_connections_per_client = 1;
        settings.connections_per_minute = 1;
        settings.recipients_per_minute = 1;
        settings.unknown_recipients_per_minute = 1;
        settings.trusted_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Client::greeted(door.address).await;
        client.ask("MAIL FROM:<>", "250").await;
        for _ in 0..5 {
            client.ask("RCPT TO:<unknown@y.example>", "550").await;
        }
        clients.push(client);
    }
}

#[tokio::test]
async fn recipients_are_counted_per_minute_and_refused_for_now() {
    let door = TestDoor::with(|settings| settings.recipients_per_minute = 3).await;
    let mut client = Client::greeted(door.address).await;
    client.ask("MAIL FROM:<>", "250").await;
    for n in 0..3 {
        client.ask(&format!("RCPT TO:<r{n}@y.example>"), "250").await;
    }
    client.ask("RCPT TO:<r3@y.example>", "450 4.7.1").await;
    client.ask("RCPT TO:<r0@y.example>", "250").await;
    door.clock.advance(Duration::from_mins(1));
    client.ask("RCPT TO:<r3@y.example>", "250").await;
}

#[tokio::test]
async fn guessing_recipients_gets_slow_and_then_leads_nowhere() {
    let door = TestDoor::with(|settings| settings.unknown_recipients_per_minute = 1).await;
    let mut client = Client::greeted(door.address).await;
    client.ask("MAIL FROM:<>", "250").await;
    client.ask("RCPT TO:<unknown1@y.example>", "550 5.1.1").await;
    let started = std::time::Instant::now();
    client.ask("RCPT TO:<unknown2@y.example>", "550 5.1.1").await;
    assert!(started.elapsed().as_secs() >= 1);
    client.ask("RCPT TO:<unknown3@y.example>", "450 4.7.1").await;
    client.ask("RCPT TO:<known@y.example>", "450 4.7.1").await;
    assert_eq!(door.gate.asked.lock().len(), 2);
    door.clock.advance(Duration::from_mins(1));
    client.ask("RCPT TO:<known@y.example>", "250").await;
}

#[tokio::test]
async fn a_message_has_so_many_recipients() {
    let door = TestDoor::with(|settings| settings.max_recipients = 2).await;
    let mut client = Client::greeted(door.address).await;
    client.ask("MAIL FROM:<>", "250").await;
    client.ask("RCPT TO:<one@y.example>", "250").await;
    client.ask("RCPT TO:<two@y.example>", "250").await;
    client.ask("RCPT TO:<three@y.example>", "452 4.5.3").await;
    client.ask("RCPT TO:<ONE@y.example>", "250").await;
    client.ask("DATA", "354").await;
    client.send(".\r\n").await;
    client.expect("250").await;
    assert_eq!(door.the_message().recipients, ["one@y.example", "two@y.example"]);
}

#[tokio::test]
async fn a_connection_has_so_many_messages_and_ends_between_them() {
    let door = TestDoor::with(|settings| settings.max_messages = 2).await;
    let mut client = Client::greeted(door.address).await;
    for _ in 0..2 {
        assert!(client.deliver("a@x.example", "b@y.example", ".\r\n").await.starts_with("250"));
    }
    client.ask("MAIL FROM:<a@x.example>", "421 4.7.0").await;
    client.expect_end().await;
    assert_eq!(door.arrived().len(), 2);
}
