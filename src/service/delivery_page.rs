//! A user's own part of the queue: what waits, what is held, what was given up and why; tried again, let go, forgotten.

use uuid::Uuid;

use super::Desk;
use super::failed_delivery::{Failed, with_names};
use super::queue::{self, ChangeError};
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{DeliveryId, UserId};
use crate::storage::queue::DeliveryFilter;
use crate::storage::{self, Tx, failed_delivery};

/// One page of what a user's aliases passed on or sent and is not delivered, newest first.
pub async fn list(
    desk: &Desk,
    user: UserId,
    state: Option<DeliveryState>,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Failed>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let filter = DeliveryFilter { user_id: Some(user), state, before, limit, ..DeliveryFilter::default() };
    let page = storage::queue::list(tx, &filter).await?;
    with_names(tx, user, page).await
}

/// One of them by its id for the outside.
pub async fn find(desk: &Desk, user: UserId, uuid: Uuid) -> Result<Option<Failed>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    match owned(tx, user, uuid).await? {
        Some(delivery) => Ok(with_names(tx, user, vec![delivery]).await?.pop()),
        None => Ok(None),
    }
}

/// Makes a waiting one due at once. Whoever has a broker rings its queue after that.
pub async fn retry(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ChangeError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let found = owned(tx, user, uuid).await?.ok_or(ChangeError::Unknown)?;
                if storage::queue::make_due_for_owner(tx, found.id, now).await? {
                    return Ok(());
                }
                Err(match found.state {
                    DeliveryState::Held => ChangeError::Held,
                    _ if storage::queue::is_quarantined(tx, found.id).await? => ChangeError::Quarantined,
                    _ => ChangeError::NotWaiting,
                })
            })
        })
        .await
}

/// Gives a waiting one up: cancelled, counted, visible, its content erased. Forgets one that was given up before.
pub async fn remove(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ChangeError> {
    let found = owned(&mut desk.storage.read().await?, user, uuid).await?.ok_or(ChangeError::Unknown)?;
    match found.state {
        DeliveryState::Waiting => queue::cancel_for_owner(desk, found.id).await,
        DeliveryState::Held => Err(ChangeError::Held),
        DeliveryState::Failed | DeliveryState::Cancelled => forget(desk, found).await,
    }
}

async fn forget(desk: &Desk, delivery: Delivery) -> Result<(), ChangeError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if failed_delivery::delete(tx, &delivery).await? {
                    return Ok(());
                }
                let is_set_aside = storage::queue::is_quarantined(tx, delivery.id).await?;
                Err(if is_set_aside { ChangeError::Quarantined } else { ChangeError::Unknown })
            })
        })
        .await
}

async fn owned(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<Option<Delivery>, storage::Error> {
    let Some(delivery) = storage::queue::find_by_uuid(tx, uuid).await? else { return Ok(None) };
    let Some(alias) = delivery.alias_id else { return Ok(None) };
    let alias = storage::alias::find(tx, alias).await?;
    Ok(alias.is_some_and(|alias| alias.user_id == user).then_some(delivery))
}
