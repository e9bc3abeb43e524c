//! Keys made at first start and shared by all nodes.

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
