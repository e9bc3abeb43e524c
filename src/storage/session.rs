//! Sessions, found by the digest of what the cookie holds.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::id::{SessionId, UserId};
use crate::model::session::Session;

use super::{Error, Tx, changed, columns, on};

/// What a new session is made of.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Who signed in.
    pub user_id: UserId,
    /// What it is looked up by.
    pub hash: [u8; 32],
    /// Whether a second factor has to follow.
    pub needs_factor: bool,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What the browser said it is.
    pub user_agent: String,
    /// Where it signed in from.
    pub client_ip: std::net::IpAddr,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    needs_factor: bool,
    created_at: i64,
    last_seen_at: i64,
    confirmed_at: i64,
    expires_at: i64,
    user_agent: String,
    client_ip: String,
}

impl TryFrom<Row> for Session {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: SessionId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            needs_factor: row.needs_factor,
            created_at: Timestamp::from_micros(row.created_at),
            last_seen_at: Timestamp::from_micros(row.last_seen_at),
            confirmed_at: Timestamp::from_micros(row.confirmed_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            user_agent: row.user_agent,
            client_ip: columns::word("sessions", "client_ip", row.id, &row.client_ip)?,
        })
    }
}

/// Adds a session.
pub async fn create(tx: &mut Tx, new: &NewSession) -> Result<Session, Error> {
    let row: Row = on!(tx, c => sqlx::query_as(
        "INSERT INTO sessions (uuid, user_id, hash, needs_factor, created_at, last_seen_at, confirmed_at, expires_at, \
         user_agent, client_ip) VALUES ($1, $2, $3, $4, $5, $5, $5, $6, $7, $8) \
         RETURNING id, uuid, user_id, needs_factor, created_at, last_seen_at, confirmed_at, expires_at, user_agent, client_ip",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(&new.hash[..])
    .bind(new.needs_factor)
    .bind(new.created_at.as_micros())
    .bind(new.expires_at.as_micros())
    .bind(&new.user_agent)
    .bind(new.client_ip.to_string())
    .fetch_one(c))?;
    row.try_into()
}

/// The session of that digest that is in force.
pub async fn find_in_force(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, needs_factor, created_at, last_seen_at, confirmed_at, expires_at, user_agent, client_ip \
         FROM sessions WHERE hash = $1 AND expires_at > $2",
    ).bind(&hash[..]).bind(now.as_micros()).fetch_optional(c))?;
    row.map(Session::try_from).transpose()
}

/// A user's sessions in force, the last used first.
pub async fn list(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<Session>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, needs_factor, created_at, last_seen_at, confirmed_at, expires_at, user_agent, client_ip \
         FROM sessions WHERE user_id = $1 AND expires_at > $2 AND NOT needs_factor ORDER BY last_seen_at DESC, id DESC",
    ).bind(user.0).bind(now.as_micros()).fetch_all(c))?;
    rows.into_iter().map(Session::try_from).collect()
}

/// Records that it was used, and that it lasts longer for it.
pub async fn touch(tx: &mut Tx, id: SessionId, now: Timestamp, expires_at: Timestamp) -> Result<(), Error> {
    let text = "UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros()).bind(expires_at.as_micros())).map(drop)
}

/// Records that its user proved who they are, second factor included; false when it is gone.
pub async fn confirm(tx: &mut Tx, id: SessionId, now: Timestamp, expires_at: Timestamp) -> Result<bool, Error> {
    let text = "UPDATE sessions SET confirmed_at = $2, needs_factor = FALSE, expires_at = $3 WHERE id = $1";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros()).bind(expires_at.as_micros()))? == 1)
}

/// Gives it another secret: the one before finds nothing any more.
pub async fn rotate(tx: &mut Tx, id: SessionId, hash: &[u8; 32], now: Timestamp) -> Result<(), Error> {
    let text = "UPDATE sessions SET hash = $2, last_seen_at = $3 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(&hash[..]).bind(now.as_micros())).map(drop)
}

/// Ends one; false when the user has none with this id.
pub async fn delete(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND uuid = $2").bind(user.0).bind(uuid))? == 1)
}

/// Ends all of a user's but that one; how many.
pub async fn delete_others(tx: &mut Tx, user: UserId, keep: Option<SessionId>) -> Result<u64, Error> {
    let keep = keep.map_or(i64::MIN, |id| id.0);
    changed!(tx, sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2").bind(user.0).bind(keep))
}

/// Forgets those that ended by themselves.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now.as_micros()))
}
