//! Contacts as clients with numeric keys work with them: a page at a time, made, blocked, taken out of the list.

use uuid::Uuid;

use super::alias::GetError;
use super::contact::ContactError;
use super::idempotency::{self, Answer, Once, OnceError};
use super::{Desk, contact as contact_rules};
use crate::model::alias::Alias;
use crate::model::contact::{Contact, ReverseToken};
use crate::model::id::{AliasId, ContactId, UserId};
use crate::model::{Address, Timestamp};
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

/// One page of an alias's contacts, newest first.
pub async fn list(desk: &Desk, user: UserId, alias: AliasId, offset: u32, limit: u32) -> Result<Vec<Entry>, GetError> {
    let tx = &mut desk.storage.read().await?;
    let alias = owned(tx, user, alias).await?.ok_or(GetError::Unknown)?;
    let page = contact::page(tx, alias.id, offset, limit).await?;
    Ok(page.into_iter().map(|contact| entry(&alias, contact, true)).collect())
}

/// The contact of a user's alias with that id for the outside.
pub async fn get_by_uuid(desk: &Desk, user: UserId, alias: AliasId, uuid: Uuid) -> Result<Contact, GetError> {
    let tx = &mut desk.storage.read().await?;
    let alias = owned(tx, user, alias).await?.ok_or(GetError::Unknown)?;
    contact::find_by_uuid(tx, alias.id, uuid).await?.ok_or(GetError::Unknown)
}

/// Makes a contact, or finds the one there is: its reverse address never changes.
pub async fn create(desk: &Desk, user: UserId, alias: AliasId, address: Address) -> Result<Entry, ContactError> {
    let (uuid, now, token) = (desk.uuid(), desk.clock.now(), ReverseToken::draw(&desk.chance));
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let alias = owned(tx, user, alias).await?.ok_or(ContactError::UnknownAlias)?;
                contact_rules::check(tx, &alias, &address).await?;
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

/// The same by the alias's id for the outside, once for a key.
pub async fn create_once(
    desk: &Desk,
    user: UserId,
    alias: Uuid,
    address: Address,
    once: Once<Entry>,
) -> Result<Answer, OnceError<ContactError>> {
    let (uuid, now, token) = (desk.uuid(), desk.clock.now(), ReverseToken::draw(&desk.chance));
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if let Some(answer) = idempotency::begin(tx, once.key.as_ref(), now).await? {
                    return Ok(answer);
                }
                let entry = put(tx, user, alias, &address, (uuid, now, token)).await.map_err(OnceError::Failed)?;
                Ok(idempotency::finish(tx, once, &entry).await?)
            })
        })
        .await
}

async fn put(
    tx: &mut Tx,
    user: UserId,
    alias: Uuid,
    address: &Address,
    (uuid, now, token): (Uuid, Timestamp, ReverseToken),
) -> Result<Entry, ContactError> {
    let id = storage::alias_page::find_key(tx, user, alias).await?.ok_or(ContactError::UnknownAlias)?;
    let alias = owned(tx, user, id).await?.ok_or(ContactError::UnknownAlias)?;
    contact_rules::check(tx, &alias, address).await?;
    let contact = contact::get_or_create(tx, alias.id, address, &token, uuid, now).await?;
    contact::set_hidden(tx, contact.id, None).await?;
    let existed = contact.uuid != uuid;
    Ok(entry(&alias, contact, existed))
}

/// One contact by its id for the outside.
pub async fn get_owned(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(Entry, Alias), GetError> {
    let found = contact::find_owned(&mut desk.storage.read().await?, user, uuid).await?;
    let (contact, alias) = found.ok_or(GetError::Unknown)?;
    Ok((entry(&alias, contact, true), alias))
}

/// Wants nothing from and to a contact, or something again.
pub async fn set_blocked(desk: &Desk, user: UserId, uuid: Uuid, blocked: bool) -> Result<(Entry, Alias), GetError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let (mut contact, alias) = contact::find_owned(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
                if contact.is_blocked != blocked {
                    contact::set_blocked(tx, contact.id, blocked.then_some(now)).await?;
                    contact.is_blocked = blocked;
                }
                Ok((entry(&alias, contact, true), alias))
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

pub(super) fn entry(alias: &Alias, contact: Contact, existed: bool) -> Entry {
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
