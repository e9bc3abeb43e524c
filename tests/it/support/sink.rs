//! A scripted SMTP server on a raw socket: it records every byte and can misbehave at any point of the dialogue.
//!
//! ```ignore
//! let sink = Sink::start().await;                                       // polite
//! let sink = Sink::with(Script::new().reply(Point::Dot, "354 what?\r\n")).await;
//! sink.next(Script::new().at(Point::Mail, Act::Drop));                  // only for the next connection
//! let messages = sink.wait_for(1).await;
//! ```

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// How long a test waits for something that is going to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A point of the dialogue at which the script may intervene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// 354 was said, nothing of the text was read.
    Content,
    Dot,
    Reset,
    Quit,
}

/// What the sink does at a point instead of the polite thing.
#[derive(Debug, Clone)]
pub enum Act {
    /// Says exactly these bytes and goes on.
    Say(Vec<u8>),
    /// Says these bytes and closes.
    SayAndDrop(Vec<u8>),
    /// Waits, reading nothing, then says these bytes and goes on.
    SayAfter(Duration, Vec<u8>),
    /// Closes without a word.
    Drop,
    /// Never says anything again, and keeps the connection open.
    Stall,
    /// Neither reads nor says anything again, and keeps the connection open.
    Deaf,
    /// Closes its sending side and goes on reading.
    HalfClose,
}

/// How the sink behaves on one connection.
#[derive(Clone)]
pub struct Script {
    offers: Vec<String>,
    acts: HashMap<Point, Act>,
    identity: Option<Arc<Identity>>,
    tls_at_once: bool,
    /// Positive answer to the dot waits for this to be released.
    gate: Option<watch::Receiver<bool>>,
}

impl Script {
    /// A polite server with all extensions but STARTTLS and AUTH.
    pub fn new() -> Self {
        let offers = ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 52428800"].map(str::to_owned).to_vec();
        Self { offers, acts: HashMap::new(), identity: None, tls_at_once: false, gate: None }
    }

    /// Offers exactly these extensions.
    pub fn offers(mut self, offers: &[&str]) -> Self {
        self.offers = offers.iter().map(|offer| (*offer).to_owned()).collect();
        self
    }

    /// Offers one more extension.
    pub fn offer(mut self, offer: &str) -> Self {
        self.offers.push(offer.to_owned());
        self
    }

    /// Acts at a point.
    pub fn at(mut self, point: Point, act: Act) -> Self {
        self.acts.insert(point, act);
        self
    }

    /// Says these bytes at a point.
    pub fn reply(self, point: Point, bytes: impl AsRef<[u8]>) -> Self {
        self.at(point, Act::Say(bytes.as_ref().to_vec()))
    }

    /// Offers STARTTLS with this identity.
    pub fn start_tls(mut self, identity: &Arc<Identity>) -> Self {
        self.identity = Some(Arc::clone(identity));
        self.offer("STARTTLS")
    }

    /// Speaks TLS from the first byte.
    pub fn tls_at_once(mut self, identity: &Arc<Identity>) -> Self {
        self.identity = Some(Arc::clone(identity));
        self.tls_at_once = true;
        self
    }

    /// Holds the answer to the dot back until `true` is sent.
    pub fn gate(mut self, gate: watch::Receiver<bool>) -> Self {
        self.gate = Some(gate);
        self
    }
}

/// A certificate for the sink, and the same as PEM for the other side to trust.
pub struct Identity {
    acceptor: TlsAcceptor,
    pub pem: String,
}

impl Identity {
    /// Self-signed, for these names.
    pub fn new(names: &[&str]) -> Arc<Self> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        Arc::new(Self { acceptor: TlsAcceptor::from(Arc::new(config)), pem: made.cert.pem() })
    }
}

