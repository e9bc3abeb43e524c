//! What ends a message and what only looks like it (RFC 5321 §4.1.1.4): a stranger must not get a second message in
//! under the name of the server that carries the first.

use super::TestDoor;
use crate::support::client::Client;

const START: &[u8] = b"Subject: x\r\n\r\nA";
const SMUGGLED: &[u8] = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<v@y.example>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\n";

/// What stands between `START` and `SMUGGLED`, and what it becomes when the message is taken.
const CONTENT: &[(&[u8], &[u8])] = &[
    (b"\r\n. \r\n", b"\r\n \r\n"),
    (b"\r\n.\t\r\n", b"\r\n\t\r\n"),
    (b"\r\n..\r\n", b"\r\n.\r\n"),
    (b"\r\n.foo\r\n", b"\r\nfoo\r\n"),
    (b"\x0b.\x0b", b"\x0b.\x0b"),
    (b"\x0c.\x0c", b"\x0c.\x0c"),
    (b"\xc2\x85.\xc2\x85", b"\xc2\x85.\xc2\x85"),
    (b"\xe2\x80\xa8.\xe2\x80\xa8", b"\xe2\x80\xa8.\xe2\x80\xa8"),
    (b"\x8d\x8a.\x8d\x8a", b"\x8d\x8a.\x8d\x8a"),
    (b"\r\n.\x8d\x8a", b"\r\n\x8d\x8a"),
];

/// What makes the message be refused at its real end.
const REFUSED: &[&[u8]] = &[
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\r\n.\n",
    b"\r\n.\rx",
    b"\r\n.\r\r\n",
    b"\r\n\r.\r\n",
    b"\r\r\n.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
];

/// Begins a transaction up to the 354.
async fn begin(client: &mut Client) {
    client.send("MAIL FROM:<ann@sender.example>\r\nRCPT TO:<shop@alias.example>\r\nDATA\r\n").await;
    for expected in ["250", "250", "354"] {
        client.expect(expected).await;
    }
}

/// The ways one message is cut into segments: as one, byte by byte, and once at every place in and around `sequence`.
fn cuts(message: &[u8], sequence: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut ways = vec![vec![message.to_vec()], message.chunks(1).map(<[u8]>::to_vec).collect()];
    for at in START.len()..=START.len() + sequence.len() + 1 {
        let (first, second) = message.split_at(at);
        ways.push(vec![first.to_vec(), second.to_vec()]);
    }
    ways
}

#[tokio::test]
async fn no_sequence_but_the_real_one_ends_a_message_however_it_is_cut() {
    let door = TestDoor::with(|settings| {
        settings.max_messages = 10_000;
        // Each round makes an error on purpose; trusted clients are not slowed down for that.
        settings.max_errors = 10_000;
        settings.trusted_networks = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    let refused = REFUSED.iter().map(|sequence| (*sequence, None));
    let content = CONTENT.iter().map(|(sequence, becomes)| (*sequence, Some(*becomes)));
    for (sequence, becomes) in refused.chain(content) {
        let message = [START, sequence, SMUGGLED].concat();
        for segments in cuts(&message, sequence) {
            begin(&mut client).await;
            for segment in segments {
                client.send(segment).await;
            }
            client.expect(if becomes.is_some() { "250 2.0.0" } else { "554 5.6.0" }).await;
            // In step, and nothing of the smuggled commands was taken.
            client.ask("RCPT TO:<v@y.example>", "503").await;
            client.ask("RSET", "250").await;
            let mut arrived = std::mem::take(&mut *door.gate.arrived.lock());
            let Some(becomes) = becomes else {
                assert!(arrived.is_empty(), "{sequence:?}");
                continue;
            };
            let whole = [START, becomes, SMUGGLED.strip_suffix(b".\r\n").unwrap()].concat();
            assert_eq!(arrived.len(), 1, "{sequence:?}");
            assert_eq!(arrived.remove(0).content, whole, "{sequence:?}");
        }
    }
}

#[tokio::test]
async fn the_real_end_ends_it_and_commands_follow() {
    let door = TestDoor::open().await;
    for size in [1, 1000] {
        let mut client = Client::greeted(door.address).await;
        begin(&mut client).await;
        let input = [START, b"\r\n.\r\nMAIL FROM:<b@x.example>\r\nRSET\r\nQUIT\r\n"].concat();
        client.send_in_pieces(&input, size).await;
        for expected in ["250 2.0.0", "250 2.1.0", "250 2.0.0", "221"] {
            client.expect(expected).await;
        }
        client.expect_end().await;
    }
    assert!(door.arrived().iter().all(|message| message.content == [START, b"\r\n"].concat()));
}

#[tokio::test]
async fn a_dot_line_at_once_is_an_empty_message() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    for size in [1, 2, 3] {
        begin(&mut client).await;
        client.send_in_pieces(b".\r\n", size).await;
        client.expect("250").await;
    }
    begin(&mut client).await;
    client.send("..first\r\n.\r\n").await;
    client.expect("250").await;
    let contents: Vec<_> = door.arrived().into_iter().map(|message| message.content).collect();
    assert_eq!(contents, [b"".as_slice(), b"", b"", b".first\r\n"]);
}

#[tokio::test]
async fn the_end_may_straddle_any_read_buffer() {
    let door = TestDoor::with(|settings| settings.max_messages = 10_000).await;
    let mut client = Client::greeted(door.address).await;
    for buffer in [4096_usize, 16 * 1024, 32 * 1024, 64 * 1024, 128 * 1024] {
        for size in buffer - 5..=buffer + 5 {
            begin(&mut client).await;
            let body = "a".repeat(size - 2) + "\r\n";
            client.send(format!("\r\n{body}.\r\nNOOP\r\n")).await;
            client.expect("250 2.0.0 Message accepted").await;
            client.expect("250 2.0.0 Ok").await;
            let arrived = std::mem::take(&mut *door.gate.arrived.lock());
            assert_eq!(arrived[0].content.len(), size + 2);
        }
    }
}

#[tokio::test]
async fn a_message_before_the_go_ahead_is_not_run_as_commands() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    client.send("MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\nRSET\r\nMAIL FROM:<evil@x.example>\r\n.\r\n").await;
    for expected in ["250", "250", "554 5.5.0"] {
        client.expect(expected).await;
    }
    client.expect_end().await;
    assert!(door.arrived().is_empty());
}

#[tokio::test]
async fn a_chunk_of_bdat_is_not_run_as_commands() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    client.send("MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nBDAT 6 LAST\r\nRSET\r\n").await;
    for expected in ["250", "250", "554 5.5.0"] {
        client.expect(expected).await;
    }
    client.expect_end().await;
}
