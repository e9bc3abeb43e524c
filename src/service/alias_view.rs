//! One alias with everything its owner decides by: what it counted, who wrote, whom it corresponds with, what did not
//! arrive.

use uuid::Uuid;

use super::Desk;
use super::activity::filled;
use super::alias::GetError;
use super::contact_page::{self, Entry};
use super::failed_delivery::{Failed, with_names};
use crate::model::Timestamp;
use crate::model::activity::Activity;
use crate::model::alias::{Alias, AliasState};
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::sighting::{Proof, Seen, SightingKey};
use crate::policy::locked::{LockFacts, knows};
use crate::storage::alias_details::{self, Listed};
use crate::storage::{activity, alias_page, contact, mailbox, sighting, undelivered};

/// Senders and failures shown at the most.
const SHOWN: u32 = 50;
/// Contacts on one page.
pub const CONTACTS: u32 = 25;

/// Which part of it.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// How many days, today included.
    pub days: u16,
    /// After how many contacts the page begins.
    pub contacts_from: u32,
}

/// An alias and what belongs to it.
#[derive(Debug, Clone)]
pub struct View {
    /// The alias as lists show it.
    pub listed: Listed,
    /// What was counted on each day (since the epoch), the oldest first and today last.
    pub days: Vec<(i64, Activity)>,
    /// Who wrote to it, the last first.
    pub senders: Vec<(SightingKey, Seen)>,
    /// One page of whom it corresponds with, the newest first.
    pub contacts: Vec<Entry>,
    /// Whether there are more of them.
    pub more_contacts: bool,
    /// What was not delivered, or not yet; the newest first.
    pub undelivered: Vec<Failed>,
    /// Messages that wait, and those that are held; nothing else counts them yet.
    pub pending: (i64, i64),
    /// All mailboxes of its owner.
    pub mailboxes: Vec<Mailbox>,
}

/// Whether mail of that sender comes through while the alias is locked, provided that it is proven again.
pub fn is_known(alias: &Alias, key: &SightingKey, seen: Seen, now: Timestamp) -> bool {
    let is_proven = matches!(key.proof, Proof::Dkim | Proof::Spf);
    knows(&LockFacts {
        site: alias.site.as_ref(),
        created_at: alias.created_at,
        locked_at: if alias.state == AliasState::Locked { alias.state_changed_at } else { now },
        organisation: &key.organisation,
        first_proven: is_proven.then_some(seen.first),
    })
}

/// A user's alias by its id for the outside.
pub async fn show(desk: &Desk, user: UserId, uuid: Uuid, part: Part) -> Result<View, GetError> {
    let today = desk.clock.now().day();
    let first = today - i64::from(part.days) + 1;
    let tx = &mut desk.storage.read().await?;
    let id = alias_page::find_key(tx, user, uuid).await?.ok_or(GetError::Unknown)?;
    let listed = alias_details::list(tx, &[id]).await?.pop().ok_or(GetError::Unknown)?;
    let counted = activity::of_alias(tx, id, first).await?;
    let mut contacts = contact::page(tx, id, part.contacts_from, CONTACTS.saturating_add(1)).await?;
    let more_contacts = contacts.len() > usize::try_from(CONTACTS).unwrap_or(usize::MAX);
    if more_contacts {
        contacts.pop();
    }
    let filter = undelivered::Filter { user_id: user, alias_id: Some(id), state: None, before: None, limit: SHOWN };
    let page = undelivered::list(tx, &filter).await?;
    Ok(View {
        days: filled(first, today, counted),
        senders: sighting::of_alias(tx, id, SHOWN).await?,
        contacts: contacts.into_iter().map(|contact| contact_page::entry(&listed.alias, contact, true)).collect(),
        more_contacts,
        undelivered: with_names(tx, user, page).await?,
        pending: undelivered::pending(tx, user, Some(id)).await?,
        mailboxes: mailbox::list(tx, user).await?,
        listed,
    })
}
