//! Aliases: made, looked at, locked, paused, killed, revived by their owner.

use std::num::NonZeroU32;

use crate::model::activity::{Activity, ActivityKey};
use crate::model::alias::{Alias, AliasState, DisplayNameError, MadeBy, parse_display_name};
use crate::model::alias_name::{self, NameError, NameFormat};
use crate::model::delivery::Delivery;
use crate::model::domain::Domain;
use crate::model::id::{AliasId, UserId};
use crate::model::mailbox::Mailbox;
use crate::model::sighting::{Seen, SightingKey};
use crate::model::site::Site;
use crate::model::tag::Tag;
use crate::model::{Address, Chance, DomainName, Timestamp};
use crate::storage::{self, Tx};

use super::{Desk, webhook};

pub use crate::storage::alias::AliasFilter;

/// Names drawn before giving up. A `site` name has 40 random bits: the second draw is already unheard of.
const DRAWS: usize = 8;
/// Rows of the queue, and senders, shown with an alias.
const SHOWN: u32 = 50;

/// What a new alias is made of.
#[derive(Debug, Clone)]
pub struct NewAlias {
    /// The owner.
    pub user: UserId,
    /// The site it is for.
    pub site: Option<Site>,
    /// The domain it lives on; the instance's first when left out.
    pub domain: Option<DomainName>,
    /// How its name is drawn.
    pub format: NameFormat,
    /// The name itself, when the owner chose one.
    pub chosen: Option<String>,
    /// The owner's note.
    pub note: String,
    /// Where it forwards to; the owner's default mailbox when empty.
    pub mailboxes: Vec<Address>,
    /// When it dies by itself.
    pub expires_at: Option<Timestamp>,
    /// After how many messages it dies by itself.
    pub max_messages: Option<NonZeroU32>,
}

/// Why an alias can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The chosen name is none, or reserved.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The chosen name is in use, or was and is gone.
    #[error("this address is taken, or was once: addresses are never given out twice")]
    Taken,
    /// No free name was drawn.
    #[error("no free name was found; try again or choose another format")]
    Exhausted,
    /// There is no domain to make it on.
    #[error("there is no domain yet; add one")]
    NoDomain,
    /// Not a domain this user may use.
    #[error("there is no such domain, or it is someone else's")]
    UnknownDomain,
    /// Not a mailbox of this user.
    #[error("there is no such mailbox")]
    UnknownMailbox,
    /// Nothing is forwarded there yet.
    #[error("the mailbox is not verified yet")]
    UnverifiedMailbox,
    /// It would be dead at once.
    #[error("the moment it expires lies in the past")]
    InThePast,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why an alias can't be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why an alias's state can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    Unknown,
    /// postmaster and abuse take mail whatever happens (RFC 5321 §4.5.1).
    #[error("this address must be reachable for everybody; its state can't be changed")]
    Role,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<GetError> for StateError {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Unknown => Self::Unknown,
            GetError::Storage(error) => Self::Storage(error),
        }
    }
}

/// What a change of state did.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// The alias as it is now.
    pub alias: Alias,
    /// Whether it was in another state before.
    pub changed: bool,
    /// Messages that still waited and will not be delivered: only a kill cancels any.
    pub cancelled: u64,
}

/// An alias with what happened to its mail.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The alias.
    pub alias: Alias,
    /// Where it forwards to, verified or not.
    pub mailboxes: Vec<Mailbox>,
    /// Everything it ever counted.
    pub total: Activity,
    /// Its counters by day (days since the epoch), of the last 30 days.
    pub days: Vec<(i64, Activity)>,
    /// What waits, failed or was cancelled, newest first.
    pub undelivered: Vec<Delivery>,
    /// Who wrote to it, the last first.
    pub senders: Vec<(SightingKey, Seen)>,
    /// Set when nobody made it: its first message did.
    pub made_by: Option<MadeBy>,
}

/// Makes an alias: draws names until one is free, or takes the chosen one.
pub async fn create(desk: &Desk, new: NewAlias) -> Result<Alias, CreateError> {
    create_tagged(desk, new, Vec::new()).await
}

