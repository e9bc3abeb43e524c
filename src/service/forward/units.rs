//! From accepted recipients to units of work: one rewritten copy for one mailbox each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::CryptoRng;

use super::author::Known;
use super::seal::{self, For, Sealed, Sealer};
use super::{blocked, held, limits, locked};
use crate::model::activity::Activity;
use crate::model::alias::{Alias, AliasState};
use crate::model::delivery::DeliveryKind;
use crate::model::envelope::{Client, MailFrom};
use crate::model::id::{AliasId, MailboxId};
use crate::model::mailbox::Mailbox;
use crate::model::pgp_key::PgpKey;
use crate::model::{Reply, alias_name};
use crate::outbound::{HandOff, Permit};
use crate::policy;
use crate::policy::header::PathFacts;
use crate::service::broker::Broker;
use crate::service::notice::Telling;
use crate::service::{automatic, link, reverse, signing};
use crate::spool::Content;
use crate::storage::alias::{self, Route};
use crate::storage::{self, ErrorKind};
use crate::transform::arc::Findings;
use crate::transform::dkim::BodyHash;
use crate::transform::forward::{self, ForwardFacts, OneClick, RewriteError};
use crate::transform::header::HeaderBlock;
use crate::transform::message_id;
use crate::transform::received::ReceivedFacts;
use crate::transform::reply;
use crate::transform::trace::{self, Trace};
use crate::transform::verp::{self, BounceToken, SentTo};

/// A message as it arrived.
pub(in crate::service) struct Arrival<'a> {
    pub client: &'a Client,
    pub mail: &'a MailFrom,
    pub header: &'a HeaderBlock,
    /// The first bytes of the message; the header block is in there.
    pub start: &'a Bytes,
    pub content: &'a Content,
    /// What was found out about the sender; `None` when nobody asked.
    pub known: Option<&'a Known>,
}

impl Arrival<'_> {
    /// Everything from the empty line on.
    pub fn body(&self) -> Content {
        self.content.from_offset(self.header.body_offset() as u64)
    }

    /// The header block as it arrived.
    pub fn original_header(&self) -> Bytes {
        self.start.slice(..self.header.body_offset().min(self.start.len()))
    }
}

/// One copy for one mailbox, or of a reply for one contact.
#[derive(Debug)]
pub(in crate::service) struct Unit {
    pub kind: DeliveryKind,
    pub alias_id: AliasId,
    pub mailbox_id: Option<MailboxId>,
    /// Which of the encrypted bodies it has; `None` is the one that arrived.
    pub sealed: Option<usize>,
    pub hand_off: HandOff,
    /// Set when its owner decides on it first: what they are told. It is kept and not tried.
    pub held: Option<Telling>,
}

/// What a message's recipients came to.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// The copies to hand off; at least one.
    pub units: Vec<Unit>,
    /// Aliases whose message count was used up by one, to be given back when the message is not taken.
    pub counted: Vec<AliasId>,
    /// Recipients that were accepted at RCPT and can't be served now.
    pub refused: Vec<Refused>,
}

/// A recipient that can't be served, and what a sender who wrote to it alone is told.
#[derive(Debug)]
pub(super) struct Refused {
    pub route: Route,
    pub reply: Reply,
}

/// The units of all recipients. When none can be served the first refusal is the answer; among several the others go on
/// and the refused ones become failures their owner sees.
///
/// `refused`: recipients that were refused before.
pub(super) async fn admit(
    broker: &Broker,
    arrival: &Arrival<'_>,
    routes: Vec<Route>,
    refused: Vec<Refused>,
) -> Result<Admitted, Reply> {
    let body_hash = broker.signing.hash(&arrival.body()).await.map_err(|error| signing::failed(broker, &error))?;
    let keys = seal::keys(broker, &routes).await?;
    // Asked only where it matters: for most people no mailbox has a key.
    let keys = if !keys.is_empty() && seal::is_encrypted(arrival).await? { HashMap::new() } else { keys };
    let sender = locked::sender(broker, arrival, &routes).await?;
    let mut sealer = Sealer::new(broker);
    let mut admitted = Admitted { refused, ..Admitted::default() };
    let mut limited = Vec::new();
    for route in routes {
        let taken = match locked::check(broker, sender.as_ref(), &route).await {
            Ok(()) => admit_one(broker, arrival, &route, &keys, &mut sealer, body_hash.as_ref()).await,
            refused => refused.map(|()| Vec::new()),
        };
        match taken {
            Ok(units) => {
                admitted.units.extend(units);
                limited.extend(route.alias.max_messages.is_some().then_some(route));
            }
            Err(reply) if reply.is_permanent() => admitted.refused.push(Refused { route, reply }),
            // A fault concerns the whole transaction: the sender tries again, nothing was counted or handed off yet.
            Err(reply) => return Err(reply),
        }
    }
    limits::use_up(broker, limited, &mut admitted).await?;
    match admitted.refused.first() {
        Some(first) if admitted.units.is_empty() => {
            for refused in &admitted.refused {
                broker.ledger.count(refused.route.alias.id, broker.now(), Activity::BLOCKED);
            }
            Err(first.reply.clone())
        }
        _ => Ok(admitted),
    }
}

