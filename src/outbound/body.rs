//! The message text on the wire: dot-stuffed, ended exactly once, and free of anything that could be read as an end
//! somewhere else (RFC 5321 §2.3.8, §4.5.2).
//!
//! A bare CR, a bare LF or a NUL is refused before MAIL: some server behind the next hop might take it for a line end,
//! and then the rest of the message becomes commands (SMTP smuggling).

use std::io;

use bytes::Bytes;

use super::HandOff;
use super::classify::{self, End};
use crate::spool::Content;

/// Bytes read from the spool at once; a message up to this size goes out in one write.
pub(super) const PIECE: usize = 64 * 1024;

/// The text holds a byte sequence that may not be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsendable;

/// A checked message text.
pub(super) struct Body {
    /// What is sent.
    pub(super) text: Text,
    /// Whether it really holds bytes above 127, whatever was declared.
    pub(super) eight_bit: bool,
}

/// The text of a message.
pub(super) enum Text {
    /// Small: stuffed and with its terminator, ready to be written.
    Whole(Vec<u8>),
    /// Large: header and content, checked once, to be stuffed on the way.
    Pieces(Bytes, Content),
}

impl Body {
    /// Reads and checks the whole text before anything is sent.
    pub(super) async fn prepare(hand_off: &HandOff) -> Result<Self, End> {
        let unsendable = |_| {
            let detail = "the message holds a bare CR, a bare LF or a NUL and is not sent";
            End::refused(classify::ours("5.6.0", detail)).here()
        };
        let size = size(hand_off);
        if size <= PIECE as u64 {
            let body = hand_off.body.read_all().await.map_err(unreadable)?;
            let mut out = Vec::with_capacity(hand_off.header.len() + body.len() + body.len() / 16 + 16);
            let mut stuffer = Stuffer::default();
            stuffer.push(&hand_off.header, &mut out).map_err(unsendable)?;
            stuffer.push(&body, &mut out).map_err(unsendable)?;
            stuffer.finish(&mut out).map_err(unsendable)?;
            return Ok(Self { text: Text::Whole(out), eight_bit: stuffer.eight_bit });
        }
        let mut pieces = Pieces::new(hand_off.header.clone(), hand_off.body.clone());
        let mut out = Vec::with_capacity(2 * PIECE);
        loop {
            out.clear();
            match pieces.next(&mut out).await {
                Ok(true) => {}
                Ok(false) => {
                    let text = Text::Pieces(hand_off.header.clone(), hand_off.body.clone());
                    return Ok(Self { text, eight_bit: pieces.stuffer.eight_bit });
                }
                Err(PieceError::Unsendable) => return Err(unsendable(Unsendable)),
                Err(PieceError::Io(error)) => return Err(unreadable(error)),
            }
        }
    }
}

pub(super) fn unreadable(error: io::Error) -> End {
    End::deferred(classify::ours("4.3.0", format!("the message can't be read from the spool: {error}"))).here()
}

/// Octets of the message as SIZE counts them (RFC 1870 §5), up to two for a missing last line end.
pub(super) fn size(hand_off: &HandOff) -> u64 {
    hand_off.header.len() as u64 + hand_off.body.len()
}

/// Why the next piece can't be made.
#[derive(Debug)]
pub(super) enum PieceError {
    /// See [`Unsendable`].
    Unsendable,
    /// The spool can't be read.
    Io(io::Error),
}

/// The stuffed text piece by piece, the last one with the terminator.
pub(super) struct Pieces {
    header: Option<Bytes>,
    content: Content,
    offset: u64,
    stuffer: Stuffer,
    ended: bool,
}

impl Pieces {
    /// From the start.
    pub(super) fn new(header: Bytes, content: Content) -> Self {
        Self { header: Some(header), content, offset: 0, stuffer: Stuffer::default(), ended: false }
    }

