//! The queue seen from outside: lists and counts for people, waking times for workers, and repair of what a crash, a
//! clock jump or a defect may have left.

use std::time::Duration;

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::delivery::{Cause, Delivery, DeliveryState};
use crate::model::id::{AliasId, DeliveryId, MailboxId, UserId};

use super::delivery::erase_all;
use super::delivery_row::{DeliveryRow, one_by_one};
use super::{Error, Tx, changed, columns, hold, on, site_backoff};

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those through this user's aliases.
    pub user_id: Option<UserId>,
    /// Only those through this alias.
    pub alias_id: Option<AliasId>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those older than this one: the last of the page before.
    pub before: Option<DeliveryId>,
    /// How many at the most.
    pub limit: u32,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Still to be handed off.
    pub waiting: i64,
    /// Kept for their owners' decision.
    pub held: i64,
    /// Given up.
    pub failed: i64,
    /// Not to be delivered any more.
    pub cancelled: i64,
    /// When the oldest of the waiting ones was accepted.
    pub oldest_waiting: Option<Timestamp>,
}

/// What a sweep found and put right; all zero but what it forgot on a healthy database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Attempts that lay too far ahead (the clock jumped back).
    pub attempts_pulled_in: u64,
    /// Leases that lay too far ahead.
    pub leases_pulled_in: u64,
    /// Waits for a site that lay too far ahead.
    pub backoffs_pulled_in: u64,
    /// Messages nothing waits for, erased.
    pub messages_erased: u64,
    /// Pieces of bodies without a message, erased.
    pub chunks_erased: u64,
    /// Waiting deliveries whose message is gone, or whose mailbox was not verified or resumed in time, now failed and visible.
    pub deliveries_failed: u64,
    /// Deliveries that waited for a killed alias, now cancelled and visible.
    pub deliveries_cancelled: u64,
    /// Held deliveries nobody decided on in time, now failed and visible. Nothing was wrong with them.
    pub held_expired: u64,
    /// Failed and cancelled deliveries shown long enough, forgotten. Nothing was wrong with them.
    pub deliveries_forgotten: u64,
    /// Sites whose wait is long over, forgotten. Nothing was wrong with them.
    pub backoffs_forgotten: u64,
}

/// How long a delivery that ended badly is shown.
const SHOWN_FOR: Duration = Duration::from_hours(30 * 24);
/// How long a site's count of failures outlives its wait.
const SITE_REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// The delivery with that key. Here as in the lists what can't be read of it is replaced: people have to see it.
pub async fn find(tx: &mut Tx, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let row: Option<DeliveryRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, state, queued_at, next_attempt_at, \
         attempts, expires_at, last_code, last_status, last_detail, settled_at, cancelled_because FROM deliveries WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    Ok(row.map(DeliveryRow::shown))
}

/// The delivery with that id for the outside.
pub async fn find_by_uuid(tx: &mut Tx, uuid: Uuid) -> Result<Option<Delivery>, Error> {
    let row: Option<DeliveryRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, state, queued_at, next_attempt_at, \
         attempts, expires_at, last_code, last_status, last_detail, settled_at, cancelled_because FROM deliveries WHERE uuid = $1",
    ).bind(uuid).fetch_optional(c))?;
    Ok(row.map(DeliveryRow::shown))
}

/// One page of the queue, newest first. A row that can't be read is shown all the same, as failed.
pub async fn list(tx: &mut Tx, filter: &DeliveryFilter) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<(i64, Result<DeliveryRow, sqlx::Error>)> = on!(tx, c => async {
        let rows = sqlx::query(
        "SELECT id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, state, queued_at, next_attempt_at, \
         attempts, expires_at, last_code, last_status, last_detail, settled_at, cancelled_because FROM deliveries \
         WHERE ($1 IS NULL OR alias_id IN (SELECT a.id FROM aliases a WHERE a.user_id = $1)) \
         AND ($2 IS NULL OR alias_id = $2) AND ($3 IS NULL OR state = $3) AND id < $4 ORDER BY id DESC LIMIT $5",
    )
    .bind(filter.user_id.map(|id| id.0))
    .bind(filter.alias_id.map(|id| id.0))
    .bind(filter.state.map(DeliveryState::as_str))
    .bind(filter.before.map_or(i64::MAX, |id| id.0))
    .bind(i64::from(filter.limit))
    .fetch_all(c)
    .await?;
        rows.iter().map(one_by_one).collect::<Result<Vec<_>, sqlx::Error>>()
    })?;
    Ok(rows.into_iter().map(|(id, row)| row.unwrap_or_else(|_| DeliveryRow::nothing_but(id)).shown()).collect())
}

