//! Which id a reply went out with, and which one the owner's mail client gave it.

use crate::model::Timestamp;
use crate::model::id::AliasId;

use super::{Error, Tx, changed, on};

/// Remembers a pair; one known already counts as new again.
pub async fn record(tx: &mut Tx, alias: AliasId, ours: &str, theirs: &str, now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO message_ids (alias_id, ours, theirs, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (alias_id, ours) DO UPDATE SET created_at = excluded.created_at"
        )
        .bind(alias.0)
        .bind(ours)
        .bind(theirs)
        .bind(now.as_micros())
    )
    .map(drop)
}

/// When the pair of this id of ours was remembered.
pub async fn recorded_at(tx: &mut Tx, alias: AliasId, ours: &str) -> Result<Option<Timestamp>, Error> {
    const QUERY: &str = "SELECT created_at FROM message_ids WHERE alias_id = $1 AND ours = $2";
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(QUERY).bind(alias.0).bind(ours).fetch_optional(c))?;
    Ok(found.map(Timestamp::from_micros))
}

/// The pairs known among these ids of ours: (ours, theirs).
pub async fn find_many(tx: &mut Tx, alias: AliasId, ours: &[String]) -> Result<Vec<(String, String)>, Error> {
    const SQLITE: &str = "SELECT ours, theirs FROM message_ids WHERE alias_id = $1 AND ours IN (SELECT value FROM json_each($2))";
    const POSTGRES: &str = "SELECT ours, theirs FROM message_ids WHERE alias_id = $1 AND ours = ANY($2)";
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    let rows = match tx {
        Tx::Sqlite(t) => {
            let list = serde_json::Value::from(ours.to_vec()).to_string();
            sqlx::query_as(SQLITE).bind(alias.0).bind(list).fetch_all(&mut **t).await
        }
        Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query_as(POSTGRES).bind(alias.0).bind(ours).fetch_all(&mut **t).await,
    }?;
    Ok(rows)
}

/// Forgets pairs older than `before`. How many.
pub async fn expire(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM message_ids WHERE created_at < $1").bind(before.as_micros()))
}
