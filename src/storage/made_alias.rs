//! Aliases that their first message made, and the keys of users who make names without network.

use crate::model::Timestamp;
use crate::model::activity::Activity;
use crate::model::alias::MadeBy;
use crate::model::id::{AliasId, DomainId, UserId};

use super::{Error, Tx, activity, alias, changed, columns, on, user};

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

/// How many of a user were made so on that day, on whatever domain.
pub async fn count_of_user(tx: &mut Tx, user: UserId, how: MadeBy, day: i64) -> Result<i64, Error> {
    let text = "SELECT COUNT(*) FROM made_aliases m JOIN aliases a ON a.id = m.alias_id \
         WHERE m.how = $2 AND m.day = $3 AND a.user_id = $1";
    on!(tx, c => sqlx::query_scalar(text).bind(user.0).bind(how.as_str()).bind(day).fetch_one(c))
}

/// How an alias was made, if its first message did.
pub async fn of_alias(tx: &mut Tx, alias: AliasId) -> Result<Option<MadeBy>, Error> {
    let text = "SELECT how FROM made_aliases WHERE alias_id = $1";
    let how: Option<String> = on!(tx, c => sqlx::query_scalar(text).bind(alias.0).fetch_optional(c))?;
    how.map(|how| columns::word("made_aliases", "how", alias.0, &how)).transpose()
}

/// What [`keep`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It stays from now on.
    Now,
    /// It stayed already.
    Before,
    /// Whoever made it took it back, or it was removed.
    Gone,
}

/// A message to it is taken, or about to be: the alias is not taken back any more.
pub async fn keep(tx: &mut Tx, id: AliasId, now: Timestamp) -> Result<Kept, Error> {
    if alias::hold_state(tx, id).await?.is_none() {
        return Ok(Kept::Gone);
    }
    let text = "UPDATE made_aliases SET kept_at = $2 WHERE alias_id = $1 AND kept_at IS NULL";
    let changed = changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros()))?;
    Ok(if changed == 1 { Kept::Now } else { Kept::Before })
}

/// Takes back an alias whose first message was not accepted: it never was, but what it turned away stays counted. One that another message met, that has anything
/// in the queue, or with which its owner did anything meanwhile stays.
pub async fn take_back(tx: &mut Tx, id: AliasId) -> Result<bool, Error> {
    let owner: Option<i64> =
        on!(tx, c => sqlx::query_scalar("SELECT user_id FROM aliases WHERE id = $1").bind(id.0).fetch_optional(c))?;
    let Some(owner) = owner.map(UserId) else { return Ok(false) };
    // Before the alias, as in every transaction that takes both.
    user::lock_shared(tx, owner).await?;
    // In a statement of its own: the next one then sees what was committed while this one waited.
    if !alias::lock(tx, id).await? {
        return Ok(false);
    }
    let text = "DELETE FROM aliases WHERE id = $1 AND state = 'active' AND state_changed_at = created_at AND NOT pinned \
         AND display_name IS NULL AND link_epoch = 0 AND note IN ($2, $3) AND expires_at IS NULL AND max_messages IS NULL \
         AND EXISTS (SELECT 1 FROM made_aliases m WHERE m.alias_id = $1 AND m.kept_at IS NULL) \
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.alias_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM alias_tags t WHERE t.alias_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.alias_id = $1 AND c.blocked_at IS NOT NULL) \
         AND (SELECT COUNT(*) FROM alias_mailboxes am WHERE am.alias_id = $1) = 1";
    let (one, other) = (MadeBy::CatchAll.note(), MadeBy::Signed.note());
    let counted = activity::of_alias(tx, id, i64::MIN).await?;
    let is_taken = changed!(tx, sqlx::query(text).bind(id.0).bind(one).bind(other))? == 1;
    for (day, counts) in counted.into_iter().filter(|_| is_taken) {
        note_turned_away(tx, owner, day, counts).await?;
    }
    Ok(is_taken)
}

/// Keeps what an alias that is no more has turned away.
async fn note_turned_away(tx: &mut Tx, user: UserId, day: i64, counts: Activity) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO turned_away (user_id, day, blocked, refused) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id, day) DO UPDATE SET blocked = turned_away.blocked + excluded.blocked, \
             refused = turned_away.refused + excluded.refused"
        )
        .bind(user.0)
        .bind(day)
        .bind(counts.blocked)
        .bind(counts.refused)
    )
    .map(drop)
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

/// How many other users have one.
pub async fn count_other_keys(tx: &mut Tx, user: UserId) -> Result<i64, Error> {
    let text = "SELECT COUNT(*) FROM users WHERE name_key IS NOT NULL AND id <> $1";
    on!(tx, c => sqlx::query_scalar(text).bind(user.0).fetch_one(c))
}

/// Gives a user another key, or none; false when there is no such user.
pub async fn set_name_key(tx: &mut Tx, user: UserId, key: Option<&[u8]>) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("UPDATE users SET name_key = $2 WHERE id = $1").bind(user.0).bind(key))? == 1)
}
