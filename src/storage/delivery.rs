//! Deliveries under way: put into the queue, claimed under a lease, settled by whoever holds the lease.
//!
//! A lease is proven by its token: every settling function says `false` and changes nothing when the lease was lost
//! (it lapsed and someone else claimed the row, or the owner killed the alias). What the queue looks like from outside
//! (lists, counts, repair) stands in `queue.rs`.

use uuid::Uuid;

use crate::model::delivery::{Delivery, DeliveryKind, Failure, Lease};
use crate::model::id::{AliasId, DeliveryId, MailboxId, MessageId};
use crate::model::node::Node;
use crate::model::{Address, Private, Timestamp};

use super::{Error, Tx, changed, columns, message, on};

/// What a delivery that has to wait is made of.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Id for the outside.
    pub uuid: Uuid,
    /// The kept message.
    pub message_id: MessageId,
    /// What it is.
    pub kind: DeliveryKind,
    /// The alias it is about.
    pub alias_id: Option<AliasId>,
    /// The mailbox it goes to.
    pub mailbox_id: Option<MailboxId>,
    /// Envelope sender on the wire.
    pub sender: Option<Address>,
    /// Envelope recipient on the wire.
    pub recipient: Address,
    /// The header block that goes out.
    pub header: Vec<u8>,
    /// When it was accepted.
    pub queued_at: Timestamp,
    /// When the next hand-off is due.
    pub next_attempt_at: Timestamp,
    /// Hand-offs tried so far.
    pub attempts: i32,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Where its next hop is, if known.
    pub site: Option<String>,
    /// The lease of the attempt that is still in flight, if one is.
    pub lease: Option<Lease>,
    /// Why the attempt before did not succeed, if there was one.
    pub last_failure: Option<Failure>,
}

/// What a failure without content is made of: it was refused at once, and its owner shall see that.
#[derive(Debug, Clone)]
pub struct NewFailure {
    /// Id for the outside.
    pub uuid: Uuid,
    /// What it was.
    pub kind: DeliveryKind,
    /// The alias it is about.
    pub alias_id: Option<AliasId>,
    /// The mailbox it was for.
    pub mailbox_id: Option<MailboxId>,
    /// Envelope sender on the wire.
    pub sender: Option<Address>,
    /// Envelope recipient on the wire.
    pub recipient: Address,
    /// Why.
    pub failure: Failure,
    /// When.
    pub at: Timestamp,
}

