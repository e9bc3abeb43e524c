//! What an owner does to many aliases at once: all of it in one transaction, and it can be taken back.

use uuid::Uuid;

use super::Desk;
use super::alias::change_state;
use crate::model::alias::AliasState;
use crate::model::alias_name;
use crate::model::id::{MailboxId, UserId};
use crate::model::mailbox::Mailbox;
use crate::model::tag::{MOST_TAGS, Tag};
use crate::model::{Address, Timestamp};
use crate::storage::alias_details::{self, Listed};
use crate::storage::{self, Tx, alias_change, alias_page, alias_tag};

/// Aliases of one act at the most: they are changed in one transaction, and others wait meanwhile.
pub const MOST: usize = 500;

/// What is done to each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Takes nothing for now.
    Pause,
    /// Passes mail on again, locked ones from everybody.
    Resume,
    /// Takes mail from known senders only.
    Lock,
    /// Dies.
    Kill,
    /// A killed one lives again.
    Revive,
    /// Has this tag from now on.
    AddTag(Tag),
    /// Has it no more.
    RemoveTag(Tag),
    /// Forwards to this mailbox and no other.
    Mailbox(Uuid),
}

impl Act {
    /// The state this act leads to from another one; `None` when there is nothing to do, or this is not what does it.
    fn leads(&self, from: AliasState) -> Option<AliasState> {
        match (self, from) {
            (Self::Pause, AliasState::Active | AliasState::Locked) => Some(AliasState::Paused),
            (Self::Resume, AliasState::Paused | AliasState::Locked) | (Self::Revive, AliasState::Killed) => {
                Some(AliasState::Active)
            }
            (Self::Lock, AliasState::Active | AliasState::Paused) => Some(AliasState::Locked),
            (Self::Kill, AliasState::Active | AliasState::Locked | AliasState::Paused) => Some(AliasState::Killed),
            _ => None,
        }
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// More than can be done at once.
    #[error("at most {MOST} aliases can be changed at once")]
    TooMany,
    /// Not a mailbox of this user.
    #[error("there is no such mailbox")]
    UnknownMailbox,
    /// Nothing is forwarded there yet.
    #[error("the mailbox is not verified yet")]
    UnverifiedMailbox,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// An alias that was changed, as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Which.
    pub uuid: Uuid,
    /// Its address.
    pub address: Address,
    /// Its state.
    pub state: AliasState,
    /// Where it forwarded to.
    pub mailboxes: Vec<Uuid>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// What was changed, oldest first.
    pub changed: Vec<Before>,
    /// How many were so already, or are in a state that this act does not change.
    pub same: usize,
    /// How many must be reachable for everybody (RFC 5321 §4.5.1).
    pub roles: usize,
    /// How many have no room for one more tag.
    pub full: usize,
    /// Messages that waited and will not be delivered.
    pub cancelled: u64,
}

enum Outcome {
    Changed,
    Same,
    Role,
    Full,
}

/// Does it to those of these aliases that are the user's; others are passed over like ones that never were.
pub async fn act(desk: &Desk, user: UserId, uuids: Vec<Uuid>, act: Act) -> Result<Done, BulkError> {
    let uuids = in_order(uuids)?;
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mailbox = match &act {
                    Act::Mailbox(uuid) => Some(target(tx, user, *uuid).await?),
                    _ => None,
                };
                let mut done = Done::default();
                for listed in owned(tx, user, &uuids).await? {
                    let outcome = match (&act, mailbox) {
                        (_, Some(mailbox)) => forward_to(tx, &listed, mailbox).await?,
                        (Act::AddTag(tag), _) => add_tag(tx, user, &listed, tag).await?,
                        (Act::RemoveTag(tag), _) => changed(alias_tag::remove(tx, listed.alias.id, tag).await?),
                        (act, _) => move_on(tx, &listed, act, now, &mut done.cancelled).await?,
                    };
                    match outcome {
                        Outcome::Changed => done.changed.push(before(&listed)),
                        Outcome::Same => done.same += 1,
                        Outcome::Role => done.roles += 1,
                        Outcome::Full => done.full += 1,
                    }
                }
                Ok(done)
            })
        })
        .await
}

/// Takes a change of state back: those of these aliases that are the user's and still in the state `left` go to the one
/// named with each. How many did.
pub async fn undo_states(
    desk: &Desk,
    user: UserId,
    left: AliasState,
    mut before: Vec<(Uuid, AliasState)>,
) -> Result<usize, BulkError> {
    before.sort_unstable_by_key(|(uuid, _)| *uuid);
    before.dedup_by_key(|(uuid, _)| *uuid);
    let uuids = in_order(before.iter().map(|(uuid, _)| *uuid).collect())?;
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mut count = 0;
                for listed in owned(tx, user, &uuids).await? {
                    let alias = &listed.alias;
                    let Some((_, was)) = before.iter().find(|(uuid, _)| *uuid == alias.uuid) else { continue };
                    if alias.state == left && *was != left && !alias_name::is_role(alias.address.local()) {
                        count += usize::from(replace(tx, &listed, *was, now, &mut 0).await?);
                    }
                }
                Ok(count)
            })
        })
        .await
}

