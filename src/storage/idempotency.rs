//! What clients were answered under a key of their own, for when they ask the same thing again.

use crate::model::Timestamp;
use crate::model::id::UserId;

use super::{Error, Tx, changed, on};

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the request.
    pub request_hash: Vec<u8>,
    /// The status of the answer.
    pub status: i32,
    /// Its body.
    pub body: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct Row {
    request_hash: Vec<u8>,
    status: i32,
    body: Vec<u8>,
}

/// Takes a key for the rest of this transaction; false when something younger than `stale` is kept under it. Who takes the
/// same key meanwhile waits for the end of this transaction.
pub async fn take(
    tx: &mut Tx,
    user: UserId,
    key: &str,
    request_hash: &[u8; 32],
    now: Timestamp,
    stale: Timestamp,
) -> Result<bool, Error> {
    let taken = changed!(
        tx,
        sqlx::query(
            "INSERT INTO idempotency_keys (user_id, key, request_hash, status, body, created_at) VALUES ($1, $2, $3, 0, $4, $5) \
             ON CONFLICT (user_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = 0, body = excluded.body, \
             created_at = excluded.created_at WHERE idempotency_keys.created_at < $6"
        )
        .bind(user.0)
        .bind(key)
        .bind(&request_hash[..])
        .bind(&[][..] as &[u8])
        .bind(now.as_micros())
        .bind(stale.as_micros())
    )?;
    Ok(taken == 1)
}

/// Keeps the answer under the key that this transaction took.
pub async fn keep(tx: &mut Tx, user: UserId, key: &str, status: u16, body: &[u8]) -> Result<(), Error> {
    let text = "UPDATE idempotency_keys SET status = $3, body = $4 WHERE user_id = $1 AND key = $2";
    changed!(tx, sqlx::query(text).bind(user.0).bind(key).bind(i32::from(status)).bind(body)).map(drop)
}

/// What is kept under a key.
pub async fn find(tx: &mut Tx, user: UserId, key: &str) -> Result<Option<Kept>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT request_hash, status, body FROM idempotency_keys WHERE user_id = $1 AND key = $2",
    ).bind(user.0).bind(key).fetch_optional(c))?;
    Ok(row.map(|row| Kept { request_hash: row.request_hash, status: row.status, body: row.body }))
}

/// Forgets what is older than that moment; how many.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1").bind(before.as_micros()))
}
