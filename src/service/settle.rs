//! How a kept delivery ends, or goes on waiting: the outcome of a hand-off becomes a row, owner-checked by the lease.
//!
//! Used by the attempt that outlived its SMTP dialogue (`forward`) and by the queue's workers (`delivery/`). A final
//! refusal ends in a scrubbed DSN to the sender (behind the backscatter gate) or in a failure its owner can see; the DSN
//! and the end of the original are one transaction.

use std::time::Duration;

use uuid::Uuid;

use super::broker::Broker;
use super::dsn;
use super::pausing;
use super::schedule::Schedule;
use crate::model::activity::Activity;
use crate::model::delivery::{DeliveryKind, Failure};
use crate::model::id::{AliasId, DeliveryId, MailboxId, MessageId};
use crate::model::{Address, Private, Timestamp};
use crate::outbound::{Outcome, Report};
use crate::storage::{self, ErrorKind, delivery, put_off, queue, site_backoff};
use crate::telemetry::metrics::QUEUE_ENDED;

/// How long a claim holds without renewal. Renewed at a third; longer than the database may be away.
pub const LEASE: Duration = Duration::from_mins(15);

/// How often a hand-off under way looks whether its row is still its own: a kill is instant.
const WATCH: Duration = Duration::from_secs(1);

/// The message of a row that is made before its message is: replaced in the transaction that keeps both.
pub(super) const NOT_KEPT_YET: MessageId = MessageId(0);

/// A delivery this process holds the lease of.
#[derive(Debug, Clone)]
pub struct Held {
    /// The row.
    pub id: DeliveryId,
    /// The proof.
    pub token: Uuid,
    /// What it is.
    pub kind: DeliveryKind,
    /// Whose counters it goes to.
    pub alias_id: Option<AliasId>,
    /// The mailbox it goes to.
    pub mailbox_id: Option<MailboxId>,
    /// The address it goes to.
    pub recipient: Address,
    /// Hand-offs before this one.
    pub attempts: i32,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// Runs a hand-off to its end under a lease that is renewed meanwhile, then settles the row. When the lease is lost (the
/// alias was killed, another node took over) the hand-off is dropped where it stands: before the final dot that means
/// the next hop has nothing.
pub async fn see_through(broker: &Broker, held: Held, attempt: impl Future<Output = Report>) {
    // Side by side, so that a slow database never keeps an attempt from going on.
    let report = tokio::select! {
        report = attempt => report,
        () = lease_lost(broker, &held) => return,
        () = broker.hard.cancelled() => return,
    };
    settle(broker, &held, report).await;
}

/// Resolves when the lease is lost; renews it until then.
async fn lease_lost(broker: &Broker, held: &Held) {
    let mut ticks = tokio::time::interval(WATCH);
    let mut renewed = tokio::time::Instant::now();
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let held_still = if renewed.elapsed() >= LEASE / 3 {
            renewed = tokio::time::Instant::now();
            renew(broker, held).await
        } else {
            is_held(broker, held).await
        };
        match held_still {
            Ok(true) => {}
            Ok(false) => return,
            // The next tick asks again; the lease outlasts a database that is away for a while.
            Err(error) => drop(broker.storage_failed(&error)),
        }
    }
}

async fn renew(broker: &Broker, held: &Held) -> Result<bool, storage::Error> {
    let (id, token, until) = (held.id, held.token, broker.now().plus(LEASE));
    broker.storage().write(move |tx| Box::pin(async move { delivery::renew(tx, id, token, until).await })).await
}

/// Whether the row is still this process's to settle.
pub async fn is_held(broker: &Broker, held: &Held) -> Result<bool, storage::Error> {
    delivery::is_held(&mut broker.storage().read().await?, held.id, held.token).await
}

/// Records how a hand-off ended. The database may be away: the record is tried again until it is written or another has
/// the row, because a delivery that is not recorded is made twice.
pub async fn settle(broker: &Broker, held: &Held, report: Report) {
    share_trouble(broker, &report).await;
    let mut wait = Duration::from_millis(100);
    loop {
        let error = match settle_once(broker, held, &report).await {
            Ok(()) => return,
            Err(error) => error,
        };
        drop(broker.storage_failed(&error));
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Full => {}
            // Trying again changes nothing. The lease lapses, the row stays, and the log says which.
            _ => return tracing::error!(delivery.id = %held.id, "a delivery can't be settled"),
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_secs(10)),
            () = broker.hard.cancelled() => return,
            () = broker.fatal.cancelled() => return,
        }
        if let Ok(false) = is_held(broker, held).await {
            return;
        }
    }
}

