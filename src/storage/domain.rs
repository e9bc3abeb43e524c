//! Domains on which aliases live.

use uuid::Uuid;

use crate::model::domain::Domain;
use crate::model::id::{DomainId, UserId};
use crate::model::{DomainName, Timestamp};

use super::{Error, ErrorKind, Tx, changed, columns, on};

/// What a new domain is made of.
#[derive(Debug, Clone)]
pub struct NewDomain {
    /// Id for the outside.
    pub uuid: Uuid,
    /// The name.
    pub name: DomainName,
    /// Whose it is; `None` when every user may use it.
    pub user_id: Option<UserId>,
    /// Now.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct DomainRow {
    id: i64,
    uuid: Uuid,
    name: String,
    user_id: Option<i64>,
    created_at: i64,
    submission_creates: bool,
}

impl TryFrom<DomainRow> for Domain {
    type Error = Error;
    fn try_from(row: DomainRow) -> Result<Self, Error> {
        Ok(Self {
            id: DomainId(row.id),
            uuid: row.uuid,
            name: columns::domain("domains", "name", row.id, &row.name)?,
            user_id: row.user_id.map(UserId),
            created_at: Timestamp::from_micros(row.created_at),
            submission_creates: row.submission_creates,
        })
    }
}

/// Adds a domain. [`ErrorKind::Taken`] when it is there already; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewDomain) -> Result<Domain, Error> {
    let row: Option<DomainRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO domains (uuid, name, user_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING \
         RETURNING id, uuid, name, user_id, created_at, submission_creates",
    )
    .bind(new.uuid)
    .bind(new.name.as_str())
    .bind(new.user_id.map(|id| id.0))
    .bind(new.created_at.as_micros())
    .fetch_optional(c))?;
    row.ok_or_else(|| Error::new(ErrorKind::Taken, "the domain is there already"))?.try_into()
}

/// The domain with that name.
pub async fn find_by_name(tx: &mut Tx, name: &DomainName) -> Result<Option<Domain>, Error> {
    let row: Option<DomainRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, name, user_id, created_at, submission_creates FROM domains WHERE name = $1",
    ).bind(name.as_str()).fetch_optional(c))?;
    row.map(Domain::try_from).transpose()
}

/// Says whether mail its owner hands in may make aliases of a domain. False when this user has no such domain.
pub async fn set_submission_creates(tx: &mut Tx, user: UserId, name: &DomainName, creates: bool) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE domains SET submission_creates = $3 WHERE user_id = $1 AND name = $2")
            .bind(user.0)
            .bind(name.as_str())
            .bind(creates)
    )?;
    Ok(changed == 1)
}

/// All domains: the shared ones and everybody's own, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Domain>, Error> {
    let rows: Vec<DomainRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, name, user_id, created_at, submission_creates FROM domains ORDER BY id",
    ).fetch_all(c))?;
    rows.into_iter().map(Domain::try_from).collect()
}

/// The domains a user may make aliases on, the shared ones first, each oldest first.
pub async fn list_usable(tx: &mut Tx, user: UserId) -> Result<Vec<Domain>, Error> {
    let rows: Vec<DomainRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, name, user_id, created_at, submission_creates FROM domains WHERE user_id IS NULL OR user_id = $1 \
         ORDER BY CASE WHEN user_id IS NULL THEN 0 ELSE 1 END, id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(Domain::try_from).collect()
}
