//! Files on their way in: kept here rather than on a node, because the next request may meet another one.

use crate::model::Timestamp;
use crate::model::id::UserId;

use super::{Error, Tx, changed, on};

/// A file and what its owner said about it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Which service it comes from: a word.
    pub source: String,
    /// Where aliases are made whose domain is not here.
    pub remap: Option<String>,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Keeps a file, in place of one the user gave before.
pub async fn put(tx: &mut Tx, user: UserId, upload: &Upload, now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO uploads (user_id, source, remap, content, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id) DO UPDATE SET source = excluded.source, remap = excluded.remap, \
             content = excluded.content, created_at = excluded.created_at"
        )
        .bind(user.0)
        .bind(&upload.source)
        .bind(upload.remap.as_deref())
        .bind(&upload.content)
        .bind(now.as_micros())
    )
    .map(drop)
}

/// The file a user gave.
pub async fn find(tx: &mut Tx, user: UserId) -> Result<Option<Upload>, Error> {
    let row: Option<(String, Option<String>, Vec<u8>)> = on!(tx, c => sqlx::query_as(
        "SELECT source, remap, content FROM uploads WHERE user_id = $1",
    ).bind(user.0).fetch_optional(c))?;
    Ok(row.map(|(source, remap, content)| Upload { source, remap, content }))
}

/// Forgets it.
pub async fn delete(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM uploads WHERE user_id = $1").bind(user.0)).map(drop)
}

/// Forgets what nobody came back to since that moment.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM uploads WHERE created_at < $1").bind(before.as_micros()))
}
