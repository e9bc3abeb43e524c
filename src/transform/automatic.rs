//! People or machines? What a header block says of how a message was made (RFC 3834 §2, RFC 2919, RFC 2369).
//!
//! Read to decide whether we may answer with a message of our own, and how many answers of machines may pass; the fields
//! themselves pass on untouched.

use super::header::HeaderBlock;

/// Marks of a message nobody waits for an answer to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// `Auto-Submitted` with anything but `no`.
    pub auto_submitted: bool,
    /// An answer to another message (`auto-replied`), such as an out-of-office note.
    pub auto_replied: bool,
    /// Came through a mailing list or a newsletter.
    pub list: bool,
    /// `Precedence: bulk`, `list` or `junk`, or a request to hold back automatic answers.
    pub bulk: bool,
}

/// Reads the marks.
pub fn marks(block: &HeaderBlock, message: &[u8]) -> Marks {
    let first_word = |value: &[u8]| {
        let end = value.iter().position(|byte| matches!(byte, b';' | b'(')).unwrap_or(value.len());
        value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
    };
    let mut marks = Marks::default();
    for field in block.fields() {
        let value = || first_word(field.value(message));
        match field.name(message).to_ascii_lowercase().as_slice() {
            b"auto-submitted" => {
                marks.auto_submitted |= value() != b"no";
                marks.auto_replied |= value() == b"auto-replied";
            }
            b"list-id" | b"list-post" | b"list-unsubscribe" | b"list-help" | b"mailing-list" => marks.list = true,
            b"precedence" => marks.bulk |= [&b"bulk"[..], b"list", b"junk"].contains(&value().as_slice()),
            b"x-auto-response-suppress" => marks.bulk |= value() != b"none",
            b"x-autoreply" | b"x-autorespond" => (marks.auto_submitted, marks.auto_replied) = (true, true),
            b"x-loop" => marks.auto_submitted = true,
            _ => {}
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::super::header::Limits;
    use super::*;

    fn of(header: &str) -> Marks {
        let block = HeaderBlock::parse(header.as_bytes(), Limits::default()).unwrap();
        marks(&block, header.as_bytes())
    }

    #[test]
    fn machines_are_told_from_people() {
        assert_eq!(of("Subject: x\r\nAuto-Submitted: No\r\nPrecedence: first-class\r\n"), Marks::default());
        let vacation = of("Auto-Submitted: auto-replied (vacation)\r\n");
        assert!(vacation.auto_submitted && vacation.auto_replied);
        let notice = of("AUTO-SUBMITTED:\r\n auto-generated; owner=x\r\n");
        assert!(notice.auto_submitted && !notice.auto_replied);
        assert!(of("List-Id: <a.b>\r\n").list && of("List-Unsubscribe: <https://x>\r\n").list);
        assert!(of("Precedence: Bulk\r\n").bulk && of("X-Auto-Response-Suppress: All\r\n").bulk);
    }
}
