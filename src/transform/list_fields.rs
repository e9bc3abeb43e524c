//! Fields that make the owner's mail client write to somebody by itself or at one click, and what is left of them
//! (RFC 2369, RFC 8058, RFC 8098).
//!
//! A read receipt, "reply to list" and the unsubscribe button of a mail client send from the owner's real inbox, straight
//! to the address in the field. Web addresses of a list may stay: a browser opens them, and no mail is sent.

use std::borrow::Cow;

use super::header::{Field, HeaderBlock};

/// A longer address of the web is not written anew: a line may have 998 octets (RFC 5322 §2.1.1).
const LONGEST: usize = 900;

/// Fields that ask for mail to an address and hold nothing else.
const ASKS_FOR_MAIL: &[&[u8]] = &[
    b"disposition-notification-to",
    b"disposition-notification-options",
    b"return-receipt-to",
    b"read-receipt-to",
    b"x-confirm-reading-to",
    b"errors-to",
    b"mail-followup-to",
    b"mail-reply-to",
    b"list-post",
    b"list-owner",
];

/// Whether a field (name in lower case) only asks for mail to an address.
pub fn asks_for_mail(name: &[u8]) -> bool {
    ASKS_FOR_MAIL.contains(&name)
}

/// Whether a field (name in lower case) may name web addresses beside those of mail.
pub fn may_be_on_the_web(name: &[u8]) -> bool {
    [&b"list-unsubscribe"[..], b"list-subscribe", b"list-help", b"list-archive"].contains(&name)
}

/// The field with its web addresses only: byte for byte when nothing else is in it, `None` when there are none.
pub fn on_the_web<'m>(field: &Field, message: &'m [u8]) -> Option<Cow<'m, [u8]>> {
    let uris = Uris::read(field.value(message));
    if uris.is_harmless {
        return Some(Cow::Borrowed(field.raw(message)));
    }
    let short = uris.web.iter().filter(|uri| uri.len() <= LONGEST);
    let list: Vec<Vec<u8>> = short.map(|uri| [b"<", uri.as_slice(), b">"].concat()).collect();
    if list.is_empty() {
        return None;
    }
    Some(Cow::Owned([field.name(message), b": ", &list.join(&b",\r\n "[..]), b"\r\n"].concat()))
}

/// Whether a way to unsubscribe by HTTPS stays, which is what `List-Unsubscribe-Post` speaks of.
pub fn has_one_click(block: &HeaderBlock, message: &[u8]) -> bool {
    let values = block.named(message, "List-Unsubscribe").map(|field| Uris::read(field.value(message)));
    values.flat_map(|uris| uris.web).any(|uri| has_scheme(&uri, b"https:"))
}

/// What stands in the value of a list field.
struct Uris {
    /// Web addresses, without angle brackets and without white space, which folding may have put into them.
    web: Vec<Vec<u8>>,
    /// Nothing but these and text that holds no address.
    is_harmless: bool,
}

impl Uris {
    fn read(value: &[u8]) -> Self {
        let mut pieces = value.split(|byte| *byte == b'<');
        let mut outside = pieces.next().unwrap_or_default().to_vec();
        let mut uris = Self { web: Vec::new(), is_harmless: true };
        for piece in pieces {
            let Some(end) = piece.iter().position(|byte| *byte == b'>') else {
                uris.is_harmless = false;
                continue;
            };
            let (uri, rest) = piece.split_at_checked(end).unwrap_or((piece, &[]));
            outside.extend_from_slice(rest);
            let uri: Vec<u8> = uri.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let is_web = has_scheme(&uri, b"https:") || has_scheme(&uri, b"http:");
            uris.is_harmless &= is_web;
            if is_web {
                uris.web.push(uri);
            }
        }
        outside.retain(|byte| !byte.is_ascii_whitespace());
        // Encoded words may hold an address as well, and have no place here.
        let is_address = outside.contains(&b'@') || outside.windows(7).any(|text| text.eq_ignore_ascii_case(b"mailto:"));
        uris.is_harmless &= !is_address && !outside.windows(2).any(|text| text == b"=?");
        uris
    }
}

fn has_scheme(uri: &[u8], scheme: &[u8]) -> bool {
    uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::Limits;
    use super::*;

    fn kept(field: &str) -> Option<String> {
        let block = HeaderBlock::parse(field.as_bytes(), Limits::default()).unwrap();
        on_the_web(&block.fields()[0], field.as_bytes()).map(|kept| String::from_utf8_lossy(&kept).into_owned())
    }

    #[test]
    fn without_mail_addresses_every_byte_stays() {
        for field in [
            "List-Unsubscribe:  <https://x.example/u?a=b@c>\r\n",
            "List-Help: <HTTP://x.example/>,\r\n\t<https://y.example/very\r\n /long> (help)\r\n",
            "List-Archive: https://x.example/\r\n",
        ] {
            assert_eq!(kept(field).as_deref(), Some(field));
        }
    }

    #[test]
    fn only_web_addresses_are_left_beside_mail_addresses() {
        for (value, left) in [
            ("<mailto:a@x.example>,\r\n <https://x.example/1>", Some("<https://x.example/1>")),
            (
                "<https://x.example/1>, <MailTo:a@x.example>, <http://y.example/\r\n 2>",
                Some("<https://x.example/1>,\r\n <http://y.example/2>"),
            ),
            ("<https://x.example/1>, <a@x.example>", Some("<https://x.example/1>")),
            ("<https://x.example/1> mail\r\n to:a", Some("<https://x.example/1>")),
            ("<https://x.example/1>, <mailto:a@x.example", Some("<https://x.example/1>")),
            ("<mailto:a@x.example>", None),
            ("a@x.example", None),
            ("=?utf-8?q?=3Cmailto:a=40x.example=3E?=", None),
            ("< ma\r\n ilto:a@x.example>", None),
            ("<tel:1>", None),
        ] {
            let left = left.map(|left| format!("List-Unsubscribe: {left}\r\n"));
            assert_eq!(kept(&format!("List-Unsubscribe: {value}\r\n")), left, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_leaves_a_mail_address_a_client_would_take(pieces in proptest::collection::vec(prop_oneof![
            Just("<"), Just(">"), Just("mailto:"), Just("https://x"), Just("a@b"), Just(","), Just("\r\n "), Just(" "), Just("=?")], 0..12))
        {
            let field = format!("List-Help: x{}\r\n", pieces.concat());
            if let Some(kept) = kept(&field) {
                let text: String = kept.to_lowercase().split_whitespace().collect();
                prop_assert!(!text.contains("<mailto:") && !text.contains("<a@"), "{}", kept);
            }
        }
    }
}