    /// Appends the next piece to `out`; `false` after the last one.
    pub(super) async fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, PieceError> {
        if self.ended {
            return Ok(false);
        }
        if let Some(header) = self.header.take() {
            self.stuffer.push(&header, out).map_err(|_| PieceError::Unsendable)?;
        }
        let piece = self.content.read(self.offset, PIECE).await.map_err(PieceError::Io)?;
        self.offset += piece.len() as u64;
        self.stuffer.push(&piece, out).map_err(|_| PieceError::Unsendable)?;
        if self.offset >= self.content.len() {
            self.stuffer.finish(out).map_err(|_| PieceError::Unsendable)?;
            self.ended = true;
        } else if piece.is_empty() {
            return Err(PieceError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(true)
    }
}

/// Doubles the dot at the start of a line, across the borders of pieces.
#[derive(Debug, Default)]
struct Stuffer {
    /// Whether the last byte was a CR that still waits for its LF.
    after_cr: bool,
    /// Whether the next byte is inside a line.
    inside: bool,
    /// Whether a byte above 127 has come.
    eight_bit: bool,
}

impl Stuffer {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
        out.reserve(piece.len());
        self.eight_bit |= !piece.is_ascii();
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            self.push_line(line, out)?;
        }
        Ok(())
    }

    /// Takes a line, or the part of one that is in this piece.
    fn push_line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let ends = line.last() == Some(&b'\n');
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if self.after_cr && !(ends && text.is_empty()) {
            return Err(Unsendable);
        }
        let cr = text.last() == Some(&b'\r');
        let inner = text.strip_suffix(b"\r").unwrap_or(text);
        if (ends && !cr && !self.after_cr) || inner.contains(&b'\r') || inner.contains(&0) {
            return Err(Unsendable);
        }
        if !self.inside && line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        self.after_cr = cr && !ends;
        self.inside = !ends;
        Ok(())
    }

    /// Ends the text exactly once: a last line end is not doubled, a missing one is added.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        if self.after_cr {
            return Err(Unsendable);
        }
        out.extend_from_slice(if self.inside { b"\r\n.\r\n" } else { b".\r\n" });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(pieces: &[&[u8]]) -> Result<Vec<u8>, Unsendable> {
        let mut out = Vec::new();
        let mut stuffer = Stuffer::default();
        for piece in pieces {
            stuffer.push(piece, &mut out)?;
        }
        stuffer.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn e5_one_terminator_and_no_line_more() {
        assert_eq!(stuffed(&[b"a: b\r\n"]).unwrap(), b"a: b\r\n.\r\n");
        assert_eq!(stuffed(&[b"a: b\r\n\r\nx"]).unwrap(), b"a: b\r\n\r\nx\r\n.\r\n");
        assert_eq!(stuffed(&[b""]).unwrap(), b".\r\n");
    }

    #[test]
    fn e6_a_bare_line_end_or_nul_is_never_sent() {
        for text in ["\n", "a\nb\r\n", "a\rb\r\n", "\r", "a\r\n.\n", "\n.\r\n", "a\r\r\n", "\0", "a\r\n\r", "a\0\r\n", "\r\n.\r"]
        {
            for cut in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                assert_eq!(stuffed(&[left, right]), Err(Unsendable), "{text:?} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_bytes(lines in prop::collection::vec("[.a\\t ]{0,5}", 0..12), cuts in prop::collection::vec(0_usize..80, 0..6)) {
            let text = lines.join("\r\n").into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut rest = text.as_slice();
            let mut done = 0;
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut - done);
                pieces.push(piece);
                rest = tail;
                done = cut;
            }
            pieces.push(rest);
            prop_assert_eq!(stuffed(&pieces), stuffed(&[&text]));
        }

        #[test]
        fn any_bytes_are_sent_or_refused(bytes in prop::collection::vec(prop::sample::select(b"\r\n.\0ab".to_vec()), 0..40)) {
            if let Ok(out) = stuffed(&[&bytes]) {
                prop_assert!(out.ends_with(b".\r\n"));
                let ends = out.windows(5).filter(|five| five == b"\r\n.\r\n").count();
                prop_assert!(ends + usize::from(out.starts_with(b".\r\n")) == 1);
            }
        }
    }
}
