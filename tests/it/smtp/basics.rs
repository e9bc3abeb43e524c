//! The plain conversation every mail server has with us.

use super::TestDoor;
use crate::support::client::Client;

#[tokio::test]
async fn a_message_passes_with_its_envelope_and_every_byte() {
    let door = TestDoor::open().await;
    let mut client = Client::connect(door.address).await;
    assert_eq!(client.expect("220").await, "220 mx.example ESMTP Postern\r\n");
    let ehlo = client.ask("EHLO client.example", "250").await;
    assert_eq!(
        ehlo,
        "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 36700160\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
    );
    client.ask("MAIL FROM:<ann@sender.example> SIZE=1000 BODY=8BITMIME", "250 2.1.0").await;
    client.ask("RCPT TO:<shop@alias.example>", "250 2.1.5").await;
    client.ask("RCPT TO:<Shop@ALIAS.example>", "250 2.1.5").await;
    client.ask("RCPT TO:<unknown@alias.example>", "550 5.1.1").await;
    client.ask("RCPT TO:<postmaster>", "250 2.1.5").await;
    client.ask("DATA", "354 ").await;
    client.send(b"Subject: hello\r\n\r\n..dot\r\n\xff\r\n.\r\n").await;
    client.expect("250 2.0.0").await;
    client.ask("QUIT", "221 2.0.0").await;
    client.expect_end().await;

    let message = door.the_message();
    assert_eq!(message.mail.sender.unwrap().to_string(), "ann@sender.example");
    assert!(message.mail.eight_bit && message.mail.size == Some(1000) && !message.mail.smtputf8);
    assert_eq!(message.recipients, ["shop@alias.example", "postmaster"]);
    assert_eq!(message.content, b"Subject: hello\r\n\r\n.dot\r\n\xff\r\n");
    assert_eq!(message.peer.helo, "client.example");
    assert!(message.peer.esmtp && message.peer.tls.is_none() && message.peer.ip.is_loopback());
}

#[tokio::test]
async fn the_null_sender_and_helo_will_do() {
    let door = TestDoor::open().await;
    let mut client = Client::connect(door.address).await;
    client.expect("220").await;
    assert_eq!(client.ask("HELO [127.0.0.1]", "250").await, "250 mx.example\r\n");
    assert!(client.deliver("", "shop@alias.example", ".\r\n").await.starts_with("250"));
    let message = door.the_message();
    assert!(message.mail.sender.is_none() && message.content.is_empty() && !message.peer.esmtp);
}

#[tokio::test]
async fn what_can_always_be_said_can_be_said_before_ehlo() {
    let door = TestDoor::open().await;
    let mut client = Client::connect(door.address).await;
    client.expect("220").await;
    for (line, reply) in [
        ("NOOP", "250 2.0.0"),
        ("NOOP really", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("HELP", "214 2.0.0"),
        ("VRFY shop@alias.example", "252 2.1.5"),
        ("VRFY unknown@alias.example", "252 2.1.5"),
        ("EXPN list", "502 5.5.1"),
        ("AUTH PLAIN AGEAYg==", "502 5.5.1"),
        ("ETRN x", "502 5.5.1"),
        ("BDAT 10 LAST", "502 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("XCLIENT ADDR=192.0.2.1", "500 5.5.2"),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 25", "500 5.5.2"),
        ("QUIT", "221 2.0.0"),
    ] {
        client.ask(line, reply).await;
    }
    client.expect_end().await;
}
