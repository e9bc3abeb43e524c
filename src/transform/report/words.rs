//! Reports in words of their own: what qmail, Exim, Postfix, Exchange, Notes and others write for people.
//!
//! A status code wherever one stands; without one, sentences that have meant the same for decades. Everything else stays
//! unknown.

use std::collections::BTreeSet;

use super::parts::Message;
use crate::model::{Address, Severity};

/// Sentences and the status they stand for, in lower case; the first that is found counts. Those of a missing mailbox are
/// the model's ([`Severity::of_words`]).
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
    ("mailbox unavailable", "5.2.0"),
    ("invalid recipient", "5.1.0"),
    ("unrouteable address", "5.1.0"),
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
    let text = format!("{}\n{}", message.text, message.rest).to_lowercase();
    let is_late = subject.contains("delayed") || subject.contains("delay)") || subject.starts_with("warning:");
    let goes_on =
        ["do not need to resend", "don't need to resend", "will continue to", "will be retried", "has not yet been delivered"];
    (is_late || text.contains("this is a warning message only")) && goes_on.iter().any(|words| text.contains(words))
}

/// What a text says, and the line that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub status: String,
    pub line: String,
}

/// A paragraph with a reason, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub recipient: String,
    pub severity: Severity,
    pub reason: Reason,
}

/// The reason, wherever it stands.
pub(super) fn find(text: &str) -> Option<Reason> {
    reason(&paragraphs(text).concat())
}

/// The paragraphs that give a reason and name one address. Of two addresses it can't be told which one the reason is
/// about: a mailbox may be forwarded to another one behind our back.
pub(super) fn told(text: &str) -> Vec<Told> {
    let about = |lines: &Vec<String>| {
        let reason = reason(lines)?;
        let mut named = addresses(lines).into_iter();
        let (Some(recipient), None) = (named.next(), named.next()) else { return None };
        let words = lines.join(" ");
        // A status that was made of words is no better than they are.
        let severity = if reason.status.starts_with('5') && enhanced_in(&reason.line).is_none() {
            Severity::of_words(&words)
        } else {
            Severity::of(&reason.status, &words)
        };
        Some(Told { recipient, severity, reason })
    };
    paragraphs(text).iter().filter_map(about).take(super::MOST_RECIPIENTS).collect()
}

fn reason(lines: &[String]) -> Option<Reason> {
    let made = |line: &String, status| Reason { status, line: line.clone() };
    let with_code = lines.iter().find_map(|line| status_in(line).map(|status| made(line, status)));
    with_code.or_else(|| lines.iter().find_map(|line| known(line).map(|status| made(line, status.to_owned()))))
}

/// The status that a sentence without a code stands for.
fn known(line: &str) -> Option<&'static str> {
    let lower = line.to_lowercase();
    KNOWN.iter().find(|(words, _)| lower.contains(words)).map(|(_, status)| *status).or_else(|| {
        let status = if lower.contains("disabled") { "5.2.1" } else { "5.1.1" };
        (Severity::of_words(line) == Severity::Hard).then_some(status)
    })
}

/// The paragraphs before the returned message, without what its sender may have written: its subject, what is quoted.
fn paragraphs(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().take_while(|line| !begins_returned(line)).collect();
    let own = |paragraph: &[&str]| -> Vec<String> {
        // A subject may be folded, so what follows it is in doubt as well.
        let lines = paragraph.iter().take_while(|line| !line.to_lowercase().contains("subject:"));
        let lines: Vec<&str> = lines.copied().filter(|line| !line.trim_start().starts_with('>')).collect();
        unquoted(&lines).lines().map(str::to_owned).collect()
    };
    lines.split(|line| line.trim().is_empty()).map(own).filter(|lines| !lines.is_empty()).collect()
}

/// A paragraph without what is in quotes, from the first mark to the last: what is quoted may contain marks itself.
fn unquoted(lines: &[&str]) -> String {
    // Exchange puts the other server's words in quotes, in a line of their own.
    let is_told = |line: &str| line.trim_start().to_lowercase().starts_with("remote server returned '");
    let line = |line: &&str| if is_told(line) { line.replace('\'', " ") } else { (*line).to_owned() };
    let text = lines.iter().map(line).collect::<Vec<_>>().join("\n");
    let is_mark = |c: char| matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}');
    let text = match (text.split_once(is_mark), text.rsplit_once(is_mark)) {
        (Some((before, rest)), Some((_, after))) if rest.contains(is_mark) => format!("{before} {after}"),
        // Its end is not there: it was cut off.
        (Some((before, _)), _) => before.to_owned(),
        (None, _) => text,
    };
    // An apostrophe stands between letters, or behind a word.
    let begins = |(at, c): (usize, char)| {
        matches!(c, '\'' | '`' | '\u{2018}')
            && !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(char::is_alphanumeric)
    };
    let Some((from, _)) = text.char_indices().find(|at| begins(*at)) else { return text };
    let (before, rest) = text.split_at_checked(from).unwrap_or_default();
    let after = rest.rfind(['\'', '\u{2019}']).filter(|end| *end > 0).and_then(|end| rest.get(end..)).unwrap_or_default();
    format!("{before} {}", after.trim_start_matches(['\'', '\u{2019}']))
}

/// The different addresses in some lines.
fn addresses(lines: &[String]) -> BTreeSet<String> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\'');
    let words = lines.iter().flat_map(|line| line.split(is_end)).filter(|word| word.contains('@'));
    words.filter_map(|word| Address::parse(word.trim_end_matches('.')).ok()).map(|address| address.folded()).collect()
}

fn begins_returned(line: &str) -> bool {
    let lower = line.to_lowercase();
    ["received: ", "return-path: ", "message-id: ", "dkim-signature: ", "arc-"].iter().any(|name| lower.starts_with(name))
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
    if let Some(status) = enhanced_in(line) {
        return Some(status);
    }
    let first = line
        .split_whitespace()
        .find(|word| is_basic(word.trim_matches(['#', '-', ':', '<', '(']).get(..3).unwrap_or_default()))?;
    // A number in a sentence is no code: it stands at the beginning, or behind a word of SMTP.
    let is_told = line.trim_start().starts_with(first)
        || ["smtp", "said", "error", "remote", "rcpt", "response"].iter().any(|word| line.to_lowercase().contains(word));
    let class = first.trim_matches(['#', '-', ':', '<', '(']).chars().next()?;
    let known = known(line).filter(|status| status.starts_with(class)).map(str::to_owned);
    is_told.then(|| known.unwrap_or_else(|| format!("{class}.0.0")))
}

/// The enhanced code that stands in a line.
fn enhanced_in(line: &str) -> Option<String> {
    let words: Vec<&str> =
        line.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '#')).filter(|word| !word.is_empty()).collect();
    let has_code = line.contains('#') || words.iter().any(|word| is_basic(word.trim_matches(['#', '.'])));
    let mut enhanced = words.iter().filter_map(|word| as_status(word.trim_start_matches('#').trim_end_matches('.')));
    enhanced.find(|status| status.starts_with('5') || status.starts_with('4') && has_code)
}

fn is_basic(word: &str) -> bool {
    word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|b| b.is_ascii_digit())
}
