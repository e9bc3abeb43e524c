//! A sighting: the fact that an organisation wrote to an alias, how often, and how far it was proven to be that one.

use super::Timestamp;
use super::id::AliasId;
use super::words::words;

/// What proved the author's domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// An aligned signature.
    Dkim,
    /// An aligned client.
    Spf,
    /// Nothing did.
    None,
    /// Nobody asked: the operator turned it off.
    Unasked,
}

words!(Proof { Dkim = "dkim", Spf = "spf", None = "none", Unasked = "unasked" });

/// What sightings are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SightingKey {
    /// The alias that was written to.
    pub alias_id: AliasId,
    /// The registrable domain of the author; of a bare public suffix the domain itself. Empty for the others: all who
    /// were not entered by name because so many were already.
    pub organisation: String,
    /// What proved it.
    pub proof: Proof,
    /// The registrable domain of who signed it with success; empty when nobody did.
    pub signer: String,
}

/// When and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How many messages.
    pub messages: i64,
}

impl Seen {
    /// One message, now.
    pub const fn once(now: Timestamp) -> Self {
        Self { first: now, last: now, messages: 1 }
    }

    /// Adds `other` to this.
    pub fn add(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.messages += other.messages;
    }
}
