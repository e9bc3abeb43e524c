//! An invitation: whoever has its link may make an account, once.

use uuid::Uuid;

use super::Timestamp;
use super::id::{InviteId, UserId};

/// An invitation, without its secret.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Row key.
    pub id: InviteId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whom it is for, in the words of who made it.
    pub note: String,
    /// Who made it; `None` for the operator at the command line.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when somebody may come with it.
    pub expires_at: Timestamp,
    /// When an account was made by it.
    pub used_at: Option<Timestamp>,
}

/// What an invitation is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteState {
    /// Somebody may come with it.
    Open,
    /// An account was made by it.
    Used,
    /// Nobody came in time.
    Expired,
}

impl InviteState {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Expired => "expired",
        }
    }
}

impl Invite {
    /// What it is good for now.
    pub fn state(&self, now: Timestamp) -> InviteState {
        match self.used_at {
            Some(_) => InviteState::Used,
            None if self.expires_at <= now => InviteState::Expired,
            None => InviteState::Open,
        }
    }
}
