//! The two made-up sites of the sandbox and the mail they send: real MIME, as such sites send it.

use super::message::Received;
use crate::model::Timestamp;

/// A site that was given an alias.
#[derive(Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its name, as people know it.
    pub name: &'static str,
    /// Its domain.
    pub domain: &'static str,
    /// Where its mail comes from.
    pub address: &'static str,
    /// What it sends, one after the other.
    letters: [(&'static str, &'static str); 3],
}

/// The sites of the story.
pub const SENDERS: [Sender; 2] = [
    Sender {
        name: "Lumen Phones",
        domain: "lumen-phones.example",
        address: "news@lumen-phones.example",
        letters: [
            (
                "Welcome to Lumen Phones – please confirm your address",
                "Thank you for signing up. Your warranty for the Lumen 7 is registered.\n\
                 Confirm your address here: https://lumen-phones.example/confirm?id=7f3a",
            ),
            (
                "Your Lumen 7 has a new system version",
                "Version 7.2 brings longer battery life and a better night mode.\n\
                 It installs itself tonight while the phone is charging.",
            ),
            (
                "Only until Sunday: 30 % off for our customers",
                "Dear customer, because you bought a Lumen 7, the earphones are yours at a third less.\n\
                 https://lumen-phones.example/offers",
            ),
        ],
    },
    Sender {
        name: "Bookworm",
        domain: "bookworm.example",
        address: "orders@bookworm.example",
        letters: [
            (
                "Your order 20931 is on its way",
                "“The Small Back Gate” left our shop this morning and should reach you on Thursday.\n\
                 Follow the parcel: https://bookworm.example/parcel/20931",
            ),
            (
                "Your receipt for order 20931",
                "1 × The Small Back Gate, hardcover: 24.00\nPaid by card. Keep this mail for your records.",
            ),
            (
                "Three books chosen for you",
                "Readers of “The Small Back Gate” also liked: The Night Porter, Walls and Windows, A Key for Every Door.",
            ),
        ],
    },
];

/// The sender with that domain.
pub fn sender(domain: &str) -> Option<&'static Sender> {
    SENDERS.iter().find(|sender| sender.domain == domain)
}

/// A mail ready to be sent.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The name the sender greets with.
    pub helo: String,
    /// Envelope sender.
    pub sender: String,
    /// Envelope recipient.
    pub recipient: String,
    /// The subject, decoded.
    pub subject: String,
    /// Header and body.
    pub bytes: Vec<u8>,
}

/// The `count`-th mail of a site to `recipient`.
pub fn write(from: &Sender, recipient: &str, count: usize, now: Timestamp) -> Letter {
    let [first, second, third] = from.letters;
    let (subject, text) = match count % 3 {
        0 => first,
        1 => second,
        _ => third,
    };
    let (name, domain, address) = (from.name, from.domain, from.address);
    let boundary = format!("=_{count}_{}", now.as_micros());
    let paragraphs = format!("<p>{}</p>\r\n", text.replace('\n', "</p>\r\n<p>"));
    let plain = text.replace('\n', "\r\n");
    let message = format!(
        "From: {name} <{address}>\r\n\
         To: {recipient}\r\n\
         Subject: {}\r\n\
         Date: {}\r\n\
         Message-ID: <{}.{count}@{domain}>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\
         \r\n\
         {}\r\n\
         --{boundary}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\
         \r\n\
         {}\r\n\
         --{boundary}--\r\n",
        encoded_word(subject),
        now.to_rfc5322(),
        now.as_micros(),
        base64(&format!("{plain}\r\n\r\n{name}\r\n")),
        base64(&format!("<!doctype html>\r\n<h1>{subject}</h1>\r\n{paragraphs}<p>{name}</p>\r\n")),
    );
    Letter {
        helo: format!("mail.{domain}"),
        sender: address.to_owned(),
        recipient: recipient.to_owned(),
        subject: subject.to_owned(),
        bytes: message.into_bytes(),
    }
}

/// The owner's answer to a mail, as a mail program writes it and the owner's provider passes it on.
pub fn answer(owner: &str, to: &Received, now: Timestamp) -> Letter {
    let text = "Thank you, that is all I need.\r\nPlease do not send me offers.";
    in_the_name_of(owner, to, "mx.inbox.example", text, now)
}

/// What a stranger writes in the owner's name, to the same address.
pub fn forgery(owner: &str, to: &Received, now: Timestamp) -> Letter {
    let text = "I have moved: please send my next parcel to another address.";
    in_the_name_of(owner, to, "mail.stranger.example", text, now)
}

fn in_the_name_of(owner: &str, to: &Received, helo: &str, text: &str, now: Timestamp) -> Letter {
    let subject = format!("Re: {}", to.subject);
    let reverse = to.reverse().unwrap_or_default();
    let answered = to.field("Message-ID").unwrap_or_default();
    let message = format!(
        "Received: from [192.168.1.23] by {helo} with ESMTPSA; {date}\r\n\
         From: Me <{owner}>\r\n\
         To: {name} <{reverse}>\r\n\
         Subject: {}\r\n\
         Date: {date}\r\n\
         Message-ID: <{}@inbox.example>\r\n\
         In-Reply-To: {answered}\r\n\
         References: {answered}\r\n\
         User-Agent: Sandbox Mail\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         \r\n\
         {text}\r\n",
        encoded_word(&subject),
        now.as_micros(),
        date = now.to_rfc5322(),
        name = encoded_word(&format!("\"{}\"", to.from_name.replace(['"', '\\'], ""))),
    );
    Letter {
        helo: helo.to_owned(),
        sender: owner.to_owned(),
        recipient: reverse.to_owned(),
        subject,
        bytes: message.into_bytes(),
    }
}

/// An RFC 2047 word where the text needs one; the subjects above fit into one word each.
fn encoded_word(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    format!("=?utf-8?B?{}?=", data_encoding::BASE64.encode(text.as_bytes()))
}

/// Base64 in lines of 76 (RFC 2045 §6.8).
fn base64(text: &str) -> String {
    let mut lines = String::new();
    for (index, symbol) in data_encoding::BASE64.encode(text.as_bytes()).chars().enumerate() {
        if index > 0 && index % 76 == 0 {
            lines.push_str("\r\n");
        }
        lines.push(symbol);
    }
    lines
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_letter_reads_as_it_was_written() {
        for from in &SENDERS {
            for count in 0..3 {
                let letter = write(from, "x@you.example", count, Timestamp::from_micros(1_700_000_000_000_000));
                assert!(letter.bytes.is_ascii() && !letter.bytes.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'));
                assert!(String::from_utf8_lossy(&letter.bytes).lines().all(|line| line.len() <= 100));
                let read = Received::read(1, letter.sender, vec![letter.recipient], Bytes::from(letter.bytes), true);
                assert_eq!((read.subject.as_str(), read.from_address.as_str()), (letter.subject.as_str(), from.address));
                assert!(read.text.contains(from.letters[count].1.lines().next().unwrap()), "{}", read.text);
            }
        }
    }
}
