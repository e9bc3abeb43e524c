//! What was not delivered, or not yet, as pages show it: the reason in a plain sentence, the server's own words beside it.

use uuid::Uuid;

use super::when;
use crate::model::delivery::{Cause, Delivery, DeliveryKind, DeliveryState, Failure};
use crate::model::{Severity, Timestamp};
use crate::service::failed_delivery::Failed;
use crate::service::queue::DROPPED_BY_OPERATOR;

/// One of them.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub uuid: Uuid,
    /// The alias: its id and address.
    pub alias: Option<(Uuid, String)>,
    /// What it is.
    pub what: String,
    /// Where it stands, in a word: also its class.
    pub state: &'static str,
    /// Why, in a sentence.
    pub why: String,
    /// When it was accepted.
    pub since: String,
    /// What happens next.
    pub next: Option<String>,
    /// The same as it is noted: what the other server said, or this one.
    pub raw: Option<String>,
    /// Whose words those are.
    pub raw_title: &'static str,
    /// The reason of whoever gave it up in its owner's place.
    pub reason: Option<String>,
}

impl Row {
    /// How pages show it.
    pub fn new(failed: Failed, now: Timestamp) -> Self {
        let delivery = failed.delivery;
        let what = match delivery.kind {
            DeliveryKind::Reply => format!("Your mail to {}", delivery.recipient),
            _ => format!("Mail for your mailbox {}", delivery.recipient),
        };
        let is_waiting = delivery.state == DeliveryState::Waiting;
        let mailbox = failed.mailbox.filter(|_| is_waiting);
        let why = match (&delivery.last_failure, mailbox) {
            _ if delivery.state == DeliveryState::Cancelled => cancelled(&delivery).to_owned(),
            (_, Some(mailbox)) if mailbox.verified_at.is_none() => "The mailbox is not verified yet.".to_owned(),
            (_, Some(mailbox)) if mailbox.paused.is_some() => {
                "The mailbox is paused, because its server refused it too often. Test it on the page Mailboxes.".to_owned()
            }
            (Some(failure), _) => sentence(failure).to_owned(),
            (None, _) if is_waiting => "It is about to be tried.".to_owned(),
            (None, _) => "It was given up.".to_owned(),
        };
        let next = is_waiting.then(|| {
            let times = if delivery.attempts == 1 { "once".to_owned() } else { format!("{} times", delivery.attempts) };
            let due = when::distance(now, delivery.next_attempt_at.max(now));
            format!("Tried {times}. Next attempt {due}; given up on {} UTC.", when::moment(delivery.expires_at))
        });
        Self {
            uuid: delivery.uuid,
            alias: failed.alias.map(|alias| (alias.uuid, alias.address.to_string())),
            what,
            state: match delivery.state {
                DeliveryState::Waiting => "waiting",
                DeliveryState::Cancelled => "dropped",
                DeliveryState::Failed | DeliveryState::Held => "failed",
            },
            why,
            since: when::moment(delivery.queued_at),
            next,
            raw_title: match &delivery.last_failure {
                Some(Failure { code: Some(_), .. }) => "What the other server said",
                _ => "What was noted here",
            },
            reason: reason(&delivery).map(ToOwned::to_owned),
            raw: delivery
                .last_failure
                .filter(|failure| operators_words(failure).is_none())
                .map(|failure| format!("{} {}", failure.status, failure.detail.reveal()).trim().to_owned()),
        }
    }

    /// Whether it can be tried again.
    pub fn is_waiting(&self) -> bool {
        self.state == "waiting"
    }
}

/// What somebody who runs the instance gave as the reason.
fn operators_words(failure: &Failure) -> Option<&str> {
    failure.detail.reveal().strip_prefix(DROPPED_BY_OPERATOR)
}

fn reason(delivery: &Delivery) -> Option<&str> {
    let failure = delivery.last_failure.as_ref()?;
    operators_words(failure).filter(|_| delivery.state == DeliveryState::Cancelled)
}

/// Why somebody stopped it.
fn cancelled(delivery: &Delivery) -> &'static str {
    match (delivery.cancelled_because, reason(delivery)) {
        (Some(Cause::Operator), _) | (_, Some(_)) => "Whoever runs this Postern gave it up. It was erased and not delivered.",
        (Some(Cause::Kill), _) => "It was not delivered because the alias was killed while it waited.",
        (Some(Cause::Mailbox), _) => "It was not delivered because its mailbox was removed while it waited.",
        (Some(Cause::Discard), _) => "It was held, and you discarded it.",
        (Some(Cause::Owner), _) => "It was not delivered because you gave it up while it waited.",
        (None, None) => {
            "It was not delivered: the alias was killed, the mailbox removed, or the message given up while it waited."
        }
    }
}

