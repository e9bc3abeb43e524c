//! The queue as people see it: what waits, what could not be delivered and why; try again, give up.

use std::collections::HashMap;

use uuid::Uuid;

use crate::model::activity::{Activity, ActivityKey};
use crate::model::delivery::{Cause, Delivery, DeliveryState};
use crate::model::id::{AliasId, DeliveryId, UserId};
use crate::model::{Address, Timestamp};
use crate::storage::queue::DeliveryFilter;
use crate::storage::{self, Tx};

use super::Desk;

/// How full the queue is.
pub use crate::storage::queue::Counts;

/// A delivery with the address of the alias it came through.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The delivery.
    pub delivery: Delivery,
    /// The alias; `None` for a notice of our own.
    pub alias: Option<Address>,
}

/// Why a delivery can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// It was delivered or never was.
    #[error("there is no such delivery")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a delivery can't be tried again or given up.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It was delivered or never was.
    #[error("there is no such delivery")]
    Unknown,
    /// It was given up before, and its content is erased.
    #[error("this delivery does not wait any more")]
    NotWaiting,
    /// Its owner decides on it.
    #[error("this delivery is held for its owner's decision")]
    Held,
    /// It did harm, and the operator has to look at it first.
    #[error("this delivery is set aside until whoever runs this instance has looked at it")]
    Quarantined,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// One page of the queue, newest first: of one user, or of everybody.
pub async fn list(
    desk: &Desk,
    user_id: Option<UserId>,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Entry>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let filter = DeliveryFilter { user_id, before, limit, ..DeliveryFilter::default() };
    let mut known = HashMap::new();
    let mut entries = Vec::new();
    for delivery in storage::queue::list(tx, &filter).await? {
        let alias = address_of(tx, &mut known, delivery.alias_id).await?;
        entries.push(Entry { delivery, alias });
    }
    Ok(entries)
}

/// One page of everybody's queue, newest first, in one state or all.
pub async fn list_by_state(
    desk: &Desk,
    state: Option<DeliveryState>,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>, storage::Error> {
    let filter = DeliveryFilter { state, before, limit, ..DeliveryFilter::default() };
    storage::queue::list(&mut desk.storage.read().await?, &filter).await
}

/// How many are in which state.
pub async fn counts(desk: &Desk) -> Result<Counts, storage::Error> {
    storage::queue::counts(&mut desk.storage.read().await?).await
}

/// One delivery.
pub async fn get(desk: &Desk, id: DeliveryId) -> Result<Entry, GetError> {
    let tx = &mut desk.storage.read().await?;
    let delivery = storage::queue::find(tx, id).await?.ok_or(GetError::Unknown)?;
    let alias = address_of(tx, &mut HashMap::new(), delivery.alias_id).await?;
    Ok(Entry { delivery, alias })
}

/// The same by its id for the outside, without the alias.
pub async fn find_by_uuid(desk: &Desk, uuid: Uuid) -> Result<Option<Delivery>, storage::Error> {
    storage::queue::find_by_uuid(&mut desk.storage.read().await?, uuid).await
}

/// The address of an alias, remembered in `known`.
pub(super) async fn address_of(
    tx: &mut Tx,
    known: &mut HashMap<AliasId, Option<Address>>,
    id: Option<AliasId>,
) -> Result<Option<Address>, storage::Error> {
    let Some(id) = id else { return Ok(None) };
    if let Some(address) = known.get(&id) {
        return Ok(address.clone());
    }
    let address = storage::alias::find(tx, id).await?.map(|alias| alias.address);
    known.insert(id, address.clone());
    Ok(address)
}

/// Makes one delivery, or everything that waits, due at once. How many.
pub async fn retry(desk: &Desk, id: Option<DeliveryId>) -> Result<u64, ChangeError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let due = storage::queue::make_due(tx, id, now).await?;
                match id {
                    Some(id) if due == 0 => Err(why_not(tx, id).await?),
                    _ => Ok(due),
                }
            })
        })
        .await
}

/// Gives a waiting delivery up for whoever runs the instance: it is cancelled and counted, stays visible, its content is
/// erased.
pub async fn cancel(desk: &Desk, id: DeliveryId) -> Result<(), ChangeError> {
    cancel_because(desk, id, None).await
}

/// The same for its owner.
pub(super) async fn cancel_for_owner(desk: &Desk, id: DeliveryId) -> Result<(), ChangeError> {
    cancel_by(desk, id, Cause::Owner, None).await
}

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 200;

/// What stands before the reason of whoever runs the instance.
pub const DROPPED_BY_OPERATOR: &str = "dropped by the operator: ";

/// [`cancel`] with a reason that its owner gets to see.
pub async fn cancel_because(desk: &Desk, id: DeliveryId, reason: Option<&str>) -> Result<(), ChangeError> {
    let clean = |reason: &str| reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect::<String>();
    let reason = reason.map(clean).filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| format!("{DROPPED_BY_OPERATOR}{reason}"));
    cancel_by(desk, id, Cause::Operator, reason).await
}

async fn cancel_by(desk: &Desk, id: DeliveryId, cause: Cause, reason: Option<String>) -> Result<(), ChangeError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if !storage::queue::cancel_because(tx, id, cause, reason.as_deref(), now).await? {
                    return Err(why_not(tx, id).await?);
                }
                Ok(count(tx, id, now).await?)
            })
        })
        .await
}

async fn count(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<(), storage::Error> {
    let alias_id = storage::queue::find(tx, id).await?.and_then(|delivery| delivery.alias_id);
    match alias_id {
        Some(alias_id) => storage::activity::add(tx, &[(ActivityKey { alias_id, day: now.day() }, Activity::CANCELLED)]).await,
        None => Ok(()),
    }
}

async fn why_not(tx: &mut Tx, id: DeliveryId) -> Result<ChangeError, storage::Error> {
    Ok(match storage::queue::find(tx, id).await? {
        Some(delivery) if delivery.state == DeliveryState::Held => ChangeError::Held,
        Some(_) => ChangeError::NotWaiting,
        None => ChangeError::Unknown,
    })
}
