//! Hand-off first, queue second: every unit is tried while the sender waits; what stays open is committed before 250.
//! What is held is committed before anything is tried. Replies go the same way (`service::reply`).

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use uuid::Uuid;

use super::held;
use super::units::{Arrival, Unit};
use crate::model::activity::Activity;
use crate::model::alias::AliasState;
use crate::model::delivery::{Failure, Lease};
use crate::model::id::{AliasId, DeliveryId, uuid_v7};
use crate::model::{Reply, Timestamp};
use crate::outbound::{Outcome, Report};
use crate::policy;
use crate::service::broker::Broker;
use crate::service::hold::{self, HELD_FOR};
use crate::service::notice::Telling;
use crate::service::pausing;
use crate::service::settle::{self, Held, LEASE, NOT_KEPT_YET};
use crate::spool::Content;
use crate::storage::delivery::NewDelivery;
use crate::storage::message::NewMessage;
use crate::storage::{self, Tx, alias, delivery, message, muted};
use crate::transform::scrub::Neutral;

/// How much longer an attempt in flight is waited for when the message could not be committed.
const LAST_CHANCE: Duration = Duration::from_secs(40);

type Attempt = Pin<Box<dyn Future<Output = Report> + Send>>;

/// A unit and how far its first hand-off came.
struct Tried {
    unit: Unit,
    state: State,
}

impl Tried {
    fn site(&self) -> Option<String> {
        match &self.state {
            State::Done(report) => report.site.clone(),
            State::Flying(_) | State::Held => None,
        }
    }
}

enum State {
    Flying(Attempt),
    Done(Report),
    /// Not to be tried before its owner says so.
    Held,
}

/// Tries every unit, commits what stays open. `Ok` is the promise behind 250.
pub(in crate::service) async fn run(broker: &Broker, arrival: &Arrival<'_>, units: Vec<Unit>) -> Result<(), Reply> {
    let (held, units): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.held.is_some());
    let is_held = hold(broker, arrival, held, units.is_empty()).await?;
    if units.is_empty() {
        // Nothing kept and nobody to hand it to: no message is ever taken so.
        return if is_held { Ok(()) } else { Err(policy::recipient::NOT_NOW) };
    }
    let mut tried = try_all(broker, units, broker.rules.inline_deadline).await;
    share_trouble(broker, &tried);
    if let Some(reply) = settled_in_dialogue(broker, &tried, is_held) {
        return reply;
    }
    match commit(broker, arrival, &mut tried).await {
        Ok(()) => Ok(()),
        // Every alias was killed meanwhile.
        Err(_) if tried.is_empty() && is_held => Ok(()),
        Err(reply) if tried.is_empty() => Err(reply),
        Err(reply) => {
            // Nothing is kept, so only the next hops can still save this message from coming twice.
            let tried = wait_on(tried, LAST_CHANCE).await;
            settled_in_dialogue(broker, &tried, is_held).unwrap_or(Err(reply))
        }
    }
}

/// Keeps what is held, before the first hand-off of the others: where it can't be kept nobody has the message yet, and
/// the sender who tries again makes no second one. Whether any is held; an error ends the matter.
async fn hold(broker: &Broker, arrival: &Arrival<'_>, units: Vec<Unit>, are_all: bool) -> Result<bool, Reply> {
    if units.is_empty() {
        return Ok(false);
    }
    let mut tried = units.into_iter().map(|unit| Tried { unit, state: State::Held }).collect();
    match commit(broker, arrival, &mut tried).await {
        Ok(()) => Ok(true),
        // Their aliases were killed meanwhile: nobody's loss but theirs.
        Err(_) if tried.is_empty() && !are_all => Ok(false),
        Err(reply) => Err(reply),
    }
}

/// Tells other nodes of sites in trouble, beside the sender's answer.
fn share_trouble(broker: &Broker, tried: &[Tried]) {
    for one in tried {
        if let State::Done(report) = &one.state
            && report.site_in_trouble
        {
            let (background, report) = (broker.clone(), report.clone());
            broker.tasks.spawn(async move { settle::share_trouble(&background, &report).await });
        }
    }
}

