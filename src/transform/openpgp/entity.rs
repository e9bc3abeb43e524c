//! A message taken apart for encryption (RFC 3156 §4): the fields that describe the body go with it, the others stay.
//!
//! What is encrypted is the body as it arrived under its own `Content-*` fields, byte for byte, so a signature in it
//! holds. A subject may go in as well: then it stands before them, and a parameter of `Content-Type` tells mail clients
//! to show it (`protected-headers`, as Thunderbird and K-9 Mail read it).

use crate::transform::header::{Field, HeaderBlock};

/// What a subject is replaced by.
const HIDDEN: &str = "Subject: ...\r\n";
/// What tells a mail client that the fields of the entity replace those outside.
const PROTECTED: &[u8] = b"protected-headers=\"v1\"";

/// The two halves of a message that will be encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// The header block of the message: whole lines, without the empty line.
    pub header: Vec<u8>,
    /// The fields of the entity to encrypt: whole lines, without the empty line. The body follows.
    pub inner: Vec<u8>,
}

/// Takes a finished header block apart. `boundary` separates the parts of the body that will be written.
pub fn split(block: &HeaderBlock, message: &[u8], boundary: &str, hide_subject: bool) -> Encrypted {
    let (mut header, mut inner) = (Vec::with_capacity(block.body_offset() + 256), Vec::new());
    let mut content = Vec::new();
    let mut type_seen = false;
    for field in block.fields() {
        if field.is(message, "MIME-Version") {
            continue;
        }
        if is_content(field, message) {
            let is_type = field.is(message, "Content-Type");
            if hide_subject && is_type && !type_seen {
                content.extend_from_slice(&protected(field.raw(message)));
            } else {
                content.extend_from_slice(field.raw(message));
            }
            type_seen |= is_type;
        } else if hide_subject && field.is(message, "Subject") {
            inner.extend_from_slice(field.raw(message));
        // The subject once more, as Outlook writes it.
        } else if !(hide_subject && field.is(message, "Thread-Topic")) {
            header.extend_from_slice(field.raw(message));
        }
        end_line(&mut header);
        end_line(&mut content);
        end_line(&mut inner);
    }
    if hide_subject {
        header.extend_from_slice(HIDDEN.as_bytes());
        if !type_seen {
            inner.extend_from_slice(&protected(b"Content-Type: text/plain"));
        }
    }
    header.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n \
             boundary=\"{boundary}\"\r\n"
        )
        .as_bytes(),
    );
    inner.extend_from_slice(&content);
    Encrypted { header, inner }
}

/// The last field of a message without a body may lack its line end.
fn end_line(lines: &mut Vec<u8>) {
    if !lines.is_empty() && !lines.ends_with(b"\r\n") {
        lines.extend_from_slice(b"\r\n");
    }
}

fn is_content(field: &Field, message: &[u8]) -> bool {
    field.name(message).get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"Content-"))
}

/// A `Content-Type` field that says that the subject is within.
fn protected(field: &[u8]) -> Vec<u8> {
    let says_so = field.windows(17).any(|window| window.eq_ignore_ascii_case(b"protected-headers"));
    let mut text = field.trim_ascii_end().to_vec();
    if !says_so {
        if text.ends_with(b";") {
            text.pop();
        }
        text.extend_from_slice(b";\r\n ");
        text.extend_from_slice(PROTECTED);
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// A line no text contains, from chance.
pub fn boundary(random: [u8; 16]) -> String {
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("=_postern_{digits}")
}

/// The body up to the armor, from the empty line on.
pub fn opening(boundary: &str) -> String {
    format!(
        "\r\nThis message is encrypted (OpenPGP/MIME, RFC 3156).\r\n\
         --{boundary}\r\n\
         Content-Type: application/pgp-encrypted\r\n\
         Content-Description: PGP/MIME version identification\r\n\
         \r\n\
         Version: 1\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n\
         Content-Description: OpenPGP encrypted message\r\n\
         Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\
         \r\n"
    )
}

/// The body behind the armor.
pub fn closing(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

/// Whether the message is encrypted by its sender: OpenPGP/MIME, OpenPGP in the text, or S/MIME. `body` is the start of
/// the body, from its empty line on.
pub fn is_encrypted(block: &HeaderBlock, message: &[u8], body: &[u8]) -> bool {
    // Of two fields a mail client may take either.
    let mut types = block.named(message, "Content-Type");
    let (first, more) = (types.next(), types.next());
    let value = match (first, more) {
        (None, _) => Vec::new(),
        (Some(field), None) => compact(field.value(message)),
        (Some(_), Some(_)) => return false,
    };
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    match kind {
        b"multipart/encrypted" | b"application/pgp-encrypted" => true,
        b"application/pkcs7-mime" | b"application/x-pkcs7-mime" => is_enveloped(&value),
        b"" | b"text/plain" => body.trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----"),
        _ => false,
    }
}

/// S/MIME without a word of what it is may be anything but signed text in clear (RFC 8551 §3.2.2).
fn is_enveloped(value: &[u8]) -> bool {
    let mut parameters = value.split(|byte| *byte == b';').filter_map(|parameter| parameter.strip_prefix(b"smime-type="));
    parameters.next().is_none_or(|kind| {
        let kind = kind.trim_ascii();
        matches!(kind, b"enveloped-data" | b"\"enveloped-data\"" | b"authenveloped-data" | b"\"authenveloped-data\"")
    })
}

/// Small letters, without white space and comments; in quotes there are none.
fn compact(value: &[u8]) -> Vec<u8> {
    let (mut depth, mut is_quoted) = (0_usize, false);
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b'"' if depth == 0 => {
                is_quoted = !is_quoted;
                out.push(*byte);
            }
            b'(' if !is_quoted => depth += 1,
            b')' if depth > 0 => depth -= 1,
            byte if depth == 0 && !byte.is_ascii_whitespace() => out.push(byte.to_ascii_lowercase()),
            _ => {}
        }
    }
    out
}