/// The same with tags, each once and no more than an alias may have.
pub async fn create_tagged(desk: &Desk, new: NewAlias, tags: Vec<Tag>) -> Result<Alias, CreateError> {
    let now = desk.clock.now();
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(CreateError::InThePast);
    }
    let chosen = new.chosen.as_deref().map(alias_name::parse_chosen).transpose()?;
    let (uuid, chance) = (desk.uuid(), desk.chance.clone());
    let name = Name { uuid, chosen, chance, now };
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let (made, _) = make(tx, &new, &name).await?;
                super::alias_tag::put(tx, new.user, made.id, &tags).await?;
                Ok(made)
            })
        })
        .await
}

/// What a new alias is called, and when.
pub(super) struct Name {
    pub uuid: uuid::Uuid,
    /// The name the owner chose, checked; else one is drawn.
    pub chosen: Option<String>,
    pub chance: Chance,
    pub now: Timestamp,
}

/// The alias and where it forwards to.
pub(super) async fn make(tx: &mut Tx, new: &NewAlias, name: &Name) -> Result<(Alias, Vec<Mailbox>), CreateError> {
    // The mailboxes that are picked stay until the alias is there.
    storage::user::lock_shared(tx, new.user).await?;
    let domain = pick_domain(tx, new).await?;
    let mailboxes = pick_mailboxes(tx, new).await?;
    let tries = if name.chosen.is_some() { 1 } else { DRAWS };
    for _ in 0..tries {
        let local = name.chosen.clone().unwrap_or_else(|| draw(new, &name.chance));
        let row = storage::alias::NewAlias {
            uuid: name.uuid,
            user_id: new.user,
            domain_id: domain.id,
            address: Address::from_parts(&local, domain.name.clone()).map_err(|_| NameError::Characters)?,
            site: new.site.clone(),
            note: new.note.clone(),
            expires_at: new.expires_at,
            max_messages: new.max_messages.map(|max| i64::from(max.get())),
            mailboxes: mailboxes.iter().map(|mailbox| mailbox.id).collect(),
            created_at: name.now,
        };
        match storage::alias::create(tx, &row).await {
            Err(error) if error.is_taken() => {}
            made => {
                let made = made?;
                webhook::alias_created(tx, &name.chance, &made, name.now).await?;
                return Ok((made, mailboxes));
            }
        }
    }
    Err(if name.chosen.is_some() { CreateError::Taken } else { CreateError::Exhausted })
}

fn draw(new: &NewAlias, chance: &Chance) -> String {
    chance.with(|rng| alias_name::draw(new.format, new.site.as_ref(), rng))
}

async fn pick_domain(tx: &mut Tx, new: &NewAlias) -> Result<Domain, CreateError> {
    let mut usable = storage::domain::list_usable(tx, new.user).await?.into_iter();
    match &new.domain {
        Some(name) => usable.find(|domain| domain.name == *name).ok_or(CreateError::UnknownDomain),
        None => usable.next().ok_or(CreateError::NoDomain),
    }
}

async fn pick_mailboxes(tx: &mut Tx, new: &NewAlias) -> Result<Vec<Mailbox>, CreateError> {
    let all = storage::mailbox::list(tx, new.user).await?;
    let mut picked = Vec::new();
    if new.mailboxes.is_empty() {
        picked.extend(all.iter().find(|mailbox| mailbox.is_default));
    }
    for address in &new.mailboxes {
        picked.extend(all.iter().find(|mailbox| mailbox.address.folded() == address.folded()));
    }
    if picked.len() < new.mailboxes.len().max(1) {
        return Err(CreateError::UnknownMailbox);
    }
    if picked.iter().any(|mailbox| mailbox.verified_at.is_none()) {
        return Err(CreateError::UnverifiedMailbox);
    }
    Ok(picked.into_iter().cloned().collect())
}

/// One page of a user's aliases, newest first.
pub async fn list(desk: &Desk, filter: &AliasFilter) -> Result<Vec<Alias>, storage::Error> {
    storage::alias::list(&mut desk.storage.read().await?, filter).await
}

