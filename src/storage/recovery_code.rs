//! Recovery codes, found by their digests. Each is taken once.

use crate::model::Timestamp;
use crate::model::id::UserId;

use super::{Error, Tx, changed};

/// Puts fresh codes in the place of those a user had.
pub async fn replace(tx: &mut Tx, user: UserId, hashes: &[[u8; 32]], now: Timestamp) -> Result<(), Error> {
    clear(tx, user).await?;
    for hash in hashes {
        let text = "INSERT INTO recovery_codes (user_id, hash, created_at) VALUES ($1, $2, $3)";
        changed!(tx, sqlx::query(text).bind(user.0).bind(&hash[..]).bind(now.as_micros()))?;
    }
    Ok(())
}

/// Takes a code: of two who use it at once, one gets it.
pub async fn take(tx: &mut Tx, user: UserId, hash: &[u8; 32]) -> Result<bool, Error> {
    let text = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(&hash[..]))? == 1)
}

/// Forgets all of a user's.
pub async fn clear(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1").bind(user.0)).map(drop)
}
