//! Aliases that their first message made, and the keys of users who make names without network.

use crate::model::alias::MadeBy;
use crate::model::id::{AliasId, DomainId, UserId};

use super::{Error, Tx, changed, columns, on};

/// Notes that an alias was made so, on that day (since the epoch).
pub async fn insert(tx: &mut Tx, alias: AliasId, domain: DomainId, how: MadeBy, day: i64) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("INSERT INTO made_aliases (alias_id, domain_id, how, day) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(alias.0)
            .bind(domain.0)
            .bind(how.as_str())
            .bind(day)
    )
    .map(drop)
}

/// How many of a domain were made so on that day.
pub async fn count(tx: &mut Tx, domain: DomainId, how: MadeBy, day: i64) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM made_aliases WHERE domain_id = $1 AND how = $2 AND day = $3")
        .bind(domain.0).bind(how.as_str()).bind(day).fetch_one(c))
}

/// How an alias was made, if its first message did.
pub async fn of_alias(tx: &mut Tx, alias: AliasId) -> Result<Option<MadeBy>, Error> {
    let text = "SELECT how FROM made_aliases WHERE alias_id = $1";
    let how: Option<String> = on!(tx, c => sqlx::query_scalar(text).bind(alias.0).fetch_optional(c))?;
    how.map(|how| columns::word("made_aliases", "how", alias.0, &how)).transpose()
}

/// Takes back an alias whose first message was not accepted: it never was. One that has anything in the queue stays.
pub async fn take_back(tx: &mut Tx, alias: AliasId) -> Result<bool, Error> {
    let text = "DELETE FROM aliases WHERE id = $1 AND EXISTS (SELECT 1 FROM made_aliases m WHERE m.alias_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.alias_id = $1)";
    Ok(changed!(tx, sqlx::query(text).bind(alias.0))? == 1)
}

/// The key a user signs names with; `None` when they make none.
pub async fn name_key(tx: &mut Tx, user: UserId) -> Result<Option<Vec<u8>>, Error> {
    let text = "SELECT name_key FROM users WHERE id = $1";
    let key: Option<Option<Vec<u8>>> = on!(tx, c => sqlx::query_scalar(text).bind(user.0).fetch_optional(c))?;
    Ok(key.flatten())
}

/// The keys of all users who have one, oldest users first, so many at the most.
pub async fn name_keys(tx: &mut Tx, limit: u32) -> Result<Vec<(UserId, Vec<u8>)>, Error> {
    let rows: Vec<(i64, Vec<u8>)> = on!(tx, c => sqlx::query_as(
        "SELECT id, name_key FROM users WHERE name_key IS NOT NULL ORDER BY id LIMIT $1",
    ).bind(i64::from(limit)).fetch_all(c))?;
    Ok(rows.into_iter().map(|(id, key)| (UserId(id), key)).collect())
}

/// Gives a user another key, or none; false when there is no such user.
pub async fn set_name_key(tx: &mut Tx, user: UserId, key: Option<&[u8]>) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("UPDATE users SET name_key = $2 WHERE id = $1").bind(user.0).bind(key))? == 1)
}