async fn admit_one(
    broker: &Broker,
    arrival: &Arrival<'_>,
    route: &Route,
    keys: &HashMap<MailboxId, PgpKey>,
    sealer: &mut Sealer,
    body_hash: Option<&BodyHash>,
) -> Result<Vec<Unit>, Reply> {
    let alias = &route.alias;
    if route.mailboxes.is_empty() {
        return Err(policy::recipient::NOT_NOW);
    }
    check_path(broker, arrival, alias)?;
    automatic::check_arrival(broker, arrival.header, arrival.start, alias.id)?;
    blocked::check_author(broker, arrival, route).await?;
    let correspondents =
        forward::correspondents(arrival.header, arrival.start, &alias.address).map_err(policy::header::refusal)?;
    let known = match reverse::addresses(&broker.desk, &broker.reverse, alias, &correspondents.outside).await {
        Ok(known) => known,
        Err(error) => return Err(gone_or_failed(broker, route, &error).await),
    };
    // What must not bounce is no list mail, and its sender is no correspondent.
    let author = known.ids.get(&correspondents.author.address.folded()).copied();
    let manage = arrival.mail.sender.as_ref().and_then(|_| link::for_message(broker, alias, author));
    let facts = ForwardFacts {
        alias: &alias.address,
        alias_id: alias.id,
        reverse: &known.reverse,
        manage: manage.as_deref(),
        one_click: OneClick { theirs: arrival.known.is_some_and(Known::covers_unsubscribe), ours: broker.signing.is_on() },
        results: arrival.known.map_or("", |known| &known.fields),
        received: &received(broker, arrival),
        trace_key: &broker.keys.trace,
        message_ids: &own_ids(broker, arrival, alias).await?,
        authserv_id: broker.rules.hostname.as_str(),
    };
    let header = forward::rewrite(arrival.header, arrival.start, &facts).map_err(refusal)?;
    let held = held::of(broker, arrival, alias).await?;
    // What is held is signed when it is handed off: by then a signature of today would have expired.
    let body_hash = body_hash.filter(|_| held.is_none());
    let mut units = Vec::with_capacity(route.mailboxes.len());
    // One signature for all copies in clear.
    let mut in_clear = None;
    for mailbox in &route.mailboxes {
        let key = keys.get(&mailbox.id);
        let copy = if let Some(key) = key {
            let whom = For { alias, mailbox, key };
            match sealer.seal(broker, &whom, &header, &arrival.body(), held.is_none()).await {
                Ok(Sealed { header, body, place }) => (header, body, Some(place)),
                Err(error) => return Err(seal::failed(broker, &whom, &error).await),
            }
        } else {
            let header = match &in_clear {
                Some(header) => Bytes::clone(header),
                None => in_clear.insert(sign(broker, arrival, alias, header.clone(), body_hash).await?).clone(),
            };
            (header, arrival.body(), None)
        };
        let mut unit = unit(broker, arrival, alias, mailbox, copy);
        if let Some(telling) = &held {
            let token = held::longer(bounce_token(broker, alias, SentTo::Mailbox(mailbox.id)));
            let sender = verp::issue(&broker.keys.bounce, token, alias.address.domain());
            unit.hand_off.sender = unit.hand_off.sender.map(|_| sender);
            unit.held = Some(telling.clone());
        }
        units.push(unit);
    }
    Ok(units)
}

/// The reply when the correspondents of an alias can't be kept: an alias that went since RCPT is no failure of ours. Of one
/// that was taken back the sender is asked to come again: RCPT makes it anew.
async fn gone_or_failed(broker: &Broker, route: &Route, error: &storage::Error) -> Reply {
    let is_gone = async {
        let mut tx = broker.storage().read().await?;
        alias::find(&mut tx, route.alias.id).await.map(|alias| alias.is_none())
    };
    match error.kind() {
        ErrorKind::Reference if is_gone.await.unwrap_or(false) => {
            if route.is_provisional {
                policy::recipient::NOT_NOW
            } else {
                policy::recipient::NO_SUCH_ADDRESS
            }
        }
        _ => broker.storage_failed(error),
    }
}

/// The last change to the block: From is a reverse address on the alias's domain, so that the signature aligns. Where the
/// operator wants it, what we know of the sender is sealed before that, so that our signature stays on top.
async fn sign(
    broker: &Broker,
    arrival: &Arrival<'_>,
    alias: &Alias,
    header: Vec<u8>,
    body_hash: Option<&BodyHash>,
) -> Result<Bytes, Reply> {
    let (desk, signing, domain) = (&broker.desk, &broker.signing, alias.address.domain());
    let signed = async {
        let header = match arrival.known.filter(|_| broker.rules.seal_arc) {
            Some(known) => {
                let findings = Findings { authserv_id: &broker.rules.hostname, found: &known.authentication };
                signing.seal_arc(desk, domain, header, body_hash, findings).await?
            }
            None => header,
        };
        signing.sign(desk, domain, header, body_hash).await
    };
    signed.await.map_err(|error| signing::failed(broker, &error))
}

