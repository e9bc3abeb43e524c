//! What was not delivered, or not yet, as its owner sees it: messages to and replies from their aliases that wait, were
//! given up or were cancelled. What is held stands in `hold.rs`; notices and reports of our own are nobody's mail.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::{AliasId, DeliveryId, UserId};

use super::delivery_row::{DeliveryRow, one_by_one};
use super::{Error, Tx, changed, columns, message, on};

/// Which of them, newest first.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Whose.
    pub user_id: UserId,
    /// Only those of this alias.
    pub alias_id: Option<AliasId>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those older than this one: the last of the page before.
    pub before: Option<DeliveryId>,
    /// How many at the most.
    pub limit: u32,
}

/// How many are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Still to be handed off.
    pub waiting: i64,
    /// Given up.
    pub failed: i64,
    /// Not to be delivered any more.
    pub cancelled: i64,
}

/// One page. A row that can't be read is shown all the same, as failed.
pub async fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<(i64, Result<DeliveryRow, sqlx::Error>)> = on!(tx, c => async {
        let rows = sqlx::query(
        "SELECT d.id, d.uuid, d.message_id, d.kind, d.alias_id, d.mailbox_id, d.sender, d.recipient, d.state, d.queued_at, \
         d.next_attempt_at, d.attempts, d.expires_at, d.last_code, d.last_status, d.last_detail, d.settled_at, d.cancelled_because \
         FROM deliveries d JOIN aliases a ON a.id = d.alias_id WHERE a.user_id = $1 AND ($2 IS NULL OR d.alias_id = $2) \
         AND d.state <> 'held' AND ($3 IS NULL OR d.state = $3) AND d.kind IN ('forward', 'reply') AND d.id < $4 \
         ORDER BY d.id DESC LIMIT $5",
    )
    .bind(filter.user_id.0)
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

/// How many a user has.
pub async fn counts(tx: &mut Tx, user: UserId) -> Result<Counts, Error> {
    let rows: Vec<(String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT d.state, COUNT(*) FROM deliveries d JOIN aliases a ON a.id = d.alias_id \
         WHERE a.user_id = $1 AND d.kind IN ('forward', 'reply') GROUP BY d.state",
    ).bind(user.0).fetch_all(c))?;
    let mut counts = Counts::default();
    for (state, count) in rows {
        match columns::word("deliveries", "state", 0, &state)? {
            DeliveryState::Waiting => counts.waiting = count,
            DeliveryState::Failed => counts.failed = count,
            DeliveryState::Cancelled => counts.cancelled = count,
            DeliveryState::Held => {}
        }
    }
    Ok(counts)
}

/// Messages of a user, or of one alias of theirs, on which nothing was decided yet: how many wait to be handed off, and how
/// many are held.
pub async fn pending(tx: &mut Tx, user: UserId, alias: Option<AliasId>) -> Result<(i64, i64), Error> {
    on!(tx, c => sqlx::query_as(
        "SELECT COUNT(DISTINCT CASE WHEN d.state = 'waiting' THEN d.message_id END), \
         COUNT(DISTINCT CASE WHEN d.state = 'held' THEN d.message_id END) FROM deliveries d JOIN aliases a ON a.id = d.alias_id \
         WHERE a.user_id = $1 AND ($2 IS NULL OR d.alias_id = $2) AND d.state IN ('waiting', 'held') \
         AND d.kind IN ('forward', 'reply')",
    ).bind(user.0).bind(alias.map(|id| id.0)).fetch_one(c))
}

/// A user's by its id for the outside.
pub async fn find(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<Option<Delivery>, Error> {
    let row: Option<DeliveryRow> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.uuid, d.message_id, d.kind, d.alias_id, d.mailbox_id, d.sender, d.recipient, d.state, d.queued_at, \
         d.next_attempt_at, d.attempts, d.expires_at, d.last_code, d.last_status, d.last_detail, d.settled_at, d.cancelled_because \
         FROM deliveries d JOIN aliases a ON a.id = d.alias_id WHERE d.uuid = $1 AND a.user_id = $2 AND d.state <> 'held' \
         AND d.kind IN ('forward', 'reply')",
    ).bind(uuid).bind(user.0).fetch_optional(c))?;
    Ok(row.map(DeliveryRow::shown))
}

/// Makes everything that waits for a user due at once. A site that rests is waited for all the same: any number of messages
/// may wait for it. How many.
pub async fn make_due(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<u64, Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET next_attempt_at = $2 WHERE state = 'waiting' AND kind IN ('forward', 'reply') \
             AND alias_id IN (SELECT a.id FROM aliases a WHERE a.user_id = $1)"
        )
        .bind(user.0)
        .bind(now.as_micros())
    )
}

/// Forgets one that ended. False when it still waits, or lies in quarantine until the operator has looked.
pub async fn delete(tx: &mut Tx, delivery: &Delivery) -> Result<bool, Error> {
    let text = "DELETE FROM deliveries WHERE id = $1 AND state IN ('failed', 'cancelled') AND NOT quarantined";
    let changed = changed!(tx, sqlx::query(text).bind(delivery.id.0))?;
    if let Some(id) = delivery.message_id {
        message::erase_if_done(tx, id).await?;
    }
    Ok(changed == 1)
}

/// Forgets all of a user's that ended, but what lies in quarantine. How many.
pub async fn delete_all(tx: &mut Tx, user: UserId) -> Result<u64, Error> {
    // What they held was erased when they ended.
    let text = "DELETE FROM deliveries WHERE state IN ('failed', 'cancelled') AND NOT quarantined \
                AND kind IN ('forward', 'reply') AND alias_id IN (SELECT a.id FROM aliases a WHERE a.user_id = $1)";
    changed!(tx, sqlx::query(text).bind(user.0))
}
