//! A scripted SMTP client: send, expect. The transcript of the conversation is the failure message.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long an expected answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One conversation with a server.
pub struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    transcript: String,
}

impl Client {
    /// Connects; the banner is still to be read.
    pub async fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Connects from another address of this machine.
    pub async fn connect_from(source: &str, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        let stream = socket.connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { stream: Box::new(stream), received: Vec::new(), transcript: String::new() }
    }

    /// Connects, reads the banner and says EHLO.
    pub async fn greeted(server: SocketAddr) -> Self {
        let mut client = Self::connect(server).await;
        client.expect("220 ").await;
        client.ask("EHLO client.example", "250").await;
        client
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        let shown = bytes.get(..bytes.len().min(300)).unwrap_or_default();
        writeln!(self.transcript, "C: {}", shown.escape_ascii()).unwrap();
        if let Err(error) = self.stream.write_all(bytes).await {
            writeln!(self.transcript, "(not sent: {error})").unwrap();
        }
        // A server that hung up is noticed by what the test expects next.
        drop(self.stream.flush().await);
        self
    }

    /// Sends bytes in segments of their own.
    pub async fn send_in_pieces(&mut self, bytes: &[u8], size: usize) -> &mut Self {
        for piece in bytes.chunks(size) {
            self.send(piece).await;
            tokio::task::yield_now().await;
        }
        self
    }

    /// Everything said so far, both ways.
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// Sends one line and expects a reply that starts with `expected`.
    pub async fn ask(&mut self, line: &str, expected: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.expect(expected).await
    }

    /// Reads one reply of one or more lines; it must start with `expected`.
    pub async fn expect(&mut self, expected: &str) -> String {
        let reply = self.read_reply().await;
        let shown = reply.clone().unwrap_or_else(|end| end);
        assert!(
            reply.is_ok_and(|reply| reply.starts_with(expected)),
            "expected {expected:?}, got {shown:?}\n--- transcript\n{}",
            self.transcript
        );
        shown
    }

    /// Reads to the end of the connection: nothing more may come.
    pub async fn expect_end(&mut self) {
        let end = self.read_reply().await;
        assert_eq!(end, Err("end of connection".to_owned()), "\n--- transcript\n{}", self.transcript);
    }

    /// Reads one reply, whatever it says; an error tells how the connection ended.
    pub async fn read_reply(&mut self) -> Result<String, String> {
        let mut reply = String::new();
        loop {
            let line = match timeout(PATIENCE, self.read_line()).await {
                Ok(line) => line?,
                Err(_) => return Err(format!("nothing within {PATIENCE:?}")),
            };
            writeln!(self.transcript, "S: {}", line.trim_end()).unwrap();
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(reply);
            }
        }
    }

    async fn read_line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.received.drain(..end + 2).collect();
                let line = String::from_utf8(line).expect("replies are ASCII");
                assert!(line.len() <= 512 && line.trim_end().bytes().all(|b| (0x20..0x7f).contains(&b)), "{line:?}");
                return Ok(line);
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(1..) => {}
                Ok(0) | Err(_) if self.received.is_empty() => return Err("end of connection".into()),
                Ok(0) | Err(_) => return Err(format!("cut off: {}", self.received.escape_ascii())),
            }
        }
    }

    /// Turns TLS on after the server said 220 to STARTTLS; `false` when the handshake fails.
    pub async fn handshake(
        &mut self,
        roots: rustls::RootCertStore,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        assert!(self.received.is_empty(), "the server sent something in the clear after 220");
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let name = ServerName::try_from("mx.example").unwrap();
        match timeout(PATIENCE, connector.connect(name, plain)).await.expect("the handshake ends") {
            Ok(stream) => {
                writeln!(self.transcript, "(TLS)").unwrap();
                self.stream = Box::new(stream);
                true
            }
            Err(error) => {
                writeln!(self.transcript, "(no TLS: {error})").unwrap();
                false
            }
        }
    }

    /// Sends a whole message to one recipient over a greeted connection; returns the reply at the end of data.
    pub async fn deliver(&mut self, sender: &str, recipient: &str, data: &str) -> String {
        self.ask(&format!("MAIL FROM:<{sender}>"), "250").await;
        self.ask(&format!("RCPT TO:<{recipient}>"), "250").await;
        self.ask("DATA", "354").await;
        self.send(data).await;
        self.read_reply().await.unwrap()
    }
}
