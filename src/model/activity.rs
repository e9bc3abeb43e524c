//! What happened to an alias's mail, counted per day. Counters are all that a message which went straight through leaves.

use super::id::AliasId;

/// Counts of one alias on one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Activity {
    /// Handed to the next hop.
    pub forwarded: i64,
    /// Refused to the sender because of the alias's state.
    pub blocked: i64,
    /// Refused to the sender because the next hop refused.
    pub refused: i64,
    /// Accepted and later given up; each is visible with its reason.
    pub failed: i64,
    /// Accepted and then not delivered because the owner killed the alias.
    pub cancelled: i64,
    /// Replies of the owner that went out from the alias.
    pub replied: i64,
    /// Attempts to send from the alias that were not proven to be the owner's; all refused.
    pub unproven: i64,
    /// Replies whose text quotes the address of a mailbox. The body is not touched, so the correspondent may know it now.
    pub quoted: i64,
}

impl Activity {
    /// Adds `other` to this.
    pub fn add(&mut self, other: Self) {
        self.forwarded += other.forwarded;
        self.blocked += other.blocked;
        self.refused += other.refused;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.replied += other.replied;
        self.unproven += other.unproven;
        self.quoted += other.quoted;
    }

    /// One forwarded message.
    pub const FORWARDED: Self = Self { forwarded: 1, ..Self::ZERO };
    /// One blocked message.
    pub const BLOCKED: Self = Self { blocked: 1, ..Self::ZERO };
    /// One message refused by the next hop.
    pub const REFUSED: Self = Self { refused: 1, ..Self::ZERO };
    /// One failure.
    pub const FAILED: Self = Self { failed: 1, ..Self::ZERO };
    /// One cancelled delivery.
    pub const CANCELLED: Self = Self { cancelled: 1, ..Self::ZERO };
    /// One reply that went out.
    pub const REPLIED: Self = Self { replied: 1, ..Self::ZERO };
    /// One attempt by somebody who was not proven to be the owner.
    pub const UNPROVEN: Self = Self { unproven: 1, ..Self::ZERO };
    /// One reply that quotes a mailbox.
    pub const QUOTED: Self = Self { quoted: 1, ..Self::ZERO };
    const ZERO: Self = Self { forwarded: 0, blocked: 0, refused: 0, failed: 0, cancelled: 0, replied: 0, unproven: 0, quoted: 0 };
}

/// The key of a day's counters: an alias and a day since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityKey {
    /// Whose counters.
    pub alias_id: AliasId,
    /// Days since 1970-01-01.
    pub day: i64,
}
