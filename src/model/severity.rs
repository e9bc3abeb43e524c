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

/// Words of a refusal on account of the message, its sender or our server, whatever its code; servers without enhanced
/// codes.
const DISTRUST: [&str; 22] = [
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
    "sender",
    "mail from",
    "return path",
    "hostname",
    "dns record",
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
/// Words of a mailbox that takes no more for the moment: some servers say so with 5.2.1. Each begins a word.
const PACE: [&str; 5] = [" rate", " too quickly", " too many", " try again", " limit"];
/// Sentences that have meant for decades that nobody is there.
const GONE: [&str; 24] = [
    "no such user",
    "no such mailbox",
    "no such recipient",
    "no such account",
    "no such address",
    "no mailbox here by that name",
    "user unknown",
    "unknown user",
    "unknown recipient",
    "recipient unknown",
    "unknown mailbox",
    "mailbox unknown",
    "user not found",
    "mailbox not found",
    "recipient not found",
    "account not found",
    "user does not exist",
    "user doesn't exist",
    "mailbox does not exist",
    "mailbox doesn't exist",
    "recipient does not exist",
    "account does not exist",
    "account that you tried to reach does not exist",
    "not listed in domino directory",
];
/// Sentences of an account that nobody uses any more.
const DISABLED: [&str; 5] =
    ["account is disabled", "account has been disabled", "account disabled", "disabled account", "tried to reach is disabled"];

impl Severity {
    /// What an enhanced status code says, with the server's words where the code alone does not say it (`5.0.0`, and
    /// `5.2.1`, which means a closed account or too much mail at once). Hard is only what is certain.
    pub fn of(status: &str, words: &str) -> Self {
        let mut parts = status.split('.').map(str::parse::<u16>);
        let (Some(Ok(class)), Some(Ok(subject)), Some(Ok(detail)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self::Unknown;
        };
        match (class, subject, detail) {
            (5, 2, 1) if has_any(&plain(words), &PACE) => Self::Soft,
            (5, 1, 1 | 6 | 10) | (5, 2, 1) => Self::Hard,
            // 5.1.7 to 5.1.9 are about the sender's address or the way the message is written.
            (5, 1, 7..=9) => Self::Soft,
            (5, 0 | 1, _) | (5, 2, 0) => Self::of_words(words),
            (4 | 5, ..) => Self::Soft,
            _ => Self::Unknown,
        }
    }

    /// What words say that no code explains.
    pub fn of_words(words: &str) -> Self {
        let words = plain(words);
        if has_any(&words, &DISTRUST) || has_any(&words, &ROOM) || has_any(&words, &PACE) {
            Self::Soft
        } else if has_any(&words, &GONE) || has_any(&words, &DISABLED) {
            Self::Hard
        } else {
            Self::Unknown
        }
    }
}

/// Words in lower case with one space around each, without addresses, host names and links: those say nothing, whatever
/// words they are made of.
fn plain(words: &str) -> String {
    let mut plain = String::from(" ");
    for word in words.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_name = word.contains(['@', '/']) || word.split('.').filter(|label| !label.is_empty()).count() > 1;
        if !is_name && !word.is_empty() {
            plain.push_str(&word.to_lowercase());
            plain.push(' ');
        }
    }
    plain
}

fn has_any(plain: &str, sentences: &[&str]) -> bool {
    sentences.iter().any(|sentence| plain.contains(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_address_or_the_mailbox_is_hard() {
        for status in ["5.1.1", "5.1.6", "5.1.10", "5.2.1"] {
            assert_eq!(Severity::of(status, ""), Severity::Hard, "{status}");
        }
        for status in ["5.0.0", "5.1.0", "5.1.2", "5.1.3", "5.2.0"] {
            assert_eq!(Severity::of(status, "550 refused"), Severity::Unknown, "{status} says nothing by itself");
            assert_eq!(Severity::of(status, "550 no such user"), Severity::Hard, "{status}");
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
        for words in ["550 <a@x.example>: user unknown", "554 Unknown user: a@x.example", "550 This account has been disabled."] {
            assert_eq!(Severity::of("5.0.0", words), Severity::Hard, "{words}");
        }
        for words in ["host answered RCPT with 550 mailbox unavailable", "550 Requested action not taken", "550 No", ""] {
            assert_eq!(Severity::of("5.0.0", words), Severity::Unknown, "{words}");
        }
        for words in
            ["550 Blocked, see our list", "552 Over QUOTA", "550 Sender user unknown", "550 unknown user rate, try again"]
        {
            assert_eq!(Severity::of("5.0.0", words), Severity::Soft, "{words}");
        }
        assert_eq!(
            Severity::of("5.1.1", "550 5.1.1 user unknown by our policy"),
            Severity::Hard,
            "a code that speaks is believed"
        );
    }

    #[test]
    fn a_mailbox_that_gets_too_much_at_once_is_not_gone() {
        for words in [
            "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
            "550-5.2.1 receiving mail too quickly. Please resend later",
            "550 5.2.1 too many messages",
            "550 5.2.1 Please try again later",
            "550 5.2.1 user is over their daily limits",
        ] {
            assert_eq!(Severity::of("5.2.1", words), Severity::Soft, "{words}");
        }
        let closed = "mx.rate-limit.example answered RCPT with 550 5.2.1 The email account that you tried to reach is disabled, \
                      see https://help.example/limit";
        assert_eq!(Severity::of("5.2.1", closed), Severity::Hard, "names of hosts are no words");
    }
}
