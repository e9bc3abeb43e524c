//! The secrets of authenticator programs (RFC 6238): drawn, then confirmed by a first code; each step of time counts once.

use crate::model::id::UserId;
use crate::model::{Private, Timestamp};

use super::{Error, Tx, changed, on};

/// A secret.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The secret itself.
    pub bytes: Private<Vec<u8>>,
    /// Whether a first code proved that it arrived: before that nothing is asked for.
    pub is_confirmed: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    totp_secret: Option<Vec<u8>>,
    totp_confirmed_at: Option<i64>,
}

/// A user's secret.
pub async fn find(tx: &mut Tx, user: UserId) -> Result<Option<Secret>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as("SELECT totp_secret, totp_confirmed_at FROM users WHERE id = $1")
        .bind(user.0).fetch_optional(c))?;
    Ok(row.and_then(|row| {
        let is_confirmed = row.totp_confirmed_at.is_some();
        row.totp_secret.map(|bytes| Secret { bytes: Private::new(bytes), is_confirmed })
    }))
}

/// Keeps a fresh secret, unless one is confirmed.
pub async fn draft(tx: &mut Tx, user: UserId, secret: &Private<Vec<u8>>) -> Result<bool, Error> {
    let text = "UPDATE users SET totp_secret = $2, totp_last_step = NULL WHERE id = $1 AND totp_confirmed_at IS NULL";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(secret.reveal()))? == 1)
}

/// Records that the first code came, which was that of `step`; false when there was nothing to confirm.
pub async fn confirm(tx: &mut Tx, user: UserId, step: i64, now: Timestamp) -> Result<bool, Error> {
    let text = "UPDATE users SET totp_confirmed_at = $3, totp_last_step = $2 \
                WHERE id = $1 AND totp_secret IS NOT NULL AND totp_confirmed_at IS NULL";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(step).bind(now.as_micros()))? == 1)
}

/// Uses the code of a step up; false when it, or that of a later step, was used before.
pub async fn use_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, Error> {
    let text = "UPDATE users SET totp_last_step = $2 WHERE id = $1 AND totp_confirmed_at IS NOT NULL \
                AND (totp_last_step IS NULL OR totp_last_step < $2)";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(step))? == 1)
}

/// Forgets a secret that no code confirmed.
pub async fn forget_draft(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    let text = "UPDATE users SET totp_secret = NULL WHERE id = $1 AND totp_confirmed_at IS NULL";
    changed!(tx, sqlx::query(text).bind(user.0)).map(drop)
}

/// Forgets a user's secret, confirmed or not.
pub async fn clear(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    let text = "UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(user.0)).map(drop)
}
