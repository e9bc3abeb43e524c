//! A sender's message to an alias: refused in the dialogue, handed off at once, or durably kept (design §4).
//!
//! [`recipient`] answers RCPT from the live table. [`message`] answers the end of data: it reads the header block,
//! asks who wrote it, rewrites it for each alias, and hands one copy to each mailbox's next hop while the sender waits.
//! What the next hop takes is done; what it refuses is refused; what stays open is committed before the 250. One
//! recipient, one unit. Mail to reverse addresses is [`reply`]'s, reports to bounce addresses are [`bounce`]'s.

pub(super) mod author;
mod blocked;
pub(super) mod commit;
mod held;
pub mod late;
mod limits;
mod locked;
mod refused;
pub(super) mod seal;
mod sighted;
pub(super) mod units;
mod unmade;

pub use seal::{SealError, Sealed};
pub use unmade::Unmade;

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::model::alias::{Alias, AliasState};
use crate::model::alias_name::{self, BOUNCE_PREFIX};
use crate::model::contact::ReverseToken;
use crate::model::envelope::{Client, MailFrom};
use crate::model::id::AliasId;
use crate::model::{Address, DomainName, Reply};
use crate::policy;
use crate::policy::recipient::RecipientFacts;
use crate::spool::Content;
use crate::storage;
use crate::storage::alias::Route;
use crate::transform::header::HeaderBlock;
use crate::transform::verp::{self, BounceToken};

use super::broker::{Broker, NO_ROOM};
use super::{automatic, bounce, reply};

/// What a recipient that was accepted at RCPT stands for.
#[derive(Debug)]
pub enum Recipient {
    /// An alias and the mailboxes behind it.
    Alias(Box<Route>),
    /// An address that its first message makes an alias.
    Unmade(Box<Unmade>),
    /// The reverse address of a contact.
    Contact(Box<reply::Target>),
    /// A bounce address of ours, its token verified.
    Bounce(BounceToken),
}

/// A bounce address takes delivery reports only, and those come alone.
const ONLY_REPORTS: Reply = Reply::new(550, 7, 1, "This address takes delivery reports only");
const NO_POSTMASTER: Reply = Reply::new(450, 2, 1, "The postmaster's mailbox is not set up yet, please try again later");
pub(super) const STOPPING: Reply = Reply::new(421, 3, 2, "Service is shutting down, please try again later");
pub(super) const ACCEPTED: Reply = Reply::new(250, 0, 0, "Ok, message accepted");

/// May this transaction begin?
pub fn sender(broker: &Broker, mail: &MailFrom) -> Result<(), Reply> {
    if broker.fatal.is_cancelled() {
        return Err(STOPPING);
    }
    if broker.has_room_for(mail.size.unwrap_or(0)) { Ok(()) } else { Err(NO_ROOM) }
}

/// May this recipient be accepted? `None` is the domain-less `<postmaster>` (RFC 5321 §4.5.1).
pub async fn recipient(broker: &Broker, mail: &MailFrom, address: Option<&Address>) -> Result<Recipient, Reply> {
    let Some(domain) = address.map(Address::domain).or(broker.rules.domains.first()) else {
        return Err(policy::recipient::NO_SUCH_ADDRESS);
    };
    let local = address.map_or("postmaster", Address::local);
    if local.to_lowercase().starts_with(BOUNCE_PREFIX) {
        return bounce_recipient(broker, mail, local, domain);
    }
    let folded = address.map_or_else(|| format!("postmaster@{domain}"), Address::folded);
    let mut tx = broker.storage().read().await.map_err(|error| broker.storage_failed(&error))?;
    if let Some(token) = ReverseToken::from_local_part(local) {
        return reply::recipient(broker, &mut tx, domain, &token).await.map(|target| Recipient::Contact(Box::new(target)));
    }
    let route = storage::alias::find_route(&mut tx, &folded).await.map_err(|error| broker.storage_failed(&error))?;
    drop(tx);
    let is_role = alias_name::is_role(local);
    match route {
        Some(route) => {
            blocked::admit(broker, mail, &route).await?;
            seal::admit(broker, &route).await?;
            Ok(Recipient::Alias(Box::new(route)))
        }
        None if is_role && broker.rules.domains.contains(domain) => Err(NO_POSTMASTER),
        None => {
            let unmade = unmade::find(broker, mail, domain, local).await?;
            unmade.map(|unmade| Recipient::Unmade(Box::new(unmade))).ok_or(policy::recipient::NO_SUCH_ADDRESS)
        }
    }
}

/// What the alias's state says. A role address (postmaster, abuse) must be reachable whatever its state.
fn admit(broker: &Broker, alias: &Alias, state: AliasState, has_verified_mailbox: bool) -> Result<(), Reply> {
    let is_role = alias_name::is_role(alias.address.local());
    policy::recipient::admit(Some(RecipientFacts {
        state: if is_role { AliasState::Active } else { state },
        is_expired: !is_role && alias.is_expired(broker.now()),
        has_verified_mailbox,
    }))
}

