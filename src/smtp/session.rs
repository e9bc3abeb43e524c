//! One SMTP session (RFC 5321 §3, §4.1.4, §4.3): reads a command, lets `commands/` act on it, counts errors, keeps time.
//!
//! What a session may be in: greeted or not, in a transaction or not, encrypted or not. Whatever ends the data, however
//! it ends, ends the transaction; whatever drops the sender drops the recipients, because both live in one value.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::command::Command;
use super::gate::{Client, Gate, MailFrom};
use super::limits::Slot;
use super::line::{LineReader, Scan};
use super::listener::{Entrance, Shared};
use super::replies;
use super::tls::Tls;
use super::wire::{COMMAND_READ, Lost, Wire};
use crate::model::Reply;

/// Errors from which on every answer is delayed.
const PATIENT_ERRORS: u32 = 10;
/// The delay of answers to clients that guess.
const DELAY: Duration = Duration::from_secs(1);
/// Replies are written at the latest when this much waits, so that a client that never reads can't fill our memory.
const WRITE_AT: usize = 8 * 1024;
/// How long a client may be silent when connections get scarce.
const SCARCE_TIMEOUT: Duration = Duration::from_mins(1);
/// AUTH and the answers it asks for may be this long (RFC 4954 §4), whatever other commands may.
const LONGEST_AUTH: usize = 12_288;
/// First words of other protocols.
const OTHER_PROTOCOLS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"CONNECT ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"PRI * HTTP"];

/// What a client has announced and not yet sent.
pub(super) struct Transaction<R> {
    pub(super) mail: MailFrom,
    pub(super) recipients: Vec<R>,
    /// The recipients accepted, in canonical form: naming one twice delivers once.
    pub(super) named: HashSet<String>,
    /// Whether a recipient was refused.
    pub(super) refused: bool,
}

/// What reading a line came to.
pub(super) enum Incoming<T> {
    Line(T),
    TooLong,
    Invalid,
    OtherProtocol,
    TimedOut,
    Disconnected,
    ShuttingDown,
}

/// What follows a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next command.
    Command,
    /// The end of the connection, after the replies that wait. The client may still be sending.
    HangUp,
    /// The end the client asked for.
    Quit,
    /// Nobody is there any more.
    Gone,
}

/// One connection and all that is known about it.
pub(super) struct Session<G: Gate> {
    pub(super) shared: Arc<Shared<G>>,
    pub(super) entrance: Entrance,
    pub(super) slot: Slot,
    pub(super) client: Client,
    pub(super) wire: Wire,
    pub(super) transaction: Option<Transaction<G::Recipient>>,
    pub(super) messages: u32,
    pub(super) failed_logins: u32,
    pub(super) ends: Instant,
    lines: LineReader,
    errors: u32,
    lines_seen: bool,
    soft: CancellationToken,
    _connection: OwnedSemaphorePermit,
}

impl<G: Gate> Session<G> {
    pub(super) fn new(
        shared: Arc<Shared<G>>,
        entrance: Entrance,
        stream: TcpStream,
        ip: IpAddr,
        slot: Slot,
        connection: OwnedSemaphorePermit,
        soft: CancellationToken,
    ) -> Self {
        let settings = &shared.settings;
        Self {
            entrance,
            slot,
            client: Client { ip, helo: String::new(), esmtp: false, tls: None, login: None },
            wire: Wire::new(stream, settings.command_timeout.0),
            transaction: None,
            messages: 0,
            failed_logins: 0,
            ends: Instant::now() + settings.session_timeout.0,
            lines: LineReader::new(settings.max_command_line),
            errors: 0,
            lines_seen: false,
            soft,
            _connection: connection,
            shared,
        }
    }

    /// Holds the session to its end.
    pub(super) async fn run(mut self) {
        let mut next = self.begin().await;
        while next == Next::Command {
            next = match self.read(Command::parse).await {
                Incoming::Line(Ok(command)) => {
                    self.pace().await;
                    self.act(command).await
                }
                Incoming::Line(Err(reply)) => self.refuse(reply).await,
                Incoming::TooLong => self.refuse(replies::LINE_TOO_LONG).await,
                Incoming::Invalid => self.refuse(replies::BAD_LINE).await,
                ended => self.end(&ended),
            };
        }
        if next == Next::Gone {
            return;
        }
        self.wire.close(next == Next::HangUp).await;
    }

    /// What follows when no line came.
    pub(super) fn end<T>(&mut self, incoming: &Incoming<T>) -> Next {
        match incoming {
            Incoming::OtherProtocol => self.hang_up(&replies::NOT_SMTP),
            Incoming::TimedOut => self.hang_up(&replies::TIMED_OUT),
            Incoming::ShuttingDown => self.hang_up(&replies::SHUTTING_DOWN),
            Incoming::Disconnected | Incoming::Line(_) | Incoming::TooLong | Incoming::Invalid => Next::Gone,
        }
    }

    /// TLS where it comes first, then the greeting.
    async fn begin(&mut self) -> Next {
        if self.entrance != Entrance::Submissions {
            return self.greet();
        }
        let Some(acceptor) = self.shared.tls.as_ref().map(Tls::acceptor) else { return Next::Gone };
        if !self.shake_hands(&acceptor).await {
            return Next::Gone;
        }
        self.say(&Reply::bare(220, format!("{} ESMTP Postern", self.shared.hostname)))
    }

