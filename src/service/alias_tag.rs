//! Tags: labels an owner gives aliases to find them again.

use uuid::Uuid;

use super::Desk;
use crate::model::id::{AliasId, UserId};
use crate::model::tag::{MOST_TAGS, Tag};
use crate::storage::{self, Tx, alias_page, alias_tag};

/// Why an alias can't be tagged.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    Unknown,
    /// Nobody finds anything by them any more.
    #[error("an alias has {MOST_TAGS} tags at the most")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Gives an alias of a user these tags and no others; the tags in order, each once.
pub async fn set(desk: &Desk, user: UserId, uuid: Uuid, tags: Vec<Tag>) -> Result<Vec<Tag>, SetError> {
    let tags = in_order(tags).ok_or(SetError::TooMany)?;
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let id = alias_page::find_key(tx, user, uuid).await?.ok_or(SetError::Unknown)?;
                alias_tag::set(tx, user, id, &tags).await?;
                Ok(tags)
            })
        })
        .await
}

/// All tags of a user's aliases that are not killed, and on how many of them each is.
pub async fn of_user(desk: &Desk, user: UserId) -> Result<Vec<(Tag, i64)>, storage::Error> {
    alias_tag::of_user(&mut desk.storage.read().await?, user).await
}

/// The tags of a user for a list to choose from, in order; so many at the most.
pub async fn names(desk: &Desk, user: UserId, limit: u32) -> Result<Vec<Tag>, storage::Error> {
    alias_tag::names(&mut desk.storage.read().await?, user, limit).await
}

/// In order, each once; `None` when there are too many.
pub(super) fn in_order(mut tags: Vec<Tag>) -> Option<Vec<Tag>> {
    tags.sort_unstable();
    tags.dedup();
    (tags.len() <= MOST_TAGS).then_some(tags)
}

/// The same within a transaction; `tags` as [`in_order`] gives them.
pub(super) async fn put(tx: &mut Tx, user: UserId, id: AliasId, tags: &[Tag]) -> Result<(), storage::Error> {
    alias_tag::set(tx, user, id, tags).await
}
