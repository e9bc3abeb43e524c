//! The reader of command lines (RFC 5321 §2.3.8, §4.5.3.1.4): finds them in what was received, without buffering what
//! is too long, and stays in step whatever comes.
//!
//! A line ends at LF. One whose LF has no CR before it, or that holds a control character or no UTF-8, is refused as a
//! whole, so that the next line is read from where it begins.

use memchr::memchr;

/// What the received bytes begin with. `consumed` says how many of them it takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// A command line of `consumed` bytes, ending in CRLF; printable ASCII or UTF-8.
    Line {
        /// Its length with CRLF.
        consumed: usize,
    },
    /// The end of a line that was longer than allowed.
    TooLong {
        /// Its last bytes.
        consumed: usize,
    },
    /// A line that is no command: bare CR or LF, other control characters, not UTF-8.
    Invalid {
        /// Its length with the line end.
        consumed: usize,
    },
    /// No line end yet. What is consumed belongs to a line that is too long already.
    Incomplete {
        /// How many bytes can be forgotten.
        consumed: usize,
    },
}

/// Finds command lines; remembers only whether it is inside a line that is too long.
#[derive(Debug)]
pub struct LineReader {
    longest: usize,
    skipping: bool,
}

impl LineReader {
    /// Lines may have `longest` bytes, CRLF included.
    pub const fn new(longest: usize) -> Self {
        Self { longest, skipping: false }
    }

    /// The same from the next line on, for another length.
    pub const fn set_longest(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// Looks at the bytes received and not yet consumed.
    pub fn scan(&mut self, input: &[u8]) -> Scan {
        let end = memchr(b'\n', input).map(|at| at + 1);
        if self.skipping {
            let Some(consumed) = end else { return Scan::Incomplete { consumed: input.len() } };
            self.skipping = false;
            return Scan::TooLong { consumed };
        }
        match end {
            Some(consumed) if consumed > self.longest => Scan::TooLong { consumed },
            Some(consumed) if is_command(input.get(..consumed).unwrap_or_default()) => Scan::Line { consumed },
            Some(consumed) => Scan::Invalid { consumed },
            None if input.len() >= self.longest => {
                self.skipping = true;
                Scan::Incomplete { consumed: input.len() }
            }
            None => Scan::Incomplete { consumed: 0 },
        }
    }
}

fn is_command(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|text| !text.iter().any(u8::is_ascii_control) && std::str::from_utf8(text).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan_all(longest: usize, pieces: &[&[u8]]) -> Vec<String> {
        let mut reader = LineReader::new(longest);
        let mut kept: Vec<u8> = Vec::new();
        let mut seen = Vec::new();
        for piece in pieces {
            kept.extend_from_slice(piece);
            loop {
                let scan = reader.scan(&kept);
                let (Scan::Line { consumed }
                | Scan::TooLong { consumed }
                | Scan::Invalid { consumed }
                | Scan::Incomplete { consumed }) = scan;
                let line: Vec<u8> = kept.drain(..consumed).collect();
                match scan {
                    Scan::Line { .. } => seen.push(format!("line {}", String::from_utf8(line).unwrap().trim_end())),
                    Scan::TooLong { .. } => seen.push("too long".into()),
                    Scan::Invalid { .. } => seen.push("invalid".into()),
                    Scan::Incomplete { .. } => break,
                }
            }
            assert!(kept.len() < longest, "{} bytes kept", kept.len());
        }
        seen
    }

    #[test]
    fn bad_lines_are_named_and_the_next_one_is_read() {
        let input = b"NOOP\r\nbare\nA\rB\r\nnul\0\r\n\xff\xfe\r\ntab\t\r\nabcdefghijklmnopq\r\nQUIT\r\n";
        let expected =
            ["line NOOP", "invalid", "invalid", "invalid", "invalid", "invalid", "too long", "line QUIT"].map(str::to_owned);
        assert_eq!(scan_all(16, &[input]), expected);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(scan_all(16, &bytes), expected);
    }

    #[test]
    fn the_longest_line_counts_its_line_end() {
        assert_eq!(scan_all(8, &[b"123456\r\n"]), ["line 123456"]);
        assert_eq!(scan_all(8, &[b"1234567\r\n"]), ["too long"]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_slices_give_the_same_lines(
            input in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a'), any::<u8>()], 0..200),
            cut in 0_usize..200,
        ) {
            let cut = cut.min(input.len());
            prop_assert_eq!(scan_all(16, &[&input[..cut], &input[cut..]]), scan_all(16, &[&input]));
        }
    }
}
