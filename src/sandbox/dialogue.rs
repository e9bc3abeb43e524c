//! Follows one SMTP conversation from outside and says what became of each recipient (RFC 5321 §3.3).
//!
//! It sees the bytes of both sides in the order in which they pass the gate and never changes them. Commands may be
//! pipelined (RFC 2920); DATA is always the last of a group, so the client's bytes turn into a message exactly when 354
//! goes by. Lines are remembered up to a limit; the rest of a longer one is ignored.

use std::collections::VecDeque;

const LONGEST_LINE: usize = 2_048;
const PENDING: usize = 1_000;
const RECIPIENTS: usize = 100;

/// What became of a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The recipient as the sender wrote it.
    pub recipient: String,
    /// The envelope sender as it was written.
    pub sender: String,
    /// The message's Subject field, undecoded, if it came that far.
    pub subject: String,
    /// The reply that decided.
    pub reply: String,
}

impl Verdict {
    /// Whether the message was let in.
    pub fn is_let_in(&self) -> bool {
        self.reply.starts_with('2')
    }

    /// Whether it was meant for a correspondent of an alias, and not for the owner.
    pub fn is_answer(&self) -> bool {
        self.recipient.to_ascii_lowercase().starts_with("reply+")
    }

    /// Whether the sender was told to come back later.
    pub fn is_later(&self) -> bool {
        self.reply.starts_with('4')
    }
}

#[derive(Debug)]
enum Asked {
    Greeting,
    Mail(String),
    Recipient(String),
    Data,
    Dot,
    Reset,
    Other,
}

/// The state of one conversation.
#[derive(Debug)]
pub struct Dialogue {
    client: Lines,
    server: Lines,
    asked: VecDeque<Asked>,
    in_message: bool,
    in_header: bool,
    sender: String,
    accepted: Vec<String>,
    subject: String,
}

impl Default for Dialogue {
    fn default() -> Self {
        Self {
            client: Lines::default(),
            server: Lines::default(),
            asked: VecDeque::from([Asked::Greeting]),
            in_message: false,
            in_header: false,
            sender: String::new(),
            accepted: Vec::new(),
            subject: String::new(),
        }
    }
}

impl Dialogue {
    /// Bytes on their way from the client to the server.
    pub fn from_client(&mut self, bytes: &[u8]) {
        for line in self.client.push(bytes) {
            if self.in_message {
                self.message_line(&line);
            } else if self.asked.len() < PENDING {
                self.asked.push_back(command(&line));
            }
        }
    }

    /// Bytes on their way from the server to the client: the lines in them, and what they decide.
    pub fn from_server(&mut self, bytes: &[u8]) -> (Vec<String>, Vec<Verdict>) {
        let lines = self.server.push(bytes);
        let mut verdicts = Vec::new();
        for line in &lines {
            // `250-` is followed by more of the same reply.
            if line.as_bytes().get(3) != Some(&b'-') {
                self.reply(line, &mut verdicts);
            }
        }
        (lines, verdicts)
    }

    fn message_line(&mut self, line: &str) {
        if line == "." {
            self.in_message = false;
            self.asked.push_back(Asked::Dot);
        } else if line.is_empty() {
            self.in_header = false;
        } else if self.in_header && self.subject.is_empty() {
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("subject") => value.trim().clone_into(&mut self.subject),
                _ => {}
            }
        }
    }

    fn reply(&mut self, reply: &str, verdicts: &mut Vec<Verdict>) {
        let good = reply.starts_with('2');
        match self.asked.pop_front() {
            Some(Asked::Mail(sender)) if good => {
                self.sender = sender;
                self.accepted.clear();
                self.subject.clear();
            }
            Some(Asked::Recipient(recipient)) => {
                if !good {
                    verdicts.push(self.verdict(recipient, reply));
                } else if self.accepted.len() < RECIPIENTS {
                    self.accepted.push(recipient);
                }
            }
            Some(Asked::Data) if reply.starts_with("354") => (self.in_message, self.in_header) = (true, true),
            Some(Asked::Data | Asked::Dot) => {
                for recipient in std::mem::take(&mut self.accepted) {
                    verdicts.push(self.verdict(recipient, reply));
                }
                self.subject.clear();
            }
            Some(Asked::Reset) => self.accepted.clear(),
            Some(Asked::Greeting | Asked::Mail(_) | Asked::Other) | None => {}
        }
    }

    fn verdict(&self, recipient: String, reply: &str) -> Verdict {
        Verdict { recipient, sender: self.sender.clone(), subject: self.subject.clone(), reply: reply.to_owned() }
    }
}