/// Starts all hand-offs and waits until each is done or the deadline has passed.
async fn try_all(broker: &Broker, units: Vec<Unit>, deadline: Duration) -> Vec<Tried> {
    let start = |unit: Unit| {
        let (outbound, hand_off) = (broker.outbound.clone(), unit.hand_off.clone());
        let attempt: Attempt = Box::pin(async move { outbound.hand_off(&hand_off).await });
        Tried { unit, state: State::Flying(attempt) }
    };
    wait_on(units.into_iter().map(start).collect(), deadline).await
}

async fn wait_on(tried: Vec<Tried>, deadline: Duration) -> Vec<Tried> {
    let until = Instant::now() + deadline;
    let mut all: FuturesUnordered<_> = tried
        .into_iter()
        .map(|mut one| async move {
            if let State::Flying(attempt) = &mut one.state
                && let Ok(report) = tokio::time::timeout_at(until, attempt.as_mut()).await
            {
                one.state = State::Done(report);
            }
            one
        })
        .collect();
    let mut done = Vec::with_capacity(all.len());
    while let Some(one) = all.next().await {
        done.push(one);
    }
    done
}

/// The answer, when nothing has to be kept: all delivered, or all refused and none held (`is_held`).
fn settled_in_dialogue(broker: &Broker, tried: &[Tried], is_held: bool) -> Option<Result<(), Reply>> {
    let mut refusal = None;
    let mut delivered = 0;
    for one in tried {
        match &one.state {
            State::Done(Report { outcome: Outcome::Delivered, .. }) => delivered += 1,
            State::Done(Report { outcome: Outcome::Refused(failure), .. }) => refusal = Some(failure),
            _ => return None,
        }
    }
    let (answer, counted) = match refusal {
        None => (Ok(()), None),
        Some(failure) if delivered == 0 && !is_held => (Err(Neutral::of(failure).reply()), Some(Activity::REFUSED)),
        Some(_) => return None,
    };
    for one in tried {
        let counted = counted.or(settle::counted(one.unit.kind)).unwrap_or_default();
        broker.ledger.count(one.unit.alias_id, broker.now(), counted);
        if let State::Done(report) = &one.state {
            pausing::note(broker, one.unit.mailbox_id, &one.unit.hand_off.recipient, report);
        }
    }
    Some(answer)
}

/// Writes message, body and one delivery for each unit that is not done, in one transaction; then lets the attempts in
/// flight go on in the background, each holding the lease of its row.
async fn commit(broker: &Broker, arrival: &Arrival<'_>, tried: &mut Vec<Tried>) -> Result<(), Reply> {
    let now = broker.now();
    let rows: Vec<_> = tried.iter().map(|one| new_delivery(broker, one, now)).collect();
    let open = tried.iter().zip(&rows).filter_map(|(one, row)| Some((Copy::of(&one.unit), row.clone()?, one.unit.held.clone())));
    let open: Vec<_> = open.collect();
    let has_it: Vec<_> = tried.iter().zip(&rows).filter(|(_, row)| row.is_none()).map(|(one, _)| one.unit.alias_id).collect();
    let kept = Kept::of(broker, arrival, open).await?;
    let (desk, domain) = (broker.desk.clone(), broker.rules.domains.first().cloned());
    let ids = broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let mut kept = kept;
                let ids = insert(tx, &mut kept, &has_it).await?;
                // Nobody is told of what was left out.
                let tellings = kept.rows.iter().zip(&ids).filter_map(|(row, id)| id.and(row.telling.clone()));
                held::tell(tx, &desk, domain.as_ref(), tellings.collect()).await?;
                Ok(ids)
            })
        })
        .await
        .map_err(|error: storage::Error| broker.storage_failed(&error))?;
    let mut ids = ids.into_iter();
    let mut accepted = false;
    for (one, row) in std::mem::take(tried).into_iter().zip(rows) {
        let Some(row) = row else {
            broker.ledger.count(one.unit.alias_id, now, settle::counted(one.unit.kind).unwrap_or_default());
            pausing::delivered(broker, one.unit.mailbox_id);
            accepted = true;
            continue;
        };
        match ids.next().flatten() {
            Some(id) => {
                accepted = true;
                if let State::Flying(attempt) = one.state {
                    fly_on(broker, attempt, &row, id);
                }
            }
            // Killed meanwhile: an attempt in flight is dropped with its connection.
            None => broker.ledger.count(one.unit.alias_id, now, Activity::BLOCKED),
        }
    }
    broker.queue.notify_one();
    if accepted { Ok(()) } else { Err(policy::recipient::NO_SUCH_ADDRESS) }
}

