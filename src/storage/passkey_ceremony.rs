//! Ceremonies of passkeys between their two requests. Each is taken once, so that no answer counts twice.

use crate::model::Timestamp;
use crate::model::id::UserId;

use super::{Error, Tx, changed, on};

/// A ceremony.
#[derive(Debug, Clone)]
pub struct Ceremony {
    /// For whom; `None`: the passkey will say who it is.
    pub user_id: Option<UserId>,
    /// What the library remembers of it.
    pub state: String,
}

/// Keeps a ceremony.
pub async fn create(tx: &mut Tx, hash: &[u8; 32], ceremony: &Ceremony, expires_at: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("INSERT INTO passkey_ceremonies (hash, user_id, state, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(&hash[..])
            .bind(ceremony.user_id.map(|id| id.0))
            .bind(&ceremony.state)
            .bind(expires_at.as_micros())
    )
    .map(drop)
}

/// Takes the ceremony of that digest, if it did not end by itself.
pub async fn take(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<Ceremony>, Error> {
    let row: Option<(Option<i64>, String)> = on!(tx, c => sqlx::query_as(
        "DELETE FROM passkey_ceremonies WHERE hash = $1 AND expires_at > $2 RETURNING user_id, state",
    ).bind(&hash[..]).bind(now.as_micros()).fetch_optional(c))?;
    Ok(row.map(|(user, state)| Ceremony { user_id: user.map(UserId), state }))
}

/// Forgets those that ended by themselves.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM passkey_ceremonies WHERE expires_at <= $1").bind(now.as_micros()))
}
