//! A user: a person with an account on this instance.

use uuid::Uuid;

use super::id::UserId;
use super::{Address, Timestamp};

/// A person with an account.
#[derive(Debug, Clone)]
pub struct User {
    /// Row key.
    pub id: UserId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The address the user signs in with; also their first mailbox.
    pub email: Address,
    /// Whether the user may administer the instance.
    pub is_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}
