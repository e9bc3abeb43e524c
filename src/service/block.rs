//! Blocks: senders a user wants nothing from, at whichever alias. One correspondent of one alias is `contact`'s.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::alias::Alias;
use crate::model::block::{Block, Sender};
use crate::model::contact::Contact;
use crate::model::id::UserId;
use crate::storage::{self, Tx};

use super::Desk;
use super::idempotency::{self, Answer, Once, OnceError};

/// Everybody a user blocked.
#[derive(Debug, Clone)]
pub struct Blocks {
    /// At all aliases.
    pub everywhere: Vec<Block>,
    /// At one alias each.
    pub contacts: Vec<(Contact, Alias)>,
}

/// Blocks of one user.
pub const MOST: usize = 10_000;

/// Why a sender can't be blocked.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Enough is enough.
    #[error("there are {MOST} blocked senders already; remove some first, or block whole domains")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Blocks a sender at all of a user's aliases; false when it was blocked already.
pub async fn add(desk: &Desk, user: UserId, sender: Sender) -> Result<bool, AddError> {
    let (uuid, now) = (desk.uuid(), desk.clock.now());
    desk.storage.write(move |tx| Box::pin(async move { add_in(tx, user, &sender, uuid, now).await })).await
}

async fn add_in(tx: &mut Tx, user: UserId, sender: &Sender, uuid: Uuid, now: Timestamp) -> Result<bool, AddError> {
    let added = storage::block::add(tx, user, sender, uuid, now).await?;
    // What is there already is no more than there was.
    if added && usize::try_from(storage::block::count(tx, user).await?).unwrap_or_default() > MOST {
        Err(AddError::TooMany)
    } else {
        Ok(added)
    }
}

/// Blocks a sender at all of a user's aliases, once for a key; one that is blocked already stays so.
pub async fn add_once(desk: &Desk, user: UserId, sender: Sender, once: Once<Block>) -> Result<Answer, OnceError<AddError>> {
    let (uuid, now) = (desk.uuid(), desk.clock.now());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if let Some(answer) = idempotency::begin(tx, once.key.as_ref(), now).await? {
                    return Ok(answer);
                }
                let block = if add_in(tx, user, &sender, uuid, now).await.map_err(OnceError::Failed)? {
                    None
                } else {
                    storage::block::list(tx, user).await?.into_iter().find(|block| block.sender.to_string() == sender.to_string())
                };
                let block = block.unwrap_or(Block { uuid, sender, created_at: now });
                Ok(idempotency::finish(tx, once, &block).await?)
            })
        })
        .await
}

/// Takes back the block with that id for the outside; false when there is none.
pub async fn remove_by_uuid(desk: &Desk, user: UserId, uuid: Uuid) -> Result<bool, storage::Error> {
    let all = everywhere(desk, user).await?;
    match all.into_iter().find(|block| block.uuid == uuid) {
        Some(block) => remove(desk, user, block.sender).await,
        None => Ok(false),
    }
}

/// Takes a block back; false when there was none.
pub async fn remove(desk: &Desk, user: UserId, sender: Sender) -> Result<bool, storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { storage::block::remove(tx, user, &sender).await })).await
}

/// Whom a user blocked at all aliases.
pub async fn everywhere(desk: &Desk, user: UserId) -> Result<Vec<Block>, storage::Error> {
    storage::block::list(&mut desk.storage.read().await?, user).await
}

/// Everybody a user blocked, everywhere or at one alias.
pub async fn list(desk: &Desk, user: UserId) -> Result<Blocks, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    Ok(Blocks { everywhere: storage::block::list(tx, user).await?, contacts: storage::contact::list_blocked(tx, user).await? })
}
