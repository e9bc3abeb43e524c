//! A domain on which aliases live: one of the operator's shared domains, or a user's own. And what its user says is theirs
//! before that is proven.

use uuid::Uuid;

use super::catch_all::CatchAll;
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
    /// What happens to mail for a name that was never made; always off on a shared domain.
    pub catch_all: CatchAll,
}

/// A domain that a user says is theirs and did not prove yet: nothing but its own check looks at it.
#[derive(Debug, Clone)]
pub struct DomainClaim {
    /// Id for the outside; the domain keeps it once it is proven.
    pub uuid: Uuid,
    /// Who says so.
    pub user_id: UserId,
    /// The name.
    pub name: DomainName,
    /// What was drawn for this claim.
    pub proof: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl DomainClaim {
    /// What the TXT record holds that proves it.
    pub fn record(&self) -> String {
        format!("postern-domain={}", self.proof)
    }
}