/// Takes a change of mailboxes back: each of these aliases that is the user's forwards to the mailboxes named with it, as
/// far as the user still has them. How many do.
pub async fn undo_mailboxes(desk: &Desk, user: UserId, mut before: Vec<(Uuid, Vec<Uuid>)>) -> Result<usize, BulkError> {
    before.sort_unstable();
    before.dedup_by_key(|(uuid, _)| *uuid);
    let uuids = in_order(before.iter().map(|(uuid, _)| *uuid).collect())?;
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                // None of the mailboxes may go meanwhile.
                storage::user::lock(tx, user).await?;
                let all = storage::mailbox::list(tx, user).await?;
                let mut count = 0;
                for listed in owned(tx, user, &uuids).await? {
                    let Some((_, were)) = before.iter().find(|(uuid, _)| *uuid == listed.alias.uuid) else { continue };
                    let there: Vec<MailboxId> =
                        all.iter().filter(|mailbox| were.contains(&mailbox.uuid)).map(|mailbox| mailbox.id).collect();
                    if !there.is_empty() {
                        alias_change::set_mailboxes(tx, listed.alias.id, &there).await?;
                        count += 1;
                    }
                }
                Ok(count)
            })
        })
        .await
}

/// Each once, in one order everywhere, so that two acts never wait for each other's rows.
fn in_order(mut uuids: Vec<Uuid>) -> Result<Vec<Uuid>, BulkError> {
    uuids.sort_unstable();
    uuids.dedup();
    if uuids.len() > MOST { Err(BulkError::TooMany) } else { Ok(uuids) }
}

async fn owned(tx: &mut Tx, user: UserId, uuids: &[Uuid]) -> Result<Vec<Listed>, storage::Error> {
    let mut ids = Vec::with_capacity(uuids.len());
    for uuid in uuids {
        ids.extend(alias_page::find_key(tx, user, *uuid).await?);
    }
    alias_details::list(tx, &ids).await
}

async fn target(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<MailboxId, BulkError> {
    // It may not go meanwhile.
    storage::user::lock(tx, user).await?;
    let found = storage::mailbox::list(tx, user).await?.into_iter().find(|mailbox| mailbox.uuid == uuid);
    let mailbox: Mailbox = found.ok_or(BulkError::UnknownMailbox)?;
    if mailbox.verified_at.is_none() { Err(BulkError::UnverifiedMailbox) } else { Ok(mailbox.id) }
}

async fn forward_to(tx: &mut Tx, listed: &Listed, mailbox: MailboxId) -> Result<Outcome, storage::Error> {
    if listed.mailboxes.iter().map(|known| known.id).eq([mailbox]) {
        return Ok(Outcome::Same);
    }
    alias_change::set_mailboxes(tx, listed.alias.id, &[mailbox]).await?;
    Ok(Outcome::Changed)
}

async fn add_tag(tx: &mut Tx, user: UserId, listed: &Listed, tag: &Tag) -> Result<Outcome, storage::Error> {
    if listed.tags.len() >= MOST_TAGS && !listed.tags.contains(tag) {
        return Ok(Outcome::Full);
    }
    Ok(changed(alias_tag::add(tx, user, listed.alias.id, tag).await?))
}

async fn move_on(
    tx: &mut Tx,
    listed: &Listed,
    act: &Act,
    now: Timestamp,
    cancelled: &mut u64,
) -> Result<Outcome, storage::Error> {
    if alias_name::is_role(listed.alias.address.local()) {
        return Ok(Outcome::Role);
    }
    let Some(state) = act.leads(listed.alias.state) else { return Ok(Outcome::Same) };
    Ok(changed(replace(tx, listed, state, now, cancelled).await?))
}

/// Changes the state unless it is another one by now: what somebody killed meanwhile is not brought back by a pause.
async fn replace(
    tx: &mut Tx,
    listed: &Listed,
    state: AliasState,
    now: Timestamp,
    cancelled: &mut u64,
) -> Result<bool, storage::Error> {
    let alias = &listed.alias;
    if state == AliasState::Killed {
        let (changed, messages) = change_state(tx, alias.id, state, now).await?;
        *cancelled += messages;
        return Ok(changed);
    }
    storage::alias::replace_state(tx, alias.id, alias.state, state, now).await
}

const fn changed(is_changed: bool) -> Outcome {
    if is_changed { Outcome::Changed } else { Outcome::Same }
}

fn before(listed: &Listed) -> Before {
    let alias = &listed.alias;
    let mailboxes = listed.mailboxes.iter().map(|mailbox| mailbox.uuid).collect();
    Before { uuid: alias.uuid, address: alias.address.clone(), state: alias.state, mailboxes }
}
