//! Refusals of mailboxes by their own servers: as many as decide whether a mailbox is paused.

use crate::model::Timestamp;
use crate::model::id::MailboxId;

use super::{Error, Tx, changed, on};

/// What a new refusal is made of.
#[derive(Debug, Clone)]
pub struct NewRefusal {
    /// The mailbox.
    pub mailbox_id: MailboxId,
    /// The enhanced status code.
    pub status: String,
    /// Whether the message had been taken and came back.
    pub returned: bool,
    /// Now.
    pub at: Timestamp,
}

/// When the mailbox was refused since that moment, oldest first.
pub async fn since(tx: &mut Tx, id: MailboxId, since: Timestamp) -> Result<Vec<Timestamp>, Error> {
    let times: Vec<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT refused_at FROM mailbox_refusals WHERE mailbox_id = $1 AND refused_at >= $2 ORDER BY refused_at",
    ).bind(id.0).bind(since.as_micros()).fetch_all(c))?;
    Ok(times.into_iter().map(Timestamp::from_micros).collect())
}

/// Records one.
pub async fn insert(tx: &mut Tx, new: &NewRefusal) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("INSERT INTO mailbox_refusals (mailbox_id, status, returned, refused_at) VALUES ($1, $2, $3, $4)")
            .bind(new.mailbox_id.0)
            .bind(&new.status)
            .bind(new.returned)
            .bind(new.at.as_micros())
    )
    .map(drop)
}

/// The mailbox's server took a message: forgets the refusals that this disproves.
pub async fn disprove(tx: &mut Tx, id: MailboxId) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM mailbox_refusals WHERE mailbox_id = $1 AND NOT returned").bind(id.0))
}

/// Forgets all of a mailbox.
pub async fn clear(tx: &mut Tx, id: MailboxId) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM mailbox_refusals WHERE mailbox_id = $1").bind(id.0))
}

/// Forgets all before that moment. How many.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM mailbox_refusals WHERE refused_at < $1").bind(before.as_micros()))
}

/// The mailboxes that have refusals a success would disprove.
pub async fn doubtful(tx: &mut Tx) -> Result<Vec<MailboxId>, Error> {
    let ids: Vec<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT DISTINCT mailbox_id FROM mailbox_refusals WHERE NOT returned",
    ).fetch_all(c))?;
    Ok(ids.into_iter().map(MailboxId).collect())
}
