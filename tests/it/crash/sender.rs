//! A sender: just enough SMTP to hand in a message and to know what was said.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::message::Message;

/// How long an answer may take before the sender gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A reply: its code and its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The code.
    pub code: u16,
    /// The last line.
    pub text: String,
}

/// How handing in a message ended, for each recipient that was not accepted and for the rest.
#[derive(Debug)]
pub struct Handed {
    /// Recipients that got 250 and share the answer to the dot.
    pub recipients: Vec<usize>,
    /// The answer that decided: the one to the dot, or the first that was not positive.
    pub last: Said,
    /// Answers to recipients that were not accepted.
    pub refused: Vec<Said>,
}

/// One connection.
pub struct Sender {
    input: BufReader<TcpStream>,
}

impl Sender {
    /// Connects, reads the greeting, says EHLO. An error of kind `Other` is a greeting that was not positive.
    pub fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, Duration::from_secs(10))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut sender = Self { input: BufReader::new(stream) };
        for positive in [sender.reply()?, sender.command("EHLO sender.example")?] {
            if positive.code / 100 != 2 {
                return Err(io::Error::other(positive.text));
            }
        }
        Ok(sender)
    }

    /// One command, one answer.
    pub fn command(&mut self, line: &str) -> io::Result<Said> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.get_mut().write_all(bytes)
    }

    /// The socket, for whoever writes and reads at once.
    pub fn stream(&self) -> &TcpStream {
        self.input.get_ref()
    }

    /// The next answer.
    pub fn reply(&mut self) -> io::Result<Said> {
        loop {
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, line.to_owned()))?;
            if line.get(3..4) != Some("-") {
                return Ok(Said { code, text: line.to_owned() });
            }
        }
    }

    /// Hands in one message for these recipients. After a refusal the transaction is reset.
    pub fn hand_in(&mut self, message: &Message, recipients: &[&str]) -> io::Result<Handed> {
        let body = if message.eight_bit { " BODY=8BITMIME" } else { "" };
        let mut handed = Handed { recipients: Vec::new(), last: Said { code: 0, text: String::new() }, refused: Vec::new() };
        handed.last = self.command(&format!("MAIL FROM:<news@shop.example>{body}"))?;
        if handed.last.code != 250 {
            return self.reset(handed);
        }
        for (index, recipient) in recipients.iter().enumerate() {
            let said = self.command(&format!("RCPT TO:<{recipient}>"))?;
            if said.code == 250 {
                handed.recipients.push(index);
            } else {
                handed.last = said.clone();
                handed.refused.push(said);
            }
        }
        if handed.recipients.is_empty() {
            return self.reset(handed);
        }
        handed.last = self.command("DATA")?;
        if handed.last.code != 354 {
            return self.reset(handed);
        }
        self.write(&message.on_the_wire())?;
        handed.last = self.reply()?;
        Ok(handed)
    }

    fn reset(&mut self, handed: Handed) -> io::Result<Handed> {
        // After 421 the other side has hung up.
        if handed.last.code != 421 {
            self.command("RSET")?;
        }
        Ok(handed)
    }
}