/// A message whose final dot arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Everything after `MAIL FROM:`.
    pub mail: String,
    /// Everything after `RCPT TO:` of each accepted recipient.
    pub rcpt: Vec<String>,
    /// The text as it came, stuffed, up to but without the terminating `.CRLF`.
    pub raw: Vec<u8>,
    /// The text without stuffing.
    pub content: Vec<u8>,
    /// Whether the dot was answered with a polite 250.
    pub accepted: bool,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl Message {
    /// The envelope sender, without brackets and parameters.
    pub fn sender(&self) -> &str {
        path(&self.mail)
    }

    /// The envelope recipients, without brackets and parameters.
    pub fn recipients(&self) -> Vec<&str> {
        self.rcpt.iter().map(|rcpt| path(rcpt)).collect()
    }
}

fn path(argument: &str) -> &str {
    let inner = argument.trim_start().strip_prefix('<').unwrap_or(argument);
    inner.split('>').next().unwrap_or_default()
}

/// What happened on one connection.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// Every byte received (inside TLS: decrypted).
    pub received: Vec<u8>,
    /// The same, cut as it arrived.
    pub chunks: Vec<Vec<u8>>,
    /// Whether the connection has ended.
    pub ended: bool,
}

impl Transcript {
    /// Whether a terminator was received inside DATA or anywhere.
    pub fn has_dot(&self) -> bool {
        self.received.windows(5).any(|five| five == b"\r\n.\r\n")
    }
}

#[derive(Default)]
struct Seen {
    messages: Vec<Message>,
    connections: Vec<Transcript>,
    open: usize,
    most_open: usize,
    next: VecDeque<Script>,
}

struct Shared {
    seen: Mutex<Seen>,
    /// Rises with everything that happens.
    changed: watch::Sender<u64>,
    script: Mutex<Script>,
}

impl Shared {
    fn change<T>(&self, edit: impl FnOnce(&mut Seen) -> T) -> T {
        let value = edit(&mut self.seen.lock());
        self.changed.send_modify(|count| *count += 1);
        value
    }
}

/// The server; stops when dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

impl Sink {
    /// A polite one on a free port.
    pub async fn start() -> Self {
        Self::with(Script::new()).await
    }