/// How many are in which state.
pub async fn counts(tx: &mut Tx) -> Result<Counts, Error> {
    let rows: Vec<(String, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT state, COUNT(*), MIN(queued_at) FROM deliveries GROUP BY state",
    ).fetch_all(c))?;
    let mut counts = Counts::default();
    for (state, count, oldest) in rows {
        match columns::word("deliveries", "state", 0, &state)? {
            DeliveryState::Waiting => {
                counts.waiting = count;
                counts.oldest_waiting = Some(Timestamp::from_micros(oldest));
            }
            DeliveryState::Held => counts.held = count,
            DeliveryState::Failed => counts.failed = count,
            DeliveryState::Cancelled => counts.cancelled = count,
        }
    }
    Ok(counts)
}

/// When a worker should look next: the earliest of what falls due, a lease that lapses, a site that may be tried again.
/// `None` when nothing waits. May be in the past, and a little early, never late.
pub async fn next_due(tx: &mut Tx, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let (due, lease, site): (Option<i64>, Option<i64>, Option<i64>) = on!(tx, c => sqlx::query_as(
        "SELECT (SELECT d.next_attempt_at FROM deliveries d WHERE d.state = 'waiting' AND d.lease_until IS NULL \
         AND (d.asked_again OR NOT EXISTS (SELECT 1 FROM site_backoff b WHERE b.site = d.site AND b.until > $1)) \
         AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = d.mailbox_id AND (m.verified_at IS NULL OR m.paused_at IS NOT NULL)) \
         ORDER BY d.next_attempt_at LIMIT 1), \
         (SELECT MIN(l.lease_until) FROM deliveries l WHERE l.lease_owner IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM mailboxes n WHERE n.id = l.mailbox_id AND (n.verified_at IS NULL OR n.paused_at IS NOT NULL))), \
         (SELECT MIN(s.until) FROM site_backoff s WHERE s.until > $1 \
         AND EXISTS (SELECT 1 FROM deliveries w WHERE w.state = 'waiting' AND w.site = s.site))",
    ).bind(now.as_micros()).fetch_one(c))?;
    Ok([due, lease, site].into_iter().flatten().min().map(Timestamp::from_micros))
}

/// Makes one waiting delivery, or all of them, due at once, their sites as well. How many. One that is named is tried
/// whatever is known of its site, and waits again when it lies in quarantine.
pub async fn make_due(tx: &mut Tx, id: Option<DeliveryId>, now: Timestamp) -> Result<u64, Error> {
    let id = id.map(|id| id.0);
    changed!(
        tx,
        sqlx::query("DELETE FROM site_backoff WHERE $1 IS NULL OR site IN (SELECT d.site FROM deliveries d WHERE d.id = $1)")
            .bind(id)
    )?;
    changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET state = 'waiting', quarantined = FALSE, settled_at = NULL, next_attempt_at = $2, \
             asked_again = $1 IS NOT NULL \
             WHERE (state = 'waiting' AND ($1 IS NULL OR id = $1)) OR (quarantined AND id = $1)"
        )
        .bind(id)
        .bind(now.as_micros())
    )
}

/// Makes one that waits due at once, as its owner may: what lies in quarantine stays there. This one is tried even if its
/// site rests; all others wait for it as before.
pub async fn make_due_for_owner(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<bool, Error> {
    let text = "UPDATE deliveries SET next_attempt_at = $2, asked_again = TRUE WHERE id = $1 AND state = 'waiting'";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros()))? == 1)
}

/// Whether one lies in quarantine until the operator has looked.
pub async fn is_quarantined(tx: &mut Tx, id: DeliveryId) -> Result<bool, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = $1 AND quarantined)")
        .bind(id.0).fetch_one(c))
}

/// Makes everything that waits for a mailbox due at once. How many.
pub async fn make_due_of_mailbox(tx: &mut Tx, id: MailboxId, now: Timestamp) -> Result<u64, Error> {
    changed!(
        tx,
        sqlx::query("UPDATE deliveries SET next_attempt_at = $2 WHERE mailbox_id = $1 AND state = 'waiting'")
            .bind(id.0)
            .bind(now.as_micros())
    )
}

/// Takes a delivery that waits or lies in quarantine out of the queue for the operator, whoever holds it: cancelled,
/// visible, content erased. False when it was neither.
pub async fn cancel(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<bool, Error> {
    cancel_because(tx, id, Cause::Operator, None, now).await
}

/// The same with who did it, and a reason, which takes the place of why the last hand-off did not succeed.
pub async fn cancel_because(
    tx: &mut Tx,
    id: DeliveryId,
    cause: Cause,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "UPDATE deliveries SET state = 'cancelled', cancelled_because = $5, quarantined = FALSE, header = $2, settled_at = $3, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL, \
         last_code = CASE WHEN $4 IS NULL THEN last_code END, \
         last_status = CASE WHEN $4 IS NULL THEN last_status ELSE '5.7.0' END, last_detail = COALESCE($4, last_detail) \
         WHERE id = $1 AND (state = 'waiting' OR quarantined) RETURNING message_id",
    ).bind(id.0).bind(&[][..] as &[u8]).bind(now.as_micros()).bind(reason).bind(cause.as_str()).fetch_all(c))?;
    Ok(erase_all(tx, rows).await? == 1)
}

