//! A user as whoever administers the instance sees them: what they have, counted; nothing of what is in it.

use uuid::Uuid;

use super::id::UserId;
use super::{Address, Timestamp};

/// A user and the figures of their account.
#[derive(Debug, Clone)]
pub struct Person {
    /// Row key.
    pub id: UserId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The address they sign in with.
    pub email: Address,
    /// Whether they administer the instance.
    pub is_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Whether they are asked for a code beside the password.
    pub has_second_factor: bool,
    /// Passkeys they have.
    pub passkeys: i64,
    /// Mailboxes they have.
    pub mailboxes: i64,
    /// Those of them that are verified.
    pub verified_mailboxes: i64,
    /// Aliases that are not killed.
    pub aliases: i64,
}
