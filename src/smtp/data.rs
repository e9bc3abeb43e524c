//! The reader of DATA (RFC 5321 §4.1.1.4, §4.5.2): an incremental machine over byte slices, the same result whatever the
//! slices.
//!
//! Only `CR LF . CR LF` ends a message, and `. CR LF` as its very first bytes. A line end is a CR LF whose CR does not
//! follow another CR: `CR CR LF . CR LF` is content, because a sender that sees no line end there does not double the
//! dot. Anything else that some server somewhere takes for an end of data is content too; a bare CR, a bare LF or a
//! NUL only marks the message, which is read to its real end and then refused. Refusing earlier would let the rest run
//! as commands (SMTP smuggling).

use memchr::memchr3;

/// Where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At the first byte of a line.
    #[default]
    LineStart,
    /// After the dot that opened a line.
    Dot,
    /// After a dot and a CR that opened a line; neither has been handed over.
    DotCr,
    /// Inside a line.
    Text,
    /// After a CR.
    Cr,
    /// After a CR that is the first byte of its line.
    BlankCr,
    /// After a CR that follows a CR: no line end can come of it.
    CrCr,
}

/// Reads one message: takes the dots of the transport out and finds the end.
#[derive(Debug, Default)]
pub struct DataReader {
    state: State,
    handed_over: u64,
    header: Option<u64>,
    malformed: bool,
}

impl DataReader {
    /// Reads `input`, hands content to `sink` in slices as long as possible. `Some(n)`: the message ended with the
    /// `n`th byte. `None`: all was read and the end is still to come.
    pub fn feed(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Option<usize> {
        // Where the bytes not yet handed over begin.
        let mut run = 0;
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match (self.state, byte) {
                (State::Text, _) => at = self.text(input, at),
                (State::LineStart, b'.') => {
                    self.hand_over(input.get(run..at), &mut sink);
                    at += 1;
                    run = at;
                    self.state = State::Dot;
                }
                (State::LineStart, b'\r') => {
                    at += 1;
                    self.state = State::BlankCr;
                }
                (State::Dot, b'\r') => {
                    at += 1;
                    run = at;
                    self.state = State::DotCr;
                }
                (State::DotCr, b'\n') => return Some(at + 1),
                (State::DotCr, _) => {
                    // The CR was content after all, and it may have come with an earlier slice.
                    self.hand_over(Some(b"\r"), &mut sink);
                    run = at;
                    self.state = State::Cr;
                }
                (State::Cr | State::BlankCr, b'\n') => {
                    at += 1;
                    if self.state == State::BlankCr && self.header.is_none() {
                        self.header = Some(self.handed_over + length(input.get(run..at)));
                    }
                    self.state = State::LineStart;
                }
                (State::Cr | State::BlankCr | State::CrCr, b'\r') => {
                    at += 1;
                    self.malformed = true;
                    self.state = State::CrCr;
                }
                (State::Cr | State::BlankCr | State::CrCr, _) => {
                    self.malformed = true;
                    self.state = State::Text;
                }
                (State::LineStart | State::Dot, _) => self.state = State::Text,
            }
        }
        self.hand_over(input.get(run..), &mut sink);
        None
    }

    /// Whether a bare CR, a bare LF or a NUL was seen.
    pub const fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// Bytes of content so far: what RFC 1870 calls the size of the message.
    pub const fn size(&self) -> u64 {
        self.handed_over
    }

    /// Bytes of the header block with its empty line; all there is while no empty line came.
    pub fn header_size(&self) -> u64 {
        self.header.unwrap_or(self.handed_over)
    }

    /// Goes to the next byte that means something and past it.
    fn text(&mut self, input: &[u8], at: usize) -> usize {
        let rest = input.get(at..).unwrap_or_default();
        let Some(found) = memchr3(b'\r', b'\n', 0, rest) else { return input.len() };
        if rest.get(found) == Some(&b'\r') {
            self.state = State::Cr;
        } else {
            self.malformed = true;
        }
        at + found + 1
    }

    fn hand_over(&mut self, bytes: Option<&[u8]>, sink: &mut impl FnMut(&[u8])) {
        let bytes = bytes.unwrap_or_default();
        if !bytes.is_empty() {
            self.handed_over += bytes.len() as u64;
            sink(bytes);
        }
    }
}

fn length(bytes: Option<&[u8]>) -> u64 {
    bytes.unwrap_or_default().len() as u64
}

#[cfg(test)]
mod tests;
