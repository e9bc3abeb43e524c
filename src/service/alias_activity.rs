//! What happened at one alias: by day, and by sender.

use uuid::Uuid;

use super::Desk;
use super::alias::GetError;
use crate::model::activity::Activity;
use crate::model::id::UserId;
use crate::model::sighting::{Seen, SightingKey};
use crate::storage::{activity, alias_page, sighting};

/// Senders shown at the most.
const SENDERS: u32 = 100;

/// What a user's alias counted on each of the last days, the oldest first; days without mail are left out.
pub async fn days(desk: &Desk, user: UserId, uuid: Uuid, days: u16) -> Result<Vec<(i64, Activity)>, GetError> {
    let tx = &mut desk.storage.read().await?;
    let id = alias_page::find_key(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
    let first = desk.clock.now().day() - i64::from(days) + 1;
    Ok(activity::of_alias(tx, id, first).await?)
}

/// Who wrote to a user's alias, the last first.
pub async fn senders(desk: &Desk, user: UserId, uuid: Uuid) -> Result<Vec<(SightingKey, Seen)>, GetError> {
    let tx = &mut desk.storage.read().await?;
    let id = alias_page::find_key(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
    Ok(sighting::of_alias(tx, id, SENDERS).await?)
}
