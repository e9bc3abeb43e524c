//! Clients that do not speak SMTP, or do not wait for their turn: one error, and the end.

use tokio::net::TcpListener;

use super::TestDoor;
use crate::support::client::Client;

const HELLO_OF_TLS: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[tokio::test]
async fn other_protocols_get_one_error_and_the_end() {
    let door = TestDoor::open().await;
    for opening in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@x.example>\r\n",
        b"CONNECT x:25 HTTP/1.1\r\n\r\n",
        HELLO_OF_TLS,
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\x04\x01\x00\x19\x7f\x00\x00\x01\0",
        b"\x80\x81\x82",
    ] {
        let mut client = Client::connect(door.address).await;
        client.expect("220").await;
        client.send(opening).await;
        let answer = client.read_reply().await.unwrap();
        if opening.first() == Some(&b'\r') {
            // The PROXY header, version 2, begins like a few wrong lines.
            assert!(answer.starts_with("500"), "{answer}");
            continue;
        }
        assert!(answer.starts_with("521 5.5.1"), "{answer}");
        client.expect_end().await;
    }
    assert!(door.gate.asked.lock().is_empty());
}

#[tokio::test]
async fn who_speaks_before_the_banner_is_sent_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut early = Client::connect(address).await;
    early.send("EHLO spam.example\r\nMAIL FROM:<a@x.example>\r\n").await;
    let mut polite = Client::connect(address).await;
    let _door = TestDoor::on(listener, |_| {});
    early.expect("554 5.5.0").await;
    early.expect_end().await;
    polite.expect("220").await;
}
