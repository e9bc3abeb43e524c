//! Senders a user wants nothing from: an address, or a domain with its subdomains, at whichever alias.
//!
//! One correspondent of one alias is blocked in `contacts`; [`matches()`] asks for both at once.

use uuid::Uuid;

use crate::model::block::{Block, Sender};
use crate::model::id::{AliasId, UserId};
use crate::model::{Address, Timestamp};

use super::{Error, Tx, changed, on, patiently};

#[derive(sqlx::FromRow)]
struct BlockRow {
    id: i64,
    uuid: Uuid,
    sender: String,
    created_at: i64,
}

impl TryFrom<BlockRow> for Block {
    type Error = Error;
    fn try_from(row: BlockRow) -> Result<Self, Error> {
        let sender = Sender::from_stored(&row.sender).ok_or_else(|| Error::corrupt("blocks", "sender", row.id))?;
        Ok(Self { uuid: row.uuid, sender, created_at: Timestamp::from_micros(row.created_at) })
    }
}

/// Blocks a sender; false when it was blocked already.
pub async fn add(tx: &mut Tx, user: UserId, sender: &Sender, uuid: Uuid, now: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "INSERT INTO blocks (uuid, user_id, sender, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id, sender) DO NOTHING"
        )
        .bind(uuid)
        .bind(user.0)
        .bind(sender.to_string())
        .bind(now.as_micros())
    )?;
    Ok(changed == 1)
}

/// Takes a block back; false when there was none.
pub async fn remove(tx: &mut Tx, user: UserId, sender: &Sender) -> Result<bool, Error> {
    let text = "DELETE FROM blocks WHERE user_id = $1 AND sender = $2";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(sender.to_string()))? == 1)
}

/// How many a user has.
pub async fn count(tx: &mut Tx, user: UserId) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM blocks WHERE user_id = $1").bind(user.0).fetch_one(c))
}

/// A user's blocks, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Block>, Error> {
    let rows: Vec<BlockRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, sender, created_at FROM blocks WHERE user_id = $1 ORDER BY created_at, id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(Block::try_from).collect()
}

macro_rules! select {
    ($open:literal, $close:literal) => {
        concat!(
            "SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = $1 AND sender ",
            $open,
            "$3",
            $close,
            ") OR EXISTS (SELECT 1 FROM contacts WHERE alias_id = $2 AND blocked_at IS NOT NULL AND address_key ",
            $open,
            "$4",
            $close,
            ")"
        )
    };
}

/// Whether the user wants nothing from one of these senders at that alias.
pub async fn matches(tx: &mut Tx, user: UserId, alias: AliasId, senders: &[Address]) -> Result<bool, Error> {
    let blocked: Vec<String> = senders.iter().flat_map(Sender::all_of).map(|sender| sender.to_string()).collect();
    let keys: Vec<String> = senders.iter().map(Address::folded).collect();
    // A list as one parameter is where the dialects part.
    let postgres = select!("= ANY(", ")");
    let found: bool = match tx {
        Tx::Sqlite(t) => {
            let list = |texts: Vec<String>| serde_json::Value::from(texts).to_string();
            sqlx::query_scalar(select!("IN (SELECT value FROM json_each(", "))"))
                .bind(user.0)
                .bind(alias.0)
                .bind(list(blocked))
                .bind(list(keys))
                .fetch_one(&mut **t)
                .await
        }
        Tx::PostgresRead(t) | Tx::Postgres(t) => patiently!(t, c => sqlx::query_scalar(postgres)
            .bind(user.0).bind(alias.0).bind(&blocked).bind(&keys).fetch_one(c)),
    }?;
    Ok(found)
}
