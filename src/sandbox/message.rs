//! A message as the inbox got it: envelope, raw bytes, and what a mail program would show of it.

use bytes::Bytes;
use mail_parser::{Address, MessageParser};

/// Characters of the text part that are kept for showing.
const SHOWN_TEXT: usize = 20_000;

/// A message that came to the inbox.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Counted from 1.
    pub number: u64,
    /// Envelope sender.
    pub sender: String,
    /// Envelope recipients.
    pub recipients: Vec<String>,
    /// Header and body, as they came.
    pub bytes: Bytes,
    /// Whether nothing was cut.
    pub whole: bool,
    /// Display name in From.
    pub from_name: String,
    /// Address in From.
    pub from_address: String,
    /// Addresses in To.
    pub to: String,
    /// Address in Reply-To, or empty.
    pub reply_to: String,
    /// Subject, decoded.
    pub subject: String,
    /// The plain text (made from the HTML part where there is no other).
    pub text: String,
}

impl Received {
    /// Reads a message. What can't be read is left empty.
    pub fn read(number: u64, sender: String, recipients: Vec<String>, bytes: Bytes, whole: bool) -> Self {
        let raw = bytes.clone();
        let mut message = Self { number, sender, recipients, bytes, whole, ..Self::default() };
        // An empty `Message` must not be asked for its fields: mail-parser 0.11 panics on one.
        if let Some(parsed) = MessageParser::default().parse(&raw[..]) {
            (message.from_name, message.from_address) = first(parsed.from());
            (_, message.reply_to) = first(parsed.reply_to());
            message.to = parsed.to().map(addresses).unwrap_or_default();
            parsed.subject().unwrap_or_default().clone_into(&mut message.subject);
            message.text = parsed.body_text(0).unwrap_or_default().chars().take(SHOWN_TEXT).collect();
        }
        message
    }

    /// The header block as text, for those who want to see it.
    pub fn header(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let end = text.find("\r\n\r\n").unwrap_or(text.len());
        text.get(..end).unwrap_or_default().to_owned()
    }

    /// The value of a header field that stands on one line.
    pub fn field(&self, name: &str) -> Option<String> {
        let header = self.header();
        header.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The alias it came through, in small letters: what Postern wrote into it.
    pub fn alias(&self) -> Option<String> {
        self.field("X-Postern-Alias").map(|alias| alias.to_lowercase())
    }

    /// The reverse address an answer to it goes to.
    pub fn reverse(&self) -> Option<&str> {
        (self.from_address.starts_with("reply+")).then_some(self.from_address.as_str())
    }

    /// Whether the raw bytes hold `needle`, in any case.
    pub fn mentions(&self, needle: &str) -> bool {
        String::from_utf8_lossy(&self.bytes).to_lowercase().contains(&needle.to_lowercase())
    }
}

/// Name and address of the first mailbox.
fn first(list: Option<&Address<'_>>) -> (String, String) {
    let first = list.and_then(Address::first);
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    (text(first.and_then(|addr| addr.name())), text(first.and_then(|addr| addr.address())))
}

fn addresses(list: &Address<'_>) -> String {
    list.iter().filter_map(|addr| addr.address()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Received {
        Received::read(1, "a@b.example".into(), vec!["me@inbox.example".into()], Bytes::copy_from_slice(bytes), true)
    }

    #[test]
    fn what_a_mail_program_shows_is_read() {
        let message = read(
            b"From: =?utf-8?q?B=C3=BCcher?= <news@b.example>\r\nTo: x@you.example, y@you.example\r\n\
              Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n",
        );
        assert_eq!((message.from_name.as_str(), message.from_address.as_str()), ("Bücher", "news@b.example"));
        assert_eq!((message.subject.as_str(), message.text.trim_end()), ("Grüße", "Hello"));
        assert_eq!(message.to, "x@you.example, y@you.example");
        assert!(message.header().ends_with("?="));
        assert!(message.mentions("NEWS@b.example") && !message.mentions("me@inbox.example"));
    }

    /// Pieces that mails are made of, in any order.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known = prop::sample::select(vec![
            &b"From: "[..],
            b"To: ",
            b"Reply-To: ",
            b"Subject: ",
            b"Content-Type: ",
            b"multipart/mixed; boundary=",
            b"text/html",
            b"; charset=",
            b"utf-8",
            b"=?utf-8?q?",
            b"=?utf-8?B?",
            b"?=",
            b"Content-Transfer-Encoding: ",
            b"base64",
            b"\r\n",
            b"\n",
            b" ",
            b"\r\n\r\n",
            b"--",
            b"x",
            b"\"",
            b"<",
            b">",
            b"@",
            b",",
            b";",
            b":",
            b"(",
            b")",
            b"group:",
            b"message/rfc822",
            b"\0",
            b"\xff\xfe",
            b"=",
            b"filename*0*=",
            b"utf-7",
            b"iso-2022-jp",
            b"quoted-printable",
            b"<p>",
            b"&amp",
        ]);
        prop_oneof![9 => known.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..20)]
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(pieces in prop::collection::vec(piece(), 0..60)) {
            let bytes = pieces.concat();
            let message = read(&bytes);
            prop_assert_eq!(&message.bytes[..], &bytes[..]);
            message.header();
        }
    }
}