async fn settle_once(broker: &Broker, held: &Held, report: &Report) -> Result<(), storage::Error> {
    let now = broker.now();
    let attempts = held.attempts.saturating_add(1);
    match &report.outcome {
        Outcome::Delivered => delivered(broker, held).await,
        Outcome::Deferred(failure) if !Schedule::is_over(attempts, last_day(broker, held, report), now) => {
            if is_put_off(report) {
                return put_off(broker, held, failure, report.site.clone()).await;
            }
            defer(broker, held, failure, report.site.clone()).await
        }
        // With a lost lease this changes nothing; with one still held, whoever refused the permit could not know.
        Outcome::Withdrawn => {
            let detail = Private::new("the message was taken back before it was sent".into());
            let failure = Failure { code: None, status: "4.3.0".into(), detail };
            defer(broker, held, &failure, report.site.clone()).await
        }
        Outcome::Deferred(failure) | Outcome::Refused(failure) => {
            let reason = if matches!(report.outcome, Outcome::Refused(_)) { "refused" } else { "expired" };
            let last = if is_put_off(report) { last_answer(broker, held).await? } else { None };
            let failure = last.as_ref().unwrap_or(failure);
            if dsn::give_up(broker, held, failure).await? {
                pausing::note(broker, held.mailbox_id, &held.recipient, report);
                metrics::counter!(QUEUE_ENDED, "reason" => reason).increment(1);
            }
            Ok(())
        }
    }
}

/// Whether it was we who put it off, knowing where it goes: a resting site, no free connection. What was answered before
/// says more about why it waits.
fn is_put_off(report: &Report) -> bool {
    report.put_off
}

/// What the last real hand-off was answered.
async fn last_answer(broker: &Broker, held: &Held) -> Result<Option<Failure>, storage::Error> {
    let row = queue::find(&mut broker.storage().read().await?, held.id).await?;
    Ok(row.and_then(|row| row.last_failure))
}

/// When a deferred delivery is given up. What was not even tried (a resting site, no answer from any name server) is no
/// sign that it can't be delivered, so that has as long again.
fn last_day(broker: &Broker, held: &Held, report: &Report) -> Timestamp {
    if report.attempted { held.expires_at } else { held.expires_at.plus(broker.rules.schedule.expire) }
}

async fn delivered(broker: &Broker, held: &Held) -> Result<(), storage::Error> {
    let (id, token) = (held.id, held.token);
    let written = broker.storage().write(move |tx| Box::pin(async move { delivery::settle_delivered(tx, id, token).await }));
    let written = written.await?;
    pausing::delivered(broker, held.mailbox_id);
    if !written {
        tracing::warn!(delivery.id = %held.id, "the lease was lost before a delivery was recorded; it may be made twice");
    } else if let (Some(done), Some(alias_id)) = (counted(held.kind), held.alias_id) {
        broker.ledger.count(alias_id, broker.now(), done);
    }
    Ok(())
}

/// What a delivery of this kind counts as, once it is made.
pub(super) const fn counted(kind: DeliveryKind) -> Option<Activity> {
    match kind {
        DeliveryKind::Forward => Some(Activity::FORWARDED),
        DeliveryKind::Reply => Some(Activity::REPLIED),
        DeliveryKind::Dsn | DeliveryKind::Notice => None,
    }
}

/// Puts a delivery back with its next due time.
pub(super) async fn defer(broker: &Broker, held: &Held, failure: &Failure, site: Option<String>) -> Result<(), storage::Error> {
    let (id, token, at, failure) = (held.id, held.token, next_attempt(broker, held), failure.clone());
    let written = broker
        .storage()
        .write(move |tx| Box::pin(async move { delivery::retry_at(tx, id, token, at, &failure, site.as_deref()).await }));
    written.await.map(drop)
}

/// The same when we put it off ourselves: why the last real hand-off did not succeed stays.
async fn put_off(broker: &Broker, held: &Held, failure: &Failure, site: Option<String>) -> Result<(), storage::Error> {
    let (id, token, at, failure) = (held.id, held.token, next_attempt(broker, held), failure.clone());
    let written = broker
        .storage()
        .write(move |tx| Box::pin(async move { put_off::put_off(tx, id, token, at, &failure, site.as_deref()).await }));
    written.await.map(drop)
}

fn next_attempt(broker: &Broker, held: &Held) -> Timestamp {
    let wait = broker.desk.chance.with(|rng| broker.rules.schedule.wait(held.attempts.saturating_add(1), rng));
    broker.now().plus(wait)
}

/// Tells the other nodes that a site is in trouble; a hint only, so a failure to write it changes nothing.
pub(super) async fn share_trouble(broker: &Broker, report: &Report) {
    let (true, Some(site)) = (report.site_in_trouble, report.site.clone()) else { return };
    let Some(until) = broker.outbound.rest_until(&site) else { return };
    let name = site.clone();
    let shared = broker.storage().write(move |tx| Box::pin(async move { site_backoff::record(tx, &name, until).await }));
    match shared.await {
        Ok(_) => broker.outbound.note_shared(&site),
        Err(error) => tracing::debug!(%error, "a site's trouble could not be shared"),
    }
}