/// A delivery this worker holds, with what it needs to hand it off (the message is read by its id).
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// The row.
    pub delivery: Delivery,
    /// The header block that goes out.
    pub header: Vec<u8>,
    /// Where its next hop was found by the attempt before.
    pub site: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(super) struct DeliveryRow {
    id: i64,
    uuid: Uuid,
    message_id: Option<i64>,
    kind: String,
    alias_id: Option<i64>,
    mailbox_id: Option<i64>,
    sender: Option<String>,
    recipient: String,
    state: String,
    queued_at: i64,
    next_attempt_at: i64,
    attempts: i32,
    expires_at: i64,
    last_code: Option<i32>,
    last_status: Option<String>,
    last_detail: Option<String>,
    settled_at: Option<i64>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;
    fn try_from(row: DeliveryRow) -> Result<Self, Error> {
        const TABLE: &str = "deliveries";
        let code = row.last_code.map(u16::try_from).transpose().map_err(|_| Error::corrupt(TABLE, "last_code", row.id))?;
        let detail = Private::new(row.last_detail.unwrap_or_default());
        Ok(Self {
            id: DeliveryId(row.id),
            uuid: row.uuid,
            message_id: row.message_id.map(MessageId),
            kind: columns::word(TABLE, "kind", row.id, &row.kind)?,
            alias_id: row.alias_id.map(AliasId),
            mailbox_id: row.mailbox_id.map(MailboxId),
            sender: columns::optional_address(TABLE, "sender", row.id, row.sender.as_deref())?,
            recipient: columns::address(TABLE, "recipient", row.id, &row.recipient)?,
            state: columns::word(TABLE, "state", row.id, &row.state)?,
            queued_at: Timestamp::from_micros(row.queued_at),
            next_attempt_at: Timestamp::from_micros(row.next_attempt_at),
            attempts: row.attempts,
            expires_at: Timestamp::from_micros(row.expires_at),
            last_failure: row.last_status.map(|status| Failure { code, status, detail }),
            settled_at: columns::optional_time(row.settled_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    delivery: DeliveryRow,
    header: Vec<u8>,
    site: Option<String>,
}

/// Puts a delivery into the queue.
pub async fn insert(tx: &mut Tx, new: &NewDelivery) -> Result<DeliveryId, Error> {
    let failure = new.last_failure.as_ref();
    let lease = new.lease.as_ref();
    let id: i64 = on!(tx, c => sqlx::query_scalar(
        "INSERT INTO deliveries (uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, header, state, queued_at, \
         next_attempt_at, attempts, expires_at, site, lease_owner, lease_token, lease_until, last_code, last_status, \
         last_detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
         RETURNING id",
    )
    .bind(new.uuid)
    .bind(new.message_id.0)
    .bind(new.kind.as_str())
    .bind(new.alias_id.map(|id| id.0))
    .bind(new.mailbox_id.map(|id| id.0))
    .bind(new.sender.as_ref().map(Address::to_string))
    .bind(new.recipient.to_string())
    .bind(&new.header)
    .bind(new.queued_at.as_micros())
    .bind(new.next_attempt_at.as_micros())
    .bind(new.attempts)
    .bind(new.expires_at.as_micros())
    .bind(&new.site)
    .bind(lease.map(|lease| lease.owner.clone()))
    .bind(lease.map(|lease| lease.token))
    .bind(lease.map(|lease| lease.until.as_micros()))
    .bind(failure.and_then(|failure| failure.code).map(i32::from))
    .bind(failure.map(|failure| failure.status.clone()))
    .bind(failure.map(|failure| failure.detail.reveal().clone()))
    .fetch_one(c))?;
    Ok(DeliveryId(id))
}

/// Makes a refusal visible to the owner; no content was kept.
pub async fn insert_failed(tx: &mut Tx, new: &NewFailure) -> Result<DeliveryId, Error> {
    let id: i64 = on!(tx, c => sqlx::query_scalar(
        "INSERT INTO deliveries (uuid, kind, alias_id, mailbox_id, sender, recipient, header, state, queued_at, \
         next_attempt_at, attempts, expires_at, last_code, last_status, last_detail, settled_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'failed', $8, $8, 1, $8, $9, $10, $11, $8) RETURNING id",
    )
    .bind(new.uuid)
    .bind(new.kind.as_str())
    .bind(new.alias_id.map(|id| id.0))
    .bind(new.mailbox_id.map(|id| id.0))
    .bind(new.sender.as_ref().map(Address::to_string))
    .bind(new.recipient.to_string())
    .bind(&[][..] as &[u8])
    .bind(new.at.as_micros())
    .bind(new.failure.code.map(i32::from))
    .bind(&new.failure.status)
    .bind(new.failure.detail.reveal())
    .fetch_one(c))?;
    Ok(DeliveryId(id))
}

/// The outer WHERE repeats the conditions: on PostgreSQL the row may have been claimed between being found and being
/// changed. The list is materialized so that no plan can run its LIMIT twice.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (SELECT d.id FROM deliveries d \
             WHERE d.state = 'waiting' AND d.next_attempt_at <= $4 AND (d.lease_until IS NULL OR d.lease_until <= $4) \
             AND NOT EXISTS (SELECT 1 FROM site_backoff b WHERE b.site = d.site AND b.until > $4) \
             ORDER BY d.next_attempt_at LIMIT $5",
            $lock,
            ") UPDATE deliveries SET lease_owner = $1, lease_token = $2, lease_until = $3 \
             WHERE state = 'waiting' AND (lease_until IS NULL OR lease_until <= $4) AND id IN (SELECT due.id FROM due) \
             RETURNING id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, state, queued_at, \
             next_attempt_at, attempts, expires_at, last_code, last_status, last_detail, settled_at, header, site"
        )
    };
}

/// The text of [`claim()`] on SQLite, public so that a test can ask how it would be run.
pub const CLAIM_SQLITE: &str = claim!("");
/// The text of [`claim()`] on PostgreSQL. Without the lock clause two workers wait for each other's rows, in either order.
pub const CLAIM_POSTGRES: &str = claim!(" FOR UPDATE OF d SKIP LOCKED");

/// Takes up to `limit` due deliveries under `lease`, those due longest first; leaves out sites that are in trouble.
/// May give fewer than there are when several workers ask at once: just ask again.
pub async fn claim(tx: &mut Tx, lease: &Lease, now: Timestamp, limit: u32) -> Result<Vec<ClaimedDelivery>, Error> {
    let text = if matches!(tx, Tx::Sqlite(_)) { CLAIM_SQLITE } else { CLAIM_POSTGRES };
    let rows: Vec<ClaimedRow> = on!(tx, c => sqlx::query_as(text)
        .bind(&lease.owner)
        .bind(lease.token)
        .bind(lease.until.as_micros())
        .bind(now.as_micros())
        .bind(i64::from(limit))
        .fetch_all(c))?;
    let mut claimed = rows
        .into_iter()
        .map(|row| Ok(ClaimedDelivery { delivery: row.delivery.try_into()?, header: row.header, site: row.site }))
        .collect::<Result<Vec<_>, Error>>()?;
    claimed.sort_by_key(|claimed| (claimed.delivery.next_attempt_at, claimed.delivery.id));
    Ok(claimed)
}

/// Holds on to a delivery until `until`; false when the lease was lost.
pub async fn renew(tx: &mut Tx, id: DeliveryId, token: Uuid, until: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE deliveries SET lease_until = $3 WHERE id = $1 AND lease_token = $2 AND state = 'waiting'")
            .bind(id.0)
            .bind(token)
            .bind(until.as_micros())
    )?;
    Ok(changed == 1)
}

