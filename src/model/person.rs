//! A user as whoever administers the instance sees them: what they have, counted; nothing of what is in it.

use uuid::Uuid;

use super::id::UserId;
use super::user::OnQuarantine;
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
    /// What happens to mail whose domain asks for quarantine.
    pub on_quarantine: OnQuarantine,
    /// Whether a mailbox address in a reply's text is replaced by the alias.
    pub replace_quoted: bool,
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
