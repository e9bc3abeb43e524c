//! Fields that make the owner's mail client write to somebody by itself or at one click, and what is left of them
//! (RFC 2369, RFC 8058, RFC 8098).
//!
//! A read receipt, "reply to list" and the unsubscribe button of a mail client send from the owner's real inbox, straight
//! to the address in the field. Web addresses of a list may stay: a browser opens them, and no mail is sent. Who leaves a
//! list by mail does so through a reverse address.

use std::borrow::Cow;

use super::header::{Field, HeaderBlock};
use super::mailto::MailTo;
use crate::model::Address;

/// A longer address of the web is not written anew: a line may have 998 octets (RFC 5322 §2.1.1).
const LONGEST: usize = 900;

/// Addresses of mail to leave a list that are passed on; lists give one, some two.
const MOST_BY_MAIL: usize = 3;

const UNSUBSCRIBE: &str = "List-Unsubscribe";

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

/// Whether a field (name in lower case) may name web addresses beside those of mail, which go.
pub fn may_be_on_the_web(name: &[u8]) -> bool {
    [&b"list-subscribe"[..], b"list-help", b"list-archive"].contains(&name)
}

/// The field with its web addresses only: byte for byte when nothing else is in it, `None` when there are none.
pub fn on_the_web<'m>(field: &Field, message: &'m [u8]) -> Option<Cow<'m, [u8]>> {
    let uris = Uris::read(field.value(message));
    if uris.is_harmless {
        return Some(Cow::Borrowed(field.raw(message)));
    }
    let web = uris.list.iter().filter_map(Uri::as_web).map(<[u8]>::to_vec).collect();
    write(field.name(message), web).map(Cow::Owned)
}

fn write(name: &[u8], uris: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    let short = uris.iter().filter(|uri| uri.len() <= LONGEST);
    let list: Vec<Vec<u8>> = short.map(|uri| [b"<", uri.as_slice(), b">"].concat()).collect();
    (!list.is_empty()).then(|| [name, b": ", &list.join(&b",\r\n "[..]), b"\r\n"].concat())
}

/// Where mail goes to leave the list: each needs a reverse address.
pub fn unsubscribe_addresses(block: &HeaderBlock, message: &[u8]) -> Vec<Address> {
    let values = block.named(message, UNSUBSCRIBE).map(|field| Uris::read(field.value(message)));
    let mail = values.flat_map(|uris| uris.list).filter_map(|uri| match uri {
        Uri::Mail(mail) => Some(mail.address),
        Uri::Web(_) => None,
    });
    mail.take(MOST_BY_MAIL).collect()
}

/// What the sender says about leaving its list, as the owner gets it.
pub struct Unsubscribe<'m> {
    /// The one field: whole lines; the last may lack its line end. Byte for byte as it was when only web addresses are
    /// in it; several fields become one, because programs read the first or none (RFC 2369 §3.4).
    pub field: Cow<'m, [u8]>,
    /// Whether there is a way by HTTPS, which is what `List-Unsubscribe-Post` speaks of.
    pub has_https: bool,
}

/// Reads all `List-Unsubscribe` fields; `None` when no usable address is in them. Addresses of mail become the ones that
/// `reverse` has for them; where it has none they go.
pub fn unsubscribe<'m, 'r>(
    block: &HeaderBlock,
    message: &'m [u8],
    reverse: impl Fn(&Address) -> Option<&'r Address>,
) -> Option<Unsubscribe<'m>> {
    let fields: Vec<(&Field, Uris)> =
        block.named(message, UNSUBSCRIBE).map(|field| (field, Uris::read(field.value(message)))).collect();
    if let [(field, uris)] = fields.as_slice()
        && uris.is_harmless
        && !uris.list.is_empty()
    {
        return Some(Unsubscribe { field: Cow::Borrowed(field.raw(message)), has_https: uris.list.iter().any(Uri::is_https) });
    }
    let all: Vec<Uri> = fields.into_iter().flat_map(|(_, uris)| uris.list).collect();
    let mut by_mail = 0;
    let written = all.iter().filter_map(|uri| match uri {
        Uri::Web(uri) => Some(uri.clone()),
        Uri::Mail(mail) => {
            by_mail += 1;
            let reverse = reverse(&mail.address).filter(|_| by_mail <= MOST_BY_MAIL)?;
            Some(mail.through(reverse).into_bytes())
        }
    });
    let field = write(UNSUBSCRIBE.as_bytes(), written.collect())?;
    Some(Unsubscribe { has_https: all.iter().any(|uri| uri.is_https() && uri.is_short()), field: Cow::Owned(field) })
}

/// One address in a list field, without angle brackets and without white space, which folding may have put into it.
enum Uri {
    Web(Vec<u8>),
    Mail(MailTo),
}

impl Uri {
    fn as_web(&self) -> Option<&[u8]> {
        match self {
            Self::Web(uri) => Some(uri),
            Self::Mail(_) => None,
        }
    }

    fn is_https(&self) -> bool {
        self.as_web().is_some_and(|uri| has_scheme(uri, b"https:"))
    }

    fn is_short(&self) -> bool {
        self.as_web().is_some_and(|uri| uri.len() <= LONGEST)
    }
}

/// What stands in the value of a list field.
struct Uris {
    /// The addresses that can be read.
    list: Vec<Uri>,
    /// Nothing but those of the web and text that holds no address.
    is_harmless: bool,
}

impl Uris {
    fn read(value: &[u8]) -> Self {
        let mut pieces = value.split(|byte| *byte == b'<');
        let mut outside = pieces.next().unwrap_or_default().to_vec();
        let mut uris = Self { list: Vec::new(), is_harmless: true };
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
                uris.list.push(Uri::Web(uri));
            } else {
                uris.list.extend(MailTo::parse(&uri).map(Uri::Mail));
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
