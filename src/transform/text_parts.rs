//! Where the text of a message's body is: the parts a person reads (`text/plain`, `text/html`), found in one pass over the
//! body as it streams by (RFC 2046 §5.1). Nothing is decoded and nothing is changed here.
//!
//! Left out is whatever must not be touched: what is signed or encrypted with all that is inside (RFC 1847), attached
//! files, enclosed messages, and every part whose header can be read in two ways.

use std::ops::Range;

use mail_parser::parsers::MessageStream;

/// How the bytes of a part stand for its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// RFC 2045 §6.7.
    QuotedPrintable,
    /// RFC 2045 §6.8.
    Base64,
}

/// One part with text in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// Its bytes, counted from the beginning of what was searched.
    pub range: Range<u64>,
    /// How they stand for text.
    pub encoding: Encoding,
}

/// Bytes of a line that are looked at: a boundary has 70 at the most, a header line 998.
const LINE: usize = 1000;
/// Bytes of a part's header that are looked at.
const HEADER: usize = 16 * 1024;
/// Parts within parts at the most.
const DEPTH: usize = 32;
/// Text parts at the most; no mail client writes that many.
const PARTS: usize = 64;

/// Finds the text parts of a body given piece by piece, from the empty line behind the header block on.
#[derive(Debug)]
pub struct Finder {
    /// What the message's own header says of the body, until that begins.
    top: Option<PartHeader>,
    levels: Vec<Level>,
    state: State,
    parts: Vec<TextPart>,
    /// The first bytes of the line under way, where it began, and how long it is.
    line: Vec<u8>,
    line_start: u64,
    length: u64,
    /// The last byte of the piece before.
    last_byte: Option<u8>,
    /// Where the line before ended, without its line break.
    last_end: u64,
}

#[derive(Debug)]
struct Level {
    boundary: Vec<u8>,
    /// Nothing in it may be touched.
    is_sealed: bool,
    /// Its parts are messages unless they say otherwise.
    is_digest: bool,
}

#[derive(Debug)]
enum State {
    /// The lines of a part's header.
    Header(Vec<u8>),
    /// In a text part that began there.
    Text(u64, Encoding),
    /// In something else.
    Other,
}

/// What a header says of its part.
#[derive(Debug, Default)]
struct PartHeader {
    content_type: Option<Vec<u8>>,
    transfer_encoding: Option<Vec<u8>>,
    is_attachment: bool,
    /// A field stands there twice, or the header is too long to be read.
    is_unclear: bool,
}

impl Finder {
    /// Begins with what the message's header says of its body.
    pub fn new(content_type: Option<&[u8]>, transfer_encoding: Option<&[u8]>, disposition: Option<&[u8]>) -> Self {
        let top = PartHeader {
            is_attachment: disposition.is_some_and(is_attached),
            content_type: content_type.map(<[u8]>::to_vec),
            transfer_encoding: transfer_encoding.map(<[u8]>::to_vec),
            ..PartHeader::default()
        };
        Self {
            top: Some(top),
            levels: Vec::new(),
            state: State::Other,
            parts: Vec::new(),
            line: Vec::new(),
            line_start: 0,
            length: 0,
            last_byte: None,
            last_end: 0,
        }
    }

