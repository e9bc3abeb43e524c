//! Deliveries under way: put into the queue, claimed under a lease, settled by whoever holds the lease.
//!
//! A lease is proven by its token: every settling function says `false` and changes nothing when the lease was lost
//! (it lapsed and someone else claimed the row, or the owner killed the alias). What the queue looks like from outside
//! (lists, counts, repair) stands in `queue.rs`.

use uuid::Uuid;

use crate::model::delivery::{Delivery, DeliveryKind, Failure, Lease};
use crate::model::id::{AliasId, DeliveryId, MailboxId, MessageId};
use crate::model::node::Node;
use crate::model::{Address, Timestamp};

use super::delivery_row::{DeliveryRow, one_by_one};
use super::{Error, ErrorKind, Tx, changed, message, muted, on};

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
    /// Hand-offs begun so far, without the one still in flight under `lease`: that one is counted when the row is
    /// written, as [`claim`] does with later ones.
    pub attempts: i32,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Where its next hop is, if known.
    pub site: Option<String>,
    /// The lease of the attempt that is still in flight, if one is.
    pub lease: Option<Lease>,
    /// Why the attempt before did not succeed, if there was one; or why it is held.
    pub last_failure: Option<Failure>,
    /// Whether it is not tried before its owner releases it (`hold.rs`).
    pub held: bool,
    /// Whether what is kept was encrypted for its mailbox.
    pub sealed: bool,
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

/// A delivery this worker holds, with what it needs to hand it off (the message is read by its id). Its `attempts` count
/// the hand-off that begins now.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// The row.
    pub delivery: Delivery,
    /// The header block that goes out.
    pub header: Vec<u8>,
    /// Where its next hop was found by the attempt before.
    pub site: Option<String>,
    /// Whether what is kept was encrypted for its mailbox.
    pub sealed: bool,
    /// Whether somebody asked for this hand-off: it is made even if its site rests.
    pub asked_again: bool,
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    delivery: DeliveryRow,
    header: Vec<u8>,
    site: Option<String>,
    sealed: bool,
    asked_again: bool,
}

/// Puts a delivery into the queue. One for a mailbox goes to the address the mailbox has now: it may have been moved since
/// the sender named its alias. [`ErrorKind::Reference`] when the mailbox is gone.
pub async fn insert(tx: &mut Tx, new: &NewDelivery) -> Result<DeliveryId, Error> {
    let recipient = match new.mailbox_id {
        Some(mailbox) => hold_mailbox_address(tx, mailbox).await?,
        None => new.recipient.to_string(),
    };
    let failure = new.last_failure.as_ref();
    let lease = new.lease.as_ref();
    let id: i64 = on!(tx, c => sqlx::query_scalar(
        "INSERT INTO deliveries (uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, header, state, queued_at, \
         next_attempt_at, attempts, expires_at, site, lease_owner, lease_token, lease_until, last_code, last_status, \
         last_detail, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $20, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $21) \
         RETURNING id",
    )
    .bind(new.uuid)
    .bind(new.message_id.0)
    .bind(new.kind.as_str())
    .bind(new.alias_id.map(|id| id.0))
    .bind(new.mailbox_id.map(|id| id.0))
    .bind(new.sender.as_ref().map(Address::to_string))
    .bind(recipient)
    .bind(&new.header)
    .bind(new.queued_at.as_micros())
    .bind(new.next_attempt_at.as_micros())
    .bind(new.attempts.saturating_add(i32::from(lease.is_some())))
    .bind(new.expires_at.as_micros())
    .bind(&new.site)
    .bind(lease.map(|lease| lease.owner.clone()))
    .bind(lease.map(|lease| lease.token))
    .bind(lease.map(|lease| lease.until.as_micros()))
    .bind(failure.and_then(|failure| failure.code).map(i32::from))
    .bind(failure.map(|failure| failure.status.clone()))
    .bind(failure.map(|failure| failure.detail.reveal().clone()))
    .bind(if new.held { "held" } else { "waiting" })
    .bind(new.sealed)
    .fetch_one(c))?;
    Ok(DeliveryId(id))
}

/// The address of a mailbox, held fast: on PostgreSQL nobody moves it before this transaction ends, and whoever moves it
/// then finds the row that was written meanwhile. SQLite has one writer.
async fn hold_mailbox_address(tx: &mut Tx, id: MailboxId) -> Result<String, Error> {
    let text = match tx {
        Tx::Postgres(_) => "SELECT address FROM mailboxes WHERE id = $1 FOR SHARE",
        Tx::Sqlite(_) | Tx::PostgresRead(_) => "SELECT address FROM mailboxes WHERE id = $1",
    };
    let address: Option<String> = on!(tx, c => sqlx::query_scalar(text).bind(id.0).fetch_optional(c))?;
    address.ok_or_else(|| Error::new(ErrorKind::Reference, "the mailbox is gone"))
}

/// Failures shown for one alias at the most: whoever holds one of its bounce addresses could add any number.
const MOST_FAILED: i64 = 1_000;

