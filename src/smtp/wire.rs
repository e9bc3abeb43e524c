//! The connection as the session sees it: bytes in, replies out, TLS put underneath when asked for.
//!
//! Buffers are small while a client is idle and large only while it sends a message, so that thousands of idle
//! connections cost little. Replies are gathered and written in one go when nothing is left to answer (RFC 2920 §3.2).

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::model::Reply;

/// Read at once while commands are expected.
pub(super) const COMMAND_READ: usize = 4096;
/// Longest reply line with CRLF (RFC 5321 §4.5.3.1.5).
const LONGEST_REPLY: usize = 512;
/// How long and how much a closed connection is read, so that the last reply is not lost to a reset.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// During the handshake, and after it failed.
    Closed,
}

/// Why nothing more was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    TimedOut,
    Disconnected,
}

/// One connection with its buffers.
pub(super) struct Wire {
    stream: Stream,
    input: BytesMut,
    /// What `input` was made for; it counts what was consumed as gone and can't say itself.
    room: usize,
    output: Vec<u8>,
    write_timeout: Duration,
    /// Whether the last read filled its buffer, so that the kernel may have more.
    filled: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, write_timeout: Duration) -> Self {
        let (input, output) = (BytesMut::new(), Vec::new());
        Self { stream: Stream::Plain(stream), input, room: 0, output, write_timeout, filled: false }
    }

    /// What was received and not consumed yet.
    pub(super) fn input(&self) -> &[u8] {
        &self.input
    }

    /// Forgets the first `count` bytes received.
    pub(super) fn consume(&mut self, count: usize) {
        self.input.advance(count.min(self.input.len()));
    }

    /// Reads up to about `size` bytes more; returns whether all the room was used.
    pub(super) async fn receive(&mut self, size: usize, deadline: Instant) -> Result<bool, Lost> {
        match tokio::time::timeout_at(deadline, self.read(size)).await {
            Ok(Ok(1..)) => Ok(self.filled),
            Ok(Ok(0) | Err(_)) => Err(Lost::Disconnected),
            Err(_) => Err(Lost::TimedOut),
        }
    }

    async fn read(&mut self, size: usize) -> io::Result<usize> {
        if self.input.is_empty() && self.room > size {
            // A message is over: its buffer must not stay while the client is idle.
            self.input = BytesMut::with_capacity(size);
            self.room = size;
        } else {
            self.input.reserve(size);
            self.room = self.room.max(self.input.capacity());
        }
        let free = self.input.capacity() - self.input.len();
        let count = self.stream.read_buf(&mut self.input).await?;
        self.filled = count == free;
        Ok(count)
    }

    /// Whether the client sent more than we have answered, without waiting for it.
    pub(super) fn has_pending_input(&mut self) -> bool {
        if self.input.is_empty() && (self.filled || matches!(self.stream, Stream::Tls(_))) {
            // Nothing to wait for and nothing to report: an error shows again at the next read.
            let _peeked: Option<io::Result<usize>> = self.read(COMMAND_READ).now_or_never();
        }
        !self.input.is_empty()
    }

    /// Whether the client spoke before we did. Asks the kernel, since the runtime does not know a new socket yet.
    pub(super) fn has_spoken_first(&self) -> bool {
        let Stream::Plain(stream) = &self.stream else { return false };
        let mut byte = [MaybeUninit::uninit(); 1];
        socket2::SockRef::from(stream).peek(&mut byte).is_ok_and(|count| count > 0)
    }

    /// Adds one reply to what is written next: printable ASCII, one line of at most 512 octets.
    pub(super) fn queue(&mut self, reply: &Reply) {
        let line = reply.to_string();
        let text = line.bytes().take(LONGEST_REPLY - 2).map(|b| if b == b' ' || b.is_ascii_graphic() { b } else { b'?' });
        self.output.extend(text);
        self.output.extend_from_slice(b"\r\n");
    }

    /// Adds a reply of several lines without enhanced codes (EHLO).
    pub(super) fn queue_lines(&mut self, code: u16, lines: &[String]) {
        let (last, others) = lines.split_last().map_or(("", [].as_slice()), |(last, others)| (last.as_str(), others));
        for line in others {
            self.output.extend_from_slice(format!("{code}-{line}\r\n").as_bytes());
        }
        self.output.extend_from_slice(format!("{code} {last}\r\n").as_bytes());
    }

    /// How many bytes of replies wait to be written.
    pub(super) fn queued(&self) -> usize {
        self.output.len()
    }

    /// Writes all replies that wait.
    pub(super) async fn flush(&mut self) -> Result<(), Lost> {
        if self.output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        match timeout(self.write_timeout, write).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Lost::Disconnected),
            Err(_) => return Err(Lost::TimedOut),
        }
        self.output.clear();
        self.output.shrink_to(1024);
        Ok(())
    }

    /// TLS version and cipher suite after a handshake that succeeded within `limit`. Whatever was received in the clear
    /// and not consumed is gone (RFC 3207 §4.2).
    pub(super) async fn start_tls(&mut self, acceptor: &TlsAcceptor, limit: Duration) -> Option<(String, String)> {
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Closed) else { return None };
        self.input = BytesMut::new();
        self.output = Vec::new();
        let handshake = Box::pin(timeout(limit, acceptor.accept(stream)));
        let stream = handshake.await.ok()?.ok()?;
        let (_, connection) = stream.get_ref();
        let version = connection.protocol_version().map(|version| format!("{version:?}").replace('_', "."))?;
        let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"))?;
        self.stream = Stream::Tls(Box::new(stream));
        Some((version, suite))
    }

    /// Writes what waits and ends the connection. With `linger`, what the client still sends is read for a moment:
    /// closing a socket with unread input resets it, and the last reply could be lost on the way.
    pub(super) async fn close(mut self, linger: bool) {
        if self.flush().await.is_err() || self.stream.shutdown().await.is_err() || !linger {
            return;
        }
        let (limit, most) = LINGER;
        let drain = async {
            let mut total = 0;
            while total < most {
                self.input.clear();
                match self.read(COMMAND_READ).await {
                    Ok(count @ 1..) => total += count,
                    Ok(0) | Err(_) => break,
                }
            }
        };
        // Out of time or out of patience: the client had its chance.
        let _ended: Result<(), _> = timeout(limit, drain).await;
    }
}

/// Tells a client that is not let in why, without waiting, and hangs up.
pub(super) fn turn_away(stream: &TcpStream, reply: &Reply) {
    let socket = socket2::SockRef::from(stream);
    // Politeness only: a client that can't be told is turned away all the same.
    if socket.send(format!("{reply}\r\n").as_bytes()).is_ok() {
        let _closed: io::Result<()> = socket.shutdown(Shutdown::Write);
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}
