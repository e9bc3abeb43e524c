//! The owner's message to a reverse address: proven to be the owner's, then sent from the alias to the contact.
//!
//! `recipient` answers RCPT, `message` the end of data: there the author is read, proven by an aligned SPF or DKIM
//! pass, and the header block written anew for each contact (`transform::reply`). Whatever goes wrong is answered in
//! the dialogue: nobody gets a 250 for a reply that is then dropped. The hand-off is that of a forward.

pub(super) mod attempt;
mod proof;
mod quoted;

use std::collections::{BTreeSet, HashMap};

use super::automatic;
use super::broker::Broker;
use super::forward::units::{Arrival, Unit, bounce_token, permit};
use super::forward::{ACCEPTED, commit, read_header};
use super::signing;
use crate::model::activity::Activity;
use crate::model::alias::Alias;
use crate::model::contact::{Contact, ReverseToken};
use crate::model::delivery::DeliveryKind;
use crate::model::envelope::{Client, MailFrom};
use crate::model::{Address, DomainName, Reply};
use crate::outbound::HandOff;
use crate::policy;
use crate::policy::header::PathFacts;
use crate::policy::reply::{Refusal, WayFacts};
use crate::spool::Content;
use crate::storage::alias::Route;
use crate::storage::{self, Tx, contact, mailbox, message_id};
use crate::transform::header::HeaderBlock;
use crate::transform::mailboxes::{self, Mailbox};
use crate::transform::reply::{self, ReplyFault};
use crate::transform::verp::{self, SentTo};

/// A message goes out from one alias; of several, it can't be told which was meant.
pub(super) const ONE_ALIAS: Reply = Reply::new(550, 7, 1, "A reply goes to correspondents of one address only");

/// A contact that was accepted at RCPT, and its alias.
#[derive(Debug)]
pub struct Target {
    pub(super) contact: Contact,
    pub(super) alias: Alias,
}

/// May mail to this reverse address be accepted? Whether it is the owner's is seen at the end of data.
pub(super) async fn recipient(broker: &Broker, tx: &mut Tx, domain: &DomainName, token: &ReverseToken) -> Result<Target, Reply> {
    let found = contact::find_by_token(tx, token).await.map_err(|error| broker.storage_failed(&error))?;
    let (contact, alias) =
        found.filter(|(_, alias)| alias.address.domain() == domain).ok_or(policy::recipient::NO_SUCH_ADDRESS)?;
    check_way(broker, &alias, &contact).map_err(Refusal::reply)?;
    Ok(Target { contact, alias })
}

fn check_way(broker: &Broker, alias: &Alias, contact: &Contact) -> Result<(), Refusal> {
    // A message from the alias to itself would come back to the owner, whose automatic answer would go out again.
    if contact.address.folded() == alias.address.folded() {
        return Err(Refusal::Closed);
    }
    let is_expired = alias.is_expired(broker.now());
    policy::reply::open(WayFacts { state: alias.state, is_expired, is_blocked: contact.is_blocked })
}

/// The whole message for the contacts of one alias. `routes` are aliases among its recipients: a reply to all names the
/// alias itself, whose owner has the message already; any other alias would show who is behind it.
pub(super) async fn message(
    broker: &Broker,
    client: &Client,
    mail: &MailFrom,
    targets: Vec<Target>,
    routes: &[Route],
    content: &Content,
) -> Result<Reply, Reply> {
    let Some(first) = targets.first() else { return Err(Reply::internal_error()) };
    let alias_id = first.alias.id;
    let others = targets.iter().map(|target| target.alias.id).chain(routes.iter().map(|route| route.alias.id));
    if others.into_iter().any(|id| id != alias_id) {
        return Err(ONE_ALIAS);
    }
    let (start, header) = read_header(broker, content).await?;
    let arrival = Arrival { client, mail, header: &header, start: &start, content, known: None };
    let hops = header.received_count(&start);
    policy::header::check_path(PathFacts { hops, max_hops: broker.rules.max_hops, is_loop: false })?;
    let from = author(&header, &start).inspect_err(|_| attempt::note(broker, &first.alias))?;
    let state = look_again(broker, &targets).await.map_err(|error| broker.storage_failed(&error))?;
    let Some(state) = state else { return Err(policy::recipient::NO_SUCH_ADDRESS) };
    proof::prove(broker, &arrival, &from.address, &state).await.map_err(|refusal| {
        if refusal.is_attempt() {
            attempt::note(broker, &state.alias);
        }
        refusal.reply()
    })?;
    send(broker, &arrival, &state).await.map_err(|refused| refused.reply)
}

/// The one author of a message in which it is clear what was signed, or meant.
pub(super) fn author(header: &HeaderBlock, start: &[u8]) -> Result<Mailbox, Reply> {
    proof::check_form(header, start)?;
    mailboxes::author(header, start).map_err(policy::header::refusal)
}