    /// Looks at the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend(line.iter().take(room));
            self.length += line.len() as u64;
            if let Some(before) = line.strip_suffix(b"\n") {
                self.end_line(before.last().copied().or(self.last_byte) == Some(b'\r'));
            }
            self.last_byte = line.last().copied();
        }
    }

    /// The text parts, in order.
    pub fn finish(mut self) -> Vec<TextPart> {
        if !self.line.is_empty() {
            self.look_at_line(self.line_start + self.length);
        }
        let end = self.line_start + self.length;
        self.close(end);
        self.parts
    }

    fn end_line(&mut self, has_return: bool) {
        let next = self.line_start + self.length;
        self.look_at_line(next);
        self.last_end = next.saturating_sub(if has_return { 2 } else { 1 });
        self.line.clear();
        self.line_start = next;
        self.length = 0;
    }

    fn look_at_line(&mut self, next: u64) {
        let line = std::mem::take(&mut self.line);
        let content = line.strip_suffix(b"\n").unwrap_or(&line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if let Some(top) = self.top.take() {
            // The empty line belongs to neither half; a body without it begins here.
            self.open(if content.is_empty() { next } else { self.line_start }, &top);
        } else if let Some((level, is_last)) = self.delimiter(content) {
            self.close(self.last_end);
            self.levels.truncate(if is_last { level } else { level + 1 });
            self.state = if is_last { State::Other } else { State::Header(Vec::new()) };
        } else if let State::Header(lines) = &mut self.state {
            if content.is_empty() {
                let header = PartHeader::read(lines);
                self.open(next, &header);
            } else if lines.len() <= HEADER {
                lines.extend_from_slice(content);
                lines.push(b'\n');
            }
        }
        self.line = line;
    }

    /// Which level's delimiter the line is, innermost first, and whether it is the last.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let rest = line.strip_prefix(b"--").filter(|_| line.len() < LINE)?;
        let blank = |text: &[u8]| text.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        self.levels.iter().enumerate().rev().find_map(|(at, level)| {
            let rest = rest.strip_prefix(level.boundary.as_slice())?;
            match rest.strip_prefix(b"--") {
                Some(rest) if blank(rest) => Some((at, true)),
                _ => blank(rest).then_some((at, false)),
            }
        })
    }

    fn close(&mut self, end: u64) {
        if let State::Text(start, encoding) = self.state
            && self.parts.len() < PARTS
        {
            // The line break before a delimiter is part of the delimiter, also where the part is empty.
            self.parts.push(TextPart { range: start..end.max(start), encoding });
        }
        self.state = State::Other;
    }

    fn open(&mut self, start: u64, header: &PartHeader) {
        self.state = State::Other;
        if header.is_unclear || self.levels.iter().any(|level| level.is_sealed) {
            return;
        }
        let is_digest = self.levels.last().is_some_and(|level| level.is_digest);
        let kind = match header.content_type.as_deref() {
            None if is_digest => return,
            None => Kind { name: "text/plain".to_owned(), boundary: None },
            Some(value) => match Kind::read(value) {
                Some(kind) => kind,
                None => return,
            },
        };
        match (kind.name.split_once('/').unwrap_or_default(), kind.boundary) {
            (("multipart", subtype), Some(boundary)) if !boundary.is_empty() && self.levels.len() < DEPTH => {
                let is_sealed = matches!(subtype, "signed" | "encrypted");
                self.levels.push(Level { boundary: boundary.into_bytes(), is_sealed, is_digest: subtype == "digest" });
            }
            (("text", "plain" | "html"), _) if !header.is_file() => {
                if let Some(encoding) = header.encoding() {
                    self.state = State::Text(start, encoding);
                }
            }
            _ => {}
        }
    }
}

/// Whether a Content-Disposition is that of a file: everything but `inline`, and `inline` with a name to keep it under.
fn is_attached(disposition: &[u8]) -> bool {
    !disposition.trim_ascii().to_ascii_lowercase().starts_with(b"inline") || has_name(disposition)
}

/// Whether a field gives its part a name (`name`, `filename`, however they are encoded). One that only seems to has its
/// text left alone.
fn has_name(value: &[u8]) -> bool {
    value.to_ascii_lowercase().windows(4).any(|four| four == b"name")
}

impl PartHeader {
    /// Whether the part is a file, which nobody wants changed.
    fn is_file(&self) -> bool {
        self.is_attachment || self.content_type.as_deref().is_some_and(has_name)
    }

    fn read(lines: &[u8]) -> Self {
        let mut header = Self { is_unclear: lines.len() > HEADER, ..Self::default() };
        let mut has_disposition = false;
        let mut fields: Vec<Vec<u8>> = Vec::new();
        for line in lines.split(|byte| *byte == b'\n') {
            match fields.last_mut() {
                Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
                _ => fields.push(line.to_vec()),
            }
        }
        for field in &fields {
            let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = field.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii().to_vec();
            let repeated = match name.trim_ascii().to_ascii_lowercase().as_slice() {
                b"content-type" => header.content_type.replace(value).is_some(),
                b"content-transfer-encoding" => header.transfer_encoding.replace(value).is_some(),
                b"content-disposition" => {
                    header.is_attachment = is_attached(&value);
                    std::mem::replace(&mut has_disposition, true)
                }
                _ => false,
            };
            header.is_unclear |= repeated;
        }
        header
    }

    fn encoding(&self) -> Option<Encoding> {
        let Some(name) = &self.transfer_encoding else { return Some(Encoding::Plain) };
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"7bit" | b"8bit" => Some(Encoding::Plain),
            b"quoted-printable" => Some(Encoding::QuotedPrintable),
            b"base64" => Some(Encoding::Base64),
            _ => None,
        }
    }
}

/// What a `Content-Type` says, as far as it matters here.
struct Kind {
    /// Type and subtype in lower case.
    name: String,
    boundary: Option<String>,
}

