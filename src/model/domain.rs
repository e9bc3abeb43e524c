//! A domain on which aliases live: one of the operator's shared domains, or a user's own.

use uuid::Uuid;

use super::id::{DomainId, UserId};
use super::{DomainName, Timestamp};

/// A domain on which aliases live.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Row key.
    pub id: DomainId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The name.
    pub name: DomainName,
    /// The owner; `None` for a domain every user of the instance may use.
    pub user_id: Option<UserId>,
    /// When it was added.
    pub created_at: Timestamp,
    /// Whether mail its owner hands in may make an alias that does not exist yet.
    pub submission_creates: bool,
}