/// Makes a refusal visible to the owner; no content was kept. The oldest failures of the alias go when there are too many.
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
    if let Some(alias) = new.alias_id {
        changed!(
            tx,
            sqlx::query(
                "DELETE FROM deliveries WHERE id IN (SELECT d.id FROM deliveries d WHERE d.alias_id = $1 \
                 AND d.state = 'failed' AND NOT d.quarantined ORDER BY d.id DESC LIMIT $2 OFFSET $3)"
            )
            .bind(alias.0)
            .bind(i64::MAX)
            .bind(MOST_FAILED)
        )?;
    }
    Ok(DeliveryId(id))
}

/// The outer WHERE repeats the conditions: on PostgreSQL the row may have been claimed between being found and being
/// changed. The list is materialized so that no plan can run its LIMIT twice.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (SELECT d.id FROM deliveries d \
             WHERE d.state = 'waiting' AND d.next_attempt_at <= $4 AND (d.lease_until IS NULL OR d.lease_until <= $4) \
             AND (d.asked_again OR NOT EXISTS (SELECT 1 FROM site_backoff b WHERE b.site = d.site AND b.until > $4)) \
             AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = d.mailbox_id AND (m.verified_at IS NULL OR m.paused_at IS NOT NULL)) \
             ORDER BY d.next_attempt_at LIMIT $5",
            $lock,
            ") UPDATE deliveries SET lease_owner = $1, lease_token = $2, lease_until = $3, \
             attempts = attempts + 1 WHERE state = 'waiting' AND (lease_until IS NULL OR lease_until <= $4) AND id IN (SELECT due.id FROM due) \
             RETURNING id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, state, queued_at, \
             next_attempt_at, attempts, expires_at, last_code, last_status, last_detail, settled_at, header, site, sealed, asked_again"
        )
    };
}

/// The text of [`claim()`] on SQLite, public so that a test can ask how it would be run.
pub const CLAIM_SQLITE: &str = claim!("");
/// The text of [`claim()`] on PostgreSQL. Without the lock clause two workers wait for each other's rows, in either order.
pub const CLAIM_POSTGRES: &str = claim!(" FOR UPDATE OF d SKIP LOCKED");

/// Takes up to `limit` due deliveries under `lease`, those due longest first, and counts the hand-off that begins; leaves
/// out sites that are in trouble and mailboxes that are not verified or paused. May give fewer than there are when several workers
/// ask at once: just ask again.
///
/// A row that makes no sense is put into quarantine: it is shown as failed, keeps its content, and holds up no other.
pub async fn claim(tx: &mut Tx, lease: &Lease, now: Timestamp, limit: u32) -> Result<Vec<ClaimedDelivery>, Error> {
    let text = if matches!(tx, Tx::Sqlite(_)) { CLAIM_SQLITE } else { CLAIM_POSTGRES };
    let rows: Vec<(i64, Result<ClaimedRow, sqlx::Error>)> = on!(tx, c => async {
        let rows = sqlx::query(text)
            .bind(&lease.owner)
            .bind(lease.token)
            .bind(lease.until.as_micros())
            .bind(now.as_micros())
            .bind(i64::from(limit))
            .fetch_all(c)
            .await?;
        rows.iter().map(one_by_one).collect::<Result<Vec<_>, sqlx::Error>>()
    })?;
    let mut claimed = Vec::with_capacity(rows.len());
    for (id, row) in rows {
        match row.map_err(Error::from).and_then(ClaimedDelivery::try_from) {
            Ok(delivery) => claimed.push(delivery),
            Err(error) => {
                tracing::error!(delivery.id = id, %error, "a delivery can't be read; it is put into quarantine");
                quarantine(tx, DeliveryId(id), now).await?;
            }
        }
    }
    claimed.sort_by_key(|claimed| (claimed.delivery.next_attempt_at, claimed.delivery.id));
    Ok(claimed)
}

impl TryFrom<ClaimedRow> for ClaimedDelivery {
    type Error = Error;
    fn try_from(row: ClaimedRow) -> Result<Self, Error> {
        let ClaimedRow { delivery, header, site, sealed, asked_again } = row;
        Ok(Self { delivery: delivery.try_into()?, header, site, sealed, asked_again })
    }
}

/// Takes a row that can't be read out of the queue; nothing of its content is erased.
async fn quarantine(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET state = 'failed', quarantined = TRUE, settled_at = $2, last_code = NULL, \
             last_status = '5.3.0', last_detail = 'the delivery can not be read', \
             lease_owner = NULL, lease_token = NULL, lease_until = NULL WHERE id = $1"
        )
        .bind(id.0)
        .bind(now.as_micros())
    )
    .map(drop)
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

/// Gives a delivery back untried (the worker stops, or its site turned out to be in trouble): the hand-off that [`claim`]
/// counted did not happen. False when the lease was lost.
pub async fn release(tx: &mut Tx, id: DeliveryId, token: Uuid) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END, \
             lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2 AND state = 'waiting'"
        )
        .bind(id.0)
        .bind(token)
    )?;
    Ok(changed == 1)
}

