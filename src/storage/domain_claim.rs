//! Domains that users say are theirs, until they prove it.

use uuid::Uuid;

use crate::model::domain::DomainClaim;
use crate::model::id::UserId;
use crate::model::{DomainName, Timestamp};

use super::{Error, Tx, changed, columns, on};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    name: String,
    proof: String,
    created_at: i64,
}

impl TryFrom<Row> for DomainClaim {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            name: columns::domain("domain_claims", "name", row.id, &row.name)?,
            proof: row.proof,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

/// Adds a claim; nothing happens when this user has made the same one before.
pub async fn create(tx: &mut Tx, new: &DomainClaim) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO domain_claims (uuid, user_id, name, proof, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id, name) DO NOTHING"
        )
        .bind(new.uuid)
        .bind(new.user_id.0)
        .bind(new.name.as_str())
        .bind(&new.proof)
        .bind(new.created_at.as_micros())
    )
    .map(drop)
}

/// A user's claim of that name.
pub async fn find(tx: &mut Tx, user: UserId, name: &DomainName) -> Result<Option<DomainClaim>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, name, proof, created_at FROM domain_claims WHERE user_id = $1 AND name = $2",
    ).bind(user.0).bind(name.as_str()).fetch_optional(c))?;
    row.map(DomainClaim::try_from).transpose()
}

/// A user's claims, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<DomainClaim>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, name, proof, created_at FROM domain_claims WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(DomainClaim::try_from).collect()
}

/// Those of a user's claims that a mailbox of theirs is at.
pub async fn list_inhabited(tx: &mut Tx, user: UserId) -> Result<Vec<Uuid>, Error> {
    on!(tx, c => sqlx::query_scalar(
        "SELECT d.uuid FROM domain_claims d WHERE d.user_id = $1 AND EXISTS (SELECT 1 FROM mailboxes m \
         WHERE m.user_id = $1 AND m.address_key LIKE '%@' || REPLACE(d.name, '_', '\\_') ESCAPE '\\')",
    ).bind(user.0).fetch_all(c))
}

/// Forgets a user's claim; false when there was none.
pub async fn delete(tx: &mut Tx, user: UserId, name: &DomainName) -> Result<bool, Error> {
    let text = "DELETE FROM domain_claims WHERE user_id = $1 AND name = $2";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(name.as_str()))? == 1)
}

/// Forgets everybody's claims of a name: it belongs to somebody now.
pub async fn delete_all(tx: &mut Tx, name: &DomainName) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM domain_claims WHERE name = $1").bind(name.as_str())).map(drop)
}
