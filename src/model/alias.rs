//! An alias: an address handed out to one site.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::id::{AliasId, DomainId, UserId};
use super::site::Site;
use super::{Address, Timestamp};

/// What an alias does with mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AliasState {
    /// Passes mail on.
    Active,
    /// Takes mail from known senders of its site only.
    Locked,
    /// Takes nothing for now: 450, so senders keep trying.
    Paused,
    /// Dead: 550 for good, not to be told from an address that never was.
    Killed,
}

impl AliasState {
    /// The word in tables, API and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Paused => "paused",
            Self::Killed => "killed",
        }
    }
}

impl fmt::Display for AliasState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AliasState {
    type Err = UnknownState;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        [Self::Active, Self::Locked, Self::Paused, Self::Killed].into_iter().find(|state| state.as_str() == s).ok_or(UnknownState)
    }
}

/// The word is no alias state.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a state is one of active, locked, paused, killed")]
pub struct UnknownState;

/// An address handed out to one site.
#[derive(Debug, Clone)]
pub struct Alias {
    /// Row key.
    pub id: AliasId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The owner.
    pub user_id: UserId,
    /// The domain it lives on.
    pub domain_id: DomainId,
    /// The address, in canonical (folded) form.
    pub address: Address,
    /// The site it was issued for, when one was given.
    pub site: Option<Site>,
    /// What it does with mail.
    pub state: AliasState,
    /// The owner's note.
    pub note: String,
    /// After this moment it answers like a killed one.
    pub expires_at: Option<Timestamp>,
    /// After this many accepted messages it answers like a killed one.
    pub max_messages: Option<i64>,
    /// Messages accepted so far; counted exactly only where `max_messages` is set.
    pub messages_used: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When `state` last changed.
    pub state_changed_at: Timestamp,
    /// The name replies and new mail go out with; the bare address without one.
    pub display_name: Option<String>,
}

impl Alias {
    /// Whether its date or its message count is used up.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now) || self.max_messages.is_some_and(|max| self.messages_used >= max)
    }
}
