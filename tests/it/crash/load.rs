//! Many senders at once, and the ledger: what got 250 is written down then and not before.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::dice::Dice;
use super::message::{Fingerprint, Message};
use super::sender::Sender;

/// An alias and the inbox behind it.
#[derive(Debug, Clone)]
pub struct Route {
    /// What senders write to.
    pub alias: String,
    /// What the sink sees.
    pub mailbox: String,
}

/// A message that got 250.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Its number.
    pub number: u64,
    /// Inboxes it was promised to.
    pub recipients: Vec<String>,
    /// What must arrive.
    pub fingerprint: Fingerprint,
}

/// What the senders have seen.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// What got 250.
    pub ledger: Vec<Promise>,
    /// Answers of 5xx.
    pub refused: Vec<String>,
    /// Answers of 4xx, with how often.
    pub temporary: std::collections::BTreeMap<String, u64>,
    /// Connections that broke within a transaction, and answers that made no sense.
    pub broken: Vec<String>,
    /// Attempts to connect that failed.
    pub unreachable: u64,
}

impl Book {
    /// How many answers of 4xx there were.
    pub fn temporary_count(&self) -> u64 {
        self.temporary.values().sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open,
    Over,
}

struct Shared {
    seed: u64,
    server: SocketAddr,
    routes: Vec<Route>,
    numbers: AtomicU64,
    phase: Mutex<Phase>,
    changed: Condvar,
    book: Mutex<Book>,
}

/// The senders.
pub struct Load {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    /// Makes the senders; they wait for [`Load::open`].
    pub fn new(seed: u64, senders: u64, server: SocketAddr, routes: &[Route]) -> Self {
        let shared = Arc::new(Shared {
            seed,
            server,
            routes: routes.to_vec(),
            numbers: AtomicU64::new(0),
            phase: Mutex::new(Phase::Closed),
            changed: Condvar::new(),
            book: Mutex::default(),
        });
        let start = |stream| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.send(Dice::new(seed ^ 0x5E4D, stream)))
        };
        let senders = (0..senders).map(start).collect();
        Self { shared, senders }
    }

    /// Lets them send.
    pub fn open(&self) {
        self.shared.set(Phase::Open);
    }

    /// Lets them finish the message under way and wait.
    pub fn close(&self) {
        self.shared.set(Phase::Closed);
    }

    /// What they have seen so far.
    pub fn book(&self) -> Book {
        self.shared.book.lock().unwrap().clone()
    }

    /// Asks something about what they have seen, without a copy of it.
    pub fn look<T>(&self, question: impl FnOnce(&Book) -> T) -> T {
        question(&self.shared.book.lock().unwrap())
    }

    /// Ends them; what they have seen.
    pub fn finish(mut self) -> Book {
        self.shared.set(Phase::Over);
        for sender in self.senders.drain(..) {
            sender.join().unwrap();
        }
        self.book()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.set(Phase::Over);
    }
}

impl Shared {
    fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = phase;
        self.changed.notify_all();
    }

    fn is_open(&self) -> bool {
        *self.phase.lock().unwrap() == Phase::Open
    }

    /// Waits until mail may be sent; false at the end.
    fn wait(&self) -> bool {
        let phase = self.changed.wait_while(self.phase.lock().unwrap(), |phase| *phase == Phase::Closed).unwrap();
        *phase == Phase::Open
    }

    /// A moment, or less when something changes.
    fn pause(&self) {
        drop(self.changed.wait_timeout(self.phase.lock().unwrap(), Duration::from_millis(20)).unwrap());
    }

    fn send(&self, mut dice: Dice) {
        while self.wait() {
            let mut sender = match Sender::connect(self.server) {
                Ok(sender) => sender,
                Err(error) => {
                    if error.kind() == io::ErrorKind::Other {
                        self.book.lock().unwrap().answered(&error.to_string());
                    } else {
                        self.book.lock().unwrap().unreachable += 1;
                    }
                    self.pause();
                    continue;
                }
            };
            while self.is_open() {
                match self.one(&mut sender, &mut dice) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        self.book.lock().unwrap().broken.push(error.to_string());
                        break;
                    }
                }
            }
        }
    }

    /// Hands in one message; whether the connection can go on.
    fn one(&self, sender: &mut Sender, dice: &mut Dice) -> io::Result<bool> {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let mut routes: Vec<&Route> = self.routes.iter().collect();
        let first = dice.length(routes.len());
        routes.rotate_left(first);
        // A few go to several inboxes at once.
        routes.truncate(if dice.one_in(6) { 2 } else { 1 });
        let aliases: Vec<&str> = routes.iter().map(|route| route.alias.as_str()).collect();
        let message = Message::make(self.seed, number, aliases.first().copied().unwrap_or_default());
        let fingerprint = message.fingerprint();
        let handed = sender.hand_in(&message, &aliases)?;
        let mut book = self.book.lock().unwrap();
        for said in &handed.refused {
            book.answered(&said.text);
        }
        if handed.last.code == 250 {
            let recipients =
                handed.recipients.iter().filter_map(|at| routes.get(*at)).map(|route| route.mailbox.clone()).collect();
            book.ledger.push(Promise { number, recipients, fingerprint });
        } else if handed.refused.is_empty() || !handed.recipients.is_empty() {
            book.answered(&handed.last.text);
        }
        drop(book);
        if handed.last.code != 250 {
            // A real sender would wait much longer.
            self.pause();
        }
        Ok(handed.last.code != 421)
    }
}

impl Book {
    fn answered(&mut self, text: &str) {
        if text.starts_with('4') {
            *self.temporary.entry(text.to_owned()).or_default() += 1;
        } else {
            self.refused.push(text.to_owned());
        }
    }
}
