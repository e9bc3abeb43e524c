//! A message taken apart for encryption (RFC 3156 §4): the fields that describe the body go with it, the others stay.
//!
//! What is encrypted is the body as it arrived under its own `Content-*` fields, byte for byte, so a signature in it
//! holds. A subject may go in as well: then it stands before them, and a parameter of `Content-Type` tells mail clients
//! to show it (`protected-headers`, as Thunderbird and K-9 Mail read it).

use data_encoding::HEXLOWER;

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
    format!("=_postern_{}", HEXLOWER.encode(&random))
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

/// Whether the message is encrypted by its sender: OpenPGP/MIME, OpenPGP in the text, or S/MIME. `body` is the whole body from
/// its empty line on. In doubt it is not: encrypting twice harms nobody.
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
        b"multipart/encrypted" => is(&value, "protocol", &["application/pgp-encrypted"]),
        b"application/pkcs7-mime" | b"application/x-pkcs7-mime" => {
            is(&value, "smime-type", &["enveloped-data", "authenveloped-data"])
        }
        b"" | b"text/plain" => is_armored(body),
        _ => false,
    }
}

/// Whether a field says one of these things, once. S/MIME without a word of what it is may be signed or compressed text
/// that anybody can read (RFC 8551 §3.2.2).
fn is(value: &[u8], parameter: &str, expected: &[&str]) -> bool {
    let named = |text: &[u8]| text.strip_prefix(parameter.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    let mut said = value.split(|byte| *byte == b';').filter_map(named);
    let (first, more) = (said.next(), said.next());
    let Some(first) = first.filter(|_| more.is_none()) else { return false };
    let unquoted = first.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(&first);
    expected.iter().any(|one| one.as_bytes() == unquoted)
}

/// Whether a text is one OpenPGP message in armor and nothing more: whatever stands before or behind it is in clear.
fn is_armored(body: &[u8]) -> bool {
    const END: &[u8] = b"\n-----END PGP MESSAGE-----";
    let Some(inside) = body.trim_ascii().strip_prefix(b"-----BEGIN PGP MESSAGE-----") else { return false };
    let Some(inside) = inside.strip_suffix(END) else { return false };
    // The rest of the first line, "Name: value" lines, an empty line, base64; text between two messages is none of these.
    let mut lines = inside.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if !lines.next().is_some_and(<[u8]>::is_empty) {
        return false;
    }
    let headers = lines.by_ref().take_while(|line| !line.is_empty());
    let is_header = |line: &[u8]| line.windows(2).any(|pair| pair == b": ") || line.ends_with(b":");
    // Counted to the end, so that what follows begins behind the empty line.
    let are_headers = headers.filter(|line| !is_header(line)).count() == 0;
    are_headers && lines.all(|line| line.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte)))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::header::Limits;

    const MESSAGE: &[u8] = b"Received: by x\r\nSubject: =?utf-8?q?H=C3=A4?=\r\n more\r\nMIME-Version: 1.0\r\nThread-Topic: H\r\n\
                             From: a@x.org\r\ncontent-type: multipart/mixed;\r\n boundary=b\r\nContent-Language: de\r\n";

    fn parts(message: &[u8], hide_subject: bool) -> (String, String) {
        let block = HeaderBlock::parse(message, Limits::default()).unwrap();
        let Encrypted { header, inner } = split(&block, message, "b0", hide_subject);
        (String::from_utf8(header).unwrap(), String::from_utf8(inner).unwrap())
    }

    const OUTER: &str = "MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n \
                         boundary=\"b0\"\r\n";

    #[test]
    fn what_describes_the_body_goes_with_it() {
        let (header, inner) = parts(MESSAGE, false);
        let kept = "Received: by x\r\nSubject: =?utf-8?q?H=C3=A4?=\r\n more\r\nThread-Topic: H\r\nFrom: a@x.org\r\n";
        assert_eq!(header, format!("{kept}{OUTER}"));
        assert_eq!(inner, "content-type: multipart/mixed;\r\n boundary=b\r\nContent-Language: de\r\n");
        assert_eq!(parts(b"From: a@x.org", false), (format!("From: a@x.org\r\n{OUTER}"), String::new()));
    }

    #[test]
    fn a_hidden_subject_is_inside_only() {
        let (header, inner) = parts(MESSAGE, true);
        assert_eq!(header, format!("Received: by x\r\nFrom: a@x.org\r\nSubject: ...\r\n{OUTER}"));
        assert_eq!(
            inner,
            "Subject: =?utf-8?q?H=C3=A4?=\r\n more\r\ncontent-type: multipart/mixed;\r\n boundary=b;\r\n \
             protected-headers=\"v1\"\r\nContent-Language: de\r\n"
        );
        let (_, inner) = parts(b"Subject: x\r\n", true);
        assert_eq!(inner, "Subject: x\r\nContent-Type: text/plain;\r\n protected-headers=\"v1\"\r\n");
        let (_, inner) = parts(b"Content-Type: text/plain; protected-headers=\"v1\" ;\r\n", true);
        assert_eq!(inner, "Content-Type: text/plain; protected-headers=\"v1\" ;\r\n");
    }

    #[test]
    fn encrypted_mail_is_seen_and_signed_mail_is_not_taken_for_it() {
        let pgp = "-----BEGIN PGP MESSAGE-----\r\nComment: x\r\n\r\nhQEM+/8=\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n\r\n";
        let (cut, followed) = (pgp.split_at(60).0, &format!("{pgp}And in clear: ...\r\n"));
        let twice = &format!("{pgp}Now in clear.\r\n{pgp}");
        let text = &pgp.replace("Comment: x", "In clear");
        let bare = &pgp.replace("Comment: x\r\n", "");
        for (field, body, expected) in [
            ("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b", "", true),
            ("Content-Type: Multipart/Encrypted (secret); boundary=b; Protocol=application/pgp-encrypted", "", true),
            ("Content-Type: multipart/encrypted; boundary=b", "", false),
            ("Content-Type: multipart/encrypted; protocol=\"application/x-other\"; boundary=b", "", false),
            ("Content-Type: multipart/encrypted; protocol=\"a\"; protocol=\"application/pgp-encrypted\"", "", false),
            ("Content-Type: application/pgp-encrypted", "", false),
            ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "", true),
            ("Content-Type: application/pkcs7-mime; smime-type=\"authEnveloped-data\"", "", true),
            ("Content-Type: application/x-pkcs7-mime; name=smime.p7m", "", false),
            ("Content-Type: application/x-pkcs7-mime; smime-type=enveloped-data", "", true),
            ("Content-Type: application/pkcs7-mime; smime-type=compressed-data", "", false),
            ("Content-Type: application/pkcs7-mime; name=\"s(m.p7m\"; smime-type=signed-data", "", false),
            ("Content-Type: application/pkcs7-mime; smime-type=signed-data", "", false),
            ("Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b", "", false),
            ("Content-Type: text/html", pgp, false),
            ("Content-Type: text/plain", pgp, true),
            ("X-Other: 1", pgp, true),
            ("X-Other: 1", bare, true),
            ("X-Other: 1", cut, false),
            ("X-Other: 1", followed, false),
            ("X-Other: 1", twice, false),
            ("X-Other: 1", text, false),
            ("X-Other: 1", "Look at this: -----BEGIN PGP MESSAGE-----", false),
            ("Content-Type: text/plain", "-----BEGIN PGP SIGNED MESSAGE-----", false),
            ("Content-Type: text/plain\r\nContent-Type: multipart/encrypted", "", false),
        ] {
            let message = format!("{field}\r\n");
            let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
            assert_eq!(is_encrypted(&block, message.as_bytes(), format!("\r\n{body}").as_bytes()), expected, "{field} {body}");
        }
    }

    proptest! {
        #[test]
        fn no_field_is_lost_and_none_is_made(message in proptest::collection::vec(
            prop::sample::select(vec![&b"Subject: a\r\n"[..], b"Content-X: b\r\n c\r\n", b"A : c\r\n", b"MIME-version:1\r\n"]),
            0..8))
        {
            let message = message.concat();
            let block = HeaderBlock::parse(&message, Limits::default()).unwrap();
            let Encrypted { header, inner } = split(&block, &message, "b0", false);
            let both = HeaderBlock::parse(&[&inner[..], &header].concat(), Limits::default()).unwrap();
            let without = |block: &HeaderBlock, text: &[u8]| {
                block.fields().iter().filter(|field| !field.is(text, "MIME-Version")).count()
            };
            prop_assert_eq!(without(&both, &[&inner[..], &header].concat()), without(&block, &message) + 1);
        }

        #[test]
        fn any_header_can_be_taken_apart(message in proptest::collection::vec(any::<u8>(), 0..200), body in any::<[u8; 8]>()) {
            let message = [&b"Content-Type: "[..], &message].concat();
            if let Ok(block) = HeaderBlock::parse(&message, Limits::default()) {
                drop(split(&block, &message, "b0", true));
                is_encrypted(&block, &message, &body);
            }
        }
    }
}
