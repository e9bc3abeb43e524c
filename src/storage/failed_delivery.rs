//! What could not be delivered, as its owner sees it: messages to and replies from their aliases that were given up.

use uuid::Uuid;

use crate::model::delivery::{Delivery, DeliveryKind};
use crate::model::id::{AliasId, UserId};

use super::delivery_row::{DeliveryRow, one_by_one};
use super::{Error, Tx, changed, message, on};

/// One page of a user's failed deliveries, newest first: of one kind, or forwards and replies.
pub async fn list(
    tx: &mut Tx,
    user: UserId,
    kind: Option<DeliveryKind>,
    offset: u32,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<(i64, Result<DeliveryRow, sqlx::Error>)> = on!(tx, c => async {
        let rows = sqlx::query(
        "SELECT d.id, d.uuid, d.message_id, d.kind, d.alias_id, d.mailbox_id, d.sender, d.recipient, d.state, d.queued_at, \
         d.next_attempt_at, d.attempts, d.expires_at, d.last_code, d.last_status, d.last_detail, d.settled_at \
         FROM deliveries d JOIN aliases a ON a.id = d.alias_id WHERE a.user_id = $1 AND d.state = 'failed' \
         AND d.kind IN ('forward', 'reply') AND ($2 IS NULL OR d.kind = $2) ORDER BY d.id DESC LIMIT $3 OFFSET $4",
    )
    .bind(user.0)
    .bind(kind.map(DeliveryKind::as_str))
    .bind(i64::from(limit))
    .bind(i64::from(offset))
    .fetch_all(c)
    .await?;
        rows.iter().map(one_by_one).collect::<Result<Vec<_>, sqlx::Error>>()
    })?;
    Ok(rows.into_iter().map(|(id, row)| row.unwrap_or_else(|_| DeliveryRow::nothing_but(id)).shown()).collect())
}

/// How many there are on all pages.
pub async fn count(tx: &mut Tx, user: UserId, kind: Option<DeliveryKind>) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM deliveries d JOIN aliases a ON a.id = d.alias_id WHERE a.user_id = $1 AND d.state = 'failed' \
         AND d.kind IN ('forward', 'reply') AND ($2 IS NULL OR d.kind = $2)",
    ).bind(user.0).bind(kind.map(DeliveryKind::as_str)).fetch_one(c))
}

/// A user's failed delivery by its id for the outside.
pub async fn find(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<Option<Delivery>, Error> {
    let row: Option<DeliveryRow> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.uuid, d.message_id, d.kind, d.alias_id, d.mailbox_id, d.sender, d.recipient, d.state, d.queued_at, \
         d.next_attempt_at, d.attempts, d.expires_at, d.last_code, d.last_status, d.last_detail, d.settled_at \
         FROM deliveries d JOIN aliases a ON a.id = d.alias_id WHERE d.uuid = $1 AND a.user_id = $2 AND d.state = 'failed' \
         AND d.kind IN ('forward', 'reply')",
    ).bind(uuid).bind(user.0).fetch_optional(c))?;
    Ok(row.map(DeliveryRow::shown))
}

/// Forgets one; false when it is not there any more, not given up, or in quarantine until the operator has looked.
pub async fn delete(tx: &mut Tx, delivery: &Delivery) -> Result<bool, Error> {
    let text = "DELETE FROM deliveries WHERE id = $1 AND state IN ('failed', 'cancelled') AND NOT quarantined";
    let changed = changed!(tx, sqlx::query(text).bind(delivery.id.0))?;
    if let Some(id) = delivery.message_id {
        message::erase_if_done(tx, id).await?;
    }
    Ok(changed == 1)
}

/// Refusals the owner asked for (a block, a lock) that are shown of one alias at the most. They are counted however many
/// there are; whoever knocks again and again must not push out what really failed.
const MOST_TURNED_AWAY: i64 = 20;

/// Whether one more refusal that the owner asked for is worth a line of its own.
pub async fn shows_turned_away(tx: &mut Tx, alias: AliasId, status: &str) -> Result<bool, Error> {
    let shown: i64 = on!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT d.id FROM deliveries d WHERE d.alias_id = $1 AND d.state = 'failed' AND d.last_status = $2 \
         LIMIT $3) shown",
    ).bind(alias.0).bind(status).bind(MOST_TURNED_AWAY).fetch_one(c))?;
    Ok(shown < MOST_TURNED_AWAY)
}