/// Why a message does not go out, and how far it had come.
pub(super) struct Refused {
    pub reply: Reply,
    /// Whether other servers may have seen it.
    pub has_begun: bool,
}

impl From<Reply> for Refused {
    fn from(reply: Reply) -> Self {
        Self { reply, has_begun: false }
    }
}

/// Sends the message of a proven owner to every contact, where the way is open.
pub(super) async fn send(broker: &Broker, arrival: &Arrival<'_>, state: &Standing) -> Result<Reply, Refused> {
    for contact in &state.contacts {
        check_way(broker, &state.alias, contact).map_err(Refusal::reply)?;
    }
    let addresses = || state.contacts.iter().map(|contact| &contact.address);
    automatic::check_departure(broker, arrival.header, arrival.start, state.alias.id, addresses())?;
    let mut quotes = quoted::is_in(&arrival.body(), &state.mailboxes).await?;
    let replaced = if quotes && state.replaces_quoted { quoted::replace(broker, arrival, state).await? } else { None };
    // Proven by the bytes that came; what goes out from here on is what they were made into.
    let arrival = Arrival { content: replaced.as_ref().unwrap_or(arrival.content), ..*arrival };
    if replaced.is_some() {
        quotes = quoted::is_in(&arrival.body(), &state.mailboxes).await?;
    }
    let units = write(broker, &arrival, state).await?;
    note_written(broker, &arrival, &state.contacts).await.map_err(|error| broker.storage_failed(&error))?;
    commit::run(broker, &arrival, units).await.map_err(|reply| Refused { reply, has_begun: true })?;
    automatic::count_departure(broker, arrival.header, arrival.start, state.alias.id, addresses());
    if quotes {
        broker.ledger.count(state.alias.id, broker.now(), Activity::QUOTED);
    }
    Ok(ACCEPTED)
}

/// Notes to whom the owner writes, for a locked alias takes their mail; before the message goes out, for an answer may come
/// at once. What a machine answers in the owner's name makes nobody known: anybody can have it answer.
async fn note_written(broker: &Broker, arrival: &Arrival<'_>, contacts: &[Contact]) -> Result<(), storage::Error> {
    if reply::is_automatic(arrival.header, arrival.start) {
        return Ok(());
    }
    let mut fresh = Vec::new();
    let mut tx = broker.storage().read().await?;
    for contact in contacts {
        if contact::is_unwritten(&mut tx, contact.id).await? {
            fresh.push(contact.id);
        }
    }
    drop(tx);
    if fresh.is_empty() {
        return Ok(());
    }
    // In one order, so that two messages never wait for each other's rows.
    fresh.sort_unstable();
    let now = broker.now();
    let work = broker.storage().write(move |tx| {
        Box::pin(async move {
            for id in fresh {
                contact::note_written(tx, id, now).await?;
            }
            Ok::<_, storage::Error>(())
        })
    });
    work.await
}

/// What the database says at the end of data; RCPT may have been long ago.
pub(super) struct Standing {
    pub alias: Alias,
    pub contacts: Vec<Contact>,
    /// Verified ones: who may speak.
    pub owners: Vec<Address>,
    /// All the owner has, of this alias or others: what may not show.
    pub mailboxes: Vec<Address>,
    /// Whether the owner wants them replaced in the text.
    pub replaces_quoted: bool,
    /// See [`reply::ReplyFacts::outside`].
    pub outside: Option<BTreeSet<DomainName>>,
}

async fn look_again(broker: &Broker, targets: &[Target]) -> Result<Option<Standing>, storage::Error> {
    let Some(id) = targets.first().map(|target| target.alias.id) else { return Ok(None) };
    let mut tx = broker.storage().read().await?;
    let Some(alias) = storage::alias::find(&mut tx, id).await? else { return Ok(None) };
    let tokens: Vec<_> = targets.iter().map(|target| target.contact.token.clone()).collect();
    let contacts = contact::find_by_tokens(&mut tx, id, &tokens).await?;
    let of_alias = mailbox::of_alias(&mut tx, id).await?.into_iter();
    let owners = of_alias.filter(|mailbox| mailbox.verified_at.is_some()).map(|mailbox| mailbox.address).collect();
    let mailboxes = mailbox::list(&mut tx, alias.user_id).await?.into_iter().map(|mailbox| mailbox.address).collect();
    let owner = storage::user::find(&mut tx, alias.user_id).await?;
    let replaces_quoted = owner.is_some_and(|owner| owner.replace_quoted);
    Ok((!contacts.is_empty()).then_some(Standing { alias, contacts, owners, mailboxes, replaces_quoted, outside: None }))
}

