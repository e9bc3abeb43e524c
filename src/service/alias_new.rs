//! An alias as programs make it: with its texts and tags, at once and once.

use uuid::Uuid;

use super::alias::{CreateError, Name, NewAlias, make};
use super::alias_change::{self, Change, ChangeError};
use super::idempotency::{self, Answer, Once, OnceError};
use super::{Desk, alias_tag};
use crate::model::Address;
use crate::model::activity::Activity;
use crate::model::alias_name;
use crate::model::tag::Tag;
use crate::storage::alias_details::{LastDays, Listed};
use crate::storage::{self, Tx, alias_change as rows};

/// A mailbox as a program names it.
#[derive(Debug, Clone)]
pub enum Named {
    /// By its id for the outside.
    Id(Uuid),
    /// By its address.
    Address(Address),
}

/// An alias with all that its owner says about it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The alias.
    pub alias: NewAlias,
    /// Where it forwards to, besides those the alias itself names.
    pub mailboxes: Vec<Named>,
    /// The name replies go out with.
    pub display_name: Option<String>,
    /// Whether lists show it first.
    pub pinned: bool,
    /// Its labels.
    pub tags: Vec<Tag>,
}

/// Why an alias can't be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The alias itself.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// What is said about it.
    #[error(transparent)]
    Texts(#[from] ChangeError),
}

impl From<storage::Error> for NewError {
    fn from(error: storage::Error) -> Self {
        Self::Create(error.into())
    }
}

/// Makes an alias, once for a key.
pub async fn create(desk: &Desk, wanted: Wanted, once: Once<Listed>) -> Result<Answer, OnceError<NewError>> {
    let failed = |error: ChangeError| OnceError::Failed(error.into());
    let Wanted { alias: mut new, mailboxes: named, display_name, pinned, tags } = wanted;
    let texts = Change { note: Some(new.note), display_name: Some(display_name), tags: Some(tags), ..Change::default() };
    let texts = alias_change::check(texts).map_err(failed)?;
    new.note = texts.note.unwrap_or_default();
    let (display_name, tags) = (texts.display_name.flatten(), texts.tags.unwrap_or_default());
    let now = desk.clock.now();
    let chosen = new.chosen.as_deref().map(alias_name::parse_chosen).transpose();
    let name = Name { uuid: desk.uuid(), chosen: None, chance: desk.chance.clone(), now };
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                // Before anything is refused: what was right a day ago is answered as it was.
                if let Some(answer) = idempotency::begin(tx, once.key.as_ref(), now).await? {
                    return Ok(answer);
                }
                let chosen = chosen.map_err(|error| OnceError::Failed(CreateError::from(error).into()))?;
                if new.expires_at.is_some_and(|at| at <= now) {
                    return Err(OnceError::Failed(CreateError::InThePast.into()));
                }
                let name = Name { chosen, ..name };
                find_named(tx, &mut new, named).await.map_err(|error| OnceError::Failed(error.into()))?;
                let (alias, mailboxes) = make(tx, &new, &name).await.map_err(|error| OnceError::Failed(error.into()))?;
                let mut made = fresh(alias, mailboxes);
                say(tx, &mut made, display_name, pinned, tags).await?;
                Ok(idempotency::finish(tx, once, &made).await?)
            })
        })
        .await
}

/// Puts the addresses of mailboxes that were named into what is made.
async fn find_named(tx: &mut Tx, new: &mut NewAlias, named: Vec<Named>) -> Result<(), CreateError> {
    if named.is_empty() {
        return Ok(());
    }
    let all = storage::mailbox::list(tx, new.user).await?;
    for name in named {
        let found = match name {
            Named::Id(id) => all.iter().find(|mailbox| mailbox.uuid == id),
            Named::Address(address) => all.iter().find(|mailbox| mailbox.address.folded() == address.folded()),
        };
        new.mailboxes.push(found.ok_or(CreateError::UnknownMailbox)?.address.clone());
    }
    Ok(())
}

async fn say(
    tx: &mut Tx,
    made: &mut Listed,
    display_name: Option<String>,
    pinned: bool,
    tags: Vec<Tag>,
) -> Result<(), storage::Error> {
    let id = made.alias.id;
    if display_name.is_some() {
        rows::set_display_name(tx, id, display_name.as_deref()).await?;
    }
    if pinned {
        rows::set_pinned(tx, id, true).await?;
    }
    if !tags.is_empty() {
        alias_tag::put(tx, made.alias.user_id, id, &tags).await?;
    }
    made.alias.display_name = display_name;
    (made.pinned, made.tags) = (pinned, tags);
    Ok(())
}

/// Nothing has to be asked about an alias that was made just now.
fn fresh(alias: crate::model::alias::Alias, mut mailboxes: Vec<crate::model::mailbox::Mailbox>) -> Listed {
    mailboxes.sort_by_key(|mailbox| mailbox.id);
    mailboxes.dedup_by_key(|mailbox| mailbox.id);
    let (total, last) = (Activity::default(), LastDays::default());
    Listed { alias, pinned: false, mailboxes, tags: Vec::new(), total, last_day: None, last, made_by: None }
}
