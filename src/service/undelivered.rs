//! What was not delivered, or not yet, as its owner works with it: looked at, tried again at once, forgotten.

use uuid::Uuid;

use super::Desk;
use super::failed_delivery::{Failed, with_names};
use crate::model::id::UserId;
use crate::storage::{self, queue, undelivered};

pub use crate::storage::undelivered::{Counts, Filter};

/// Why one can't be tried again or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// It was delivered meanwhile or forgotten, it never was, or it is somebody else's.
    #[error("there is no such delivery")]
    Unknown,
    /// It ended, and what it held is erased: there is nothing to try.
    #[error("this delivery does not wait any more")]
    Ended,
    /// It is still tried, or the operator has to look at it first.
    #[error("this delivery can't be forgotten yet")]
    NotEnded,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// One page, newest first, with what each was about.
pub async fn list(desk: &Desk, filter: &Filter) -> Result<Vec<Failed>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let page = undelivered::list(tx, filter).await?;
    with_names(tx, filter.user_id, page).await
}

/// How many a user has in which state.
pub async fn counts(desk: &Desk, user: UserId) -> Result<Counts, storage::Error> {
    undelivered::counts(&mut desk.storage.read().await?, user).await
}

/// Makes one that waits due at once; whoever has a broker rings its queue then.
pub async fn retry(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ActError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let delivery = undelivered::find(tx, user, uuid).await?.ok_or(ActError::Unknown)?;
                if queue::make_due_for_owner(tx, delivery.id, now).await? { Ok(()) } else { Err(ActError::Ended) }
            })
        })
        .await
}

/// Makes everything of a user that waits due at once. How many.
pub async fn retry_all(desk: &Desk, user: UserId) -> Result<u64, storage::Error> {
    let now = desk.clock.now();
    desk.storage.write(move |tx| Box::pin(async move { undelivered::make_due(tx, user, now).await })).await
}

/// Forgets one that ended; what counted it stays.
pub async fn forget(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ActError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let delivery = undelivered::find(tx, user, uuid).await?.ok_or(ActError::Unknown)?;
                if undelivered::delete(tx, &delivery).await? { Ok(()) } else { Err(ActError::NotEnded) }
            })
        })
        .await
}

/// Forgets all of a user's that ended. How many.
pub async fn forget_all(desk: &Desk, user: UserId) -> Result<u64, storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { undelivered::delete_all(tx, user).await })).await
}