/// The attempt in flight settles its own row; a crash lets the lease lapse and another worker takes over.
fn fly_on(broker: &Broker, attempt: Attempt, row: &NewDelivery, id: DeliveryId) {
    let Some(lease) = row.lease.clone() else { return };
    let held = Held {
        id,
        token: lease.token,
        kind: row.kind,
        alias_id: row.alias_id,
        mailbox_id: row.mailbox_id,
        recipient: row.recipient.clone(),
        attempts: row.attempts,
        expires_at: row.expires_at,
    };
    let background = broker.clone();
    broker.tasks.spawn(async move { settle::see_through(&background, held, attempt).await });
}

/// What a unit hands off besides its header block.
struct Copy {
    sealed: Option<usize>,
    body: Content,
    eight_bit: bool,
}

impl Copy {
    fn of(unit: &Unit) -> Self {
        Self { sealed: unit.sealed, body: unit.hand_off.body.clone(), eight_bit: unit.hand_off.eight_bit }
    }
}

/// What is written: deliveries, and the messages they are of. One message for all that share a body: the one that
/// arrived, or one that was encrypted.
struct Kept {
    /// Each with its body.
    messages: Vec<(NewMessage, Content)>,
    rows: Vec<Row>,
    /// Until when is tried what would be held if there were room.
    tried_until: Timestamp,
    /// Where our pages are seen from outside.
    public_url: String,
}

/// A delivery that is written.
struct Row {
    /// The place of its message.
    message: usize,
    delivery: NewDelivery,
    /// What its owner is told with it: that it is held, or why it is not.
    telling: Option<Telling>,
}

impl Kept {
    async fn of(broker: &Broker, arrival: &Arrival<'_>, open: Vec<(Copy, NewDelivery, Option<Telling>)>) -> Result<Self, Reply> {
        let tried_until = broker.now().plus(broker.rules.schedule.expire);
        let (rows, public_url) = (Vec::with_capacity(open.len()), broker.rules.public_url.clone());
        let mut kept = Self { messages: Vec::new(), rows, tried_until, public_url };
        let mut shared = HashMap::new();
        for (copy, delivery, telling) in open {
            let which = (copy.sealed, copy.eight_bit);
            let message = if let Some(place) = shared.get(&which) {
                *place
            } else {
                let message = kept.new_message(broker, arrival, &copy).await?;
                kept.messages.push((message, copy.body));
                kept.messages.len() - 1
            };
            shared.insert(which, message);
            kept.rows.push(Row { message, delivery, telling });
        }
        Ok(kept)
    }

    /// What would be held beyond what is held for one owner at the most goes its way with the warning that is in it.
    async fn limit_held(&mut self, tx: &mut Tx) -> Result<(), storage::Error> {
        let size = |row: &Row| self.messages.get(row.message).map_or(0, |(message, _)| message.body_length);
        let asked: Vec<_> = self.rows.iter().filter_map(|row| Some((row.telling.as_ref()?.user_id, size(row)))).collect();
        let full = held::without_room(tx, &asked).await?;
        for Row { delivery, telling, .. } in &mut self.rows {
            if let Some(told) = telling.as_mut().filter(|told| full.contains(&told.user_id)) {
                *told = hold::full(told.user_id, &self.public_url);
                (delivery.held, delivery.last_failure, delivery.expires_at) = (false, None, self.tried_until);
            }
        }
        Ok(())
    }

