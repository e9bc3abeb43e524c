//! Addresses of mail in a list field (RFC 6068), turned so that the mail goes through a reverse address.
//!
//! What a list wants in subject and body is how it knows who leaves, and is passed on as it was written. Everything else
//! an address may say (more recipients, copies, other fields) would make the owner's mail client write past us.

use crate::model::Address;

/// Characters that stand for themselves in the value of a field (RFC 6068 §2: `qchar`, without quotes).
const PLAIN: &[u8] = b"-._~!$*+,;:@/?()";

/// A `mailto:` address of one recipient. Has no `Debug`: it is an address.
#[derive(Clone, PartialEq, Eq)]
pub struct MailTo {
    /// The recipient.
    pub address: Address,
    /// Subject and body, still encoded, with the question mark in front; or nothing.
    query: String,
}

impl MailTo {
    /// Reads a URI without brackets and white space; `None` when it is not one recipient's, or can't be read in one way.
    pub fn parse(uri: &[u8]) -> Option<Self> {
        let uri = std::str::from_utf8(uri).ok()?;
        let (scheme, rest) = uri.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("mailto") {
            return None;
        }
        let (recipient, fields) = rest.split_once('?').unwrap_or((rest, ""));
        let address = Address::parse(&decode(recipient)?).ok()?;
        let mut query = String::new();
        for wanted in ["subject", "body"] {
            let named = fields.split('&').filter_map(|field| field.split_once('='));
            let value = named.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value).next();
            if let Some(value) = value.filter(|value| is_encoded(value) && is_text(wanted, value)) {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.extend([wanted, "=", value]);
            }
        }
        Some(Self { address, query })
    }

    /// The URI that says the same to `reverse`.
    pub fn through(&self, reverse: &Address) -> String {
        format!("mailto:{reverse}{}", self.query)
    }
}

/// Whether every character stands for itself or is percent-encoded.
fn is_encoded(value: &str) -> bool {
    let is_plain = |byte: u8| byte == b'%' || byte.is_ascii_alphanumeric() || PLAIN.contains(&byte);
    value.bytes().all(is_plain) && decode(value).is_some()
}

/// Whether nothing in it moves on to another line, or to another field of a mail client that decodes before it writes. A
/// body may have lines.
fn is_text(field: &str, value: &str) -> bool {
    let may_break = field == "body";
    decode(value).is_some_and(|text| text.chars().all(|c| !c.is_control() || may_break && matches!(c, '\r' | '\n' | '\t')))
}

/// Percent-decoding (RFC 3986 §2.1); `None` where a percent sign begins nothing or the bytes are no text.
fn decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2).filter(|(code, _)| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(uri: &str) -> Option<String> {
        let reverse = Address::parse("reply+x@you.example").unwrap();
        MailTo::parse(uri.as_bytes()).map(|mail| format!("{} {}", mail.address, mail.through(&reverse)))
    }

    #[test]
    fn the_address_is_replaced_and_subject_and_body_stay_as_written() {
        for (uri, expected) in [
            ("mailto:leave@x.example", "leave@x.example mailto:reply+x@you.example"),
            ("MAILTO:leave%2B1@X.example?", "leave+1@x.example mailto:reply+x@you.example"),
            (
                "mailto:leave@x.example?body=a%0D%0Ab&Subject=leave%20me:1@2",
                "leave@x.example mailto:reply+x@you.example?subject=leave%20me:1@2&body=a%0D%0Ab",
            ),
            (
                "mailto:leave@x.example?cc=a@b.example&bcc=c@d.example&to=e@f.example&from=g",
                "leave@x.example mailto:reply+x@you.example",
            ),
            ("mailto:leave@x.example?subject=x%0D%0ABcc:a@b.example&body=a%00b", "leave@x.example mailto:reply+x@you.example"),
            ("mailto:leave@x.example?subject=a\"b&body=%zz", "leave@x.example mailto:reply+x@you.example"),
        ] {
            assert_eq!(through(uri).as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn an_odd_address_is_none() {
        for uri in [
            "mailto:",
            "mailto:?to=a@b.example",
            "mailto:a@b.example,c@d.example",
            "mailto:a@b.example%2Cc@d.example",
            "mailto:a%",
            "mailto:a%4@b.example",
            "mailto:a@[192.0.2.1]",
            "mailto:Name%20%3Ca@b.example%3E",
            "mailto:a@b.example%0D%0ABcc:c@d.example",
            "https://x.example/",
            "a@b.example",
        ] {
            assert_eq!(through(uri), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_panic_and_nothing_else_gets_into_the_uri(uri in "(?i:mailto:)?[a-z@.]{0,9}(\\?|subject=|body=|&|%0|%41|\\PC){0,9}") {
            if let Some(text) = through(&uri) {
                prop_assert!(text.is_ascii() || !MailTo::parse(uri.as_bytes()).unwrap().address.is_ascii());
                let (_, ours) = text.rsplit_once(' ').unwrap();
                prop_assert!(ours.starts_with("mailto:reply+x@you.example") && !ours.contains(['<', '>', '"', '\r', '\n']));
            }
            let _ = MailTo::parse(uri.as_bytes());
        }
    }
}