    /// One that follows a script, on a free port of 127.0.0.1.
    pub async fn with(script: Script) -> Self {
        Self::bind("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// One at a given address.
    pub async fn bind(address: SocketAddr, script: Script) -> Self {
        // A port that is free on one address of this machine may be in use on another for a moment.
        let until = tokio::time::Instant::now() + Duration::from_secs(10);
        let listener = loop {
            match TcpListener::bind(address).await {
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && tokio::time::Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                bound => break bound.unwrap(),
            }
        };
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { seen: Mutex::default(), changed: watch::channel(0).0, script: Mutex::new(script) });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(stop.clone().run_until_cancelled_owned(accept(listener, Arc::clone(&shared), tasks.clone(), stop.clone())));
        Self { address, shared, _stop: stop.drop_guard() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Another behaviour for all connections from now on.
    pub fn follow(&self, script: Script) {
        *self.shared.script.lock() = script;
    }

    /// Another behaviour for the next connection only; calls queue up.
    pub fn next(&self, script: Script) {
        self.shared.seen.lock().next.push_back(script);
    }

    /// All messages whose dot arrived so far.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.seen.lock().messages.clone()
    }

    /// What happened on each connection so far.
    pub fn connections(&self) -> Vec<Transcript> {
        self.shared.seen.lock().connections.clone()
    }

    /// The largest number of connections that were open at the same time.
    pub fn most_open(&self) -> usize {
        self.shared.seen.lock().most_open
    }

    /// Waits until `count` messages have arrived.
    pub async fn wait_for(&self, count: usize) -> Vec<Message> {
        self.wait_until(|sink| sink.messages().len() >= count).await;
        self.messages()
    }

    /// Waits until every connection has ended.
    pub async fn wait_for_quiet(&self) {
        self.wait_until(|sink| sink.shared.seen.lock().open == 0).await;
    }

    /// Waits until a condition holds; looks again whenever anything happens.
    pub async fn wait_until(&self, holds: impl Fn(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            while !holds(self) {
                changed.changed().await.unwrap();
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "it did not happen; seen: {:?}", self.connections());
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let number = shared.change(|seen| {
            seen.connections.push(Transcript::default());
            seen.open += 1;
            seen.most_open = seen.most_open.max(seen.open);
            seen.connections.len() - 1
        });
        let script = shared.seen.lock().next.pop_front().unwrap_or_else(|| shared.script.lock().clone());
        let shared = Arc::clone(&shared);
        let stop = stop.clone();
        tasks.spawn(async move {
            let _ended = stop.run_until_cancelled(converse(stream, &shared, number, &script)).await;
            shared.change(|seen| {
                seen.open -= 1;
                if let Some(connection) = seen.connections.get_mut(number) {
                    connection.ended = true;
                }
            });
        });
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Why a conversation is over; `None` for "go on" in between.
struct Over;

struct Session<'a> {
    stream: Box<dyn Duplex>,
    buffer: Vec<u8>,
    shared: &'a Shared,
    number: usize,
    script: &'a Script,
    tls: bool,
}

async fn converse(stream: TcpStream, shared: &Shared, number: usize, script: &Script) {
    if script.tls_at_once {
        let Ok(stream) = script.identity.as_ref().unwrap().acceptor.accept(stream).await else { return };
        let session = Session { stream: Box::new(stream), buffer: Vec::new(), shared, number, script, tls: true };
        session.greet_and_serve().await;
        return;
    }
    let session = Session { stream: Box::new(stream), buffer: Vec::new(), shared, number, script, tls: false };
    session.greet_and_serve().await;
}

impl Session<'_> {
    async fn greet_and_serve(mut self) {
        if self.act(Point::Greeting, "220 sink.example ESMTP\r\n").await.is_ok() {
            drop(self.serve().await);
        }
    }

    async fn serve(&mut self) -> Result<(), Over> {
        let mut mail = None;
        let mut rcpt = Vec::new();
        loop {
            let line = self.line().await?;
            let upper = line.to_ascii_uppercase();
            if upper.starts_with("EHLO") {
                let reply = self.ehlo();
                self.act(Point::Ehlo, &reply).await?;
            } else if upper.starts_with("HELO") {
                self.act(Point::Helo, "250 sink.example\r\n").await?;
            } else if upper == "STARTTLS" {
                self.act(Point::StartTls, "220 go\r\n").await?;
                self.start_tls().await?;
            } else if upper.starts_with("AUTH") {
                self.act(Point::Auth, "235 2.7.0 welcome\r\n").await?;
            } else if upper.starts_with("MAIL FROM:") {
                mail = Some(line["MAIL FROM:".len()..].to_owned());
                rcpt.clear();
                if !self.act(Point::Mail, "250 2.1.0 ok\r\n").await? {
                    mail = None;
                }
            } else if upper.starts_with("RCPT TO:") {
                if mail.is_none() {
                    self.say(b"503 5.5.1 MAIL first\r\n").await?;
                } else if self.act(Point::Rcpt, "250 2.1.5 ok\r\n").await? {
                    rcpt.push(line["RCPT TO:".len()..].to_owned());
                }
            } else if upper == "DATA" {
                if rcpt.is_empty() && !self.script.acts.contains_key(&Point::Data) {
                    self.say(b"503 5.5.1 RCPT first\r\n").await?;
                    continue;
                }
                let go_on = self.act(Point::Data, "354 go on\r\n").await?;
                if go_on {
                    self.content(mail.take().unwrap_or_default(), std::mem::take(&mut rcpt)).await?;
                }
            } else if upper == "RSET" {
                mail = None;
                rcpt.clear();
                self.act(Point::Reset, "250 2.0.0 ok\r\n").await?;
            } else if upper == "QUIT" {
                self.act(Point::Quit, "221 2.0.0 bye\r\n").await?;
                return Err(Over);
            } else {
                self.say(b"500 5.5.1 what?\r\n").await?;
            }
        }
    }

    fn ehlo(&self) -> String {
        let mut lines = vec!["sink.example".to_owned()];
        lines.extend(self.script.offers.iter().filter(|offer| !(self.tls && *offer == "STARTTLS")).cloned());
        let last = lines.len() - 1;
        let line = |(number, text): (usize, &String)| format!("250{}{text}\r\n", if number == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect()
    }

    async fn start_tls(&mut self) -> Result<(), Over> {
        let Some(identity) = &self.script.identity else { return Ok(()) };
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let stream = identity.acceptor.accept(plain).await.map_err(|_| Over)?;
        self.stream = Box::new(stream);
        self.tls = true;
        Ok(())
    }

    /// Reads the text and records it at the dot, before the dot is answered.
    async fn content(&mut self, mail: String, rcpt: Vec<String>) -> Result<(), Over> {
        if self.script.acts.contains_key(&Point::Content) {
            self.act(Point::Content, "").await?;
        }
        let mut raw = Vec::new();
        loop {
            let line = self.raw_line().await?;
            if line == b".\r\n" {
                break;
            }
            raw.extend_from_slice(&line);
        }
        let mut content = Vec::with_capacity(raw.len());
        for line in raw.split_inclusive(|byte| *byte == b'\n') {
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        if let Some(gate) = &self.script.gate {
            drop(gate.clone().wait_for(|open| *open).await);
        }
        let accepted = !self.script.acts.contains_key(&Point::Dot);
        let message = Message { mail, rcpt, raw, content, accepted, tls: self.tls };
        self.shared.change(|seen| seen.messages.push(message));
        self.act(Point::Dot, "250 2.0.0 taken\r\n").await?;
        Ok(())
    }

    /// The scripted act of a point or the polite reply; `false` if the reply was not positive.
    async fn act(&mut self, point: Point, polite: &str) -> Result<bool, Over> {
        match self.script.acts.get(&point) {
            None => self.say(polite.as_bytes()).await.map(|()| true),
            Some(Act::Say(bytes)) => {
                self.say(bytes).await?;
                Ok(matches!(bytes.first(), Some(b'2' | b'3')))
            }
            Some(Act::SayAfter(delay, bytes)) => {
                // Slowness is what is shown here; nothing waits for it to be over.
                tokio::time::sleep(*delay).await;
                self.say(bytes).await?;
                Ok(bytes.first().is_none_or(|first| matches!(first, b'2' | b'3')))
            }
            Some(Act::SayAndDrop(bytes)) => {
                self.say(bytes).await?;
                Err(Over)
            }
            Some(Act::Drop) => Err(Over),
            Some(Act::Stall) => loop {
                self.fill().await?;
            },
            Some(Act::Deaf) => std::future::pending().await,
            Some(Act::HalfClose) => {
                self.stream.shutdown().await.map_err(|_| Over)?;
                loop {
                    self.fill().await?;
                }
            }
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.stream.write_all(bytes).await.map_err(|_| Over)?;
        self.stream.flush().await.map_err(|_| Over)
    }

    async fn line(&mut self) -> Result<String, Over> {
        let line = self.raw_line().await?;
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    async fn raw_line(&mut self) -> Result<Vec<u8>, Over> {
        let mut searched = 0;
        loop {
            let from = self.buffer.get(searched..).unwrap_or_default();
            if let Some(end) = from.windows(2).position(|pair| pair == b"\r\n") {
                return Ok(self.buffer.drain(..searched + end + 2).collect());
            }
            searched = self.buffer.len().saturating_sub(1);
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Over> {
        let mut chunk = vec![0; 256 * 1024];
        let count = self.stream.read(&mut chunk).await.map_err(|_| Over)?;
        if count == 0 {
            return Err(Over);
        }
        chunk.truncate(count);
        self.buffer.extend_from_slice(&chunk);
        self.shared.change(|seen| {
            if let Some(connection) = seen.connections.get_mut(self.number) {
                connection.received.extend_from_slice(&chunk);
                connection.chunks.push(chunk);
            }
        });
        Ok(())
    }
}
