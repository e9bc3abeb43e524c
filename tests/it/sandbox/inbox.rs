//! The inbox over real sockets.

use postern::model::Timestamp;
use postern::sandbox::inbox::Inbox;
use postern::sandbox::{letters, sender};

use super::{ANY, Client, DEADLINE};

fn letter(count: usize) -> letters::Letter {
    letters::write(&letters::SENDERS[0], "me@inbox.example", count, Timestamp::from_micros(1_700_000_000_000_000))
}

#[tokio::test]
async fn the_bytes_that_were_sent_arrive() {
    let inbox = Inbox::start(ANY).unwrap();
    let sent = letter(0);
    let seen = sender::send(inbox.address(), &sent).await.unwrap();
    assert!(seen.is_accepted(), "{}", seen.transcript);
    let message = inbox.shelf().wait_for(DEADLINE, |message| message.subject == sent.subject).await.unwrap();
    assert_eq!(message.bytes, sent.bytes);
    assert_eq!((message.sender.as_str(), message.recipients.as_slice()), (sent.sender.as_str(), &[sent.recipient][..]));
    assert!(message.whole);
}

#[tokio::test]
async fn waiting_sees_what_comes_later_and_ends_at_its_deadline() {
    let inbox = Inbox::start(ANY).unwrap();
    let (second, first) = (letter(1), letter(0));
    let waiting = inbox.shelf().wait_for(DEADLINE, |message| message.subject == second.subject);
    let sending = async {
        sender::send(inbox.address(), &first).await.unwrap();
        sender::send(inbox.address(), &second).await.unwrap();
    };
    let (found, ()) = tokio::join!(waiting, sending);
    assert_eq!(found.unwrap().number, 2);
    assert!(inbox.shelf().wait_for(std::time::Duration::ZERO, |_| false).await.is_none());
}

#[tokio::test]
async fn more_idle_peers_than_the_broker_keeps_do_not_block_it() {
    let inbox = Inbox::start(ANY).unwrap();
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(Client::connect(inbox.address()).await);
    }
    assert!(sender::send(inbox.address(), &letter(0)).await.unwrap().is_accepted());
}

#[tokio::test]
async fn nonsense_is_answered_and_the_next_session_works() {
    let inbox = Inbox::start(ANY).unwrap();
    let mut client = Client::connect(inbox.address()).await;
    for line in [
        &b"\r\n"[..],
        b"\0\xff\xfe\r\n",
        b"EHLO \xff\r\n",
        b"MAIL FROM:<\r\n",
        b"RCPT TO:<>\r\n",
        b"AUTH PLAIN AAAA\r\n",
        b"AUTH LOGIN ====\r\n",
        b"DATA\r\n",
        b"BDAT 5 LAST\r\n",
    ] {
        let answer = client.say(line).await;
        assert!(answer.starts_with('5'), "{answer}");
    }
    let mut long = vec![b'a'; 100_000];
    long.extend_from_slice(b"\r\n");
    assert!(client.say(&long).await.starts_with("500"));
    assert!(sender::send(inbox.address(), &letter(0)).await.unwrap().is_accepted());
}

#[tokio::test]
async fn a_dropped_inbox_turns_everybody_away() {
    let inbox = Inbox::start(ANY).unwrap();
    let address = inbox.address();
    drop(inbox);
    let mut client = Client::connect(address).await;
    assert!(client.say(b"EHLO x.example\r\n").await.starts_with("421"));
}