/// Puts right what can't be by rule: attempts, leases and site waits further ahead than their maximum, contents nothing
/// refers to, deliveries without content, deliveries for a mailbox nobody verified or resumed in time. Forgets what was shown long
/// enough; what lies in quarantine stays until someone has looked.
pub async fn sweep(tx: &mut Tx, now: Timestamp, max_gap: Duration, max_lease: Duration) -> Result<SweepReport, Error> {
    let furthest = now.plus(max_gap).as_micros();
    let longest = now.plus(max_lease).as_micros();
    let attempts_pulled_in = changed!(
        tx,
        sqlx::query("UPDATE deliveries SET next_attempt_at = $1 WHERE state = 'waiting' AND next_attempt_at > $1").bind(furthest)
    )?;
    let leases_pulled_in = changed!(
        tx,
        sqlx::query("UPDATE deliveries SET lease_until = $1 WHERE lease_owner IS NOT NULL AND lease_until > $1").bind(longest)
    )?;
    let backoffs_pulled_in = changed!(tx, sqlx::query("UPDATE site_backoff SET until = $1 WHERE until > $1").bind(furthest))?;
    let deliveries_failed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET state = 'failed', header = $1, settled_at = $2, last_code = NULL, last_status = '5.3.0', \
             last_detail = 'the kept message is missing', lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE state IN ('waiting', 'held') AND message_id IS NULL"
        )
        .bind(&[][..] as &[u8])
        .bind(now.as_micros())
    )?;
    let deliveries_failed = deliveries_failed
        + changed!(
            tx,
            sqlx::query(
                "UPDATE deliveries SET state = 'failed', header = $1, settled_at = $2, last_code = NULL, \
                 last_status = CASE WHEN mailbox_id IN (SELECT v.id FROM mailboxes v WHERE v.verified_at IS NULL) \
                 THEN '5.1.1' ELSE '5.2.1' END, \
                 last_detail = CASE WHEN mailbox_id IN (SELECT v.id FROM mailboxes v WHERE v.verified_at IS NULL) \
                 THEN 'the mailbox was not verified in time' ELSE 'the mailbox is paused and was not resumed in time' END, \
                 lease_owner = NULL, lease_token = NULL, lease_until = NULL \
                 WHERE state = 'waiting' AND expires_at <= $2 AND (lease_until IS NULL OR lease_until <= $2) \
                 AND mailbox_id IN (SELECT m.id FROM mailboxes m WHERE m.verified_at IS NULL OR m.paused_at IS NOT NULL)"
            )
            .bind(&[][..] as &[u8])
            .bind(now.as_micros())
        )?;
    let deliveries_cancelled = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET state = 'cancelled', cancelled_because = 'kill', header = $1, settled_at = $2, \
             lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE state IN ('waiting', 'held') AND alias_id IN (SELECT a.id FROM aliases a WHERE a.state = 'killed')"
        )
        .bind(&[][..] as &[u8])
        .bind(now.as_micros())
    )?;
    let held_expired = hold::expire(tx, now).await?;
    let messages_erased = changed!(
        tx,
        sqlx::query(
            "DELETE FROM messages WHERE NOT EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.message_id = messages.id AND (d.state IN ('waiting', 'held') OR d.quarantined))"
        )
    )?;
    let chunks_erased = changed!(
        tx,
        sqlx::query("DELETE FROM body_chunks WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = body_chunks.message_id)")
    )?;
    let deliveries_forgotten = changed!(
        tx,
        sqlx::query("DELETE FROM deliveries WHERE settled_at < $1 AND state NOT IN ('waiting', 'held') AND NOT quarantined")
            .bind(now.minus(SHOWN_FOR).as_micros())
    )?;
    let backoffs_forgotten = site_backoff::forget(tx, now.minus(SITE_REMEMBERED_FOR)).await?;
    Ok(SweepReport {
        attempts_pulled_in,
        leases_pulled_in,
        backoffs_pulled_in,
        messages_erased,
        chunks_erased,
        deliveries_failed,
        deliveries_cancelled,
        held_expired,
        deliveries_forgotten,
        backoffs_forgotten,
    })
}

impl SweepReport {
    /// Whether anything had to be put right.
    pub fn found_anything(&self) -> bool {
        Self { held_expired: 0, deliveries_forgotten: 0, backoffs_forgotten: 0, ..*self } != Self::default()
    }
}
