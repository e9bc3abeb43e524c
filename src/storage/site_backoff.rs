//! Next hops that do not answer: every node waits for them together.

use crate::model::Timestamp;

use super::{Error, Tx, changed, on};

/// Records that a site is in trouble until `until`; how many times in a row now. Never shortens a wait.
pub async fn record(tx: &mut Tx, site: &str, until: Timestamp) -> Result<i32, Error> {
    on!(tx, c => sqlx::query_scalar(
        "INSERT INTO site_backoff (site, until, failures) VALUES ($1, $2, 1) ON CONFLICT (site) DO UPDATE SET \
         until = CASE WHEN site_backoff.until > excluded.until THEN site_backoff.until ELSE excluded.until END, \
         failures = site_backoff.failures + 1 RETURNING failures",
    ).bind(site).bind(until.as_micros()).fetch_one(c))
}

/// Until when to wait for a site, and after how many failures; `None` when it is not known to be in trouble.
pub async fn find(tx: &mut Tx, site: &str) -> Result<Option<(Timestamp, i32)>, Error> {
    let row: Option<(i64, i32)> = on!(tx, c => sqlx::query_as("SELECT until, failures FROM site_backoff WHERE site = $1")
        .bind(site).fetch_optional(c))?;
    Ok(row.map(|(until, failures)| (Timestamp::from_micros(until), failures)))
}

/// The site answers again; false when it was not known to be in trouble.
pub async fn clear(tx: &mut Tx, site: &str) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM site_backoff WHERE site = $1").bind(site))? == 1)
}

/// Forgets sites whose wait ended before `before`.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM site_backoff WHERE until < $1").bind(before.as_micros()))
}

/// The sites to wait for now, and until when.
pub async fn list(tx: &mut Tx, now: Timestamp) -> Result<Vec<(String, Timestamp)>, Error> {
    let rows: Vec<(String, i64)> = on!(tx, c => sqlx::query_as("SELECT site, until FROM site_backoff WHERE until > $1 ORDER BY site")
        .bind(now.as_micros())
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|(site, until)| (site, Timestamp::from_micros(until))).collect())
}
