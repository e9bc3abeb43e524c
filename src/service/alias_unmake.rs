//! An alias made by mistake is taken back: as if it had never been made, as long as nobody wrote to it.

use std::time::Duration;

use uuid::Uuid;

use super::broker::Broker;
use crate::model::Address;
use crate::model::id::UserId;
use crate::storage::{self, alias_page};

/// For how long after it was made.
pub const HOLDS: Duration = Duration::from_hours(1);

/// Why an alias can't be taken back.
#[derive(Debug, thiserror::Error)]
pub enum UnmakeError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    Unknown,
    /// Somebody knows it.
    #[error("mail came to it already; kill it instead")]
    Used,
    /// Who knows where it was entered since.
    #[error("an alias can be taken back within an hour only; kill it instead")]
    TooLate,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Takes a user's new alias back; its address. On a domain of the user's own that address can be made again; one on a
/// domain that others use, too, may have been told to somebody meanwhile and is never given out twice.
pub async fn unmake(broker: &Broker, user: UserId, uuid: Uuid) -> Result<Address, UnmakeError> {
    // What came in the last second is not counted in the database yet.
    broker.ledger.flush(broker.storage()).await?;
    let now = broker.now();
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let id = alias_page::find_key(tx, user, uuid).await?.ok_or(UnmakeError::Unknown)?;
                // On PostgreSQL nothing is queued or counted for it from here on.
                storage::alias::lock(tx, id).await?;
                let alias = storage::alias::find(tx, id).await?.ok_or(UnmakeError::Unknown)?;
                if storage::alias::is_used(tx, id).await? {
                    return Err(UnmakeError::Used);
                }
                if now.since(alias.created_at) > HOLDS {
                    return Err(UnmakeError::TooLate);
                }
                let domains = storage::domain::list_usable(tx, user).await?;
                let is_own = domains.iter().any(|domain| domain.id == alias.domain_id && domain.user_id == Some(user));
                if is_own {
                    storage::alias::unmake(tx, id).await?;
                } else {
                    storage::alias::retire(tx, &alias, now).await?;
                }
                Ok(alias.address)
            })
        })
        .await
}
