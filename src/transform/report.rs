//! What comes back to a bounce address: does it tell of a failure, and of which? (RFC 3464, RFC 6522, RFC 6533.)
//!
//! Where there is a `message/delivery-status` part it decides, `Action` first. Many systems answer in words of their own:
//! those are read as far as they are known (`words`). What is neither a delay notice nor an automatic answer counts as a
//! failure, because a lost message that nobody hears of is worse than a failure shown once too often. What it says of an
//! address is another matter: that is the group of fields whose `Final-Recipient` is this address, or a paragraph that
//! names it and no other. The returned message is never looked into: its sender wrote it.

mod parts;
mod words;

use crate::model::{Address, Severity};

/// What a message to a bounce address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The message could not be delivered.
    Failed(Failed),
    /// It is late, or arrived, or was passed on: nothing has failed.
    Progress,
    /// An automatic answer, a read receipt: no report of a delivery at all.
    Automatic,
}

/// What a report of a failure says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The first failure in it, whomever it is about.
    first: Finding,
    /// What is said of whom.
    findings: Vec<(String, Finding)>,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The enhanced status code, `5.0.0` when there is none.
    pub status: String,
    /// What that says about the recipient.
    pub severity: Severity,
    /// The remote server's own words: one line of visible characters, bounded.
    pub words: String,
}

impl Failed {
    /// What it says of this address, and not of one that it is forwarded to behind our back; `None` when it does not say
    /// for certain whom it is about. Of several things that are said the least hard one counts.
    pub fn about(&self, address: &Address) -> Option<&Finding> {
        let folded = address.folded();
        let mut about = self.findings.iter().filter(|(named, _)| *named == folded).map(|(_, finding)| finding);
        let first = about.next()?;
        Some(if first.severity == Severity::Hard {
            about.find(|one| one.severity != Severity::Hard).unwrap_or(first)
        } else {
            first
        })
    }

    /// What people are shown who wait for news of this address: what it says of it, or else what it says at all.
    pub fn shown(&self, address: &Address) -> &Finding {
        self.about(address).unwrap_or(&self.first)
    }
}

/// The status of a failure that has none.
const NO_STATUS: &str = "5.0.0";
/// Recipients looked at; a report to one of our bounce addresses is about one.
const MOST_RECIPIENTS: usize = 8;
/// Characters kept of the remote server's words.
const MOST_WORDS: usize = 300;

/// Reads the beginning of a message.
pub fn read(start: &[u8]) -> Report {
    let message = parts::split(start);
    if let Some(report) = message.status.as_deref().and_then(from_status) {
        return report;
    }
    let is_bounce = words::is_from_a_daemon(&message);
    if message.is_receipt || !is_bounce && words::is_automatic(&message) {
        return Report::Automatic;
    }
    if words::is_progress(&message) {
        return Report::Progress;
    }
    let found = words::find(&message.text).or_else(|| words::find(&message.rest));
    let first = found.map_or_else(
        || Finding::new(NO_STATUS, Severity::Unknown, ""),
        |reason| {
            // Whom it is about is not known.
            Finding::new(&reason.status, Severity::Unknown, &reason.line)
        },
    );
    let told = words::told(&message.text).into_iter();
    let findings = told.map(|told| (told.recipient, Finding::new(&told.reason.status, told.severity, &told.reason.line)));
    Report::Failed(Failed { first, findings: findings.collect() })
}

impl Finding {
    fn new(status: &str, severity: Severity, words: &str) -> Self {
        Self { status: status.to_owned(), severity, words: quotable(words) }
    }
}

/// One recipient's group of fields.
#[derive(Debug, Default)]
struct Group {
    action: Option<String>,
    status: Option<String>,
    diagnostic: String,
    /// `Final-Recipient` alone: `Original-Recipient` is the mailbox also where it forwards to another one.
    recipient: Option<String>,
}

/// What a `message/delivery-status` part says; `None` when it says nothing of any recipient.
fn from_status(text: &str) -> Option<Report> {
    let groups: Vec<Group> = groups(text);
    let failed: Vec<&Group> = groups.iter().filter(|group| is_failure(group)).collect();
    let Some(first) = failed.first() else {
        return groups.iter().any(|group| group.action.is_some()).then_some(Report::Progress);
    };
    let named = failed.iter().filter_map(|group| {
        let address = Address::parse(group.recipient.as_deref()?).ok()?;
        Some((address.folded(), finding(group)))
    });
    Some(Report::Failed(Failed { first: finding(first), findings: named.take(MOST_RECIPIENTS).collect() }))
}

fn finding(group: &Group) -> Finding {
    let (status, says) = status_of(group);
    let severity = if says { Severity::of(&status, &group.diagnostic) } else { Severity::Unknown };
    Finding::new(&status, severity, &group.diagnostic)
}

/// `Action` decides (RFC 3464 §2.3.3); where it is missing or no word of the standard, the status does.
fn is_failure(group: &Group) -> bool {
    match group.action.as_deref() {
        Some("failed") => true,
        Some("delayed" | "delivered" | "relayed" | "expanded") => false,
        _ => group.status.as_deref().is_some_and(|status| status.starts_with('5')),
    }
}

/// The status, from `Diagnostic-Code` when `Status` is missing or general, and whether anything was said at all.
fn status_of(group: &Group) -> (String, bool) {
    let general = |status: &str| status.ends_with(".0.0");
    match &group.status {
        Some(status) if !general(status) => (status.clone(), true),
        given => match words::status_in(&group.diagnostic) {
            Some(found) if !general(&found) => (found, true),
            found => {
                let status = given.clone().or(found);
                let says = status.is_some();
                (status.unwrap_or_else(|| NO_STATUS.to_owned()), says)
            }
        },
    }
}

/// The groups of fields; an empty line ends one.
fn groups(text: &str) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    for field in parts::unfold(text) {
        let Some((name, value)) = field.split_once(':') else {
            if field.trim().is_empty() {
                groups.push(Group::default());
            }
            continue;
        };
        let Some(group) = groups.last_mut() else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "action" => group.action = value.split([' ', ';', '(']).next().map(str::to_ascii_lowercase),
            "status" => group.status = words::as_status(value),
            "diagnostic-code" => typed(value).clone_into(&mut group.diagnostic),
            "final-recipient" => group.recipient = Some(typed(value).trim_matches(['<', '>']).to_owned()),
            _ => {}
        }
    }
    groups
}

/// The part behind `smtp;` or `rfc822;`.
fn typed(value: &str) -> &str {
    let is_word =
        |word: &str| !word.is_empty() && word.trim().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match value.split_once(';') {
        Some((kind, rest)) if is_word(kind) => rest.trim(),
        _ => value,
    }
}

/// One line of visible characters, bounded; what looks like a link leads nowhere.
pub fn quotable(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_whitespace() || !c.is_ascii_graphic() { ' ' } else { c });
    let spaced: String = visible.take(MOST_WORDS * 2).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ").replace("://", ": //");
    line.chars().take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests;
