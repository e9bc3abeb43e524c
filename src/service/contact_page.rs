//! Contacts as clients with numeric keys work with them: a page at a time, made, blocked, taken out of the list.

use super::Desk;
use super::alias::GetError;
use crate::model::Address;
use crate::model::alias::Alias;
use crate::model::alias_name::BOUNCE_PREFIX;
use crate::model::contact::{Contact, REVERSE_PREFIX, ReverseToken};
use crate::model::id::{AliasId, ContactId, UserId};
use crate::storage::{self, Tx, contact};

/// A contact with the address that stands for it in the owner's mail client.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The contact.
    pub contact: Contact,
    /// Mail to this goes out from the alias.
    pub reverse: Address,
    /// Whether it was there before it was asked for.
    pub existed: bool,
}

/// Why a contact can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
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

/// One page of an alias's contacts, newest first.
pub async fn list(desk: &Desk, user: UserId, alias: AliasId, offset: u32, limit: u32) -> Result<Vec<Entry>, GetError> {
    let tx = &mut desk.storage.read().await?;
    let alias = owned(tx, user, alias).await?.ok_or(GetError::Unknown)?;
    let page = contact::page(tx, alias.id, offset, limit).await?;
    Ok(page.into_iter().map(|contact| entry(&alias, contact, true)).collect())
}

/// Makes a contact, or finds the one there is: its reverse address never changes.
pub async fn create(desk: &Desk, user: UserId, alias: AliasId, address: Address) -> Result<Entry, CreateError> {
    let (uuid, now, token) = (desk.uuid(), desk.clock.now(), ReverseToken::draw(&desk.chance));
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let alias = owned(tx, user, alias).await?.ok_or(CreateError::Unknown)?;
                check(tx, &alias, &address).await?;
                let there = contact::find_many(tx, alias.id, &[address.folded()]).await?.pop();
                let existed = there.is_some();
                let contact = match there {
                    Some(contact) => contact,
                    None => contact::get_or_create(tx, alias.id, &address, &token, uuid, now).await?,
                };
                contact::set_hidden(tx, contact.id, None).await?;
                Ok(entry(&alias, contact, existed))
            })
        })
        .await
}

/// Blocks a contact that is not blocked, and the other way round; whether it is blocked then.
pub async fn toggle_block(desk: &Desk, user: UserId, id: ContactId) -> Result<bool, GetError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let contact = owned_contact(tx, user, id).await?;
                contact::set_blocked(tx, id, (!contact.is_blocked).then_some(now)).await?;
                Ok(!contact.is_blocked)
            })
        })
        .await
}

/// Takes a contact out of the list. What the owner has of it in letters stays valid, and a block stays a block.
pub async fn hide(desk: &Desk, user: UserId, id: ContactId) -> Result<(), GetError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                owned_contact(tx, user, id).await?;
                Ok(contact::set_hidden(tx, id, Some(now)).await?)
            })
        })
        .await
}

fn entry(alias: &Alias, contact: Contact, existed: bool) -> Entry {
    Entry { reverse: contact.token.address(alias.address.domain()), contact, existed }
}

async fn owned(tx: &mut Tx, user: UserId, id: AliasId) -> Result<Option<Alias>, storage::Error> {
    Ok(storage::alias::find(tx, id).await?.filter(|alias| alias.user_id == user))
}

async fn owned_contact(tx: &mut Tx, user: UserId, id: ContactId) -> Result<Contact, GetError> {
    let contact = contact::find(tx, id).await?.ok_or(GetError::Unknown)?;
    owned(tx, user, contact.alias_id).await?.ok_or(GetError::Unknown)?;
    Ok(contact)
}

/// Another alias, of this user or another, is a correspondent like any other.
async fn check(tx: &mut Tx, alias: &Alias, address: &Address) -> Result<(), CreateError> {
    let (folded, local) = (address.folded(), address.local().to_lowercase());
    if folded == alias.address.folded() {
        return Err(CreateError::Itself);
    }
    let is_made = local.starts_with(BOUNCE_PREFIX) || local.starts_with(REVERSE_PREFIX);
    if is_made && storage::domain::find_by_name(tx, address.domain()).await?.is_some() {
        return Err(CreateError::NotSomebody);
    }
    let mailboxes = storage::mailbox::list(tx, alias.user_id).await?;
    if mailboxes.iter().any(|mailbox| mailbox.address.folded() == folded) {
        return Err(CreateError::OwnMailbox);
    }
    Ok(())
}
