//! Messages held for their owner's decision: mail whose domain asks for quarantine, when its owner chose to decide.
//!
//! They are kept like what waits in the queue, and nothing tries to deliver them: released they wait, dropped they are
//! cancelled, and what nobody decides on in [`HELD_FOR`] is given up by the sweep, visibly.

use std::time::Duration;

use uuid::Uuid;

use crate::model::activity::{Activity, ActivityKey};
use crate::model::alias::Alias;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{DeliveryId, UserId};
use crate::model::notice::NoticeKind;
use crate::model::{Address, Private, Timestamp};
use crate::storage::queue::DeliveryFilter;
use crate::storage::{self, Tx};
use crate::transform::header::{HeaderBlock, Limits};
use crate::transform::notice::Letter;
use crate::transform::reply;

use super::Desk;
use super::notice::Telling;
use super::queue::{Entry, address_of};

/// How long a message is held.
pub const HELD_FOR: Duration = Duration::from_hours(30 * 24);

/// How long after the owner was told of one no other is told of.
const QUIET: Duration = Duration::from_hours(24);

/// A held message as its owner decides on it. The fields are the sender's own words.
#[derive(Debug, Clone)]
pub struct Held {
    /// The delivery and the alias it came through.
    pub entry: Entry,
    /// The envelope sender; `None` for the null reverse-path.
    pub sender: Option<Address>,
    /// `From` as it stands in the message.
    pub from: Private<String>,
    /// `Subject` as it stands in the message.
    pub subject: Private<String>,
    /// The same for all copies of one message; `None` when it is gone.
    pub message: Option<Uuid>,
}

/// Why a held message can't be shown or decided on.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// It was decided on, given up, or never was; or it is somebody else's.
    #[error("there is no such held message")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// What is held for a user, newest first; one entry for each mailbox of an alias.
pub async fn list(desk: &Desk, user: UserId, before: Option<DeliveryId>, limit: u32) -> Result<Vec<Entry>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let state = Some(DeliveryState::Held);
    let filter = DeliveryFilter { user_id: Some(user), state, before, limit, ..DeliveryFilter::default() };
    let mut known = std::collections::HashMap::new();
    let mut entries = Vec::new();
    for delivery in storage::queue::list(tx, &filter).await? {
        let alias = address_of(tx, &mut known, delivery.alias_id).await?;
        entries.push(Entry { delivery, alias });
    }
    Ok(entries)
}

/// One held message with what its owner decides by.
pub async fn show(desk: &Desk, user: UserId, id: DeliveryId) -> Result<Held, HoldError> {
    let tx = &mut desk.storage.read().await?;
    let delivery = owned(tx, user, id).await?;
    let alias = address_of(tx, &mut std::collections::HashMap::new(), delivery.alias_id).await?;
    Ok(read(tx, Entry { delivery, alias }).await?)
}

/// What its owner decides by.
pub(super) async fn read(tx: &mut Tx, entry: Entry) -> Result<Held, storage::Error> {
    let kept = match entry.delivery.message_id {
        Some(id) => storage::message::find(tx, id).await?.map(|message| message.kept),
        None => None,
    };
    let header = kept.as_ref().map(|kept| kept.header.as_slice()).unwrap_or_default();
    let limits = Limits { max_size: header.len().saturating_add(2), ..Limits::default() };
    let block = HeaderBlock::parse(header, limits).ok();
    let field = |name: &str| {
        let field = block.as_ref().and_then(|block| block.named(header, name).next());
        Private::new(field.map(|field| reply::decoded(field.value(header))).unwrap_or_default().trim().to_owned())
    };
    let sender = kept.as_ref().and_then(|kept| kept.sender.clone());
    let message = kept.as_ref().map(|kept| storage::muted::first_copy(kept.uuid));
    Ok(Held { sender, from: field("From"), subject: field("Subject"), message, entry })
}

async fn owned(tx: &mut Tx, user: UserId, id: DeliveryId) -> Result<Delivery, HoldError> {
    storage::hold::find(tx, user, id).await?.ok_or(HoldError::Unknown)
}

/// Lets a held message go on: it is due now and tried for `expire`, at all mailboxes of its alias. How many copies.
pub async fn release(desk: &Desk, user: UserId, id: DeliveryId, expire: Duration) -> Result<u64, HoldError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                owned(tx, user, id).await?;
                Ok(storage::hold::release(tx, id, now, now.plus(expire)).await?)
            })
        })
        .await
}

/// Lets a held message go: not delivered, counted, shown; its content is erased. How many copies.
pub async fn drop(desk: &Desk, user: UserId, id: DeliveryId) -> Result<u64, HoldError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                owned(tx, user, id).await?;
                Ok(drop_in(tx, id, now).await?)
            })
        })
        .await
}

/// The same inside a transaction that knows whose it is.
pub(super) async fn drop_in(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<u64, storage::Error> {
    let aliases = storage::hold::cancel(tx, id, now).await?;
    for alias_id in &aliases {
        storage::activity::add(tx, &[(ActivityKey { alias_id: *alias_id, day: now.day() }, Activity::CANCELLED)]).await?;
    }
    Ok(aliases.len() as u64)
}

/// Tells the owner that a message is held.
pub(super) fn telling(alias: &Alias, url: &str) -> Telling {
    Telling {
        user_id: alias.user_id,
        kind: NoticeKind::MessageHeld,
        about: "held".to_owned(),
        quiet_for: QUIET,
        letter: letter(&alias.address, url),
        except: None,
    }
}

/// The page of held messages, as one opens it from a letter.
fn page(url: &str) -> String {
    format!("{url}/holds")
}

/// Nothing of the held message itself is in it.
pub(super) fn letter(address: &Address, url: &str) -> Letter {
    Letter {
        subject: format!("A message to {address} is held"),
        paragraphs: vec![
            format!(
                "A message to your address {address} claims to come from a domain that did not send it, as far as can be \
                 proven, and that asks for such mail to be put aside. You chose to decide on it yourself."
            ),
            "Open the page of held messages: it shows who wrote and about what, and you have it delivered or throw it away. What \
             you do not release within 30 days is not delivered."
                .to_owned(),
            "You are told once a day at the most, however many messages are held.".to_owned(),
        ],
        action: Some(("Decide on it".to_owned(), page(url))),
    }
}

/// Tells the owner that a message is delivered that would be held if there were room.
pub(super) fn full(user_id: UserId, url: &str) -> Telling {
    Telling {
        user_id,
        kind: NoticeKind::MessageHeld,
        about: "full".to_owned(),
        quiet_for: QUIET,
        letter: full_letter(url),
        except: None,
    }
}

/// While there is no room to hold more.
pub(super) fn full_letter(url: &str) -> Letter {
    Letter {
        subject: "No more messages can be held for you".to_owned(),
        paragraphs: vec![
            "As much is held for you as can be. Until there is room again, what would be held is delivered to you with a \
             warning instead; nothing is lost."
                .to_owned(),
            "Open the page of held messages: there you have messages delivered or throw them away, one by one or all at once."
                .to_owned(),
            "You are told once a day at the most.".to_owned(),
        ],
        action: Some(("Decide on them".to_owned(), page(url))),
    }
}
