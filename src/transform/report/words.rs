//! Reports in words of their own: what qmail, Exim, Postfix, Exchange, Notes and others write for people.
//!
//! A status code wherever one stands; without one, sentences that have meant the same for decades. Everything else stays
//! unknown.

use super::parts::Message;

/// Sentences and the status they stand for, in lower case; the first that is found counts.
const KNOWN: &[(&str, &str)] = &[
    ("quota", "5.2.2"),
    ("mailbox full", "5.2.2"),
    ("mailbox is full", "5.2.2"),
    ("inbox is full", "5.2.2"),
    ("too large", "5.3.4"),
    ("message size", "5.3.4"),
    ("spam", "5.7.1"),
    ("blacklist", "5.7.1"),
    ("blocked", "5.7.1"),
    ("policy", "5.7.1"),
    ("relay", "5.7.1"),
    ("user unknown", "5.1.1"),
    ("unknown user", "5.1.1"),
    ("no such user", "5.1.1"),
    ("no such mailbox", "5.1.1"),
    ("no mailbox here by that name", "5.1.1"),
    ("mailbox not found", "5.1.1"),
    ("mailbox unavailable", "5.1.1"),
    ("unknown recipient", "5.1.1"),
    ("recipient unknown", "5.1.1"),
    ("recipient not found", "5.1.1"),
    ("invalid recipient", "5.1.1"),
    ("unrouteable address", "5.1.1"),
    ("doesn't exist", "5.1.1"),
    ("does not exist", "5.1.1"),
    ("not listed in", "5.1.1"),
    ("account is disabled", "5.2.1"),
    ("account has been disabled", "5.2.1"),
    ("account disabled", "5.2.1"),
    ("retry timeout exceeded", "4.4.7"),
    ("retry time not reached", "4.4.7"),
    ("timed out", "4.4.7"),
];

/// Where the returned message begins: its sender wrote what follows.
const RETURNED: [&str; 7] = [
    "this is a copy of the message",
    "this is a copy of your message",
    "below this line is a copy of the message",
    "original message",
    "original-nachricht",
    "returned message",
    "message header",
];

/// Whether it comes from something that delivers mail, whatever it says of itself in `Auto-Submitted`.
pub(super) fn is_from_a_daemon(message: &Message) -> bool {
    let from = message.field("from");
    let subject = message.field("subject");
    message.field("content-type").contains("delivery-status")
        || !message.failed_recipients.is_empty()
        || ["mailer-daemon", "postmaster@", "mailer_daemon", "mail delivery sub", "mail delivery sys"]
            .iter()
            .any(|name| from.contains(name))
        || [
            "undeliver",
            "returned mail",
            "failure notice",
            "delivery status",
            "delivery fail",
            "mail delivery failed",
            "delivery notification",
            "nondeliverable",
        ]
        .iter()
        .any(|words| subject.contains(words))
}

/// Whether it is an answer a machine gave in place of its owner (RFC 3834).
pub(super) fn is_automatic(message: &Message) -> bool {
    let subject = message.field("subject");
    message.field("auto-submitted").starts_with("auto-replied")
        || !message.field("x-autoreply").is_empty()
        || !message.field("x-autorespond").is_empty()
        || message.field("precedence") == "auto_reply"
        || ["automatic reply", "out of office", "auto:", "autoreply", "automatische antwort", "abwesenheit"]
            .iter()
            .any(|words| subject.starts_with(words))
}

/// Whether it says that the message is still on its way.
pub(super) fn is_progress(message: &Message) -> bool {
    let subject = message.field("subject");
    let text = message.text.to_lowercase();
    let is_late = subject.contains("delayed") || subject.contains("delay)") || subject.starts_with("warning:");
    let goes_on =
        ["do not need to resend", "don't need to resend", "will continue to", "will be retried", "has not yet been delivered"];
    (is_late || text.contains("this is a warning message only")) && goes_on.iter().any(|words| text.contains(words))
}

/// The status, if any is known, and the line it stands in.
pub(super) fn find(text: &str) -> Option<(Option<String>, String)> {
    let lines: Vec<&str> = text.lines().take_while(|line| !begins_returned(line)).collect();
    let with_code = lines.iter().find_map(|line| status_in(line).map(|status| (Some(status), (*line).to_owned())));
    with_code.or_else(|| {
        lines.iter().find_map(|line| {
            let lower = line.to_lowercase();
            let known = KNOWN.iter().find(|(words, _)| lower.contains(words));
            known.map(|(_, status)| (Some((*status).to_owned()), (*line).to_owned()))
        })
    })
}

fn begins_returned(line: &str) -> bool {
    let lower = line.to_lowercase();
    lower.starts_with("received: ")
        || lower.trim_start().starts_with("--") && RETURNED.iter().any(|words| lower.contains(words))
        || lower.starts_with("original message headers")
}

/// A whole value that is a status code, perhaps with a comment behind it.
pub(super) fn as_status(value: &str) -> Option<String> {
    let word = value.split([' ', '(', ';', '\t']).next()?;
    let parts: Vec<_> = word.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(is_number) && word.starts_with(['2', '4', '5'])).then(|| word.to_owned())
}

/// The status code somewhere in a line: `5.1.1` as it stands; `4.x.x` only behind a basic code or a `#`, because much else
/// looks like it; a basic code alone (`550 …`) says the class and leaves the rest to the words.
pub(super) fn status_in(line: &str) -> Option<String> {
    let words: Vec<&str> =
        line.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '#')).filter(|word| !word.is_empty()).collect();
    let is_basic = |word: &&str| word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|b| b.is_ascii_digit());
    let has_code = line.contains('#') || words.iter().any(|word| is_basic(&word.trim_matches(['#', '.'])));
    let enhanced = words.iter().filter_map(|word| as_status(word.trim_start_matches('#').trim_end_matches('.')));
    let fits = |status: &String| status.starts_with('5') || status.starts_with('4') && has_code;
    if let Some(status) = enhanced.into_iter().find(fits) {
        return Some(status);
    }
    let first = line
        .split_whitespace()
        .find(|word| is_basic(&word.trim_matches(['#', '-', ':', '<', '(']).get(..3).unwrap_or_default()))?;
    // A number in a sentence is no code: it stands at the beginning, or behind a word of SMTP.
    let is_told = line.trim_start().starts_with(first)
        || ["smtp", "said", "error", "remote", "rcpt", "response"].iter().any(|word| line.to_lowercase().contains(word));
    let class = first.trim_matches(['#', '-', ':', '<', '(']).chars().next()?;
    let lower = line.to_lowercase();
    let known = KNOWN
        .iter()
        .find(|(words, status)| lower.contains(words) && status.starts_with(class))
        .map(|(_, status)| (*status).to_owned());
    is_told.then(|| known.unwrap_or_else(|| format!("{class}.0.0")))
}
