//! App passwords: what devices log in with. Only hashes are kept.

use uuid::Uuid;

use crate::model::app_password::AppPassword;
use crate::model::id::{ApiTokenId, AppPasswordId, UserId};
use crate::model::{Private, Timestamp};

use super::{Error, ErrorKind, Tx, changed, columns, on};

/// What a new app password is made of.
#[derive(Debug, Clone)]
pub struct NewAppPassword {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls the device.
    pub name: String,
    /// Its first block.
    pub selector: String,
    /// Argon2id of the whole, in PHC format.
    pub hash: Private<String>,
    /// Now.
    pub created_at: Timestamp,
    /// The API token that made it, with which it ends.
    pub made_by: Option<ApiTokenId>,
}

/// What a login is held against.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The app password with that selector.
    pub app_password: AppPassword,
    /// Its hash.
    pub hash: Private<String>,
    /// The address its owner signs in with, folded.
    pub email: String,
}

#[derive(sqlx::FromRow)]
struct AppPasswordRow {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    name: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl From<AppPasswordRow> for AppPassword {
    fn from(row: AppPasswordRow) -> Self {
        Self {
            id: AppPasswordId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            name: row.name,
            created_at: Timestamp::from_micros(row.created_at),
            last_used_at: columns::optional_time(row.last_used_at),
        }
    }
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    #[sqlx(flatten)]
    app_password: AppPasswordRow,
    hash: String,
    email: String,
}

/// Keeps a new one. [`ErrorKind::Taken`] when its selector is in use; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewAppPassword) -> Result<AppPassword, Error> {
    let row: Option<AppPasswordRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO app_passwords (uuid, user_id, name, selector, hash, created_at, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (selector) DO NOTHING RETURNING id, uuid, user_id, name, created_at, last_used_at",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(&new.name)
    .bind(&new.selector)
    .bind(new.hash.reveal())
    .bind(new.created_at.as_micros())
    .bind(new.made_by.map(|id| id.0))
    .fetch_optional(c))?;
    Ok(row.ok_or_else(|| Error::new(ErrorKind::Taken, "the selector is in use"))?.into())
}

/// The one with that selector, and whose it is, unless the token that made it has ended.
pub async fn find_by_selector(tx: &mut Tx, selector: &str, now: Timestamp) -> Result<Option<Candidate>, Error> {
    let row: Option<CandidateRow> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.uuid, p.user_id, p.name, p.created_at, p.last_used_at, p.hash, u.email \
         FROM app_passwords p JOIN users u ON u.id = p.user_id LEFT JOIN api_tokens t ON t.id = p.made_by \
         WHERE p.selector = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)",
    ).bind(selector).bind(now.as_micros()).fetch_optional(c))?;
    Ok(row.map(|row| Candidate { app_password: row.app_password.into(), hash: Private::new(row.hash), email: row.email }))
}

/// Whether it is there still, and has not ended with the token that made it.
pub async fn exists(tx: &mut Tx, id: AppPasswordId, now: Timestamp) -> Result<bool, Error> {
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT p.id FROM app_passwords p LEFT JOIN api_tokens t ON t.id = p.made_by \
         WHERE p.id = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)",
    ).bind(id.0).bind(now.as_micros()).fetch_optional(c))?;
    Ok(found.is_some())
}

/// A user's, oldest first; those that ended with the token that made them are left out, as if it had been revoked.
pub async fn list(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<AppPassword>, Error> {
    let rows: Vec<AppPasswordRow> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.uuid, p.user_id, p.name, p.created_at, p.last_used_at FROM app_passwords p \
         LEFT JOIN api_tokens t ON t.id = p.made_by \
         WHERE p.user_id = $1 AND (t.expires_at IS NULL OR t.expires_at > $2) ORDER BY p.id",
    ).bind(user.0).bind(now.as_micros()).fetch_all(c))?;
    Ok(rows.into_iter().map(AppPassword::from).collect())
}

/// Notes that it was used.
pub async fn used(tx: &mut Tx, id: AppPasswordId, now: Timestamp) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE app_passwords SET last_used_at = $2 WHERE id = $1").bind(id.0).bind(now.as_micros()))
        .map(drop)
}

/// Forgets a user's; false when they have none with that id.
pub async fn delete(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<bool, Error> {
    let changed =
        changed!(tx, sqlx::query("DELETE FROM app_passwords WHERE user_id = $1 AND uuid = $2").bind(user.0).bind(uuid))?;
    Ok(changed == 1)
}