/// One unit for each contact, each with a header block of its own; the pair of ids is kept first, so that an answer
/// can be threaded however soon it comes.
async fn write(broker: &Broker, arrival: &Arrival<'_>, state: &Standing) -> Result<Vec<Unit>, Reply> {
    let failed = |error| broker.storage_failed(&error);
    let alias = &state.alias;
    let mut tx = broker.storage().read().await.map_err(failed)?;
    let named = reply::named(arrival.header, arrival.start, &alias.address);
    let contacts = contact::find_by_tokens(&mut tx, alias.id, &named).await.map_err(failed)?;
    let contacts = contacts.into_iter().map(|contact| (contact.token, contact.address)).collect();
    let known_ids = known_ids(broker, arrival, &mut tx, alias).await.map_err(failed)?;
    drop(tx);
    let message_id = own_id(broker, arrival, alias).await.map_err(failed)?;
    let body_hash = broker.signing.hash(&arrival.body()).await.map_err(|error| signing::failed(broker, &error))?;
    let is_automatic = reply::is_automatic(arrival.header, arrival.start);
    let mut units = Vec::with_capacity(state.contacts.len());
    for contact in &state.contacts {
        let facts = reply::ReplyFacts {
            alias: &alias.address,
            display_name: alias.display_name.as_deref(),
            contact: &contact.address,
            contacts: &contacts,
            mailboxes: &state.mailboxes,
            outside: state.outside.as_ref(),
            message_id: &message_id,
            known_ids: &known_ids,
            now: broker.now(),
        };
        let header = reply::write(arrival.header, arrival.start, &facts).map_err(refusal)?;
        // The last change to the block; From is the alias, so that the signature aligns.
        let header = broker.signing.sign(&broker.desk, alias.address.domain(), header, body_hash.as_ref()).await;
        let header = header.map_err(|error| signing::failed(broker, &error))?;
        let token = bounce_token(broker, alias, SentTo::Contact(contact.id));
        let sender = verp::issue(&broker.keys.bounce, token, alias.address.domain());
        units.push(Unit {
            kind: DeliveryKind::Reply,
            alias_id: alias.id,
            mailbox_id: None,
            held: None,
            sealed: None,
            hand_off: HandOff {
                // What answers by itself (an out-of-office note) must not be bounced to.
                sender: arrival.mail.sender.as_ref().filter(|_| !is_automatic).map(|_| sender),
                recipient: contact.address.clone(),
                body: arrival.body(),
                eight_bit: arrival.mail.eight_bit,
                smtputf8: arrival.mail.smtputf8 && !header.is_ascii() || !contact.address.is_ascii(),
                header,
                permit: permit(broker, alias),
                insists: false,
            },
        });
    }
    Ok(units)
}

/// The owner's own messages among those this one names: the ids they went out with, by the ids the client gave them.
async fn known_ids(
    broker: &Broker,
    arrival: &Arrival<'_>,
    tx: &mut Tx,
    alias: &Alias,
) -> Result<HashMap<String, String>, storage::Error> {
    let named = reply::referenced(arrival.header, arrival.start);
    let ours = |id: &str| ours(broker, alias, id);
    let candidates: Vec<_> = named.into_iter().map(ours).collect();
    let found = message_id::find_many(tx, alias.id, &candidates).await?;
    Ok(found.into_iter().map(|(ours, theirs)| (theirs, ours)).collect())
}

fn ours(broker: &Broker, alias: &Alias, theirs: &str) -> String {
    crate::transform::message_id::ours(&broker.keys.bounce, alias.id, theirs, alias.address.domain())
}

/// The id the message goes out with. One without an id of its own gets one that leads back to nothing.
async fn own_id(broker: &Broker, arrival: &Arrival<'_>, alias: &Alias) -> Result<String, storage::Error> {
    let Some(theirs) = reply::client_id(arrival.header, arrival.start).map(str::to_owned) else {
        let random: [u8; 16] = broker.desk.chance.bytes();
        return Ok(ours(broker, alias, &format!("{random:?}")));
    };
    let (id, ours, now) = (alias.id, ours(broker, alias, &theirs), broker.now());
    let kept = ours.clone();
    let write = broker.storage().write(move |tx| {
        Box::pin(async move {
            // The time of the first is kept while it may be handed in again, or that would never end.
            let known = message_id::recorded_at(tx, id, &kept).await?;
            if known.is_some_and(|at| at >= now.minus(proof::RETRIED)) {
                return Ok(());
            }
            message_id::record(tx, id, &kept, &theirs, now).await
        })
    });
    write.await?;
    Ok(ours)
}

/// The answer to a message that can't go out as it is.
pub(super) const fn refusal(fault: ReplyFault) -> Reply {
    match fault {
        ReplyFault::OutsideAddress => {
            Reply::new(550, 7, 1, "To and Cc of a reply may name reverse addresses of one alias only; send to others separately")
        }
        ReplyFault::Unreadable => Reply::new(550, 6, 0, "To or Cc of the reply cannot be read"),
        ReplyFault::NamesMailbox => Reply::new(550, 7, 1, "A header field of the reply names your mailbox"),
        ReplyFault::Report => Reply::new(550, 7, 1, "Read receipts and other reports are not passed on: they name your mailbox"),
    }
}
