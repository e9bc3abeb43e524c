//! The header block as ranges of bytes (RFC 5322 §2.2): found once, copied, never printed anew.
//!
//! Nothing is decoded, refolded or sorted here, so every field that is not replaced goes out as it came in. What
//! readers down the line may take differently (a line without a colon, a bare LF, an mbox line) is a fault.

use std::ops::Range;

use crate::model::HeaderFault;

/// How large a header block may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The whole block, in bytes, without the empty line.
    pub max_size: usize,
    /// Fields in it.
    pub max_fields: usize,
    /// One field with its continuation lines, in bytes.
    pub max_field_size: usize,
}

impl Limits {
    /// Enough bytes of the start of a message for [`HeaderBlock::parse`] to see that a block is too large.
    pub const fn look_at(&self) -> usize {
        self.max_size.saturating_add(2)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_size: 262_144, max_fields: 1000, max_field_size: 65_536 }
    }
}

/// Where one field stands in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: Range<usize>,
    value_start: usize,
    raw: Range<usize>,
}

impl Field {
    /// The name as written, without white space before the colon.
    pub fn name<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        message.get(self.name.clone()).unwrap_or_default()
    }

    /// Whether this is the field of that name, whatever its case.
    pub fn is(&self, message: &[u8], name: &str) -> bool {
        self.name(message).eq_ignore_ascii_case(name.as_bytes())
    }

    /// Everything behind the colon: folds and the CRLF at the end included.
    pub fn value<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        message.get(self.value_start..self.raw.end).unwrap_or_default()
    }

    /// The whole field: name, colon, value, continuation lines, CRLF.
    pub fn raw<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        message.get(self.raw.clone()).unwrap_or_default()
    }

    /// White space between name and colon (`From :`): obsolete, and read differently by different programs.
    pub fn has_space_before_colon(&self) -> bool {
        self.value_start > self.name.end + 1
    }
}

/// The fields of a message and where its body begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderBlock {
    fields: Vec<Field>,
    body_offset: usize,
    has_8bit: bool,
}

impl HeaderBlock {
    /// Splits the start of a message, in one pass.
    ///
    /// `start` is the whole message, or at least its first [`Limits::look_at`] bytes.
    pub fn parse(start: &[u8], limits: Limits) -> Result<Self, HeaderFault> {
        let mut fields: Vec<Field> = Vec::new();
        let mut at = 0;
        loop {
            let rest = start.get(at..).unwrap_or_default();
            if rest.is_empty() || rest.starts_with(b"\r\n") {
                break;
            }
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |newline| newline + 1);
            let end = at + length;
            if end > limits.max_size {
                return Err(HeaderFault::TooLarge);
            }
            let line = rest.get(..length).unwrap_or_default();
            let content = line.strip_suffix(b"\r\n").unwrap_or(line);
            if content.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(HeaderFault::ControlByte);
            }
            if content.starts_with(b" ") || content.starts_with(b"\t") {
                fields.last_mut().ok_or(HeaderFault::StartsWithSpace)?.raw.end = end;
            } else {
                fields.push(field(content, at, end)?);
            }
            if fields.len() > limits.max_fields {
                return Err(HeaderFault::TooManyFields);
            }
            if fields.last().is_some_and(|field| field.raw.len() > limits.max_field_size) {
                return Err(HeaderFault::FieldTooLarge);
            }
            at = end;
        }
        let has_8bit = !start.get(..at).unwrap_or_default().is_ascii();
        Ok(Self { fields, body_offset: at, has_8bit })
    }

    /// Where the body begins, with the empty line before it; the end of the message when it has neither.
    pub fn body_offset(&self) -> usize {
        self.body_offset
    }

    /// The block as it came: whole lines, without the empty line.
    pub fn raw<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        message.get(..self.body_offset).unwrap_or_default()
    }

    /// All fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The fields of one name, whatever its case, in order.
    pub fn named<'a>(&'a self, message: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.is(message, name))
    }

    /// How many hops the message has made.
    pub fn received_count(&self, message: &[u8]) -> usize {
        self.named(message, "Received").count()
    }

    /// Whether the block holds bytes above 127, in any charset.
    pub fn has_8bit(&self) -> bool {
        self.has_8bit
    }
}

