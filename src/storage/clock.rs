//! The database's clock, which all nodes of a shared database follow.

use crate::model::Timestamp;

use super::{Error, Tx, on};

/// What time the database thinks it is; also the cheapest proof that it answers.
pub async fn now(tx: &mut Tx) -> Result<Timestamp, Error> {
    let text = match tx {
        Tx::Sqlite(_) => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        Tx::PostgresRead(_) | Tx::Postgres(_) => "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT",
    };
    let micros: i64 = on!(tx, c => sqlx::query_scalar(text).fetch_one(c))?;
    Ok(Timestamp::from_micros(micros))
}
