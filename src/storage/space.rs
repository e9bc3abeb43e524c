//! Space the database takes, and that inside its file which new rows can take before the file grows.

use super::{Error, Tx, on};

/// Bytes of pages nothing stands on. A SQLite file does not shrink when mail is erased; its free pages are used again.
/// PostgreSQL's space is its server's affair.
pub async fn reusable(tx: &mut Tx) -> Result<u64, Error> {
    if !matches!(tx, Tx::Sqlite(_)) {
        return Ok(0);
    }
    let text = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
    let bytes: i64 = on!(tx, c => sqlx::query_scalar(text).fetch_one(c))?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Bytes the database takes; of SQLite without the log of what was committed lately.
pub async fn size(tx: &mut Tx) -> Result<u64, Error> {
    let text = match tx {
        Tx::Sqlite(_) => "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        Tx::PostgresRead(_) | Tx::Postgres(_) => "SELECT pg_database_size(current_database())",
    };
    let bytes: i64 = on!(tx, c => sqlx::query_scalar(text).fetch_one(c))?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}