/// A line that opens a field.
fn field(content: &[u8], start: usize, end: usize) -> Result<Field, HeaderFault> {
    let is_mbox = start == 0 && (content.starts_with(b"From ") || content.starts_with(b">From "));
    let colon = content.iter().position(|byte| *byte == b':');
    let name = colon.and_then(|colon| content.get(..colon)).unwrap_or_default().trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    match colon {
        Some(colon) if is_name => Ok(Field { name: start..start + name.len(), value_start: start + colon + 1, raw: start..end }),
        _ if is_mbox => Err(HeaderFault::MboxLine),
        Some(_) => Err(HeaderFault::BadName),
        None => Err(HeaderFault::NoColon),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(message: &[u8]) -> Result<HeaderBlock, HeaderFault> {
        HeaderBlock::parse(message, Limits::default())
    }

    #[test]
    fn fields_are_found_with_their_folds() {
        let message = b"From: a@x.org\r\nSubject: one\r\n two\r\n\tthree\r\nX-Odd : 1\r\n\r\nbody: no\r\n";
        let block = parse(message).unwrap();
        assert_eq!(block.fields().len(), 3);
        let subject = block.named(message, "SUBJECT").next().unwrap();
        assert_eq!(subject.raw(message), b"Subject: one\r\n two\r\n\tthree\r\n");
        assert_eq!(subject.value(message), b" one\r\n two\r\n\tthree\r\n");
        let odd = block.named(message, "x-odd").next().unwrap();
        assert!(odd.has_space_before_colon() && !subject.has_space_before_colon());
        assert_eq!(&message[block.body_offset()..], b"\r\nbody: no\r\n");
    }

    #[test]
    fn messages_without_body_or_header_have_an_offset() {
        assert_eq!(parse(b"").unwrap().body_offset(), 0);
        assert_eq!(parse(b"\r\nbody").unwrap().body_offset(), 0);
        assert_eq!(parse(b"A: b\r\n").unwrap().body_offset(), 6);
        assert_eq!(parse(b"A: b").unwrap().body_offset(), 4);
        assert_eq!(parse(b"A: b\r\n\r\n").unwrap().body_offset(), 6);
    }

    #[test]
    fn what_is_no_header_block_is_refused() {
        for (message, fault) in [
            (&b" A: b\r\n\r\n"[..], HeaderFault::StartsWithSpace),
            (b"\tA: b\r\n\r\n", HeaderFault::StartsWithSpace),
            (b"From a@x.org Mon Jan  1 00:00:00 2024\r\nA: b\r\n\r\n", HeaderFault::MboxLine),
            (b">From a@x.org\r\nA: b\r\n\r\n", HeaderFault::MboxLine),
            (b"A: b\r\nno colon\r\n\r\n", HeaderFault::NoColon),
            (b": b\r\n\r\n", HeaderFault::BadName),
            (b" : b\r\n\r\n", HeaderFault::StartsWithSpace),
            (b"A B: b\r\n\r\n", HeaderFault::BadName),
            (b"\xc3\xa4: b\r\n\r\n", HeaderFault::BadName),
            (b"A\x01: b\r\n\r\n", HeaderFault::BadName),
            (b"A: b\x00\r\n\r\n", HeaderFault::ControlByte),
            (b"A: b\nB: c\r\n\r\n", HeaderFault::ControlByte),
            (b"A: b\rB: c\r\n\r\n", HeaderFault::ControlByte),
        ] {
            assert_eq!(parse(message), Err(fault), "{:?}", String::from_utf8_lossy(message));
        }
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let limits = Limits { max_size: 12, max_fields: 2, max_field_size: 10 };
        assert!(HeaderBlock::parse(b"A: b\r\nB: c\r\n\r\nbody", limits).is_ok());
        assert_eq!(HeaderBlock::parse(b"A: b\r\nB: cc\r\n\r\nbody", limits), Err(HeaderFault::TooLarge));
        assert_eq!(HeaderBlock::parse(b"A:\r\nB:\r\nC:\r\n\r\n", limits), Err(HeaderFault::TooManyFields));
        assert_eq!(HeaderBlock::parse(b"A: b\r\n cc\r\n\r\n", limits), Err(HeaderFault::FieldTooLarge));
        // Cut where the caller cuts it: the end is not in sight, and that is seen.
        assert_eq!(HeaderBlock::parse(&b"A: b\r\nB: cccccc"[..limits.look_at()], limits), Err(HeaderFault::TooLarge));
        assert!(HeaderBlock::parse(&b"A: b\r\nB: c\r\n\r\nbody"[..limits.look_at()], limits).is_ok());
    }

    proptest! {
        #[test]
        fn fields_and_body_are_the_message(message in proptest::collection::vec(
            prop_oneof![Just(b"\r\n".to_vec()), Just(b":".to_vec()), Just(b" ".to_vec()), Just(b"A: b\r\n".to_vec()),
                        proptest::collection::vec(any::<u8>(), 1..4)], 0..40))
        {
            let message = message.concat();
            if let Ok(block) = parse(&message) {
                let mut again: Vec<u8> = block.fields().iter().flat_map(|field| field.raw(&message)).copied().collect();
                prop_assert_eq!(&again, block.raw(&message));
                again.extend_from_slice(&message[block.body_offset()..]);
                prop_assert_eq!(again, message);
            }
        }
    }
}