fn command(line: &str) -> Asked {
    let starts = |verb: &str| line.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb));
    if starts("MAIL FROM:") {
        Asked::Mail(path(line))
    } else if starts("RCPT TO:") {
        Asked::Recipient(path(line))
    } else if starts("DATA") {
        Asked::Data
    } else if starts("RSET") || starts("EHLO") || starts("HELO") {
        Asked::Reset
    } else {
        Asked::Other
    }
}

/// What stands between `<` and `>`.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>')).map(|(path, _)| path);
    inner.unwrap_or_default().to_owned()
}

/// Cuts a stream into lines, keeping only the beginning of long ones.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&self.0);
                lines.push(line.strip_suffix('\r').unwrap_or(&line).to_owned());
                self.0.clear();
            } else if self.0.len() < LONGEST_LINE {
                self.0.push(*byte);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(recipient: &str, subject: &str, reply: &str) -> Verdict {
        Verdict { recipient: recipient.into(), sender: "news@shop.example".into(), subject: subject.into(), reply: reply.into() }
    }

    #[test]
    fn each_recipient_gets_the_reply_that_decided() {
        let mut dialogue = Dialogue::default();
        let _greeting = dialogue.from_server(b"220 gate ESMTP\r\n");
        dialogue.from_client(b"EHLO x\r\nMAIL FROM:<news@shop.example> SIZE=9\r\nRCPT TO:<a@you.example>\r\n");
        dialogue.from_client(b"RCPT TO:<b@you.example>\r\nDATA\r\n");
        let (_, refused) = dialogue.from_server(b"250-gate\r\n250 PIPELINING\r\n250 ok\r\n550 5.1.1 No\r\n250 ok\r\n354 go\r\n");
        assert_eq!(refused, [verdict("a@you.example", "", "550 5.1.1 No")]);
        dialogue.from_client(b"Subject: Hi\r\n\r\nsubject: no\r\nRCPT TO:<c@you.example>\r\n.\r\nQUIT\r\n");
        let (_, taken) = dialogue.from_server(b"250 2.0.0 Done\r\n221 bye\r\n");
        assert_eq!(taken, [verdict("b@you.example", "Hi", "250 2.0.0 Done")]);
        assert!(taken[0].is_let_in());
    }

    #[test]
    fn bytes_may_come_one_by_one() {
        let mut dialogue = Dialogue::default();
        let mut seen = Vec::new();
        let talk: [(&[u8], &[u8]); 5] = [
            (b"", b"220 x\r\n"),
            (b"MAIL FROM:<news@shop.example>\r\n", b"250 ok\r\n"),
            (b"RCPT TO:<a@you.example>\r\n", b"250 ok\r\n"),
            (b"DATA\r\n", b"354 go\r\n"),
            (b"Subject: S\r\n\r\n.\r\n", b"450 4.2.1 Later\r\n"),
        ];
        for (client, server) in talk {
            for byte in client {
                dialogue.from_client(&[*byte]);
            }
            for byte in server {
                seen.extend(dialogue.from_server(&[*byte]).1);
            }
        }
        assert_eq!(seen, [verdict("a@you.example", "S", "450 4.2.1 Later")]);
        assert!(seen[0].is_later());
    }

    proptest! {
        #[test]
        fn any_bytes_are_followed(talk in proptest::collection::vec((any::<bool>(), "[ -~\r\n]{0,40}"), 0..30)) {
            let mut dialogue = Dialogue::default();
            for (client, text) in talk {
                if client { dialogue.from_client(text.as_bytes()) } else { drop(dialogue.from_server(text.as_bytes())) }
            }
        }
    }
}