fn bounce_recipient(broker: &Broker, mail: &MailFrom, local: &str, domain: &DomainName) -> Result<Recipient, Reply> {
    match verp::verify(&broker.keys.bounce, local, domain, broker.now()) {
        None => Err(policy::recipient::NO_SUCH_ADDRESS),
        Some(_) if mail.sender.is_some() => Err(ONLY_REPORTS),
        Some(token) => Ok(Recipient::Bounce(token)),
    }
}

/// The whole message for all its accepted recipients.
pub async fn message(broker: &Broker, client: &Client, mail: &MailFrom, recipients: Vec<Recipient>, content: Content) -> Reply {
    if broker.fatal.is_cancelled() {
        return STOPPING;
    }
    let Named { routes, unmade, targets, bounces } = Named::sort(recipients);
    if routes.is_empty() && unmade.is_empty() && targets.is_empty() {
        return bounce::record_all(broker, &bounces, &content).await;
    }
    if !bounces.is_empty() {
        return ONLY_REPORTS;
    }
    let outcome = if targets.is_empty() {
        forward(broker, client, mail, routes, unmade, &content).await
    } else if !unmade.is_empty() {
        Err(reply::ONE_ALIAS)
    } else {
        reply::message(broker, client, mail, targets, &routes, &content).await
    };
    match outcome {
        Ok(reply) | Err(reply) => reply,
    }
}

/// Recipients by what they stand for.
#[derive(Default)]
struct Named {
    routes: Vec<Route>,
    unmade: Vec<Unmade>,
    targets: Vec<reply::Target>,
    bounces: Vec<BounceToken>,
}

impl Named {
    fn sort(recipients: Vec<Recipient>) -> Self {
        let mut named = Self::default();
        for recipient in recipients {
            match recipient {
                Recipient::Alias(route) => named.routes.push(*route),
                Recipient::Unmade(unmade) => named.unmade.push(*unmade),
                Recipient::Contact(target) => named.targets.push(*target),
                Recipient::Bounce(token) => named.bounces.push(token),
            }
        }
        named
    }
}

async fn forward(
    broker: &Broker,
    client: &Client,
    mail: &MailFrom,
    mut routes: Vec<Route>,
    unmade: Vec<Unmade>,
    content: &Content,
) -> Result<Reply, Reply> {
    let (start, header) = read_header(broker, content).await?;
    let known = match author::check(broker, client, mail, &header, &start, content).await {
        Ok(known) => known,
        Err(reply) => return Err(author::refused(broker, &routes, reply)),
    };
    let arrival = units::Arrival { client, mail, header: &header, start: &start, content, known: known.as_ref() };
    let mut first = unmade::First::default();
    let outcome = async {
        let refused = unmade::make_all(broker, &arrival, unmade, &mut routes, &mut first).await?;
        pass_on(broker, &arrival, routes, refused, &mut first).await
    };
    let outcome = outcome.await;
    // What was made for this message and did not take it never was.
    first.give_up(broker).await;
    outcome.map(|()| ACCEPTED)
}

async fn pass_on(
    broker: &Broker,
    arrival: &units::Arrival<'_>,
    routes: Vec<Route>,
    refused: Vec<units::Refused>,
    first: &mut unmade::First,
) -> Result<(), Reply> {
    let met: BTreeSet<AliasId> = routes.iter().filter(|route| route.is_provisional).map(|route| route.alias.id).collect();
    let admitted = units::admit(broker, arrival, routes, refused).await?;
    let aliases: BTreeSet<AliasId> = admitted.units.iter().map(|unit| unit.alias_id).collect();
    let taken = async {
        // Before anybody has the message: who made them must not take them back beside it. Those that are refused beside
        // others have to show it.
        first.keep_others(broker, met).await?;
        commit::run(broker, arrival, admitted.units).await
    };
    match taken.await {
        Ok(()) => {
            // Also those that were refused beside others: their owner sees what was kept out.
            first.keep(broker).await;
            automatic::count_arrival(broker, arrival.header, arrival.start, &aliases);
            sighted::note(broker, arrival, aliases);
            refused::make_visible(broker, arrival.mail.sender.as_ref(), admitted.refused);
            Ok(())
        }
        Err(reply) => {
            limits::give_back(broker, &admitted.counted).await;
            Err(reply)
        }
    }
}

/// The first bytes of a message and the header block in them.
pub(super) async fn read_header(broker: &Broker, content: &Content) -> Result<(Bytes, HeaderBlock), Reply> {
    let limits = broker.rules.header;
    let start = content.read(0, limits.look_at()).await.map_err(|_| Reply::internal_error())?;
    let header = HeaderBlock::parse(&start, limits).map_err(policy::header::refusal)?;
    Ok((start, header))
}
