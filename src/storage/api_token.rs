//! API tokens, found by their hash.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::api_token::{ApiToken, Scopes};
use crate::model::id::{ApiTokenId, UserId};
use crate::model::user::User;

use super::{Error, ErrorKind, Tx, changed, columns, on};

/// What a new token is made of.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it is looked up by.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: Scopes,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The token that made it, with which it ends.
    pub made_by: Option<ApiTokenId>,
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<TokenRow> for ApiToken {
    type Error = Error;
    fn try_from(row: TokenRow) -> Result<Self, Error> {
        Ok(Self {
            id: ApiTokenId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            name: row.name,
            scopes: columns::word("api_tokens", "scopes", row.id, &row.scopes)?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: columns::optional_time(row.expires_at),
            last_used_at: columns::optional_time(row.last_used_at),
        })
    }
}

/// Adds a token. [`ErrorKind::Taken`] when there is one with this hash.
pub async fn create(tx: &mut Tx, new: &NewApiToken) -> Result<ApiToken, Error> {
    let row: Option<TokenRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO api_tokens (uuid, user_id, name, hash, scopes, created_at, expires_at, made_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (hash) DO NOTHING \
         RETURNING id, uuid, user_id, name, scopes, created_at, expires_at, last_used_at",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(&new.name)
    .bind(&new.hash[..])
    .bind(new.scopes.to_string())
    .bind(new.created_at.as_micros())
    .bind(new.expires_at.map(Timestamp::as_micros))
    .bind(new.made_by.map(|id| id.0))
    .fetch_optional(c))?;
    row.ok_or_else(|| Error::new(ErrorKind::Taken, "there is a token with this hash"))?.try_into()
}

#[derive(sqlx::FromRow)]
struct CallerRow {
    #[sqlx(flatten)]
    token: TokenRow,
    user_uuid: Uuid,
    email: String,
    is_admin: bool,
    user_created_at: i64,
    on_quarantine: String,
    replace_quoted: bool,
}

/// The token of that hash that is in force, and whose it is. Asked with every request of a program.
pub async fn find_caller(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<(ApiToken, User)>, Error> {
    let row: Option<CallerRow> = on!(tx, c => sqlx::query_as(
        "SELECT t.id, t.uuid, t.user_id, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at, u.uuid AS user_uuid, \
         u.email, u.is_admin, u.created_at AS user_created_at, u.on_quarantine, u.replace_quoted \
         FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)",
    ).bind(&hash[..]).bind(now.as_micros()).fetch_optional(c))?;
    let Some(row) = row else { return Ok(None) };
    let id = row.token.user_id;
    let user = User {
        id: UserId(id),
        uuid: row.user_uuid,
        email: columns::folded("users", "email", id, &row.email)?,
        is_admin: row.is_admin,
        created_at: Timestamp::from_micros(row.user_created_at),
        on_quarantine: columns::word("users", "on_quarantine", id, &row.on_quarantine)?,
        replace_quoted: row.replace_quoted,
    };
    Ok(Some((row.token.try_into()?, user)))
}

/// All tokens of a user, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<ApiToken>, Error> {
    let rows: Vec<TokenRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, name, scopes, created_at, expires_at, last_used_at FROM api_tokens \
         WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(ApiToken::try_from).collect()
}

/// Records that it was used.
pub async fn touch(tx: &mut Tx, id: ApiTokenId, now: Timestamp) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1").bind(id.0).bind(now.as_micros())).map(drop)
}

/// Ends a token of that user at once; false when there was none.
pub async fn delete(tx: &mut Tx, user: UserId, id: ApiTokenId) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM api_tokens WHERE id = $1 AND user_id = $2").bind(id.0).bind(user.0))? == 1)
}
