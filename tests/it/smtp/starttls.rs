//! STARTTLS (RFC 3207): nothing from before the handshake counts after it.

use super::{TestDoor, write_certificate};
use crate::support::client::Client;

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

struct TlsDoor {
    door: TestDoor,
    roots: rustls::RootCertStore,
    _folder: tempfile::TempDir,
}

async fn open() -> TlsDoor {
    let folder = tempfile::tempdir().unwrap();
    let roots = write_certificate(folder.path());
    let door = TestDoor::with(|settings| {
        settings.tls_cert = Some(folder.path().join("cert.pem"));
        settings.tls_key = Some(folder.path().join("key.pem"));
    })
    .await;
    TlsDoor { door, roots, _folder: folder }
}

#[tokio::test]
async fn a_message_passes_over_tls_and_the_gate_is_told() {
    let TlsDoor { door, roots, _folder } = open().await;
    for (versions, named) in [(BOTH, "TLSv1.3"), (&[&rustls::version::TLS12][..], "TLSv1.2")] {
        let mut client = Client::connect(door.address).await;
        client.expect("220").await;
        assert!(client.ask("EHLO client.example", "250").await.contains("STARTTLS"));
        client.ask("STARTTLS", "220 2.0.0").await;
        assert!(client.handshake(roots.clone(), versions).await);
        let ehlo = client.ask("EHLO client.example", "250").await;
        assert!(!ehlo.contains("STARTTLS") && ehlo.contains("PIPELINING"), "{ehlo}");
        client.ask("STARTTLS", "503 5.5.1").await;
        let body = "x".repeat(70) + "\r\n";
        assert!(
            client.deliver("a@x.example", "b@y.example", &format!("\r\n{}.\r\n", body.repeat(5000))).await.starts_with("250")
        );
        client.ask("QUIT", "221").await;
        client.expect_end().await;
        let message = door.arrived().pop().unwrap();
        let (version, suite) = message.peer.tls.unwrap();
        assert_eq!(version, named);
        assert!(suite.starts_with("TLS_") && message.content.len() == 72 * 5000 + 2, "{suite}");
    }
}

#[tokio::test]
async fn everything_said_in_the_clear_is_forgotten() {
    let TlsDoor { door, roots, _folder } = open().await;
    let mut client = Client::greeted(door.address).await;
    client.ask("MAIL FROM:<a@x.example>", "250").await;
    client.ask("RCPT TO:<b@y.example>", "250").await;
    client.ask("STARTTLS", "220").await;
    assert!(client.handshake(roots, BOTH).await);
    for line in ["DATA", "RCPT TO:<b@y.example>", "MAIL FROM:<a@x.example>"] {
        assert!(client.ask(line, "503").await.contains("EHLO first"));
    }
    client.ask("EHLO again.example", "250").await;
    client.ask("RCPT TO:<b@y.example>", "503").await;
    assert!(client.deliver("a@x.example", "b@y.example", ".\r\n").await.starts_with("250"));
    assert_eq!(door.the_message().peer.helo, "again.example");
}

#[tokio::test]
async fn commands_injected_behind_starttls_end_the_connection() {
    let TlsDoor { door, roots: _, _folder } = open().await;
    for injected in ["NOOP\r\n", "MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "x"] {
        let mut client = Client::greeted(door.address).await;
        client.send(format!("STARTTLS\r\n{injected}")).await;
        client.expect("554 5.5.0").await;
        client.expect_end().await;
    }
    assert!(door.gate.asked.lock().is_empty());
}

#[tokio::test]
async fn a_handshake_that_fails_ends_the_connection_without_a_word_in_the_clear() {
    let TlsDoor { door, roots: _, _folder } = open().await;
    let mut client = Client::greeted(door.address).await;
    client.ask("STARTTLS", "220").await;
    client.send("NOOP\r\nNOOP\r\nNOOP\r\n").await;
    let answer = client.read_reply().await;
    assert!(!answer.is_ok_and(|answer| answer.starts_with("250")));
    door.all_sessions_end().await;
    // A client that does not trust the certificate goes; we do not go on in the clear either.
    let mut client = Client::greeted(door.address).await;
    client.ask("STARTTLS", "220").await;
    assert!(!client.handshake(rustls::RootCertStore::empty(), BOTH).await);
    door.all_sessions_end().await;
}

#[tokio::test]
async fn starttls_takes_no_argument() {
    let TlsDoor { door, roots: _, _folder } = open().await;
    let mut client = Client::greeted(door.address).await;
    client.ask("STARTTLS now", "501 5.5.4").await;
    client.ask("NOOP", "250").await;
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let door = TestDoor::with(|settings| {
        settings.tls_cert = Some(folder.path().join("cert.pem"));
        settings.tls_key = Some(folder.path().join("key.pem"));
        settings.tls_timeout = postern::config::duration::Span(std::time::Duration::from_millis(50));
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    client.ask("STARTTLS", "220").await;
    client.expect_end().await;
}
