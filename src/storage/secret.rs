//! Keys made at first start and shared by all nodes; and the digest of the link that makes the first account.

use crate::model::Timestamp;

use super::{Error, Tx, changed, on};

/// The key of that name, stored now with `fresh` if there was none. Safe when several nodes start at once.
pub async fn get_or_create(tx: &mut Tx, name: &str, fresh: &[u8], now: Timestamp) -> Result<Vec<u8>, Error> {
    changed!(
        tx,
        sqlx::query("INSERT INTO secrets (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",)
            .bind(name)
            .bind(fresh)
            .bind(now.as_micros())
    )?;
    on!(tx, c => sqlx::query_scalar("SELECT value FROM secrets WHERE name = $1").bind(name).fetch_one(c))
}

/// What stands under that name.
pub async fn find(tx: &mut Tx, name: &str) -> Result<Option<Vec<u8>>, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT value FROM secrets WHERE name = $1").bind(name).fetch_optional(c))
}

/// Stores a value in place of whatever stood under that name.
pub async fn put(tx: &mut Tx, name: &str, value: &[u8], now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO secrets (name, value, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, created_at = excluded.created_at"
        )
        .bind(name)
        .bind(value)
        .bind(now.as_micros())
    )
    .map(drop)
}

/// Removes that name if this very value stands under it: of two who take it at once, one gets it.
pub async fn take(tx: &mut Tx, name: &str, value: &[u8]) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM secrets WHERE name = $1 AND value = $2").bind(name).bind(value))? == 1)
}

/// Removes whatever stands under that name.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM secrets WHERE name = $1").bind(name)).map(drop)
}
