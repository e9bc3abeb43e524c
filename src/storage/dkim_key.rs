//! Keys departing mail is signed with: one active key for each domain and algorithm, at most one to follow it.

use crate::model::dkim_key::{Algorithm, DkimKey, KeyState};
use crate::model::id::{DkimKeyId, DomainId};
use crate::model::{DomainName, Private, Timestamp};

use super::{Error, Tx, changed, columns, on};

/// What a new key is made of.
#[derive(Debug, Clone)]
pub struct NewDkimKey {
    /// The domain it signs for.
    pub domain_id: DomainId,
    /// The name its record stands under.
    pub selector: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// PKCS#8.
    pub private_key: Private<Vec<u8>>,
    /// What its record publishes.
    pub public_key: Vec<u8>,
    /// `Active` or `Next`.
    pub state: KeyState,
    /// Now.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: i64,
    domain_id: i64,
    domain: String,
    selector: String,
    algorithm: String,
    private_key: Option<Vec<u8>>,
    public_key: Vec<u8>,
    state: String,
    created_at: i64,
    state_changed_at: i64,
}

impl TryFrom<KeyRow> for DkimKey {
    type Error = Error;
    fn try_from(row: KeyRow) -> Result<Self, Error> {
        Ok(Self {
            id: DkimKeyId(row.id),
            domain_id: DomainId(row.domain_id),
            domain: columns::domain("domains", "name", row.domain_id, &row.domain)?,
            selector: row.selector,
            algorithm: columns::word("dkim_keys", "algorithm", row.id, &row.algorithm)?,
            private_key: row.private_key.map(Private::new),
            public_key: row.public_key,
            state: columns::word("dkim_keys", "state", row.id, &row.state)?,
            created_at: Timestamp::from_micros(row.created_at),
            state_changed_at: Timestamp::from_micros(row.state_changed_at),
        })
    }
}

/// Adds a key; false when the domain has one of this algorithm in this state already (another node was first), or one
/// with this selector.
pub async fn create(tx: &mut Tx, new: &NewDkimKey) -> Result<bool, Error> {
    let added = changed!(
        tx,
        sqlx::query(
            "INSERT INTO dkim_keys (domain_id, selector, algorithm, private_key, public_key, state, created_at, \
             state_changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING"
        )
        .bind(new.domain_id.0)
        .bind(&new.selector)
        .bind(new.algorithm.as_str())
        .bind(new.private_key.reveal())
        .bind(&new.public_key)
        .bind(new.state.as_str())
        .bind(new.created_at.as_micros())
    )?;
    Ok(added == 1)
}

/// All keys of a domain, oldest first.
pub async fn list(tx: &mut Tx, domain: DomainId) -> Result<Vec<DkimKey>, Error> {
    let rows: Vec<KeyRow> = on!(tx, c => sqlx::query_as(
        "SELECT k.id, k.domain_id, d.name AS domain, k.selector, k.algorithm, k.private_key, k.public_key, k.state, \
         k.created_at, k.state_changed_at FROM dkim_keys k JOIN domains d ON d.id = k.domain_id WHERE k.domain_id = $1 \
         ORDER BY k.id",
    ).bind(domain.0).fetch_all(c))?;
    rows.into_iter().map(DkimKey::try_from).collect()
}

/// The keys that sign, of all domains.
pub async fn list_active(tx: &mut Tx) -> Result<Vec<DkimKey>, Error> {
    let rows: Vec<KeyRow> = on!(tx, c => sqlx::query_as(
        "SELECT k.id, k.domain_id, d.name AS domain, k.selector, k.algorithm, k.private_key, k.public_key, k.state, \
         k.created_at, k.state_changed_at FROM dkim_keys k JOIN domains d ON d.id = k.domain_id WHERE k.state = 'active' \
         ORDER BY k.id",
    ).fetch_all(c))?;
    rows.into_iter().map(DkimKey::try_from).collect()
}

/// Which keys sign: cheap to compare with what is in memory.
pub async fn active_ids(tx: &mut Tx) -> Result<Vec<DkimKeyId>, Error> {
    let ids: Vec<i64> =
        on!(tx, c => sqlx::query_scalar("SELECT id FROM dkim_keys WHERE state = 'active' ORDER BY id").fetch_all(c))?;
    Ok(ids.into_iter().map(DkimKeyId).collect())
}

/// The domains without a signing key of this algorithm.
pub async fn domains_without(tx: &mut Tx, algorithm: Algorithm) -> Result<Vec<(DomainId, DomainName)>, Error> {
    let rows: Vec<(i64, String)> = on!(tx, c => sqlx::query_as(
        "SELECT d.id, d.name FROM domains d WHERE NOT EXISTS (SELECT 1 FROM dkim_keys k WHERE k.domain_id = d.id AND \
         k.algorithm = $1 AND k.state = 'active') ORDER BY d.id",
    ).bind(algorithm.as_str()).fetch_all(c))?;
    rows.into_iter().map(|(id, name)| Ok((DomainId(id), columns::domain("domains", "name", id, &name)?))).collect()
}

/// Lets the keys that wait take over: what signed with the same algorithm retires, and its private half is erased.
/// How many took over.
pub async fn activate_next(tx: &mut Tx, domain: DomainId, now: Timestamp) -> Result<u64, Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE dkim_keys SET state = 'retired', private_key = NULL, state_changed_at = $2 WHERE domain_id = $1 AND \
             state = 'active' AND algorithm IN (SELECT n.algorithm FROM dkim_keys n WHERE n.domain_id = $1 AND \
             n.state = 'next')"
        )
        .bind(domain.0)
        .bind(now.as_micros())
    )?;
    changed!(
        tx,
        sqlx::query("UPDATE dkim_keys SET state = 'active', state_changed_at = $2 WHERE domain_id = $1 AND state = 'next'")
            .bind(domain.0)
            .bind(now.as_micros())
    )
}

/// Forgets keys that retired before `before`; their selectors.
pub async fn remove_retired(tx: &mut Tx, domain: DomainId, before: Timestamp) -> Result<Vec<String>, Error> {
    on!(tx, c => sqlx::query_scalar(
        "DELETE FROM dkim_keys WHERE domain_id = $1 AND state = 'retired' AND state_changed_at <= $2 RETURNING selector",
    ).bind(domain.0).bind(before.as_micros()).fetch_all(c))
}
