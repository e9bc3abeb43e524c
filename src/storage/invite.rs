//! Invitations, found by the digest of what their link holds. Used ones stay for the list.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::id::{InviteId, UserId};
use crate::model::invite::Invite;

use super::{Error, Tx, changed, columns, on};

/// What a new invitation is made of.
#[derive(Debug, Clone)]
pub struct NewInvite {
    /// Id for the outside.
    pub uuid: Uuid,
    /// What it is looked up by.
    pub hash: [u8; 32],
    /// Whom it is for.
    pub note: String,
    /// Who makes it.
    pub created_by: Option<UserId>,
    /// Now.
    pub created_at: Timestamp,
    /// Until when somebody may come with it.
    pub expires_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: Uuid,
    note: String,
    created_by: Option<i64>,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

impl From<Row> for Invite {
    fn from(row: Row) -> Self {
        Self {
            id: InviteId(row.id),
            uuid: row.uuid,
            note: row.note,
            created_by: row.created_by.map(UserId),
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            used_at: columns::optional_time(row.used_at),
        }
    }
}

/// Adds an invitation.
pub async fn create(tx: &mut Tx, new: &NewInvite) -> Result<Invite, Error> {
    let row: Row = on!(tx, c => sqlx::query_as(
        "INSERT INTO invites (uuid, hash, note, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) \
         RETURNING id, uuid, note, created_by, created_at, expires_at, used_at",
    )
    .bind(new.uuid)
    .bind(&new.hash[..])
    .bind(&new.note)
    .bind(new.created_by.map(|id| id.0))
    .bind(new.created_at.as_micros())
    .bind(new.expires_at.as_micros())
    .fetch_one(c))?;
    Ok(row.into())
}

/// The newest invitations, whatever became of them.
pub async fn list(tx: &mut Tx, limit: u32) -> Result<Vec<Invite>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, note, created_by, created_at, expires_at, used_at FROM invites ORDER BY id DESC LIMIT $1",
    ).bind(i64::from(limit)).fetch_all(c))?;
    Ok(rows.into_iter().map(Invite::from).collect())
}

/// The invitation of that digest that somebody may still come with.
pub async fn find_open(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<Invite>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, note, created_by, created_at, expires_at, used_at FROM invites \
         WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
    ).bind(&hash[..]).bind(now.as_micros()).fetch_optional(c))?;
    Ok(row.map(Invite::from))
}

/// Uses an invitation up; false when somebody else did, or it was taken back. Whoever came in time may finish later.
pub async fn use_up(tx: &mut Tx, id: InviteId, user: UserId, now: Timestamp) -> Result<bool, Error> {
    let text = "UPDATE invites SET used_at = $2, used_by = $3 WHERE id = $1 AND used_at IS NULL";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros()).bind(user.0))? == 1)
}

/// Takes an invitation back; false when there is none that was not used.
pub async fn delete(tx: &mut Tx, uuid: Uuid) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM invites WHERE uuid = $1 AND used_at IS NULL").bind(uuid))? == 1)
}