/// Gives a delivery back untried (the worker stops, or its site turned out to be in trouble); false when the lease was lost.
pub async fn release(tx: &mut Tx, id: DeliveryId, token: Uuid) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2 AND state = 'waiting'"
        )
        .bind(id.0)
        .bind(token)
    )?;
    Ok(changed == 1)
}

/// The next hop has it: the row goes, and the message with its last row. False when the lease was lost.
pub async fn settle_delivered(tx: &mut Tx, id: DeliveryId, token: Uuid) -> Result<bool, Error> {
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "DELETE FROM deliveries WHERE id = $1 AND lease_token = $2 AND state = 'waiting' RETURNING message_id",
    ).bind(id.0).bind(token).fetch_all(c))?;
    Ok(erase_all(tx, rows).await? == 1)
}

/// It will never be delivered: visible to the owner, content erased. False when the lease was lost.
pub async fn settle_failed(tx: &mut Tx, id: DeliveryId, token: Uuid, failure: &Failure, now: Timestamp) -> Result<bool, Error> {
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "UPDATE deliveries SET state = 'failed', header = $3, attempts = attempts + 1, settled_at = $4, last_code = $5, \
         last_status = $6, last_detail = $7, lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE id = $1 AND lease_token = $2 AND state = 'waiting' RETURNING message_id",
    )
    .bind(id.0)
    .bind(token)
    .bind(&[][..] as &[u8])
    .bind(now.as_micros())
    .bind(failure.code.map(i32::from))
    .bind(&failure.status)
    .bind(failure.detail.reveal())
    .fetch_all(c))?;
    Ok(erase_all(tx, rows).await? == 1)
}

/// It shall not be delivered any more: visible to the owner, content erased. False when the lease was lost.
pub async fn settle_cancelled(tx: &mut Tx, id: DeliveryId, token: Uuid, now: Timestamp) -> Result<bool, Error> {
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "UPDATE deliveries SET state = 'cancelled', header = $3, settled_at = $4, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE id = $1 AND lease_token = $2 AND state = 'waiting' RETURNING message_id",
    ).bind(id.0).bind(token).bind(&[][..] as &[u8]).bind(now.as_micros()).fetch_all(c))?;
    Ok(erase_all(tx, rows).await? == 1)
}

/// Not now: counts the attempt, remembers why, and where the next hop is. False when the lease was lost.
pub async fn retry_at(
    tx: &mut Tx,
    id: DeliveryId,
    token: Uuid,
    at: Timestamp,
    failure: &Failure,
    site: Option<&str>,
) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET next_attempt_at = $3, attempts = attempts + 1, last_code = $4, last_status = $5, \
             last_detail = $6, site = COALESCE($7, site), lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2 AND state = 'waiting'"
        )
        .bind(id.0)
        .bind(token)
        .bind(at.as_micros())
        .bind(failure.code.map(i32::from))
        .bind(&failure.status)
        .bind(failure.detail.reveal())
        .bind(site)
    )?;
    Ok(changed == 1)
}

