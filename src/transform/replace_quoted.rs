//! Replaces the owner's mailbox addresses in the text of a reply by the alias, for an owner who asked for that: the one
//! exception, beside encryption, from the rule that a body is not touched (promise 5).
//!
//! Only the address itself changes. In quoted-printable it is replaced where it stands and every other byte stays
//! (RFC 2045 §6.7); base64 has no such place, so the text is encoded anew in lines as long as before (§6.8). What can't be
//! changed without breaking something is left alone: the caller looks again and reports it.

use std::ops::Range;

use data_encoding::BASE64;

use super::quoted_address::forms;
use super::text_parts::Encoding;
use crate::model::Address;

/// The longest line a message may have (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
/// The longest line of quoted-printable and base64.
const ENCODED_LINE: usize = 76;
/// Where an OpenPGP signature or message begins inside a text (RFC 9580 §6.2).
const ARMOR: &[u8] = b"-----BEGIN PGP";

/// What is looked for, and what is put there.
pub struct Replacer {
    mailboxes: Vec<Vec<u8>>,
    alias: Vec<u8>,
}

impl Replacer {
    /// Puts `alias` in the place of each of `mailboxes`.
    pub fn new(mailboxes: &[Address], alias: &Address) -> Self {
        let mailboxes = mailboxes.iter().flat_map(forms).map(String::into_bytes).collect();
        Self { mailboxes, alias: alias.to_string().into_bytes() }
    }

    /// The part with all addresses replaced; `None` when it has none, or none that can be replaced.
    pub fn replace(&self, part: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
        match encoding {
            Encoding::Plain => {
                let out = self.replace_text(part)?;
                (longest_line(&out) <= longest_line(part).max(LONGEST_LINE)).then_some(out)
            }
            Encoding::QuotedPrintable => self.replace_quoted_printable(part),
            Encoding::Base64 => self.replace_base64(part),
        }
    }

    fn replace_text(&self, text: &[u8]) -> Option<Vec<u8>> {
        let places = self.places(text)?;
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for place in places {
            out.extend_from_slice(text.get(at..place.start)?);
            out.extend_from_slice(&self.alias);
            at = place.end;
        }
        out.extend_from_slice(text.get(at..)?);
        Some(out)
    }

    fn replace_quoted_printable(&self, part: &[u8]) -> Option<Vec<u8>> {
        let (text, origins) = unquote(part);
        let mut out = Vec::with_capacity(part.len());
        let mut at = 0;
        for place in self.places(&text)? {
            let start = origins.get(place.start)?.start;
            let end = origins.get(place.end.checked_sub(1)?)?.end;
            out.extend_from_slice(part.get(at..start)?);
            let mut column = out.iter().rev().take_while(|byte| **byte != b'\n').count();
            for byte in &self.alias {
                let unit =
                    if *byte == b'=' || !byte.is_ascii_graphic() { format!("={byte:02X}").into_bytes() } else { vec![*byte] };
                if column + unit.len() >= ENCODED_LINE {
                    out.extend_from_slice(b"=\r\n");
                    column = 0;
                }
                column += unit.len();
                out.extend(unit);
            }
            let rest = part.get(end..)?.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
            if rest > 0 && column + rest > ENCODED_LINE {
                out.extend_from_slice(b"=\r\n");
            }
            at = end;
        }
        out.extend_from_slice(part.get(at..)?);
        Some(out)
    }

    fn replace_base64(&self, part: &[u8]) -> Option<Vec<u8>> {
        let inner = part.trim_ascii();
        let head = part.len() - part.trim_ascii_start().len();
        let symbols: Vec<u8> = inner.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let text = self.replace_text(&BASE64.decode(&symbols).ok()?)?;
        let width = inner.iter().take_while(|byte| !byte.is_ascii_whitespace()).count().clamp(4, ENCODED_LINE);
        let encoded = BASE64.encode(&text);
        let lines: Vec<&[u8]> = encoded.as_bytes().chunks(width).collect();
        let mut out = part.get(..head)?.to_vec();
        out.extend(lines.join(&b"\r\n"[..]));
        out.extend_from_slice(part.get(head + inner.len()..)?);
        Some(out)
    }

    /// Where the addresses stand, in order; `None` when there are none or the text is signed in itself.
    fn places(&self, text: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for (at, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b'@') {
            let last = places.last().map_or(0, |place| place.end);
            let found = self.mailboxes.iter().find_map(|mailbox| {
                let start = at.checked_sub(mailbox.iter().rposition(|byte| *byte == b'@')?)?;
                let place = start..start + mailbox.len();
                let is_there = text.get(place.clone()).is_some_and(|found| found.eq_ignore_ascii_case(mailbox));
                (is_there && start >= last && is_whole(text, &place)).then_some(place)
            });
            places.extend(found);
        }
        let is_signed = || text.windows(ARMOR.len()).any(|window| window == ARMOR);
        (!places.is_empty() && !is_signed()).then_some(places)
    }
}

/// Whether an address ends where it was found, and is not the end or the beginning of somebody else's.
fn is_whole(text: &[u8], place: &Range<usize>) -> bool {
    let before = |count: usize| place.start.checked_sub(count).and_then(|at| text.get(at)).copied();
    let after = |count: usize| text.get(place.end + count).copied();
    let is_word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    // Punctuation belongs to an address only between its words.
    let longer_before = is_word(before(1)) || matches!(before(1), Some(b'.' | b'-' | b'_' | b'+')) && is_word(before(2));
    let longer_after = is_word(after(0)) || matches!(after(0), Some(b'.' | b'-')) && is_word(after(1));
    !longer_before && !longer_after
}

fn longest_line(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).len()).max().unwrap_or(0)
}

/// Undoes quoted-printable: the text, and for each of its bytes where it came from. What is no escape stands for itself.
fn unquote(part: &[u8]) -> (Vec<u8>, Vec<Range<usize>>) {
    let (mut text, mut origins) = (Vec::with_capacity(part.len()), Vec::with_capacity(part.len()));
    let digit = |at: usize| {
        let digit = part.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        digit.and_then(|digit| u8::try_from(digit).ok())
    };
    let mut at = 0;
    while let Some(byte) = part.get(at).copied() {
        let soft_break = part
            .get(at..)
            .and_then(|rest| [&b"=\r\n"[..], b"=\n"].into_iter().find(|soft| rest.starts_with(soft)).map(<[u8]>::len));
        if let Some(length) = soft_break {
            at += length;
            continue;
        }
        let (byte, length) = match (byte, digit(at + 1), digit(at + 2)) {
            (b'=', Some(high), Some(low)) => (high * 16 + low, 3),
            _ => (byte, 1),
        };
        text.push(byte);
        origins.push(at..at + length);
        at += length;
    }
    (text, origins)
}

#[cfg(test)]
mod tests;
