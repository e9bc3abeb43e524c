//! Counters per alias and day.

use crate::model::activity::{Activity, ActivityKey};
use crate::model::id::{AliasId, UserId};

use super::{Error, Tx, changed, on};

#[derive(sqlx::FromRow)]
struct ActivityRow {
    day: i64,
    forwarded: i64,
    blocked: i64,
    refused: i64,
    failed: i64,
    cancelled: i64,
    replied: i64,
    unproven: i64,
    quoted: i64,
}

impl ActivityRow {
    fn counts(&self) -> Activity {
        Activity {
            forwarded: self.forwarded,
            blocked: self.blocked,
            refused: self.refused,
            failed: self.failed,
            cancelled: self.cancelled,
            replied: self.replied,
            unproven: self.unproven,
            quoted: self.quoted,
        }
    }
}

/// Adds counts. Those of an alias that is gone are dropped.
pub async fn add(tx: &mut Tx, counts: &[(ActivityKey, Activity)]) -> Result<(), Error> {
    // In one order everywhere, so that two nodes can't block each other.
    let mut counts = counts.to_vec();
    counts.sort_by_key(|(key, _)| *key);
    for (key, count) in counts {
        changed!(
            tx,
            sqlx::query(
                "INSERT INTO activity (alias_id, day, forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted) \
                 SELECT a.id, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM aliases a WHERE a.id = $1 \
                 ON CONFLICT (alias_id, day) DO UPDATE SET forwarded = activity.forwarded + excluded.forwarded, \
                 blocked = activity.blocked + excluded.blocked, refused = activity.refused + excluded.refused, \
                 failed = activity.failed + excluded.failed, cancelled = activity.cancelled + excluded.cancelled, \
                 replied = activity.replied + excluded.replied, unproven = activity.unproven + excluded.unproven, \
                 quoted = activity.quoted + excluded.quoted"
            )
            .bind(key.alias_id.0)
            .bind(key.day)
            .bind(count.forwarded)
            .bind(count.blocked)
            .bind(count.refused)
            .bind(count.failed)
            .bind(count.cancelled)
            .bind(count.replied)
            .bind(count.unproven)
            .bind(count.quoted)
        )?;
    }
    Ok(())
}

/// An alias's days since `from_day`, oldest first; days without mail are left out.
pub async fn of_alias(tx: &mut Tx, alias: AliasId, from_day: i64) -> Result<Vec<(i64, Activity)>, Error> {
    let rows: Vec<ActivityRow> = on!(tx, c => sqlx::query_as(
        "SELECT day, forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted FROM activity \
         WHERE alias_id = $1 AND day >= $2 ORDER BY day",
    ).bind(alias.0).bind(from_day).fetch_all(c))?;
    Ok(rows.iter().map(|row| (row.day, row.counts())).collect())
}

/// Everything an alias ever counted.
pub async fn total(tx: &mut Tx, alias: AliasId) -> Result<Activity, Error> {
    let mut total = Activity::default();
    for (_, counts) in of_alias(tx, alias, i64::MIN).await? {
        total.add(counts);
    }
    Ok(total)
}

/// What all of a user's aliases counted since `from_day`, by day, oldest first; days without mail are left out. With what was
/// turned away at names whose alias was taken back.
pub async fn of_user(tx: &mut Tx, user: UserId, from_day: i64) -> Result<Vec<(i64, Activity)>, Error> {
    let rows: Vec<ActivityRow> = on!(tx, c => sqlx::query_as(
        "SELECT t.day, CAST(SUM(t.forwarded) AS BIGINT) AS forwarded, CAST(SUM(t.blocked) AS BIGINT) AS blocked, \
         CAST(SUM(t.refused) AS BIGINT) AS refused, CAST(SUM(t.failed) AS BIGINT) AS failed, \
         CAST(SUM(t.cancelled) AS BIGINT) AS cancelled, CAST(SUM(t.replied) AS BIGINT) AS replied, \
         CAST(SUM(t.unproven) AS BIGINT) AS unproven, CAST(SUM(t.quoted) AS BIGINT) AS quoted \
         FROM (SELECT c.day, c.forwarded, c.blocked, c.refused, c.failed, c.cancelled, c.replied, c.unproven, c.quoted \
         FROM activity c JOIN aliases a ON a.id = c.alias_id WHERE a.user_id = $1 AND c.day >= $2 \
         UNION ALL SELECT w.day, 0, w.blocked, w.refused, 0, 0, 0, 0, 0 FROM turned_away w WHERE w.user_id = $1 AND w.day >= $2) t \
         GROUP BY t.day ORDER BY t.day",
    ).bind(user.0).bind(from_day).fetch_all(c))?;
    Ok(rows.iter().map(|row| (row.day, row.counts())).collect())
}

#[derive(sqlx::FromRow)]
struct BusyRow {
    alias_id: i64,
    #[sqlx(flatten)]
    counts: ActivityRow,
}

/// The aliases of a user that had most mail since `from_day`, those with most first, so many at the most.
pub async fn busiest(tx: &mut Tx, user: UserId, from_day: i64, limit: u32) -> Result<Vec<(AliasId, Activity)>, Error> {
    let rows: Vec<BusyRow> = on!(tx, c => sqlx::query_as(
        "SELECT t.alias_id, MAX(t.day) AS day, CAST(SUM(t.forwarded) AS BIGINT) AS forwarded, \
         CAST(SUM(t.blocked) AS BIGINT) AS blocked, CAST(SUM(t.refused) AS BIGINT) AS refused, \
         CAST(SUM(t.failed) AS BIGINT) AS failed, CAST(SUM(t.cancelled) AS BIGINT) AS cancelled, \
         CAST(SUM(t.replied) AS BIGINT) AS replied, CAST(SUM(t.unproven) AS BIGINT) AS unproven, \
         CAST(SUM(t.quoted) AS BIGINT) AS quoted \
         FROM activity t JOIN aliases a ON a.id = t.alias_id WHERE a.user_id = $1 AND t.day >= $2 GROUP BY t.alias_id \
         ORDER BY SUM(t.forwarded + t.blocked + t.refused + t.failed + t.cancelled + t.replied) DESC, t.alias_id LIMIT $3",
    ).bind(user.0).bind(from_day).bind(i64::from(limit)).fetch_all(c))?;
    Ok(rows.iter().map(|row| (AliasId(row.alias_id), row.counts.counts())).collect())
}