fn unit(broker: &Broker, arrival: &Arrival<'_>, alias: &Alias, mailbox: &Mailbox, copy: (Bytes, Content, Option<usize>)) -> Unit {
    let (header, body, sealed) = copy;
    let token = bounce_token(broker, alias, SentTo::Mailbox(mailbox.id));
    let sender = verp::issue(&broker.keys.bounce, token, alias.address.domain());
    let is_ascii = header.is_ascii();
    Unit {
        kind: DeliveryKind::Forward,
        alias_id: alias.id,
        mailbox_id: Some(mailbox.id),
        sealed,
        held: None,
        hand_off: HandOff {
            // A message that must not bounce (null reverse-path) keeps its null sender.
            sender: arrival.mail.sender.as_ref().map(|_| sender),
            recipient: mailbox.address.clone(),
            header,
            body,
            // An encrypted body is ASCII.
            eight_bit: arrival.mail.eight_bit && !(sealed.is_some() && is_ascii),
            smtputf8: arrival.mail.smtputf8 && !is_ascii || !mailbox.address.is_ascii(),
            permit: permit(broker, alias),
            insists: false,
        },
    }
}

/// The owner's replies that the message answers: their ids as the owner's mail client knows them, by ours.
async fn own_ids(broker: &Broker, arrival: &Arrival<'_>, alias: &Alias) -> Result<HashMap<String, String>, Reply> {
    let named = reply::referenced(arrival.header, arrival.start);
    let ours = named.into_iter().filter(|id| message_id::may_be_ours(id, alias.address.domain()));
    let ours: Vec<_> = ours.map(str::to_owned).collect();
    if ours.is_empty() {
        return Ok(HashMap::new());
    }
    let failed = |error| broker.storage_failed(&error);
    let mut tx = broker.storage().read().await.map_err(failed)?;
    storage::message_id::find_many(&mut tx, alias.id, &ours).await.map(HashMap::from_iter).map_err(failed)
}

/// How long after the queue gave up a bounce of the next hop may still come.
const BOUNCES_LATER: Duration = Duration::from_hours(7 * 24);

/// How long a bounce address is taken. What was not even tried waits twice as long (see `settle`), so twice it is.
pub(in crate::service) fn bounces_for(broker: &Broker) -> Duration {
    broker.rules.schedule.expire * 2 + BOUNCES_LATER
}

/// What the bounce address of one copy says.
pub(in crate::service) fn bounce_token(broker: &Broker, alias: &Alias, sent_to: SentTo) -> BounceToken {
    let expires_at = broker.now().plus(bounces_for(broker));
    BounceToken { alias_id: alias.id, sent_to, expires_at, nonce: u32::from_be_bytes(broker.desk.chance.bytes()) }
}

/// A kill that was committed since RCPT still counts: asked when the next hop waits for the message, last of all. Where
/// the database does not answer the message is not sent; the commit that follows finds out what is the matter.
pub(in crate::service) fn permit(broker: &Broker, alias: &Alias) -> Option<Permit> {
    if alias_name::is_role(alias.address.local()) {
        return None;
    }
    let (storage, id) = (broker.storage().clone(), alias.id);
    Some(Arc::new(move || {
        let storage = storage.clone();
        Box::pin(async move {
            let Ok(mut tx) = storage.read().await else { return false };
            matches!(alias::hold_state(&mut tx, id).await, Ok(Some(state)) if state != AliasState::Killed)
        })
    }))
}

fn check_path(broker: &Broker, arrival: &Arrival<'_>, alias: &Alias) -> Result<(), Reply> {
    policy::header::check_path(PathFacts {
        hops: arrival.header.received_count(arrival.start),
        max_hops: broker.rules.max_hops,
        is_loop: trace::check(arrival.header, arrival.start, &broker.keys.trace, alias.id) == Trace::Loop,
    })
}

fn refusal(error: RewriteError) -> Reply {
    match error {
        RewriteError::Fault(fault) => policy::header::refusal(fault),
        RewriteError::MissingReverse => {
            tracing::error!("a correspondent has no reverse address");
            Reply::internal_error()
        }
    }
}

fn received(broker: &Broker, arrival: &Arrival<'_>) -> ReceivedFacts {
    ReceivedFacts {
        helo: arrival.client.helo.clone(),
        client_ip: arrival.client.ip,
        hostname: broker.rules.hostname.clone(),
        esmtp: arrival.client.esmtp,
        tls: arrival.client.tls.clone(),
        smtputf8: arrival.mail.smtputf8,
        id: broker.desk.chance.with(short_id),
        at: broker.now(),
    }
}

/// Eight symbols that tell two `Received` lines apart.
fn short_id(rng: &mut (dyn CryptoRng + '_)) -> String {
    let bits = rng.next_u64();
    (0..8_u32).map(|i| alias_name::symbol(u8::try_from(bits >> (i * 5) & 31).unwrap_or_default())).collect()
}
