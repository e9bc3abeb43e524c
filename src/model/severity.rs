//! What a refusal says about the mailbox it is about (RFC 3463): is it gone, or was it only this message, or this moment?
//!
//! Only what is about the address or the mailbox counts against it. A full mailbox, a message that is too large or reads
//! like spam, a sender somebody distrusts: all of these are refused for good as well, and say that somebody is there.

/// How much a failure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// There is no such mailbox (any more).
    Hard,
    /// This message, or not now: the mailbox may well be there.
    Soft,
    /// It could not be made out.
    Unknown,
}

/// Words of a refusal on account of the message or its sender, whatever its code; servers without enhanced codes.
const DISTRUST: [&str; 17] = [
    "spam",
    "block",
    "policy",
    "policies",
    "blacklist",
    "denylist",
    "dnsbl",
    "rbl",
    "reputation",
    "reject due",
    "spf",
    "dkim",
    "dmarc",
    "virus",
    "content",
    "unauthenticated",
    "banned",
];
/// Words of a refusal that has to do with room.
const ROOM: [&str; 8] = [
    "quota",
    "mailbox full",
    "mailbox is full",
    "inbox is full",
    "out of storage",
    "insufficient storage",
    "too large",
    "exceeds",
];

impl Severity {
    /// What an enhanced status code says; `words` (the server's) decide where the code says nothing (`5.0.0`).
    pub fn of(status: &str, words: &str) -> Self {
        let mut parts = status.split('.').map(str::parse::<u16>);
        let (Some(Ok(class)), Some(Ok(subject)), Some(Ok(detail)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self::Unknown;
        };
        match (class, subject, detail) {
            (5, 0, _) if is_of_the_message(words) => Self::Soft,
            // 5.1.7 to 5.1.9 are about the sender's address or the way the message is written.
            (5, 1, 7..=9) => Self::Soft,
            (5, 0 | 1, _) | (5, 2, 0 | 1) => Self::Hard,
            (4 | 5, ..) => Self::Soft,
            _ => Self::Unknown,
        }
    }
}

/// Whether words tell of distrust or of room, and so of a message that was not wanted rather than of a missing mailbox.
fn is_of_the_message(words: &str) -> bool {
    let words = words.to_lowercase();
    DISTRUST.iter().chain(&ROOM).any(|word| words.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_address_or_the_mailbox_is_hard() {
        for status in ["5.1.1", "5.1.2", "5.1.0", "5.1.10", "5.2.1", "5.2.0", "5.0.0"] {
            assert_eq!(Severity::of(status, "no such user"), Severity::Hard, "{status}");
        }
        for status in ["5.7.1", "5.7.26", "5.3.4", "5.6.1", "5.2.2", "5.2.3", "5.1.8", "5.4.6", "4.2.1", "4.4.7"] {
            assert_eq!(Severity::of(status, ""), Severity::Soft, "{status}");
        }
        for status in ["", "5", "5.1", "2.0.0", "5.1.1.1", "x.y.z"] {
            assert_eq!(Severity::of(status, ""), Severity::Unknown, "{status}");
        }
    }

    #[test]
    fn words_decide_where_the_code_says_nothing() {
        assert_eq!(Severity::of("5.0.0", "host answered RCPT with 550 mailbox unavailable"), Severity::Hard);
        assert_eq!(Severity::of("5.0.0", "550 Blocked, see our list"), Severity::Soft);
        assert_eq!(Severity::of("5.0.0", "552 Over QUOTA"), Severity::Soft);
        assert_eq!(
            Severity::of("5.1.1", "550 5.1.1 user unknown by our policy"),
            Severity::Hard,
            "a code that speaks is believed"
        );
    }
}