/// A user's alias by its address, in any case.
pub async fn get(desk: &Desk, user: UserId, address: &Address) -> Result<Alias, GetError> {
    owned(&mut desk.storage.read().await?, user, &address.folded()).await
}

/// A user's alias with what happened to its mail.
pub async fn show(desk: &Desk, user: UserId, address: &Address) -> Result<Overview, GetError> {
    let tx = &mut desk.storage.read().await?;
    let alias = owned(tx, user, &address.folded()).await?;
    let filter = storage::queue::DeliveryFilter { alias_id: Some(alias.id), limit: SHOWN, ..Default::default() };
    Ok(Overview {
        mailboxes: storage::mailbox::of_alias(tx, alias.id).await?,
        total: storage::activity::total(tx, alias.id).await?,
        days: storage::activity::of_alias(tx, alias.id, desk.clock.now().day() - 29).await?,
        undelivered: storage::queue::list(tx, &filter).await?,
        senders: storage::sighting::of_alias(tx, alias.id, SHOWN).await?,
        made_by: storage::made_alias::of_alias(tx, alias.id).await?,
        alias,
    })
}

/// Locks, pauses, kills or (with [`AliasState::Active`]) revives an alias.
///
/// A kill cancels in the same transaction what still waits in the queue: when this returns, nothing more of it is
/// delivered. A killed alias may be revived by its owner; what was cancelled stays cancelled.
pub async fn set_state(desk: &Desk, user: UserId, address: &Address, state: AliasState) -> Result<StateChange, StateError> {
    if alias_name::is_role(address.local()) {
        return Err(StateError::Role);
    }
    let (key, now) = (address.folded(), desk.clock.now());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let id = owned(tx, user, &key).await?.id;
                let (changed, cancelled) = change_state(tx, id, state, now).await?;
                Ok(StateChange { alias: owned(tx, user, &key).await?, changed, cancelled })
            })
        })
        .await
}

/// What is changed of an alias; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// The name replies go out with; `Some(None)` for the bare address.
    pub display_name: Option<Option<String>>,
    /// The owner's note.
    pub note: Option<String>,
}

/// Why an alias can't be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// No such alias, or not this user's.
    #[error("there is no such alias")]
    Unknown,
    /// The text is no display name.
    #[error(transparent)]
    DisplayName(#[from] DisplayNameError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<GetError> for EditError {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Unknown => Self::Unknown,
            GetError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Changes an alias's texts; the alias as it is then.
pub async fn edit(desk: &Desk, user: UserId, address: &Address, edit: Edit) -> Result<Alias, EditError> {
    let display_name = edit.display_name.map(|name| name.as_deref().map(parse_display_name).transpose()).transpose()?;
    let key = address.folded();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mut alias = owned(tx, user, &key).await?;
                alias.display_name = display_name.unwrap_or(alias.display_name);
                alias.note = edit.note.unwrap_or(alias.note);
                storage::alias::set_texts(tx, alias.id, alias.display_name.as_deref(), &alias.note).await?;
                Ok(alias)
            })
        })
        .await
}

/// Changes the state of an alias, whoever asked: whether it was another before, and how many messages a kill cancelled.
pub(super) async fn change_state(
    tx: &mut Tx,
    id: AliasId,
    state: AliasState,
    now: Timestamp,
) -> Result<(bool, u64), storage::Error> {
    let changed = storage::alias::set_state(tx, id, state, now).await?;
    let cancelled = match state {
        AliasState::Killed => storage::delivery::cancel_waiting_of_alias(tx, id, now).await?,
        AliasState::Active | AliasState::Locked | AliasState::Paused => 0,
    };
    if cancelled > 0 {
        let count = Activity { cancelled: i64::try_from(cancelled).unwrap_or(i64::MAX), ..Activity::default() };
        storage::activity::add(tx, &[(ActivityKey { alias_id: id, day: now.day() }, count)]).await?;
    }
    Ok((changed, cancelled))
}

async fn owned(tx: &mut Tx, user: UserId, address: &str) -> Result<Alias, GetError> {
    let alias = storage::alias::find_by_address(tx, address).await?;
    alias.filter(|alias| alias.user_id == user).ok_or(GetError::Unknown)
}
