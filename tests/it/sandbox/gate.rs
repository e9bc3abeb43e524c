//! The window at the gate, with the inbox standing in for what lies behind.

use std::sync::Arc;

use postern::model::{Clock, Timestamp};
use postern::sandbox::gate;
use postern::sandbox::inbox::Inbox;
use postern::sandbox::journal::{Journal, What};
use postern::sandbox::{letters, sender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{ANY, Client, DEADLINE};

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }
}

struct Window {
    inbox: Inbox,
    journal: Journal,
    address: std::net::SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
}

async fn window(hidden: &[&str]) -> Window {
    let inbox = Inbox::start(ANY).unwrap();
    let journal = Journal::new(Arc::new(Noon), hidden);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let listener = tokio::net::TcpListener::bind(ANY).await.unwrap();
    let address = listener.local_addr().unwrap();
    gate::open(listener, inbox.address(), journal.clone(), &tasks, stop.clone());
    Window { inbox, journal, address, tasks, stop }
}

#[tokio::test]
async fn a_letter_passes_unchanged_and_is_written_down() {
    let window = window(&[]).await;
    let letter = letters::write(&letters::SENDERS[1], "Book@you.example", 1, Noon.now());
    let seen = sender::send(window.address, &letter).await.unwrap();
    let message = window.inbox.shelf().wait_for(DEADLINE, |_| true).await.unwrap();
    assert_eq!(message.bytes, letter.bytes);
    let events = window.journal.events();
    assert_eq!((events.len(), events[0].alias.as_str()), (1, "book@you.example"));
    let What::Mail(verdict) = &events[0].what else { panic!("{events:?}") };
    assert!(verdict.is_let_in());
    assert_eq!((verdict.reply.as_str(), verdict.subject.as_str()), (seen.reply.as_str(), letter.subject.as_str()));
    let heard = window.journal.heard();
    assert_eq!((heard.conversations, heard.leaks), (1, 0));
    // QUIT is answered after the event, so its line is counted too.
    assert_eq!(heard.lines, seen.answers.lines().count() as u64);
}

#[tokio::test]
async fn an_answer_that_gives_the_inbox_away_is_noticed() {
    let window = window(&["MX.Inbox.example"]).await;
    Client::connect(window.address).await;
    assert_eq!(window.journal.heard().leaks, 1);
}

#[tokio::test]
async fn the_window_closes_with_its_conversations() {
    let window = window(&[]).await;
    let mut client = Client::connect(window.address).await;
    assert!(client.say(b"NOOP\r\n").await.starts_with("250"));
    window.stop.cancel();
    window.tasks.close();
    tokio::time::timeout(DEADLINE, window.tasks.wait()).await.unwrap();
}
