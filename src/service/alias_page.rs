//! Aliases as every surface lists them: a page at a time, or one by its key or its id for the outside.

use std::collections::HashMap;

use uuid::Uuid;

use crate::model::Address;
use crate::model::id::{AliasId, UserId};
use crate::model::site::Site;
use crate::storage::{self, Tx, alias_details, alias_glance, alias_page, alias_sort};

use super::Desk;
use super::alias::GetError;

pub use crate::storage::alias_details::{LastDays, Listed};
pub use crate::storage::alias_glance::Glance;
pub use crate::storage::alias_page::{Cursor, PageFilter, PageOrder, PageStart};
pub use crate::storage::alias_sort::SortKey;

/// One page of aliases with everything a list shows.
pub async fn list(
    desk: &Desk,
    filter: &PageFilter,
    order: PageOrder,
    start: &PageStart,
    limit: u32,
) -> Result<Vec<Listed>, storage::Error> {
    alias_page::list(&mut desk.storage.read().await?, filter, order, start, limit).await
}

/// One page in an order that has no index, pinned ones first; `true` turns the order round.
pub async fn list_sorted(
    desk: &Desk,
    filter: &PageFilter,
    order: (SortKey, bool),
    offset: u32,
    limit: u32,
) -> Result<Vec<Listed>, storage::Error> {
    alias_sort::list(&mut desk.storage.read().await?, filter, order, offset, limit).await
}

/// These aliases of a user, in their order; those that are not the user's are left out.
pub async fn list_by_uuid(desk: &Desk, user: UserId, uuids: &[Uuid]) -> Result<Vec<Listed>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let mut ids = Vec::new();
    for uuid in uuids {
        ids.extend(alias_page::find_key(tx, user, *uuid).await?);
    }
    alias_details::list(tx, &ids).await
}

/// How many aliases there are on all pages.
pub async fn count(desk: &Desk, filter: &PageFilter) -> Result<i64, storage::Error> {
    alias_page::count(&mut desk.storage.read().await?, filter).await
}

/// The same, or `most` when there are more.
pub async fn count_up_to(desk: &Desk, filter: &PageFilter, most: i64) -> Result<i64, storage::Error> {
    alias_page::count_up_to(&mut desk.storage.read().await?, filter, most).await
}

/// The mail of the aliases of a page since `from_day` (days since the epoch), and who wrote last.
pub async fn glance(desk: &Desk, page: &[Listed], from_day: i64) -> Result<HashMap<AliasId, Glance>, storage::Error> {
    let ids: Vec<AliasId> = page.iter().map(|listed| listed.alias.id).collect();
    alias_glance::list(&mut desk.storage.read().await?, &ids, from_day).await
}

/// A user's alias by its key; another user's is as unknown as one that never was.
pub async fn get(desk: &Desk, user: UserId, id: AliasId) -> Result<Listed, GetError> {
    listed(&mut desk.storage.read().await?, user, id).await
}

/// A user's alias by its id for the outside.
pub async fn get_by_uuid(desk: &Desk, user: UserId, uuid: Uuid) -> Result<Listed, GetError> {
    let tx = &mut desk.storage.read().await?;
    let id = alias_page::find_key(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
    listed(tx, user, id).await
}

/// A user's alias by its address, in any case.
pub async fn get_by_address(desk: &Desk, user: UserId, address: &Address) -> Result<Listed, GetError> {
    let tx = &mut desk.storage.read().await?;
    let alias = storage::alias::find_by_address(tx, &address.folded()).await?.ok_or(GetError::Unknown)?;
    listed(tx, user, alias.id).await
}

/// The newest active alias a user has for a site.
pub async fn find_for_site(desk: &Desk, user: UserId, site: &Site) -> Result<Option<Listed>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let Some(id) = alias_page::find_for_site(tx, user, site).await? else { return Ok(None) };
    Ok(alias_details::list(tx, &[id]).await?.pop())
}

async fn listed(tx: &mut Tx, user: UserId, id: AliasId) -> Result<Listed, GetError> {
    let found = alias_details::list(tx, &[id]).await?.pop();
    found.filter(|listed| listed.alias.user_id == user).ok_or(GetError::Unknown)
}
