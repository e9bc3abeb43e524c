//! What could not be delivered, as its owner looks at it: a page at a time, one by its id for the outside; forgotten.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use super::Desk;
use crate::model::alias::Alias;
use crate::model::delivery::{Delivery, DeliveryKind};
use crate::model::id::{AliasId, UserId};
use crate::model::mailbox::Mailbox;
use crate::storage::{self, Tx, failed_delivery};

/// A delivery with what it was about.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The delivery.
    pub delivery: Delivery,
    /// The alias it came through or went out from.
    pub alias: Option<Alias>,
    /// The mailbox it was for.
    pub mailbox: Option<Mailbox>,
}

/// Why one can't be shown or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// It never was, it is somebody else's, or it was forgotten.
    #[error("there is no such failed delivery")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// One page, newest first, of one kind or of forwards and replies, and how many there are on all pages.
pub async fn list(
    desk: &Desk,
    user: UserId,
    kind: Option<DeliveryKind>,
    offset: u32,
    limit: u32,
) -> Result<(Vec<Failed>, i64), storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let page = failed_delivery::list(tx, user, kind, offset, limit).await?;
    let count = failed_delivery::count(tx, user, kind).await?;
    Ok((with_names(tx, user, page).await?, count))
}

/// One of a user's.
pub async fn get(desk: &Desk, user: UserId, uuid: Uuid) -> Result<Failed, GetError> {
    let tx = &mut desk.storage.read().await?;
    let delivery = failed_delivery::find(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
    with_names(tx, user, vec![delivery]).await?.pop().ok_or(GetError::Unknown)
}

/// Forgets one of a user's; what counted it stays.
pub async fn forget(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), GetError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let delivery = failed_delivery::find(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
                if failed_delivery::delete(tx, &delivery).await? { Ok(()) } else { Err(GetError::Unknown) }
            })
        })
        .await
}

pub(super) async fn with_names(tx: &mut Tx, user: UserId, page: Vec<Delivery>) -> Result<Vec<Failed>, storage::Error> {
    let mailboxes = storage::mailbox::list(tx, user).await?;
    let mut known: HashMap<AliasId, Option<Alias>> = HashMap::new();
    let mut failed = Vec::with_capacity(page.len());
    for delivery in page {
        let alias = match delivery.alias_id {
            None => None,
            Some(id) => {
                if let Entry::Vacant(place) = known.entry(id) {
                    place.insert(storage::alias::find(tx, id).await?);
                }
                known.get(&id).cloned().flatten()
            }
        };
        let mailbox = mailboxes.iter().find(|mailbox| Some(mailbox.id) == delivery.mailbox_id).cloned();
        failed.push(Failed { delivery, alias, mailbox });
    }
    Ok(failed)
}