    /// Puts TLS underneath. Everything learned in the clear is forgotten; false when the handshake failed.
    pub(super) async fn shake_hands(&mut self, acceptor: &TlsAcceptor) -> bool {
        let limit = self.shared.settings.tls_timeout.0;
        let Some(tls) = Box::pin(self.wire.start_tls(acceptor, limit)).await else {
            tracing::debug!("the TLS handshake failed");
            return false;
        };
        self.transaction = None;
        self.client.helo.clear();
        self.client.esmtp = false;
        self.client.login = None;
        self.client.tls = Some(tls);
        true
    }

    fn greet(&mut self) -> Next {
        if self.wire.has_spoken_first() {
            return self.hang_up(&replies::OUT_OF_TURN);
        }
        self.say(&Reply::bare(220, format!("{} ESMTP Postern", self.shared.hostname)))
    }

    /// The next line as `parse` reads it, after all replies that wait are written if it has to be waited for.
    pub(super) async fn read<T>(&mut self, parse: fn(&str) -> T) -> Incoming<T> {
        let silence = self.shared.patience(self.entrance);
        let deadline = self.ends.min(Instant::now() + silence);
        loop {
            if self.soft.is_cancelled() {
                return Incoming::ShuttingDown;
            }
            if let Some(incoming) = self.scan(parse) {
                if self.wire.queued() >= WRITE_AT && self.wire.flush().await.is_err() {
                    return Incoming::Disconnected;
                }
                return incoming;
            }
            if self.wire.flush().await.is_err() {
                return Incoming::Disconnected;
            }
            let received = tokio::select! {
                biased;
                received = self.wire.receive(COMMAND_READ, deadline) => received,
                () = self.soft.cancelled() => return Incoming::ShuttingDown,
            };
            match received {
                Ok(_) => {}
                Err(Lost::TimedOut) => return Incoming::TimedOut,
                Err(Lost::Disconnected) => return Incoming::Disconnected,
            }
        }
    }

    /// Looks for a command in what was received.
    fn scan<T>(&mut self, parse: fn(&str) -> T) -> Option<Incoming<T>> {
        if !self.lines_seen && self.speaks_another_protocol() {
            return Some(Incoming::OtherProtocol);
        }
        let usual = self.shared.settings.max_command_line;
        self.lines.set_longest(if self.may_still_log_in() { usual.max(LONGEST_AUTH) } else { usual });
        let scan = self.lines.scan(self.wire.input());
        let (incoming, consumed) = match scan {
            Scan::Line { consumed } => {
                let line = self.wire.input().get(..consumed).and_then(|line| std::str::from_utf8(line).ok());
                (line.map_or(Incoming::Invalid, |line| Incoming::Line(parse(line))), consumed)
            }
            Scan::TooLong { consumed } => (Incoming::TooLong, consumed),
            Scan::Invalid { consumed } => (Incoming::Invalid, consumed),
            Scan::Incomplete { consumed } => {
                self.lines_seen |= consumed > 0;
                self.wire.consume(consumed);
                return None;
            }
        };
        self.lines_seen = true;
        self.wire.consume(consumed);
        Some(incoming)
    }

    /// A browser, a TLS client, something binary: told by how its first line begins, which may never end.
    fn speaks_another_protocol(&self) -> bool {
        let input = self.wire.input();
        let binary = input.first().is_some_and(|&b| !(b.is_ascii_graphic() || matches!(b, b' ' | b'\t' | b'\r' | b'\n')));
        binary || OTHER_PROTOCOLS.iter().any(|word| input.starts_with(word))
    }

    /// Queues a reply and goes on.
    pub(super) fn say(&mut self, reply: &Reply) -> Next {
        self.wire.queue(reply);
        Next::Command
    }

    /// Queues a reply of the gate. With 421 it asks for the end of the connection (RFC 5321 §3.8).
    pub(super) fn answer(&mut self, reply: &Reply) -> Next {
        if reply.code() == 421 { self.hang_up(reply) } else { self.say(reply) }
    }

    /// Queues a last reply.
    pub(super) fn hang_up(&mut self, reply: &Reply) -> Next {
        tracing::debug!(reply.code = reply.code(), "hanging up");
        self.wire.queue(reply);
        Next::HangUp
    }

    /// Answers a wrong command, and hangs up on one too many.
    pub(super) async fn refuse(&mut self, reply: Reply) -> Next {
        self.errors += 1;
        if self.errors >= self.shared.settings.max_errors {
            return self.hang_up(&replies::TOO_MANY_ERRORS);
        }
        self.pace().await;
        self.say(&reply)
    }

    /// Delays the next answer of a client that made many errors.
    async fn pace(&mut self) {
        if self.errors >= PATIENT_ERRORS {
            self.delay().await;
        }
    }

    /// Delays the next answer; the ones before it are not held back.
    pub(super) async fn delay(&mut self) {
        // A client that is gone is noticed at the next read.
        if !self.slot.is_trusted() && self.wire.flush().await.is_ok() {
            tokio::time::sleep(DELAY).await;
        }
    }

    /// Whether the client sent more before it saw our answer to a command that must be the last of its group
    /// (RFC 2920 §3.1). What follows could be a message taken for commands, or commands smuggled into TLS.
    pub(super) fn is_out_of_turn(&mut self) -> bool {
        self.wire.has_pending_input()
    }
}

impl<G: Gate> Shared<G> {
    /// How long a client may be silent now: less when connections get scarce.
    pub(super) fn patience(&self, entrance: Entrance) -> Duration {
        let usual = self.settings.command_timeout.0;
        if self.is_scarce(entrance) { usual.min(SCARCE_TIMEOUT) } else { usual }
    }
}
