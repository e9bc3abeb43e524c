//! Who speaks in a message that was handed in: which alias `From` means, and the making of one that is not there yet.

use std::collections::{BTreeSet, HashMap};

use super::{Named, count_attempt};
use crate::model::alias::Alias;
use crate::model::id::{AliasId, UserId, uuid_v7};
use crate::model::mailbox::Mailbox;
use crate::model::{Address, DomainName, Reply, alias_name};
use crate::policy::submission as answers;
use crate::service::broker::Broker;
use crate::service::forward::units::Arrival;
use crate::service::{reply, webhook};
use crate::storage::alias::NewAlias;
use crate::storage::{self, alias, domain, mailbox};
use crate::transform;
use crate::transform::reply::{ReplyFacts, ReplyFault};

/// An id as long as ours are, for a header block that is written to see whether it can be.
const SOME_ID: &str = "00000000000000000000000000@example.invalid";

/// What a user has, and what the instance has.
pub(super) struct House {
    user: UserId,
    inboxes: Vec<Mailbox>,
    /// All of the user's mailboxes: none may show.
    pub mailboxes: Vec<Address>,
    /// Whether the user wants them replaced in the text.
    pub replaces_quoted: bool,
    /// All domains of the instance.
    pub domains: BTreeSet<DomainName>,
}

impl House {
    pub async fn look(broker: &Broker, user: UserId) -> Result<Self, storage::Error> {
        let mut tx = broker.storage().read().await?;
        let inboxes = mailbox::list(&mut tx, user).await?;
        let domains = domain::list(&mut tx).await?.into_iter().map(|domain| domain.name).collect();
        let mailboxes = inboxes.iter().map(|inbox| inbox.address.clone()).collect();
        let replaces_quoted = storage::user::find(&mut tx, user).await?.is_some_and(|user| user.replace_quoted);
        Ok(Self { user, inboxes, mailboxes, replaces_quoted, domains })
    }
}

/// Which alias speaks.
pub(super) enum Speaker {
    /// One that is there and may.
    Alias(Box<Alias>),
    /// One that may be made.
    New(Box<NewAlias>),
}

impl Speaker {
    pub fn alias_id(&self) -> Option<AliasId> {
        match self {
            Self::Alias(alias) => Some(alias.id),
            Self::New(_) => None,
        }
    }
}

/// The alias that `author` means, looked up now.
pub(super) async fn find(broker: &Broker, house: &House, author: &Address, named: &Named) -> Result<Speaker, Reply> {
    let failed = |error| broker.storage_failed(&error);
    let key = author.folded();
    let mut tx = broker.storage().read().await.map_err(failed)?;
    let found = if house.mailboxes.iter().any(|mailbox| mailbox.folded() == key) {
        let is_verified = |inbox: &Mailbox| inbox.verified_at.is_some() && inbox.address.folded() == key;
        let target = named.targets.first().filter(|_| named.outside.is_empty() && house.inboxes.iter().any(is_verified));
        let target = target.ok_or(answers::IS_MAILBOX)?;
        Some(alias::find(&mut tx, target.alias.id).await.map_err(failed)?.ok_or(answers::NOT_YOURS)?)
    } else {
        alias::find_by_address(&mut tx, &key).await.map_err(failed)?
    };
    match found {
        Some(alias) if alias.user_id == house.user => {
            answers::speak(alias.state, alias.is_expired(broker.now()))?;
            Ok(Speaker::Alias(Box::new(alias)))
        }
        Some(alias) => {
            count_attempt(broker, alias.id);
            Err(answers::NOT_YOURS)
        }
        None => {
            let domain = domain::find_by_name(&mut tx, author.domain()).await.map_err(failed)?;
            let domain = domain.filter(|domain| domain.user_id == Some(house.user)).ok_or(answers::NOT_YOURS)?;
            if !domain.submission_creates {
                return Err(answers::NOT_MADE);
            }
            let name = alias_name::parse_chosen(author.local()).map_err(answers::bad_name)?;
            let inbox = house.inboxes.iter().find(|inbox| inbox.is_default && inbox.verified_at.is_some());
            let now = broker.now();
            Ok(Speaker::New(Box::new(NewAlias {
                uuid: uuid_v7(now, &broker.desk.chance),
                user_id: house.user,
                domain_id: domain.id,
                address: Address::from_parts(&name, domain.name).map_err(|_| answers::NOT_YOURS)?,
                site: None,
                note: "made by sending from it".into(),
                expires_at: None,
                max_messages: None,
                mailboxes: vec![inbox.ok_or(answers::NO_MAILBOX)?.id],
                created_at: now,
            })))
        }
    }
}

/// Whether the header block can go out from an alias that is not there yet: it is made for a message that can be sent.
pub(super) fn check_header(
    broker: &Broker,
    arrival: &Arrival<'_>,
    house: &House,
    alias: &Address,
    outside: &[Address],
) -> Result<(), Reply> {
    let Some(contact) = outside.first() else { return Err(answers::NOBODY) };
    let facts = ReplyFacts {
        alias,
        display_name: None,
        contact,
        contacts: &HashMap::new(),
        mailboxes: &house.mailboxes,
        outside: Some(&house.domains),
        message_id: SOME_ID,
        known_ids: &HashMap::new(),
        now: broker.now(),
    };
    transform::reply::write(arrival.header, arrival.start, &facts).map(drop).map_err(|fault| match fault {
        ReplyFault::OutsideAddress => answers::SHOWS_INSIDE,
        ReplyFault::Unreadable | ReplyFault::NamesMailbox | ReplyFault::Report => reply::refusal(fault),
    })
}

/// Makes it. Two messages at once make one.
pub(super) async fn make(broker: &Broker, new: NewAlias) -> Result<Alias, Reply> {
    let chance = broker.desk.chance.clone();
    let made = broker.storage().write(move |tx| {
        Box::pin(async move {
            match alias::create(tx, &new).await {
                Err(error) if error.is_taken() => {
                    let there = alias::find_by_address(tx, &new.address.folded()).await?;
                    Ok(there.filter(|alias| alias.user_id == new.user_id))
                }
                made => {
                    let made = made?;
                    webhook::alias_created(tx, &chance, &made, new.created_at).await?;
                    Ok(Some(made))
                }
            }
        })
    });
    made.await.map_err(|error: storage::Error| broker.storage_failed(&error))?.ok_or(answers::RETIRED)
}
