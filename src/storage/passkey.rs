//! Passkeys, found by what the browser knows them by.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::id::{PasskeyId, UserId};
use crate::model::passkey::Passkey;

use super::{Error, ErrorKind, Tx, changed, columns, on};

/// What a new passkey is made of.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What the browser knows it by.
    pub credential_id: Vec<u8>,
    /// The public half, as the library writes it.
    pub credential: String,
    /// Now.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    name: String,
    credential_id: Vec<u8>,
    credential: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl From<Row> for Passkey {
    fn from(row: Row) -> Self {
        Self {
            id: PasskeyId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            name: row.name,
            credential_id: row.credential_id,
            credential: row.credential,
            created_at: Timestamp::from_micros(row.created_at),
            last_used_at: columns::optional_time(row.last_used_at),
        }
    }
}

/// Adds a passkey. [`ErrorKind::Taken`] when it is somebody's already; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewPasskey) -> Result<Passkey, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "INSERT INTO passkeys (uuid, user_id, name, credential_id, credential, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (credential_id) DO NOTHING \
         RETURNING id, uuid, user_id, name, credential_id, credential, created_at, last_used_at",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(&new.name)
    .bind(&new.credential_id)
    .bind(&new.credential)
    .bind(new.created_at.as_micros())
    .fetch_optional(c))?;
    row.map(Passkey::from).ok_or_else(|| Error::new(ErrorKind::Taken, "this passkey was added before"))
}

/// A user's passkeys, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Passkey>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, name, credential_id, credential, created_at, last_used_at FROM passkeys \
         WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    Ok(rows.into_iter().map(Passkey::from).collect())
}

/// The passkey that the browser knows by that.
pub async fn find_by_credential(tx: &mut Tx, credential_id: &[u8]) -> Result<Option<Passkey>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, name, credential_id, credential, created_at, last_used_at FROM passkeys \
         WHERE credential_id = $1",
    ).bind(credential_id).fetch_optional(c))?;
    Ok(row.map(Passkey::from))
}

/// Records that it was used, and what its counter is now; false when it is gone.
pub async fn touch(tx: &mut Tx, id: PasskeyId, credential: &str, now: Timestamp) -> Result<bool, Error> {
    let text = "UPDATE passkeys SET credential = $2, last_used_at = $3 WHERE id = $1";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(credential).bind(now.as_micros()))? == 1)
}

/// Removes one; false when the user has none with this id.
pub async fn delete(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM passkeys WHERE user_id = $1 AND uuid = $2").bind(user.0).bind(uuid))? == 1)
}

/// Removes all of a user's.
pub async fn clear(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM passkeys WHERE user_id = $1").bind(user.0)).map(drop)
}
