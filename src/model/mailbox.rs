//! A mailbox: a real inbox of a user. Nothing is sent to it before it is verified.

use uuid::Uuid;

use super::id::{MailboxId, UserId};
use super::{Address, Timestamp};

/// A real inbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// Row key.
    pub id: MailboxId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose inbox it is.
    pub user_id: UserId,
    /// The address, never shown to a sender.
    pub address: Address,
    /// When the owner proved to read it (or the operator vouched); `None` means nothing is forwarded there.
    pub verified_at: Option<Timestamp>,
    /// Whether new aliases forward here when nothing else is said.
    pub is_default: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// Set while nothing goes there because its server refused it for good.
    pub paused: Option<Pause>,
}

/// Why a mailbox takes nothing for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// The enhanced status code of the last refusal, as text.
    pub status: String,
}
