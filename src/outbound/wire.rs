//! The stream below lettre: TCP or TLS, with every reply cleaned before lettre parses it (RFC 5321 §4.2, §4.5.3.1.5).
//!
//! lettre reads replies as UTF-8 lines of at most 1,000 octets and gives up on anything else, which after the final dot
//! would turn a delivered message into a second copy. So lines are bounded, bytes outside printable ASCII become `?`, a
//! bare LF becomes CRLF, and a code without text gets the space lettre insists on. The handle is shared: lettre owns
//! one, the body is written through another, and both are used by one task only, one after the other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use lettre::transport::smtp::client::AsyncTokioStream;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Octets of a reply line that are kept; lettre refuses more than 1,000.
const LINE_KEPT: usize = 900;
/// Octets of a reply line that are read before the peer is taken for broken.
const LINE_READ: usize = 8 * 1024;
/// Octets of one reply, all lines together.
const REPLY_READ: usize = 16 * 1024;
/// Lines of one reply. lettre parses a reply from its start with every line, so many lines would cost their square.
const LINES_READ: usize = 100;

/// The stream of one connection; clones share it.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Inner>>);

struct Inner {
    stream: Stream,
    /// As it came, not yet a whole line.
    raw: BytesMut,
    /// Cleaned lines, not yet read.
    clean: BytesMut,
    /// Octets of the reply under way.
    reply: usize,
    /// Lines of the reply under way.
    lines: usize,
    /// How many bytes at the front of `raw` are known to hold no line end.
    scanned: usize,
    /// One command to be swallowed because its answer is already in `clean`.
    swallow: bool,
    /// The peer closed, or the connection broke.
    lost: bool,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Taken out for the TLS handshake, which failed.
    Gone,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// Wraps a connected stream.
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self::of(Stream::Plain(stream))
    }

    /// Wraps a stream after its TLS handshake.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::of(Stream::Tls(Box::new(stream)))
    }

    fn of(stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stream,
            raw: BytesMut::new(),
            clean: BytesMut::new(),
            reply: 0,
            lines: 0,
            scanned: 0,
            swallow: false,
            lost: false,
        })))
    }

    /// Takes the TCP stream out for a TLS handshake. `None` if a byte is waiting that came before TLS: it could be an
    /// attacker's, to be read as if it had come inside (RFC 3207 §6, CVE-2021-38371).
    pub(super) fn take_plain(&self) -> Option<TcpStream> {
        let mut inner = self.0.lock();
        if !inner.raw.is_empty() || !inner.clean.is_empty() {
            return None;
        }
        match std::mem::replace(&mut inner.stream, Stream::Gone) {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(_) | Stream::Gone => None,
        }
    }

    /// Lets the next reader see `replies`, the second of which answers a command that is not sent again.
    pub(super) fn replay(&self, replies: &str) {
        let mut inner = self.0.lock();
        inner.clean.extend_from_slice(replies.as_bytes());
        inner.swallow = true;
    }

    /// Whether the peer closed or the connection broke.
    pub(super) fn is_lost(&self) -> bool {
        self.0.lock().lost
    }

    /// Whether TLS is spoken.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.0.lock().stream, Stream::Tls(_))
    }

    /// Whether something has come that nobody has read.
    pub(super) fn has_unread(&self) -> bool {
        let inner = self.0.lock();
        !inner.raw.is_empty() || !inner.clean.is_empty()
    }

    /// Whether the connection is open and nothing unasked has come: fit for the next message.
    pub(super) fn is_quiet(&self) -> bool {
        let mut inner = self.0.lock();
        let mut context = Context::from_waker(futures_util::task::noop_waker_ref());
        !inner.lost && inner.raw.is_empty() && inner.clean.is_empty() && inner.poll_fill(&mut context).is_pending()
    }

    /// Reads one cleaned line, without its CRLF.
    pub(super) async fn read_line(&self) -> io::Result<String> {
        std::future::poll_fn(|cx| {
            let mut inner = self.0.lock();
            loop {
                if let Some(end) = inner.clean.windows(2).position(|pair| pair == b"\r\n") {
                    let line = inner.clean.split_to(end + 2);
                    return Poll::Ready(Ok(String::from_utf8_lossy(&line).trim_end().to_owned()));
                }
                ready!(inner.poll_line(cx))?;
                if inner.clean.is_empty() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        })
        .await
    }

    /// Writes bytes and flushes them.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }
}

impl Inner {
    /// Reads more raw bytes; `Ready(Ok(0))` is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [0; 4096];
        let mut buffer = ReadBuf::new(&mut space);
        let result = ready!(self.stream.poll_read(cx, &mut buffer));
        let filled = buffer.filled();
        self.lost |= result.is_err() || filled.is_empty();
        result?;
        self.raw.extend_from_slice(filled);
        Poll::Ready(Ok(filled.len()))
    }

    /// Moves one line from `raw` to `clean`; at the end of the stream it moves nothing.
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let fresh = self.raw.get(self.scanned..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = self.raw.split_to(self.scanned + end + 1);
                self.scanned = 0;
                return Poll::Ready(self.clean_line(&line));
            }
            self.scanned = self.raw.len();
            if self.scanned > LINE_READ {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a reply line is too long")));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn clean_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.reply += line.len();
        self.lines += 1;
        if self.reply > REPLY_READ || self.lines > LINES_READ {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply is too long"));
        }
        let line = line.trim_ascii_end();
        self.clean.extend(line.iter().take(LINE_KEPT).map(|byte| if matches!(byte, 0x20..=0x7e) { *byte } else { b'?' }));
        if line.len() == 3 {
            self.clean.extend_from_slice(b" ");
        }
        self.clean.extend_from_slice(b"\r\n");
        if line.get(3) != Some(&b'-') {
            self.reply = 0;
            self.lines = 0;
        }
        Ok(())
    }
}

impl Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        if inner.clean.is_empty() {
            ready!(inner.poll_line(cx))?;
        }
        let count = inner.clean.len().min(buffer.remaining());
        buffer.put_slice(inner.clean.get(..count).unwrap_or_default());
        inner.clean.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.0.lock();
        if std::mem::take(&mut inner.swallow) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = match &mut inner.stream {
            Stream::Plain(stream) => ready!(Pin::new(stream).poll_write(cx, bytes)),
            Stream::Tls(stream) => ready!(Pin::new(stream).poll_write(cx, bytes)),
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        };
        inner.lost |= result.is_err();
        Poll::Ready(result)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.lock().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.lock().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0.lock().stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}