/// Frees what earlier boots of this node held, due at once: the process that held it is gone. How many there were.
pub async fn release_dead(tx: &mut Tx, node: &Node, now: Timestamp) -> Result<u64, Error> {
    // 37 characters: the id and the slash of an owner. Compared this way because a LIKE would not mean the same
    // under every collation.
    changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET lease_owner = NULL, lease_token = NULL, lease_until = NULL, \
             next_attempt_at = CASE WHEN next_attempt_at > $3 THEN $3 ELSE next_attempt_at END \
             WHERE lease_owner IS NOT NULL AND substr(lease_owner, 1, 37) = $1 AND lease_owner <> $2 AND state = 'waiting'"
        )
        .bind(format!("{}/", node.id))
        .bind(node.owner())
        .bind(now.as_micros())
    )
}

/// Cancels everything that still waits for an alias, also what is under lease: its holder's settling then says false.
/// How many messages there were (notices are cancelled as well but not counted).
pub async fn cancel_waiting_of_alias(tx: &mut Tx, alias: AliasId, now: Timestamp) -> Result<u64, Error> {
    let rows: Vec<(Option<i64>, String)> = on!(tx, c => sqlx::query_as(
        "UPDATE deliveries SET state = 'cancelled', header = $2, settled_at = $3, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE alias_id = $1 AND state = 'waiting' RETURNING message_id, kind",
    ).bind(alias.0).bind(&[][..] as &[u8]).bind(now.as_micros()).fetch_all(c))?;
    let messages = rows.iter().filter(|(_, kind)| kind != DeliveryKind::Dsn.as_str()).count() as u64;
    erase_all(tx, rows.into_iter().map(|(message, _)| message).collect()).await?;
    Ok(messages)
}

/// Cancels everything that still waits for a mailbox, like [`cancel_waiting_of_alias`]. The alias of each, for its counters.
pub async fn cancel_waiting_of_mailbox(tx: &mut Tx, mailbox: MailboxId, now: Timestamp) -> Result<Vec<AliasId>, Error> {
    let rows: Vec<(Option<i64>, Option<i64>)> = on!(tx, c => sqlx::query_as(
        "UPDATE deliveries SET state = 'cancelled', header = $2, settled_at = $3, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE mailbox_id = $1 AND state = 'waiting' RETURNING message_id, alias_id",
    ).bind(mailbox.0).bind(&[][..] as &[u8]).bind(now.as_micros()).fetch_all(c))?;
    let aliases = rows.iter().filter_map(|(_, alias)| alias.map(AliasId)).collect();
    erase_all(tx, rows.into_iter().map(|(message, _)| message).collect()).await?;
    Ok(aliases)
}

/// Sends what waits for mailbox `from` to the address of mailbox `to` (which may be the same one, moved).
pub async fn redirect(tx: &mut Tx, from: MailboxId, to: MailboxId, address: &Address) -> Result<u64, Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET mailbox_id = $2, recipient = $3, site = NULL WHERE mailbox_id = $1 AND state = 'waiting'"
        )
        .bind(from.0)
        .bind(to.0)
        .bind(address.to_string())
    )
}

/// The kept messages of an alias's waiting deliveries, in order of their keys.
pub(super) async fn messages_of_alias(tx: &mut Tx, alias: AliasId) -> Result<Vec<MessageId>, Error> {
    let ids: Vec<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT DISTINCT message_id FROM deliveries WHERE alias_id = $1 AND message_id IS NOT NULL ORDER BY message_id",
    ).bind(alias.0).fetch_all(c))?;
    Ok(ids.into_iter().map(MessageId).collect())
}

/// Erases the messages of rows that left `waiting`, in order of their keys so that two nodes can't block each other.
/// How many rows there were.
pub(super) async fn erase_all(tx: &mut Tx, rows: Vec<Option<i64>>) -> Result<u64, Error> {
    let count = rows.len() as u64;
    let mut ids: Vec<i64> = rows.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        message::erase_if_done(tx, MessageId(id)).await?;
    }
    Ok(count)
}

/// Whether the lease of that token still holds the delivery.
pub async fn is_held(tx: &mut Tx, id: DeliveryId, token: Uuid) -> Result<bool, Error> {
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT id FROM deliveries WHERE id = $1 AND lease_token = $2 AND state = 'waiting'",
    ).bind(id.0).bind(token).fetch_optional(c))?;
    Ok(found.is_some())
}
