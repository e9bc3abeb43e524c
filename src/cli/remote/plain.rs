//! What an instance elsewhere says must not move the cursor of this terminal.

use std::io::{self, Write};

/// Passes text on without control characters; lines stay lines.
pub struct Plain<'w> {
    writer: &'w mut dyn Write,
}

impl<'w> Plain<'w> {
    /// Writes to `writer`.
    pub fn new(writer: &'w mut dyn Write) -> Self {
        Self { writer }
    }
}

impl Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Formatted text comes in whole fragments of UTF-8, and so does JSON.
        let text: String =
            String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
        self.writer.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_does_nothing() {
        let mut bytes = Vec::new();
        write!(Plain::new(&mut bytes), "é\u{1b}[2J\nb\u{9b}").unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "é\u{fffd}[2J\nb\u{fffd}");
    }
}
