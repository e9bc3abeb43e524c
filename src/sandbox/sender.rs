//! The scripted senders: a small SMTP client that keeps the whole conversation, because what a sender sees is the point.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::letters::Letter;

const PATIENCE: Duration = Duration::from_mins(1);
const LONGEST_LINE: u64 = 4_096;

/// What a sender saw.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Every line of both sides, `> ` before the sender's own.
    pub transcript: String,
    /// The answers only.
    pub answers: String,
    /// The answer that decided about the message.
    pub reply: String,
}

impl Conversation {
    /// Whether the message was taken.
    pub fn is_accepted(&self) -> bool {
        self.reply.starts_with('2')
    }
}

/// Delivers a letter as a mail server does; an error means that the conversation broke off.
pub async fn send(gate: SocketAddr, letter: &Letter) -> io::Result<Conversation> {
    send_from(Ipv4Addr::LOCALHOST, gate, letter).await
}

/// The same from another address of this machine: a server of its own.
pub async fn send_from(source: Ipv4Addr, gate: SocketAddr, letter: &Letter) -> io::Result<Conversation> {
    tokio::time::timeout(PATIENCE, talk(source, gate, letter)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn talk(source: Ipv4Addr, gate: SocketAddr, letter: &Letter) -> io::Result<Conversation> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    let stream = socket.connect(gate).await?;
    stream.set_nodelay(true)?;
    let mut client = Client { stream: BufReader::new(stream), transcript: String::new(), answers: String::new() };
    let mut reply = client.answer().await?;
    for command in [
        format!("EHLO {}", letter.helo),
        format!("MAIL FROM:<{}>", letter.sender),
        format!("RCPT TO:<{}>", letter.recipient),
        "DATA".to_owned(),
    ] {
        if !reply.starts_with('2') {
            break;
        }
        reply = client.command(&command).await?;
    }
    if reply.starts_with("354") {
        client.note("> ", "[the message]");
        client.stream.write_all(&dotted(&letter.bytes)).await?;
        reply = client.answer().await?;
    }
    client.command("QUIT").await?;
    Ok(Conversation { transcript: client.transcript, answers: client.answers, reply })
}

/// The message with dots doubled and the final one set (RFC 5321 §4.5.2).
fn dotted(bytes: &[u8]) -> Vec<u8> {
    let mut dotted = Vec::with_capacity(bytes.len() + 16);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            dotted.push(b'.');
        }
        dotted.extend_from_slice(line);
    }
    if !dotted.ends_with(b"\r\n") {
        dotted.extend_from_slice(b"\r\n");
    }
    dotted.extend_from_slice(b".\r\n");
    dotted
}

struct Client {
    stream: BufReader<TcpStream>,
    transcript: String,
    answers: String,
}

impl Client {
    async fn command(&mut self, line: &str) -> io::Result<String> {
        self.note("> ", line);
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.answer().await
    }

    /// Reads a whole reply; gives its last line.
    async fn answer(&mut self) -> io::Result<String> {
        loop {
            let mut line = Vec::new();
            (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
            if line.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.note("  ", &line);
            self.answers.push_str(&line);
            self.answers.push('\n');
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    fn note(&mut self, who: &str, line: &str) {
        self.transcript.push_str(who);
        self.transcript.push_str(line);
        self.transcript.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_at_the_start_of_a_line_are_doubled() {
        assert_eq!(dotted(b".a\r\nb.\r\n..\r\nend"), b"..a\r\nb.\r\n...\r\nend\r\n.\r\n");
    }
}