/// The next hop has it: the row goes, and the message with its last row. False when the lease was lost.
pub async fn settle_delivered(tx: &mut Tx, id: DeliveryId, token: Uuid) -> Result<bool, Error> {
    let rows: Vec<(Option<i64>, Option<i64>)> = on!(tx, c => sqlx::query_as(
        "DELETE FROM deliveries WHERE id = $1 AND lease_token = $2 AND state = 'waiting' RETURNING message_id, alias_id",
    ).bind(id.0).bind(token).fetch_all(c))?;
    if let Some((Some(message), Some(alias))) = rows.first() {
        muted::mute(tx, MessageId(*message), AliasId(*alias)).await?;
    }
    Ok(erase_all(tx, rows.into_iter().map(|(message, _)| message).collect()).await? == 1)
}

/// It will never be delivered: visible to the owner, content erased. False when the lease was lost.
pub async fn settle_failed(tx: &mut Tx, id: DeliveryId, token: Uuid, failure: &Failure, now: Timestamp) -> Result<bool, Error> {
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "UPDATE deliveries SET state = 'failed', header = $3, settled_at = $4, last_code = $5, \
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

/// Its message can't be read back: visible to the owner like [`settle_failed`], but message and header are kept until
/// someone has looked (`queue::make_due` tries it again, `queue::cancel` erases it). False when the lease was lost.
pub async fn settle_quarantined(
    tx: &mut Tx,
    id: DeliveryId,
    token: Uuid,
    failure: &Failure,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET state = 'failed', quarantined = TRUE, settled_at = $3, last_code = $4, last_status = $5, \
             last_detail = $6, lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2 AND state = 'waiting'"
        )
        .bind(id.0)
        .bind(token)
        .bind(now.as_micros())
        .bind(failure.code.map(i32::from))
        .bind(&failure.status)
        .bind(failure.detail.reveal())
    )?;
    Ok(changed == 1)
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

/// Not now: remembers why, and where the next hop is. False when the lease was lost.
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
            "UPDATE deliveries SET next_attempt_at = $3, last_code = $4, last_status = $5, \
             last_detail = $6, site = COALESCE($7, site), asked_again = FALSE, lease_owner = NULL, lease_token = NULL, lease_until = NULL \
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

/// Not now, and through no fault of its next hop: like [`retry_at`], but the hand-off that [`claim`] counted did not
/// happen. False when the lease was lost.
pub async fn postpone(tx: &mut Tx, id: DeliveryId, token: Uuid, at: Timestamp, failure: &Failure) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET next_attempt_at = $3, attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END, \
             last_code = $4, last_status = $5, last_detail = $6, asked_again = FALSE, \
             lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2 AND state = 'waiting'"
        )
        .bind(id.0)
        .bind(token)
        .bind(at.as_micros())
        .bind(failure.code.map(i32::from))
        .bind(&failure.status)
        .bind(failure.detail.reveal())
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

/// Cancels everything that still waits for an alias, is held, or lies in quarantine, also what is under lease: its holder's settling
/// then says false. How many messages there were (notices are cancelled as well but not counted).
pub async fn cancel_waiting_of_alias(tx: &mut Tx, alias: AliasId, now: Timestamp) -> Result<u64, Error> {
    let rows: Vec<(Option<i64>, String)> = on!(tx, c => sqlx::query_as(
        "UPDATE deliveries SET state = 'cancelled', cancelled_because = 'kill', quarantined = FALSE, header = $2, settled_at = $3, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE alias_id = $1 AND (state IN ('waiting', 'held') OR quarantined) RETURNING message_id, kind",
    ).bind(alias.0).bind(&[][..] as &[u8]).bind(now.as_micros()).fetch_all(c))?;
    let messages = rows.iter().filter(|(_, kind)| kind != DeliveryKind::Dsn.as_str()).count() as u64;
    erase_all(tx, rows.into_iter().map(|(message, _)| message).collect()).await?;
    Ok(messages)
}

/// Cancels everything that still waits for a mailbox, like [`cancel_waiting_of_alias`]. The alias of each, for its counters.
pub async fn cancel_waiting_of_mailbox(tx: &mut Tx, mailbox: MailboxId, now: Timestamp) -> Result<Vec<AliasId>, Error> {
    let rows: Vec<(Option<i64>, Option<i64>)> = on!(tx, c => sqlx::query_as(
        "UPDATE deliveries SET state = 'cancelled', cancelled_because = 'mailbox', quarantined = FALSE, header = $2, settled_at = $3, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE mailbox_id = $1 AND (state IN ('waiting', 'held') OR quarantined) RETURNING message_id, alias_id",
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
            "UPDATE deliveries SET mailbox_id = $2, recipient = $3, site = NULL \
             WHERE mailbox_id = $1 AND (state IN ('waiting', 'held') OR quarantined)"
        )
        .bind(from.0)
        .bind(to.0)
        .bind(address.to_string())
    )
}

/// The kept messages of an alias's deliveries, in order of their keys.
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