    async fn new_message(&self, broker: &Broker, arrival: &Arrival<'_>, copy: &Copy) -> Result<NewMessage, Reply> {
        let body = &copy.body;
        let body_sha256 = message::digest(body).await.map_err(|_| Reply::internal_error())?;
        let now = broker.now();
        let uuid = match self.messages.first() {
            // Their ids say that they are one message: what becomes of one concerns the others.
            Some((first, _)) => muted::copy_of(first.uuid, u16::try_from(self.messages.len()).unwrap_or(u16::MAX)),
            None => uuid_v7(now, &broker.desk.chance),
        };
        Ok(NewMessage {
            uuid,
            received_at: now,
            sender: arrival.mail.sender.clone(),
            client_ip: arrival.client.ip,
            helo: arrival.client.helo.clone(),
            header: arrival.original_header().to_vec(),
            body_length: body.len(),
            body_sha256,
            eight_bit: copy.eight_bit,
            smtputf8: arrival.mail.smtputf8,
        })
    }
}

/// The row of a unit that is not delivered: leased while its attempt flies, due later when it was deferred, due at once
/// when it was refused beside others that were not (the queue settles it with a notice or a visible failure).
fn new_delivery(broker: &Broker, tried: &Tried, now: Timestamp) -> Option<NewDelivery> {
    let schedule = &broker.rules.schedule;
    let held = tried.unit.held.is_some();
    let (failure, wait, lease): (Option<Failure>, Duration, Option<Lease>) = match &tried.state {
        State::Done(report) => match &report.outcome {
            Outcome::Delivered => return None,
            Outcome::Refused(failure) => (Some(failure.clone()), Duration::ZERO, None),
            // The insert asks once more under the lock that a kill takes, and leaves the row out.
            Outcome::Withdrawn => (None, Duration::ZERO, None),
            Outcome::Deferred(failure) => (Some(failure.clone()), broker.desk.chance.with(|rng| schedule.wait(1, rng)), None),
        },
        State::Held => (Some(held::reason()), Duration::ZERO, None),
        State::Flying(_) => {
            let token = Uuid::from_bytes(broker.desk.chance.bytes());
            (None, Duration::ZERO, Some(Lease { owner: broker.node.owner(), token, until: now.plus(LEASE) }))
        }
    };
    let hand_off = &tried.unit.hand_off;
    Some(NewDelivery {
        uuid: uuid_v7(now, &broker.desk.chance),
        message_id: NOT_KEPT_YET,
        kind: tried.unit.kind,
        alias_id: Some(tried.unit.alias_id),
        mailbox_id: tried.unit.mailbox_id,
        sender: hand_off.sender.clone(),
        recipient: hand_off.recipient.clone(),
        header: hand_off.header.to_vec(),
        site: tried.site(),
        queued_at: now,
        next_attempt_at: now.plus(wait),
        attempts: i32::from(failure.is_some() && !held),
        expires_at: now.plus(if held { HELD_FOR } else { schedule.expire }),
        last_failure: failure,
        lease,
        held,
        sealed: tried.unit.sealed.is_some(),
    })
}

/// The rows of what is kept. An alias that was killed since has none: whoever kills cancels what waits, and this asks
/// under the same lock, so no message slips between the two. `has_it`: aliases of which one mailbox has the message.
async fn insert(tx: &mut Tx, kept: &mut Kept, has_it: &[AliasId]) -> Result<Vec<Option<DeliveryId>>, storage::Error> {
    let mut alive = Vec::with_capacity(kept.rows.len());
    for row in &kept.rows {
        let state = match row.delivery.alias_id {
            Some(alias_id) => alias::hold_state(tx, alias_id).await?,
            None => None,
        };
        alive.push(state.is_some_and(|state| state != AliasState::Killed));
    }
    kept.limit_held(tx).await?;
    let mut ids = vec![None; kept.rows.len()];
    let mut last = None;
    for (place, (message, body)) in kept.messages.iter().enumerate() {
        let is_wanted = |(row, alive): (&Row, &bool)| row.message == place && *alive;
        if !kept.rows.iter().zip(&alive).any(is_wanted) {
            continue;
        }
        let message_id = message::insert(tx, message).await?;
        message::insert_body(tx, message_id, body).await?;
        for ((row, alive), id) in kept.rows.iter().zip(&alive).zip(&mut ids) {
            if row.message == place && *alive {
                *id = Some(delivery::insert(tx, &NewDelivery { message_id, ..row.delivery.clone() }).await?);
            }
        }
        last = Some(message_id);
    }
    if let Some(message_id) = last {
        for alias_id in has_it {
            muted::mute(tx, message_id, *alias_id).await?;
        }
    }
    Ok(ids)
}