/// What this instance itself says, and how people say it.
const OURS: [(&str, &str); 6] = [
    (
        "the server was in trouble a moment ago and is not tried for a while",
        "The receiving server was in trouble a moment ago, so it is left alone for a few minutes.",
    ),
    (
        "all connections to the server stayed busy",
        "Much mail goes to the receiving server right now; this message waits for its turn.",
    ),
    ("nobody released it within 30 days", "It was held for your decision, and nobody released it within 30 days."),
    ("the mailbox was not verified in time", "The mailbox was not verified in time."),
    ("the mailbox is paused and was not resumed in time", "The mailbox was paused for too long, because its server refused it."),
    ("the kept message is missing", "What was kept of the message is gone. Please tell whoever runs this Postern."),
];

const NOBODY: &str = "There is no such address at the receiving server (any more).";
const FULL: &str = "The mailbox is full.";
const LARGE: &str = "The message is too large for the receiving server.";
const RULES: &str = "The receiving server’s rules, or its spam filter, refused the message.";

/// Why a delivery did not succeed, in a plain sentence: what its enhanced status code says (RFC 3463 §3), with the
/// server's words where the code says nothing.
pub fn sentence(failure: &Failure) -> &'static str {
    let words = failure.detail.reveal();
    if let Some((_, said)) = OURS.iter().find(|(ours, _)| words == ours) {
        return said;
    }
    let mut parts = failure.status.split('.').map(|part| part.parse::<u16>().unwrap_or(0));
    let (class, subject, detail) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    match (class, subject, detail) {
        (_, 1, 1 | 6 | 10) => NOBODY,
        (_, 1, 2) => "The domain of the address does not exist, or takes no mail.",
        (_, 1, 7 | 8) => "The receiving server does not accept the sender.",
        (_, 2, 2) => FULL,
        (_, 2, 3) | (_, 3, 4) => LARGE,
        (5, 2, 1) if Severity::of(&failure.status, words) == Severity::Hard => "The mailbox is closed.",
        (_, 2, _) => "The mailbox takes no mail at the moment.",
        (_, 4, 2) => "The connection to the receiving server broke off.",
        (_, 4, 3 | 4) => "It could not be found out which server takes mail for this domain.",
        (_, 4, 5) => "The receiving server is too busy.",
        (_, 4, 6) => "The mail would go round in circles.",
        (_, 4, 7) => "It was tried for as long as it may be, without success.",
        (_, 4, _) => "The receiving server could not be reached.",
        (4, 3, _) => "There is trouble at the moment, here or at the receiving server.",
        (_, 5, _) => "The two servers did not understand each other.",
        (_, 6, _) => "The receiving server does not take messages written like this one.",
        (4, 7, _) => "The receiving server lets the message wait, as many do with senders they do not know.",
        (_, 7, _) => RULES,
        _ => by_words(class, words),
    }
}

/// Servers without enhanced codes.
fn by_words(class: u16, words: &str) -> &'static str {
    let lower = words.to_lowercase();
    let has = |some: &[&str]| some.iter().any(|word| lower.contains(word));
    if has(&["too large", "exceeds", "size limit"]) {
        LARGE
    } else if has(&["quota", "mailbox full", "is full", "out of storage", "insufficient storage"]) {
        FULL
    } else if Severity::of_words(words) == Severity::Hard {
        NOBODY
    } else if has(&["spam", "block", "policy", "blacklist", "reputation", "rejected"]) {
        RULES
    } else if class == 4 {
        "The receiving server put it off for now."
    } else {
        "The receiving server refused it for good."
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Private;

    fn said(status: &str, words: &str) -> &'static str {
        sentence(&Failure { code: Some(550), status: status.into(), detail: Private::new(words.into()) })
    }

    #[test]
    fn codes_become_sentences() {
        for (status, words, sentence) in [
            ("5.1.1", "user unknown", NOBODY),
            ("5.2.2", "", FULL),
            ("4.2.2", "over quota", FULL),
            ("5.3.4", "", LARGE),
            ("5.7.1", "spam", RULES),
            ("4.4.1", "connection refused", "The receiving server could not be reached."),
            ("5.2.1", "account is disabled", "The mailbox is closed."),
            ("5.2.1", "receiving mail too quickly", "The mailbox takes no mail at the moment."),
            ("5.0.0", "550 user unknown", NOBODY),
            ("5.0.0", "552 mailbox full", FULL),
            ("5.0.0", "554 message rejected as spam", RULES),
            ("5.0.0", "", "The receiving server refused it for good."),
            ("4.0.0", "", "The receiving server put it off for now."),
            ("5.7.1", "nobody released it within 30 days", OURS[2].1),
        ] {
            assert_eq!(said(status, words), sentence, "{status} {words}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_answered(status in "\\PC{0,12}", words in "\\PC{0,60}") {
            prop_assert!(said(&status, &words).ends_with('.'));
        }
    }
}
