//! What an owner changes of an alias besides its state: note, name, pin, mailboxes. Each change is one transaction.

use std::num::NonZeroU32;

use crate::model::Timestamp;
use crate::model::alias::{Alias, AliasState, DisplayNameError, parse_display_name};
use crate::model::alias_name;
use crate::model::id::{AliasId, MailboxId, UserId};
use crate::model::tag::{MOST_TAGS, Tag};
use crate::storage::{self, Tx, alias_change};

use super::Desk;
use super::alias::{self, StateError};
use super::alias_tag;

/// Longest note, in characters.
const LONGEST_NOTE: usize = 10_000;

/// What is changed; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The owner's note.
    pub note: Option<String>,
    /// The name replies go out with; `Some(None)` for the bare address.
    pub display_name: Option<Option<String>>,
    /// Whether lists show it first.
    pub pinned: Option<bool>,
    /// Where it forwards to, instead of where it did.
    pub mailboxes: Option<Vec<MailboxId>>,
    /// When it dies by itself; `Some(None)` for never.
    pub expires_at: Option<Option<Timestamp>>,
    /// After how many messages it dies by itself; `Some(None)` for never. Those it took already count.
    pub max_messages: Option<Option<NonZeroU32>>,
    /// Its labels, instead of those it had.
    pub tags: Option<Vec<Tag>>,
}

/// Why an alias can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    Unknown,
    /// The note is too long, or has characters that nobody can see.
    #[error("a note has {LONGEST_NOTE} characters at the most, and no control characters but line breaks and tabs")]
    Note,
    /// The text is no display name.
    #[error(transparent)]
    DisplayName(#[from] DisplayNameError),
    /// Mail would have nowhere to go.
    #[error("an alias needs a mailbox")]
    NoMailbox,
    /// Not a mailbox of this user.
    #[error("there is no such mailbox")]
    UnknownMailbox,
    /// Nothing is forwarded there yet.
    #[error("the mailbox is not verified yet")]
    UnverifiedMailbox,
    /// It would be dead at once.
    #[error("the moment it expires lies in the past")]
    InThePast,
    /// Nobody finds anything by them any more.
    #[error("an alias has {MOST_TAGS} tags at the most")]
    TooManyTags,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Changes an alias of a user; the alias as it is then.
pub async fn change(desk: &Desk, user: UserId, id: AliasId, change: Change) -> Result<Alias, ChangeError> {
    let change = check(change)?;
    if change.expires_at.flatten().is_some_and(|at| at <= desk.clock.now()) {
        return Err(ChangeError::InThePast);
    }
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if change.mailboxes.is_some() {
                    // None of the mailboxes may go meanwhile.
                    storage::user::lock(tx, user).await?;
                }
                owned(tx, user, id).await?;
                if let Some(mailboxes) = &change.mailboxes {
                    check_mailboxes(tx, user, mailboxes).await?;
                    alias_change::set_mailboxes(tx, id, mailboxes).await?;
                }
                if let Some(note) = &change.note {
                    alias_change::set_note(tx, id, note).await?;
                }
                if let Some(name) = &change.display_name {
                    alias_change::set_display_name(tx, id, name.as_deref()).await?;
                }
                if let Some(pinned) = change.pinned {
                    alias_change::set_pinned(tx, id, pinned).await?;
                }
                if let Some(expires_at) = change.expires_at {
                    alias_change::set_expires_at(tx, id, expires_at).await?;
                }
                if let Some(max) = change.max_messages {
                    alias_change::set_max_messages(tx, id, max.map(|max| i64::from(max.get()))).await?;
                }
                if let Some(tags) = &change.tags {
                    alias_tag::put(tx, user, id, tags).await?;
                }
                owned(tx, user, id).await
            })
        })
        .await
}

/// A user's alias is dead for good and gone from the lists of clients that know no killed ones. It is kept with what it
/// counted, and its address is never given out again.
pub async fn delete(desk: &Desk, user: UserId, id: AliasId) -> Result<(), StateError> {
    let alias = storage::alias::find(&mut desk.storage.read().await?, id).await?;
    let alias = alias.filter(|alias| alias.user_id == user).ok_or(StateError::Unknown)?;
    alias::set_state(desk, user, &alias.address, AliasState::Killed).await.map(drop)
}

/// Forgets a user's alias with everything it counted. Its address is never given out again, and nobody can revive it.
pub async fn forget(desk: &Desk, user: UserId, id: AliasId) -> Result<(), StateError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let alias = storage::alias::find(tx, id).await?.filter(|alias| alias.user_id == user);
                let alias = alias.ok_or(StateError::Unknown)?;
                if alias_name::is_role(alias.address.local()) {
                    return Err(StateError::Role);
                }
                Ok(storage::alias::retire(tx, &alias, now).await?)
            })
        })
        .await
}

/// The change in the form it is stored in, or what is wrong with its texts whatever alias it is for.
pub fn check(mut change: Change) -> Result<Change, ChangeError> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if change.note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE || note.chars().any(is_odd)) {
        return Err(ChangeError::Note);
    }
    if let Some(name) = change.display_name.take() {
        // Clients send an empty one to take it away.
        let name = name.filter(|name| !name.trim().is_empty());
        change.display_name = Some(name.map(|name| parse_display_name(&name)).transpose()?);
    }
    if change.mailboxes.as_ref().is_some_and(Vec::is_empty) {
        return Err(ChangeError::NoMailbox);
    }
    if let Some(tags) = change.tags.take() {
        change.tags = Some(alias_tag::in_order(tags).ok_or(ChangeError::TooManyTags)?);
    }
    Ok(change)
}

async fn check_mailboxes(tx: &mut Tx, user: UserId, wanted: &[MailboxId]) -> Result<(), ChangeError> {
    let all = storage::mailbox::list(tx, user).await?;
    for id in wanted {
        let mailbox = all.iter().find(|mailbox| mailbox.id == *id).ok_or(ChangeError::UnknownMailbox)?;
        if mailbox.verified_at.is_none() {
            return Err(ChangeError::UnverifiedMailbox);
        }
    }
    Ok(())
}

async fn owned(tx: &mut Tx, user: UserId, id: AliasId) -> Result<Alias, ChangeError> {
    storage::alias::find(tx, id).await?.filter(|alias| alias.user_id == user).ok_or(ChangeError::Unknown)
}