impl Kind {
    fn read(value: &[u8]) -> Option<Self> {
        let mut line: Vec<u8> = value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
        line.push(b'\n');
        let kind = MessageStream::new(&line).parse_content_type().into_content_type()?;
        let name = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase();
        Some(Self { name, boundary: kind.attribute("boundary").map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(content_type: &str, body: &str, size: usize) -> Vec<(String, Encoding)> {
        let mut finder = Finder::new(Some(content_type.as_bytes()).filter(|value| !value.is_empty()), None, None);
        body.as_bytes().chunks(size).for_each(|piece| finder.push(piece));
        let text = |part: &TextPart| {
            let range = usize::try_from(part.range.start).unwrap()..usize::try_from(part.range.end).unwrap();
            body.get(range).unwrap().to_owned()
        };
        finder.finish().iter().map(|part| (text(part), part.encoding)).collect()
    }

    fn same(content_type: &str, body: &str, expected: &[(&str, Encoding)]) {
        for size in [1, 2, 7, 10_000] {
            let found = found(content_type, body, size);
            assert_eq!(found.iter().map(|(text, encoding)| (text.as_str(), *encoding)).collect::<Vec<_>>(), expected, "{size}");
        }
    }

    #[test]
    fn a_message_of_one_part_is_all_text() {
        for kind in ["", "text/plain; charset=utf-8", "TEXT/HTML"] {
            same(kind, "\r\nHello\r\n", &[("Hello\r\n", Encoding::Plain)]);
        }
        for kind in ["application/pdf", "text/calendar", "message/rfc822", "multipart/mixed", "nonsense"] {
            same(kind, "\r\nHello\r\n", &[]);
        }
    }

    #[test]
    fn text_is_found_in_alternatives_and_beside_files() {
        let body = "\r\npreamble\r\n--a\r\nContent-Type: multipart/alternative;\r\n\tboundary=\"a b\"\r\n\r\n\
                    --a b\r\n\r\nplain\r\nlines\r\n\
                    --a b  \r\ncontent-type: Text/Html\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n<p>=20\r\n\r\n--a b--\r\n\
                    --a\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=x.txt\r\n\r\nfile\r\n\
                    --a\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==\r\n--a--\r\nepilogue\r\n";
        same(
            "multipart/mixed; boundary=a",
            body,
            &[("plain\r\nlines", Encoding::Plain), ("<p>=20\r\n", Encoding::QuotedPrintable), ("QQ==", Encoding::Base64)],
        );
    }

    #[test]
    fn what_is_signed_encrypted_or_enclosed_is_left_out() {
        let part = "--a\r\nContent-Type: text/plain\r\n\r\nsigned\r\n--a--\r\n";
        for kind in ["signed; protocol=x", "encrypted", "digest"] {
            let body =
                format!("\r\n{}", if kind == "digest" { part.replace("Content-Type: text/plain\r\n", "") } else { part.into() });
            same(&format!("multipart/{kind}; boundary=a"), &body, &[]);
        }
        let nested = format!("\r\n--o\r\nContent-Type: multipart/signed; boundary=a\r\n\r\n{part}--o\r\n\r\nfooter\r\n--o--\r\n");
        same("multipart/mixed; boundary=o", &nested, &[("footer", Encoding::Plain)]);
        let twice = "\r\n--o\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n--o--\r\n";
        same("multipart/mixed; boundary=o", twice, &[]);
        let uuencoded = "\r\n--o\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n--o--\r\n";
        same("multipart/mixed; boundary=o", uuencoded, &[]);
    }

    #[test]
    fn an_empty_part_and_an_unfinished_one_have_their_place() {
        same(
            "multipart/mixed; boundary=o",
            "\r\n--o\r\n\r\n--o\r\n\r\nrest",
            &[("", Encoding::Plain), ("rest", Encoding::Plain)],
        );
        same("multipart/mixed; boundary=o", "\r\n--o\r\nContent-Type: text/plain", &[]);
        same("", "", &[]);
    }

    #[test]
    fn a_file_is_left_alone_however_it_says_that_it_is_one() {
        let found = |kind: &str, disposition: Option<&str>| {
            let mut finder = Finder::new(Some(kind.as_bytes()), None, disposition.map(str::as_bytes));
            finder.push(b"\r\nHello\r\n");
            finder.finish().len()
        };
        assert_eq!((found("text/plain", None), found("text/plain", Some("inline"))), (1, 1));
        assert_eq!(found("text/plain", Some("attachment")), 0);
        assert_eq!(found("text/html", Some("inline; filename=\"contacts.html\"")), 0);
        assert_eq!(found("text/plain; NAME=log.txt", None), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_parts_inside(
            kind in "(multipart/mixed; boundary=\"?b\"?|text/plain|[ -~]{0,40})",
            body in "(--b(--)?\r?\n|Content-Type: (multipart/signed; boundary=c|text/html)\r\n|\r\n|--c\r\n|[ -~]{0,9}|\n|\r){0,40}",
            size in 1usize..50,
        ) {
            let parts = |size| {
                let mut finder = Finder::new(Some(kind.as_bytes()), None, None);
                body.as_bytes().chunks(size).for_each(|piece| finder.push(piece));
                finder.finish()
            };
            let whole = parts(10_000);
            prop_assert_eq!(&parts(size), &whole);
            let mut at = 0;
            for part in whole {
                prop_assert!(at <= part.range.start && part.range.start <= part.range.end);
                at = part.range.end;
            }
            prop_assert!(at <= body.len() as u64);
        }

        #[test]
        fn no_bytes_make_it_panic(kind in proptest::collection::vec(any::<u8>(), 0..60), body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut finder = Finder::new(Some(&kind), Some(&kind), Some(&kind));
            finder.push(&body);
            finder.finish();
        }
    }
}
