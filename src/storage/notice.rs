//! What users were told last.

use std::time::Duration;

use crate::model::Timestamp;
use crate::model::id::UserId;
use crate::model::notice::NoticeKind;

use super::{Error, Tx, changed};

/// Records that a user is told of something now; false, and nothing is recorded, when they were told of the same thing
/// less than `quiet_for` ago. A clock that jumped back does not keep anybody uninformed.
pub async fn record(
    tx: &mut Tx,
    user: UserId,
    kind: NoticeKind,
    about: &str,
    now: Timestamp,
    quiet_for: Duration,
) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "INSERT INTO notices (user_id, kind, about, told_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id, kind, about) DO UPDATE SET told_at = excluded.told_at \
             WHERE notices.told_at <= $5 OR notices.told_at > $4"
        )
        .bind(user.0)
        .bind(kind.as_str())
        .bind(about)
        .bind(now.as_micros())
        .bind(now.minus(quiet_for).as_micros())
    )?;
    Ok(changed == 1)
}

/// Forgets what was told before that moment. How many.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM notices WHERE told_at < $1").bind(before.as_micros()))
}
