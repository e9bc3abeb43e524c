//! Deliveries held for their owner's decision: released into the queue, dropped, or given up when nobody decides.
//!
//! One message has a row for each mailbox of the alias; what is decided holds for all of them.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::activity::{Activity, ActivityKey};
use crate::model::delivery::Delivery;
use crate::model::id::{AliasId, DeliveryId, UserId};

use super::delivery::erase_all;
use super::muted::copies_with;
use super::{Error, Tx, activity, changed, on, queue};

/// What is held for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// How many copies.
    pub copies: u64,
    /// The length of their bodies together.
    pub bytes: u64,
}

/// What is held for a user.
pub async fn usage(tx: &mut Tx, user: UserId) -> Result<Usage, Error> {
    let (copies, bytes): (i64, i64) = on!(tx, c => sqlx::query_as(
        "SELECT COUNT(*), CAST(COALESCE(SUM(m.body_length), 0) AS BIGINT) FROM aliases a JOIN deliveries d ON d.alias_id = a.id \
         JOIN messages m ON m.id = d.message_id WHERE a.user_id = $1 AND d.state = 'held'",
    ).bind(user.0).fetch_one(c))?;
    let read = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Usage { copies: read(copies), bytes: read(bytes) })
}

/// The held delivery of that key, when it came through one of the user's aliases.
pub async fn find(tx: &mut Tx, user: UserId, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT d.id FROM deliveries d JOIN aliases a ON a.id = d.alias_id WHERE d.id = $1 AND d.state = 'held' AND a.user_id = $2",
    ).bind(id.0).bind(user.0).fetch_optional(c))?;
    match found {
        Some(id) => queue::find(tx, DeliveryId(id)).await,
        None => Ok(None),
    }
}

/// The alias a delivery came through, and the ids of all copies of its message; `None` when one of them is gone.
async fn copies(tx: &mut Tx, id: DeliveryId) -> Result<Option<(i64, Uuid, Uuid)>, Error> {
    let found: Option<(i64, Uuid)> = on!(tx, c => sqlx::query_as(
        "SELECT d.alias_id, m.uuid FROM deliveries d JOIN messages m ON m.id = d.message_id \
         WHERE d.id = $1 AND d.alias_id IS NOT NULL",
    ).bind(id.0).fetch_optional(c))?;
    Ok(found.map(|(alias, uuid)| {
        let (first, last) = copies_with(uuid);
        (alias, first, last)
    }))
}

/// Lets a held message go on, at once and until `expires_at`: the copies for all mailboxes of its alias. How many.
pub async fn release(tx: &mut Tx, id: DeliveryId, now: Timestamp, expires_at: Timestamp) -> Result<u64, Error> {
    let Some((alias, first, last)) = copies(tx, id).await? else { return Ok(0) };
    changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET state = 'waiting', next_attempt_at = $4, expires_at = $5, last_code = NULL, \
             last_status = NULL, last_detail = NULL WHERE state = 'held' AND alias_id = $1 \
             AND message_id IN (SELECT m.id FROM messages m WHERE m.uuid BETWEEN $2 AND $3)"
        )
        .bind(alias)
        .bind(first)
        .bind(last)
        .bind(now.as_micros())
        .bind(expires_at.as_micros())
    )
}

/// Takes a held message out, the copies for all mailboxes of its alias: cancelled, visible, content erased. The alias of each.
pub async fn cancel(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<Vec<AliasId>, Error> {
    let Some((alias, first, last)) = copies(tx, id).await? else { return Ok(Vec::new()) };
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "UPDATE deliveries SET state = 'cancelled', cancelled_because = 'discard', header = $4, settled_at = $5 WHERE state = 'held' AND alias_id = $1 \
         AND message_id IN (SELECT m.id FROM messages m WHERE m.uuid BETWEEN $2 AND $3) RETURNING message_id",
    ).bind(alias).bind(first).bind(last).bind(&[][..] as &[u8]).bind(now.as_micros()).fetch_all(c))?;
    let aliases = vec![AliasId(alias); rows.len()];
    erase_all(tx, rows).await?;
    Ok(aliases)
}

/// Gives up what nobody decided on in time: failed, counted, visible, content erased. How many.
pub async fn expire(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    let rows: Vec<(Option<i64>, Option<i64>)> = on!(tx, c => sqlx::query_as(
        "UPDATE deliveries SET state = 'failed', header = $1, settled_at = $2, last_code = NULL, last_status = '5.7.1', \
         last_detail = 'nobody released it within 30 days' WHERE state = 'held' AND expires_at <= $2 \
         RETURNING message_id, alias_id",
    ).bind(&[][..] as &[u8]).bind(now.as_micros()).fetch_all(c))?;
    let mut counts = std::collections::BTreeMap::<ActivityKey, Activity>::new();
    for alias in rows.iter().filter_map(|(_, alias)| *alias) {
        counts.entry(ActivityKey { alias_id: AliasId(alias), day: now.day() }).or_default().add(Activity::FAILED);
    }
    if !counts.is_empty() {
        activity::add(tx, &counts.into_iter().collect::<Vec<_>>()).await?;
    }
    erase_all(tx, rows.into_iter().map(|(message, _)| message).collect()).await
}
