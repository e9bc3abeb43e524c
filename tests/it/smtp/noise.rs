//! Any bytes: every session ends in good order, and the next client is served.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::TestDoor;
use crate::support::client::Client;

/// Pieces that lead deep into the session, and some that do not belong there.
const PIECES: &[&[u8]] = &[
    b"EHLO x.example\r\n",
    b"HELO x.example\r\n",
    b"MAIL FROM:<a@x.example>\r\n",
    b"MAIL FROM:<\xc3\xa4@x.example> SMTPUTF8\r\n",
    b"RCPT TO:<b@y.example>\r\n",
    b"RCPT TO:<unknown@y.example>\r\n",
    b"DATA\r\n",
    b"BDAT 3\r\n",
    b"RSET\r\n",
    b"STARTTLS\r\n",
    b"VRFY \xc3\xa4\r\n",
    b"\r\n.\r\n",
    b"\r\n.\r",
    b"\n.\n",
    b".",
    b"\r",
    b"\n",
    b"\0",
    b"\xff",
    b"NOOP",
    b" ",
    b"<",
    b"\"",
    b"QUIT\r\n",
];

#[tokio::test]
async fn any_mixture_of_commands_and_rubbish_ends_in_good_order() {
    let door = TestDoor::with(|settings| {
        settings.trusted_networks = vec!["127.0.0.1".parse().unwrap()];
        settings.max_command_line = 100;
    })
    .await;
    let mut rng = StdRng::seed_from_u64(20);
    for round in 0..300 {
        let mut client = Client::connect(door.address).await;
        client.expect("220").await;
        for _ in 0..rng.random_range(1..30) {
            if rng.random_bool(0.1) {
                let rubbish: Vec<u8> = (0..rng.random_range(1..300)).map(|_| rng.random()).collect();
                client.send(rubbish).await;
            } else {
                client.send(PIECES[rng.random_range(0..PIECES.len())]).await;
            }
            if rng.random_bool(0.3) {
                tokio::task::yield_now().await;
            }
        }
        // Ends a message, a half line, a session.
        client.send("\r\n\r\n.\r\nRSET\r\nQUIT\r\n").await;
        let mut last = String::new();
        while let Ok(reply) = client.read_reply().await {
            last = reply;
        }
        let good = ["221", "421 4.7.0", "554 5.5.0", "521"].iter().any(|code| last.starts_with(code));
        assert!(good, "round {round}: the session ended with {last:?}");
    }
    assert!(Client::greeted(door.address).await.deliver("a@x.example", "b@y.example", ".\r\n").await.starts_with("250"));
}
