//! Held messages as their owner decides on them in a page: one for each message, whatever mailboxes its alias has.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use uuid::Uuid;

use super::Desk;
use super::hold::{self, Held, HoldError};
use super::queue::Entry;
use crate::model::alias::Alias;
use crate::model::delivery::DeliveryState;
use crate::model::id::{AliasId, DeliveryId, UserId};
use crate::storage::queue::DeliveryFilter;
use crate::storage::{self, Tx, alias, alias_page};

/// More copies than are ever held for one user.
const ALL: u32 = 500;

/// A held message and the alias it came through.
#[derive(Debug, Clone)]
pub struct HeldMessage {
    /// The message, by one of its copies.
    pub held: Held,
    /// The alias.
    pub alias: Option<Alias>,
}

/// Everything that is held for a user, newest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<HeldMessage>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let (mut known, mut seen) = (HashMap::<AliasId, Option<Alias>>::new(), HashSet::new());
    let mut messages = Vec::new();
    for delivery in held(tx, user, None).await? {
        let alias = match delivery.alias_id {
            None => None,
            Some(id) => match known.get(&id) {
                Some(found) => found.clone(),
                None => known.entry(id).or_insert(alias::find(tx, id).await?).clone(),
            },
        };
        let alias_id = delivery.alias_id;
        let address = alias.as_ref().map(|alias| alias.address.clone());
        let held = hold::read(tx, Entry { delivery, alias: address }).await?;
        // A message may be for several aliases: each is decided on by itself.
        if held.message.is_none_or(|message| seen.insert((message, alias_id))) {
            messages.push(HeldMessage { held, alias });
        }
    }
    Ok(messages)
}

/// The key of a held message of a user by its id for the outside.
pub async fn find(desk: &Desk, user: UserId, uuid: Uuid) -> Result<DeliveryId, HoldError> {
    let tx = &mut desk.storage.read().await?;
    let found = storage::queue::find_by_uuid(tx, uuid).await?.ok_or(HoldError::Unknown)?;
    Ok(storage::hold::find(tx, user, found.id).await?.ok_or(HoldError::Unknown)?.id)
}

/// Lets everything go on that is held for one alias. How many copies.
pub async fn release_all(desk: &Desk, user: UserId, alias: Uuid, expire: Duration) -> Result<u64, HoldError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let id = alias_page::find_key(tx, user, alias).await?.ok_or(HoldError::Unknown)?;
                let mut released = 0;
                for delivery in held(tx, user, Some(id)).await? {
                    // The other copies of a message go with its first.
                    released += storage::hold::release(tx, delivery.id, now, now.plus(expire)).await?;
                }
                Ok(released)
            })
        })
        .await
}

/// Lets everything go that is held for one alias: not delivered, counted, shown; its content is erased. How many copies.
pub async fn drop_all(desk: &Desk, user: UserId, alias: Uuid) -> Result<u64, HoldError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let id = alias_page::find_key(tx, user, alias).await?.ok_or(HoldError::Unknown)?;
                let mut dropped = 0;
                for delivery in held(tx, user, Some(id)).await? {
                    // The other copies of a message go with its first.
                    dropped += hold::drop_in(tx, delivery.id, now).await?;
                }
                Ok(dropped)
            })
        })
        .await
}

async fn held(
    tx: &mut Tx,
    user: UserId,
    alias_id: Option<AliasId>,
) -> Result<Vec<crate::model::delivery::Delivery>, storage::Error> {
    let state = Some(DeliveryState::Held);
    let filter = DeliveryFilter { user_id: Some(user), alias_id, state, before: None, limit: ALL };
    storage::queue::list(tx, &filter).await
}
