//! Mail addresses on a command line, by a strict encoder of our own (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! [`Address`] cannot hold a control character, and still every byte is looked at again here: this is the last place
//! before the wire, and one CR that slips through is someone else's command.

use std::fmt::Write;

use super::HandOff;
use super::classify::{self, End};
use crate::model::Address;

/// A whole path; RFC 5321 §4.5.3.1.3 says 256, UTF-8 and quoting need more.
const PATH: usize = 512;

/// The envelope as it stands between the angle brackets.
#[derive(Debug)]
pub(super) struct Envelope {
    /// `<sender>`, or `<>`.
    pub(super) sender: String,
    /// `<recipient>`.
    pub(super) recipient: String,
    /// Whether SMTPUTF8 is needed.
    pub(super) smtputf8: bool,
}

impl Envelope {
    /// Encodes both addresses, or refuses for good.
    pub(super) fn encode(hand_off: &HandOff) -> Result<Self, End> {
        let sender = match &hand_off.sender {
            Some(address) => path(address).ok_or_else(|| refuse("5.1.7", "the sender address can't be sent"))?,
            None => "<>".to_owned(),
        };
        let recipient = path(&hand_off.recipient).ok_or_else(|| refuse("5.1.3", "the recipient address can't be sent"))?;
        let smtputf8 = hand_off.smtputf8 || !sender.is_ascii() || !recipient.is_ascii();
        Ok(Self { sender, recipient, smtputf8 })
    }
}

fn refuse(status: &str, detail: &str) -> End {
    End::refused(classify::ours(status, detail)).here()
}

fn path(address: &Address) -> Option<String> {
    let mut path = String::with_capacity(64);
    write!(path, "<{address}>").ok()?;
    let inner = path.get(1..path.len() - 1)?;
    (path.len() <= PATH && is_one_path(inner)).then_some(path)
}

/// Whether brackets and white space stand only inside quotes, and nothing anywhere could end the line.
fn is_one_path(text: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            return false;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' | '>' | ' ' | ',' | ';' if !quoted => return false,
            _ => {}
        }
    }
    !quoted && !escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn e9_an_address_can_not_carry_a_second_command() {
        for text in ["a@x>\r\nRCPT TO:<b@y", "a> SIZE=1 <@x", "a\u{85}b@x", "a\u{2028}b@x", "\"a", "\"a\\\"@x", "a b@x"] {
            assert!(!is_one_path(text), "{text:?}");
        }
        assert!(is_one_path("\"a> b\"@x.example"));
        let longest = Address::parse(&format!("{}@x.example", "a".repeat(64))).unwrap();
        assert_eq!(path(&longest).unwrap(), format!("<{longest}>"));
    }

    proptest! {
        #[test]
        fn every_address_is_one_path_or_refused(text in "\\PC{1,70}@[a-z]{1,9}\\.example") {
            if let Ok(address) = Address::parse(&text)
                && let Some(path) = path(&address)
            {
                prop_assert!(!path.chars().any(char::is_control));
                prop_assert!(path.starts_with('<') && path.ends_with('>'));
            }
        }
    }
}
