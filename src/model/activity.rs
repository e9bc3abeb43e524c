//! What happened to an alias's mail, counted per day. Counters are all that a message which went straight through leaves.

use super::id::AliasId;

/// Counts of one alias on one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
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
}

impl Activity {
    /// Adds `other` to this.
    pub fn add(&mut self, other: Self) {
        self.forwarded += other.forwarded;
        self.blocked += other.blocked;
        self.refused += other.refused;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
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
    const ZERO: Self = Self { forwarded: 0, blocked: 0, refused: 0, failed: 0, cancelled: 0 };
}

/// The key of a day's counters: an alias and a day since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityKey {
    /// Whose counters.
    pub alias_id: AliasId,
    /// Days since 1970-01-01.
    pub day: i64,
}
