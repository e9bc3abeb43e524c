//! Domains on which aliases live.

use uuid::Uuid;

use crate::model::catch_all::{CatchAll, NamePatterns};
use crate::model::domain::Domain;
use crate::model::id::{AliasId, DomainId, UserId};
use crate::model::{DomainName, Timestamp};

use super::{Error, ErrorKind, Tx, changed, columns, on};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, uuid, name, user_id, created_at, submission_creates, catch_all, catch_all_pattern FROM domains ",
            $rest
        )
    };
}

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
    catch_all: String,
    catch_all_pattern: Option<String>,
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
            catch_all: CatchAll::parse(&row.catch_all, row.catch_all_pattern.as_deref().unwrap_or_default())
                .map_err(|_| Error::corrupt("domains", "catch_all_pattern", row.id))?,
        })
    }
}

/// Adds a domain. [`ErrorKind::Taken`] when it is there already; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewDomain) -> Result<Domain, Error> {
    let row: Option<DomainRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO domains (uuid, name, user_id, created_at, proven_at) VALUES ($1, $2, $3, $4, $4) ON CONFLICT (name) DO NOTHING \
         RETURNING id, uuid, name, user_id, created_at, submission_creates, catch_all, catch_all_pattern",
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
        select!("WHERE name = $1"),
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

/// Says which names the first message makes. False when this user has no such domain of their own.
pub async fn set_catch_all(tx: &mut Tx, user: UserId, name: &DomainName, catch_all: &CatchAll) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE domains SET catch_all = $3, catch_all_pattern = $4 WHERE user_id = $1 AND name = $2")
            .bind(user.0)
            .bind(name.as_str())
            .bind(catch_all.as_str())
            .bind(catch_all.patterns().map(NamePatterns::as_str))
    )?;
    Ok(changed == 1)
}

/// Keeps everybody else from making an alias on this domain through its first message, or from changing or removing it,
/// before this transaction ends; false when it is gone. Aliases that are made otherwise do not wait: one that did would
/// wait for a transaction that waits for its address.
pub async fn hold(tx: &mut Tx, id: DomainId) -> Result<bool, Error> {
    let text = match tx {
        Tx::Postgres(_) => "SELECT id FROM domains WHERE id = $1 FOR NO KEY UPDATE",
        // SQLite has one writer.
        Tx::Sqlite(_) | Tx::PostgresRead(_) => "SELECT id FROM domains WHERE id = $1",
    };
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(text).bind(id.0).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Keeps everybody else from making an alias on this domain, or from removing it, before this transaction ends; false when
/// it is gone.
pub async fn lock(tx: &mut Tx, id: DomainId) -> Result<bool, Error> {
    let text = match tx {
        Tx::Postgres(_) => "SELECT id FROM domains WHERE id = $1 FOR UPDATE",
        // SQLite has one writer.
        Tx::Sqlite(_) | Tx::PostgresRead(_) => "SELECT id FROM domains WHERE id = $1",
    };
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(text).bind(id.0).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Removes a domain on which there are no aliases. [`ErrorKind::Reference`] when there are.
pub async fn delete(tx: &mut Tx, id: DomainId) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM domains WHERE id = $1").bind(id.0))? == 1)
}

/// How many aliases of a domain are not killed.
pub async fn count_alive(tx: &mut Tx, id: DomainId) -> Result<i64, Error> {
    let text = "SELECT COUNT(*) FROM aliases WHERE domain_id = $1 AND state <> 'killed'";
    on!(tx, c => sqlx::query_scalar(text).bind(id.0).fetch_one(c))
}

/// Some of a domain's killed aliases.
pub async fn list_killed(tx: &mut Tx, id: DomainId, limit: u32) -> Result<Vec<AliasId>, Error> {
    let text = "SELECT id FROM aliases WHERE domain_id = $1 AND state = 'killed' ORDER BY id LIMIT $2";
    let ids: Vec<i64> = on!(tx, c => sqlx::query_scalar(text).bind(id.0).bind(i64::from(limit)).fetch_all(c))?;
    Ok(ids.into_iter().map(AliasId).collect())
}

/// Whether anybody's mailbox is at this domain.
pub async fn has_mailboxes(tx: &mut Tx, name: &DomainName, of: Option<UserId>) -> Result<bool, Error> {
    // What stands behind the last @: a domain name holds no character that LIKE takes for more, but _.
    let ending = format!("%@{}", name.as_str().replace('_', "\\_"));
    on!(tx, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM mailboxes WHERE address_key LIKE $1 ESCAPE '\\' AND ($2 IS NULL OR user_id = $2))",
    ).bind(&ending).bind(of.map(|user| user.0)).fetch_one(c))
}

/// Those of a user's own domains that somebody's mailbox is at.
pub async fn list_inhabited(tx: &mut Tx, user: UserId) -> Result<Vec<DomainId>, Error> {
    let ids: Vec<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT d.id FROM domains d WHERE d.user_id = $1 AND EXISTS (SELECT 1 FROM mailboxes m \
         WHERE m.address_key LIKE '%@' || REPLACE(d.name, '_', '\\_') ESCAPE '\\')",
    ).bind(user.0).fetch_all(c))?;
    Ok(ids.into_iter().map(DomainId).collect())
}

/// All domains: the shared ones and everybody's own, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Domain>, Error> {
    let rows: Vec<DomainRow> = on!(tx, c => sqlx::query_as(
        select!("ORDER BY id"),
    ).fetch_all(c))?;
    rows.into_iter().map(Domain::try_from).collect()
}

/// The domains a user may make aliases on, the shared ones first, each oldest first.
pub async fn list_usable(tx: &mut Tx, user: UserId) -> Result<Vec<Domain>, Error> {
    let rows: Vec<DomainRow> = on!(tx, c => sqlx::query_as(
        select!("WHERE user_id IS NULL OR user_id = $1 ORDER BY CASE WHEN user_id IS NULL THEN 0 ELSE 1 END, id"),
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(Domain::try_from).collect()
}
