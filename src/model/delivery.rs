//! A delivery: one message on its way to one recipient. It waits, and ends delivered, failed or cancelled.
//!
//! A delivered one leaves only counters; a failed or cancelled one stays visible to its owner with a reason.

use uuid::Uuid;

use super::id::{AliasId, DeliveryId, MailboxId, MessageId};
use super::words::words;
use super::{Address, Private, Timestamp};

/// What is being delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// A sender's message to a mailbox.
    Forward,
    /// The owner's message to a contact, sent from the alias.
    Reply,
    /// A delivery status notification to a sender; never answered by another one.
    Dsn,
    /// Something this instance tells a user; signed when it is handed off, so that everybody with a database can write one.
    Notice,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Still to be handed off.
    Waiting,
    /// Kept for its owner's decision.
    Held,
    /// The next hop refused it for good, or it grew too old.
    Failed,
    /// The owner killed the alias, or the operator dropped it.
    Cancelled,
}

/// Why a delivery was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its owner killed the alias.
    Kill,
    /// Its mailbox was removed.
    Mailbox,
    /// Its owner discarded it while it was held.
    Discard,
    /// Its owner gave it up while it waited.
    Owner,
    /// Whoever runs the instance gave it up.
    Operator,
}

words!(Cause { Kill = "kill", Mailbox = "mailbox", Discard = "discard", Owner = "owner", Operator = "operator" });
words!(DeliveryKind { Forward = "forward", Reply = "reply", Dsn = "dsn", Notice = "notice" });
words!(DeliveryState { Waiting = "waiting", Held = "held", Failed = "failed", Cancelled = "cancelled" });

/// Why the last hand-off did not succeed. The detail is for the owner and the log's private fields, never for a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The next hop's reply code, where there was one.
    pub code: Option<u16>,
    /// The next hop's enhanced status code, or ours (`4.4.1`), as text.
    pub status: String,
    /// What happened, in words; may hold the next hop's name and words.
    pub detail: Private<String>,
}

impl Failure {
    /// What happened with all that stands before an `@` left out: for whoever runs the instance, to whom it does not matter
    /// whose mail it is.
    pub fn detail_without_names(&self) -> String {
        without_names(self.detail.reveal())
    }
}

fn without_names(text: &str) -> String {
    let hide = |word: &str| match word.rsplit_once('@') {
        Some((_, domain)) => format!("…@{domain}"),
        None => word.to_owned(),
    };
    text.split_whitespace().map(hide).collect::<Vec<_>>().join(" ")
}

/// One message on its way to one recipient, as the queue holds it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Row key.
    pub id: DeliveryId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The kept message; `None` once it was erased.
    pub message_id: Option<MessageId>,
    /// What it is.
    pub kind: DeliveryKind,
    /// The alias it came through (forwards), goes out from (replies), or was sent to (notices about it).
    pub alias_id: Option<AliasId>,
    /// The mailbox it goes to; `None` for a reply (it must not follow a mailbox that moves) and a DSN.
    pub mailbox_id: Option<MailboxId>,
    /// Envelope sender on the wire; `None` is the null reverse-path.
    pub sender: Option<Address>,
    /// Envelope recipient on the wire.
    pub recipient: Address,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it was accepted.
    pub queued_at: Timestamp,
    /// When the next hand-off is due.
    pub next_attempt_at: Timestamp,
    /// Hand-offs begun so far.
    pub attempts: i32,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Why the last hand-off did not succeed.
    pub last_failure: Option<Failure>,
    /// When it reached a final state.
    pub settled_at: Option<Timestamp>,
    /// Why it was cancelled, where that is known.
    pub cancelled_because: Option<Cause>,
}

/// The proof that this worker holds a delivery: written with the claim, checked with every release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which node, which start of it: `node/boot`.
    pub owner: String,
    /// Random, new for every claim.
    pub token: Uuid,
    /// When others may take it.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_left_out_of_what_a_server_said() {
        assert_eq!(without_names("550 5.1.1 <jane@inbox.example>: unknown"), "550 5.1.1 …@inbox.example>: unknown");
        assert_eq!(without_names("no answer"), "no answer");
    }

    proptest! {
        #[test]
        fn nothing_before_an_at_sign_is_left(text in "\\PC{0,60}") {
            for word in without_names(&text).split_whitespace() {
                prop_assert!(word.rsplit_once('@').is_none_or(|(before, _)| before == "…"), "{word}");
            }
        }
    }
}
