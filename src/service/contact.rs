//! Contacts: whom an alias corresponds with. Whoever writes to it becomes one; its owner makes one to write first.

use crate::model::alias::Alias;
use crate::model::alias_name::BOUNCE_PREFIX;
use crate::model::contact::{Contact, REVERSE_PREFIX, ReverseToken};
use crate::model::id::{ContactId, UserId};
use crate::model::{Address, Timestamp};
use crate::storage::{self, Tx};

use super::Desk;

/// A contact with the address that stands for it in the owner's mail client.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The contact.
    pub contact: Contact,
    /// Mail to this goes out from the alias.
    pub reverse: Address,
}

/// Why a contact can't be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    UnknownAlias,
    /// Nobody of that address corresponds with the alias.
    #[error("the alias has no contact of this address")]
    Unknown,
    /// It stands for somebody else, or takes reports only.
    #[error("this is a reverse or bounce address of this instance, not somebody's own")]
    NotSomebody,
    /// Mail from the alias to itself would come back to the owner.
    #[error("an alias can't write to itself")]
    Itself,
    /// The mailbox would see the alias, and itself behind it.
    #[error("this is your own mailbox")]
    OwnMailbox,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Makes a contact, or finds the one there is: its reverse address never changes.
pub async fn create(desk: &Desk, user: UserId, alias: &Address, address: Address) -> Result<Entry, ContactError> {
    put(desk, user, alias, address, None).await
}

/// Wants nothing from and to an address at one alias, whether or not it ever wrote there.
pub async fn block(desk: &Desk, user: UserId, alias: &Address, address: Address) -> Result<Entry, ContactError> {
    put(desk, user, alias, address, Some(desk.clock.now())).await
}

async fn put(
    desk: &Desk,
    user: UserId,
    alias: &Address,
    address: Address,
    blocked_at: Option<Timestamp>,
) -> Result<Entry, ContactError> {
    let (key, uuid, now, token) = (alias.folded(), desk.uuid(), desk.clock.now(), ReverseToken::draw(&desk.chance));
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let alias = owned(tx, user, &key).await?;
                check(tx, &alias, &address).await?;
                let mut contact = storage::contact::get_or_create(tx, alias.id, &address, &token, uuid, now).await?;
                storage::contact::set_hidden(tx, contact.id, None).await?;
                if blocked_at.is_some() && !contact.is_blocked {
                    storage::contact::set_blocked(tx, contact.id, blocked_at).await?;
                    contact.is_blocked = true;
                }
                Ok(entry(&alias, contact))
            })
        })
        .await
}

/// Lets a blocked contact write again; false when it was not blocked.
pub async fn unblock(desk: &Desk, user: UserId, alias: &Address, address: &Address) -> Result<bool, ContactError> {
    let (alias, key) = (alias.folded(), address.folded());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let alias = owned(tx, user, &alias).await?;
                let found = storage::contact::find_many(tx, alias.id, &[key]).await?;
                let contact = found.into_iter().next().ok_or(ContactError::Unknown)?;
                storage::contact::set_blocked(tx, contact.id, None).await?;
                Ok(contact.is_blocked)
            })
        })
        .await
}

/// One page of an alias's contacts, oldest first, after that one.
pub async fn list(
    desk: &Desk,
    user: UserId,
    alias: &Address,
    after: Option<ContactId>,
    limit: u32,
) -> Result<Vec<Entry>, ContactError> {
    let tx = &mut desk.storage.read().await?;
    let alias = owned(tx, user, &alias.folded()).await?;
    let contacts = storage::contact::list(tx, alias.id, after, limit).await?;
    Ok(contacts.into_iter().map(|contact| entry(&alias, contact)).collect())
}

fn entry(alias: &Alias, contact: Contact) -> Entry {
    Entry { reverse: contact.token.address(alias.address.domain()), contact }
}

async fn owned(tx: &mut Tx, user: UserId, address: &str) -> Result<Alias, ContactError> {
    let alias = storage::alias::find_by_address(tx, address).await?;
    alias.filter(|alias| alias.user_id == user).ok_or(ContactError::UnknownAlias)
}

/// Another alias, of this user or another, is a correspondent like any other.
pub(super) async fn check(tx: &mut Tx, alias: &Alias, address: &Address) -> Result<(), ContactError> {
    let (folded, local) = (address.folded(), address.local().to_lowercase());
    if folded == alias.address.folded() {
        return Err(ContactError::Itself);
    }
    let is_made = local.starts_with(BOUNCE_PREFIX) || local.starts_with(REVERSE_PREFIX);
    if is_made && storage::domain::find_by_name(tx, address.domain()).await?.is_some() {
        return Err(ContactError::NotSomebody);
    }
    let mailboxes = storage::mailbox::list(tx, alias.user_id).await?;
    if mailboxes.iter().any(|mailbox| mailbox.address.folded() == folded) {
        return Err(ContactError::OwnMailbox);
    }
    Ok(())
}
