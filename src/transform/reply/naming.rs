//! Does the value of a field name a mailbox? In whatever spelling a reader takes for the address: encoded words (RFC
//! 2047), percent signs and pieces of parameters (RFC 2231), quotation marks, white space, invisible or wide letters.
//!
//! Only asked, never changed: what is found twice too often costs a subject, what is missed costs the owner's secret.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mail_parser::parsers::MessageStream;
use unicode_normalization::UnicodeNormalization;

use crate::model::Address;
use crate::transform::{display_name, quoted_address};

/// Whether a value names one of the mailboxes.
pub(super) fn names_mailbox(value: &[u8], mailboxes: &[Address]) -> bool {
    let unfolded = String::from_utf8_lossy(value).replace("\r\n", "");
    let texts = [parameters(&unfolded), unfolded, decoded(value)];
    let percent = texts.each_ref().map(|text| percent_decoded(text));
    let forms: Vec<_> = mailboxes.iter().flat_map(quoted_address::forms).map(|form| bare(&form)).collect();
    texts.iter().chain(&percent).map(|text| bare(text)).any(|text| forms.iter().any(|form| text.contains(form)))
}

/// A text without what stands between its letters, in lower case and compatible form (wide letters are letters).
fn bare(text: &str) -> String {
    let is_seen = |c: &char| !c.is_whitespace() && !matches!(c, '"' | '\\') && !display_name::is_hidden(*c);
    text.nfkc().filter(is_seen).collect::<String>().to_lowercase()
}

/// The values of parameters that come in numbered pieces (`name*0=`, `name*1*=`), put together in their order.
fn parameters(text: &str) -> String {
    let mut pieces = BTreeMap::new();
    for piece in text.split(';') {
        let Some((name, value)) = piece.split_once('=') else { continue };
        let Some((name, number)) = name.split_once('*') else { continue };
        if let Ok(number) = number.trim_end().trim_end_matches('*').parse::<u32>() {
            pieces.insert((name.trim(), number), value.trim());
        }
    }
    pieces.into_values().collect()
}

/// A value with `%40` and the like decoded.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A value with encoded words decoded, on one line.
pub fn decoded(value: &[u8]) -> String {
    let mut line: Vec<u8> = value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    line.push(b'\n');
    MessageStream::new(&line).parse_unstructured().into_text().map(Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(value: &str) -> bool {
        names_mailbox(value.as_bytes(), &[Address::parse("Jane.Roe@inbox.example").unwrap()])
    }

    #[test]
    fn a_mailbox_is_found_however_it_is_spelled() {
        for value in [
            "<jane.roe@INBOX.example>",
            "\"jane.roe\"@inbox.example",
            "jane\\.roe@inbox.example",
            "jane.roe @ inbox.example",
            "jane.roe@\r\n inbox.example",
            "jane%2eroe%40inbox.example",
            "=?utf-8?q?jane=2Eroe=40inbox=2Eexample?=",
            "=?utf-8?q?jane=252Eroe=2540inbox.example?=",
            "=?utf-8?b?amFuZS5yb2VA?= =?utf-8?b?aW5ib3guZXhhbXBsZQ==?=",
            "jane.roe\u{200b}@inbox.example",
            "jane.roe\u{ff20}inbox.example",
            "text/plain; name*1=\"inbox.example\"; name*0=\"jane.roe@\"",
            "a/b; filename*0*=utf-8''jane.;\r\n filename*1*=roe%40in; filename*2=box.example",
        ] {
            assert!(names(value), "{value}");
        }
        for value in ["", "roe@inbox.example", "jane at inbox.example", "x; name*0=jane.roe@; name*a=inbox.example", "%"] {
            assert!(!names(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_searched(value in proptest::collection::vec(any::<u8>(), 0..100), text in "[;*=0-9a-z%? \"]{0,60}") {
            names_mailbox(&value, &[Address::parse("a@b.example").unwrap()]);
            let found = names(&format!("{text};jane.roe@inbox.example"));
            prop_assert!(found);
        }
    }
}
