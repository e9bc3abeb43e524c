//! The state of a transaction (RFC 5321 §3.3, §4.1.4): what ends it, whatever the outcome.

use super::TestDoor;
use crate::support::client::Client;

/// After the end of data nothing of the transaction is left.
async fn nothing_is_left(client: &mut Client) {
    client.ask("RCPT TO:<b@y.example>", "503 5.5.1").await;
    client.ask("DATA", "503 5.5.1").await;
    client.ask("MAIL FROM:<a@x.example>", "250").await;
    client.ask("DATA", "503 5.5.1").await;
    client.ask("RSET", "250").await;
}

#[tokio::test]
async fn any_end_of_data_ends_the_transaction() {
    let door = TestDoor::with(|settings| {
        settings.max_message_size = 1000;
        settings.max_header_size = 500;
        settings.max_errors = 1000;
        settings.trusted_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    let large = "x".repeat(1000) + "\r\n.\r\n";
    let header = format!("X: {}\r\n\r\n.\r\n", "x".repeat(500));
    for (data, reply) in [
        ("\r\nhello\r\n.\r\n", "250"),
        (&large, "552 5.3.4"),
        ("bare\rCR\r\n.\r\n", "554 5.6.0"),
        (&header, "552 5.3.4"),
        (".\r\n", "250"),
    ] {
        let answer = client.deliver("a@x.example", "b@y.example", data).await;
        assert!(answer.starts_with(reply), "{answer}");
        nothing_is_left(&mut client).await;
    }
    assert_eq!(door.arrived().len(), 2);
}

#[tokio::test]
async fn rset_and_ehlo_drop_sender_and_recipients_together() {
    let door = TestDoor::open().await;
    for reset in ["RSET", "EHLO other.example", "HELO other.example"] {
        let mut client = Client::greeted(door.address).await;
        client.ask("MAIL FROM:<a@x.example>", "250").await;
        client.ask("RCPT TO:<b@y.example>", "250").await;
        client.ask(reset, "250").await;
        nothing_is_left(&mut client).await;
    }
}

#[tokio::test]
async fn commands_out_of_order_are_503_and_change_nothing() {
    let door = TestDoor::open().await;
    let mut client = Client::connect(door.address).await;
    client.expect("220").await;
    for line in ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA"] {
        client.ask(line, "503 5.5.1").await;
    }
    client.ask("EHLO client.example", "250").await;
    client.ask("MAIL FROM:<a@x.example>", "250").await;
    client.ask("MAIL FROM:<evil@x.example>", "503 5.5.1").await;
    client.ask("DATA", "503 5.5.1").await;
    client.ask("RCPT TO:<unknown@y.example>", "550 5.1.1").await;
    client.ask("DATA", "554 5.5.1").await;
    client.ask("VRFY ü@y.example", "252").await;
    client.ask("RCPT TO:<b@y.example>", "250").await;
    client.ask("DATA", "354").await;
    client.send("\r\n.\r\n").await;
    client.expect("250").await;
    let message = door.the_message();
    assert_eq!(message.mail.sender.unwrap().to_string(), "a@x.example");
    assert_eq!(message.recipients, ["b@y.example"]);
}

#[tokio::test]
async fn a_sender_the_gate_refuses_begins_nothing() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    client.send("MAIL FROM:<refused@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n").await;
    for expected in ["452 4.3.1", "503", "503"] {
        client.expect(expected).await;
    }
    client.ask("MAIL FROM:<a@x.example>", "250").await;
}

#[tokio::test]
async fn a_full_spool_refuses_for_now_and_recovers() {
    let door = TestDoor::with(|settings| {
        settings.spill_above = 1 << 20;
        settings.memory_budget = 64 * 1024;
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    let large = "x".repeat(998) + "\r\n";
    let answer = client.deliver("a@x.example", "b@y.example", &(large.repeat(200) + ".\r\n")).await;
    assert!(answer.starts_with("452 4.3.1"), "{answer}");
    nothing_is_left(&mut client).await;
    assert!(client.deliver("a@x.example", "b@y.example", "\r\nsmall\r\n.\r\n").await.starts_with("250"));
    assert_eq!(door.the_message().content, b"\r\nsmall\r\n");
}

#[tokio::test]
async fn a_421_of_the_gate_ends_the_connection_and_stays_one_line_of_ascii() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    assert_eq!(client.ask("MAIL FROM:<closing@x.example>", "421 4.3.2").await, "421 4.3.2 Not now??250 injected ??\r\n");
    client.expect_end().await;
}
