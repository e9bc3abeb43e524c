//! The local inbox: a real SMTP server on mailin-embedded that keeps what it gets and says when something came.
//!
//! It takes everything for everybody: in the sandbox it is the smarthost, so it plays the owner's mail provider and the
//! rest of the world at once. What mailin-embedded 0.8 can't do is kept from mattering here:
//! - It serves for ever on a blocking accept, so it runs on a thread of its own that lives as long as the process; when
//!   the [`Inbox`] is dropped the server answers 421 to whoever still comes.
//! - Each session holds one thread of its pool; there are more of them than the broker keeps connections to one site.
//! - After a refused end of data it stays in DATA, so nothing is refused there: what is too long is cut and marked.
//! - It answers `MAIL FROM:<>` with 500: `null_path` gives that line an address on its way, which is taken off here.
//! - It reads lines of any length into memory. It listens on loopback only, and its one client is the broker, which sends
//!   none that are long.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mailin_embedded::response::{NO_SERVICE, OK};
use mailin_embedded::{Handler, Response, Server};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::message::Received;
use super::null_path::NOBODY;

/// Sessions at once; the broker's limit of connections to one site is far below.
const THREADS: u32 = 32;
/// The broker takes 32 MiB at the most and adds some header fields.
const LONGEST: usize = 40 * 1024 * 1024;
/// Messages kept; older ones go.
const KEPT: usize = 200;
/// Bytes kept in all; older messages go.
const KEPT_BYTES: usize = 128 * 1024 * 1024;

/// The running inbox.
#[derive(Debug)]
pub struct Inbox {
    address: SocketAddr,
    shelf: Shelf,
}

impl Inbox {
    /// Opens the inbox; with port 0 the system chooses one.
    pub fn start(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shelf = Shelf::default();
        let mut server = Server::new(Session::new(shelf.clone()));
        server.with_name("mx.inbox.example").with_num_threads(THREADS).with_tcp_listener(listener);
        std::thread::Builder::new().name("sandbox-inbox".into()).spawn(move || {
            if let Err(error) = server.serve() {
                tracing::error!(%error, "the sandbox's inbox stopped");
            }
        })?;
        Ok(Self { address, shelf })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it keeps.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shelf.0.closed.store(true, Ordering::Relaxed);
    }
}

/// The messages that came, oldest first. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    messages: Mutex<Vec<Arc<Received>>>,
    arrivals: watch::Sender<u64>,
    closed: AtomicBool,
}

impl Shelf {
    /// All that is kept, oldest first.
    pub fn all(&self) -> Vec<Arc<Received>> {
        self.0.messages.lock().clone()
    }

    /// Messages that ever came; changes wake the receiver.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.0.arrivals.subscribe()
    }

    /// Waits until a message fits; `None` when the deadline passes.
    pub async fn wait_for(&self, deadline: Duration, fits: impl Fn(&Received) -> bool) -> Option<Arc<Received>> {
        let mut arrivals = self.arrivals();
        let found = async {
            loop {
                arrivals.mark_unchanged();
                if let Some(message) = self.0.messages.lock().iter().find(|message| fits(message)) {
                    return Some(Arc::clone(message));
                }
                arrivals.changed().await.ok()?;
            }
        };
        tokio::time::timeout(deadline, found).await.ok().flatten()
    }

    fn put(&self, sender: String, recipients: Vec<String>, bytes: Bytes, whole: bool) {
        let mut messages = self.0.messages.lock();
        let number = *self.0.arrivals.borrow() + 1;
        messages.push(Arc::new(Received::read(number, sender, recipients, bytes, whole)));
        let size = |messages: &[Arc<Received>]| messages.iter().map(|message| message.bytes.len()).sum::<usize>();
        while messages.len() > KEPT || (messages.len() > 1 && size(&messages) > KEPT_BYTES) {
            messages.remove(0);
        }
        drop(messages);
        self.0.arrivals.send_replace(number);
    }
}

/// One SMTP session.
#[derive(Debug, Clone)]
struct Session {
    shelf: Shelf,
    sender: String,
    recipients: Vec<String>,
    bytes: Vec<u8>,
    whole: bool,
}

impl Session {
    fn new(shelf: Shelf) -> Self {
        Self { shelf, sender: String::new(), recipients: Vec::new(), bytes: Vec::new(), whole: true }
    }
}

impl Handler for Session {
    fn helo(&mut self, _ip: IpAddr, _domain: &str) -> Response {
        if self.shelf.0.closed.load(Ordering::Relaxed) { NO_SERVICE } else { OK }
    }

    fn mail(&mut self, _ip: IpAddr, _domain: &str, from: &str) -> Response {
        self.sender = if from == NOBODY { String::new() } else { from.to_owned() };
        if self.shelf.0.closed.load(Ordering::Relaxed) { NO_SERVICE } else { OK }
    }

    fn data_start(&mut self, _domain: &str, _from: &str, _eight_bit: bool, to: &[String]) -> Response {
        self.recipients = to.to_vec();
        self.bytes = Vec::new();
        self.whole = true;
        OK
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.whole = self.whole && self.bytes.len().saturating_add(line.len()) <= LONGEST;
        if self.whole {
            self.bytes.extend_from_slice(line);
        }
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        self.shelf.put(std::mem::take(&mut self.sender), std::mem::take(&mut self.recipients), bytes, self.whole);
        OK
    }
}
