//! Tags of aliases.

use crate::model::id::{AliasId, UserId};
use crate::model::tag::Tag;

use super::{Error, Tx, changed, columns, on};

/// These tags and no others.
pub async fn set(tx: &mut Tx, user: UserId, id: AliasId, tags: &[Tag]) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM alias_tags WHERE alias_id = $1").bind(id.0))?;
    for tag in tags {
        let text = "INSERT INTO alias_tags (alias_id, tag, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        changed!(tx, sqlx::query(text).bind(id.0).bind(tag.as_str()).bind(user.0))?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct CountRow {
    tag: String,
    aliases: i64,
}

/// All tags of a user's aliases that are not killed, in order, and on how many of them each is.
pub async fn of_user(tx: &mut Tx, user: UserId) -> Result<Vec<(Tag, i64)>, Error> {
    let rows: Vec<CountRow> = on!(tx, c => sqlx::query_as(
        "SELECT t.tag, COUNT(*) AS aliases FROM alias_tags t JOIN aliases a ON a.id = t.alias_id \
         WHERE t.user_id = $1 AND a.state <> 'killed' GROUP BY t.tag",
    ).bind(user.0).fetch_all(c))?;
    let mut counts = Vec::with_capacity(rows.len());
    for row in rows {
        counts.push((columns::word("alias_tags", "user_id", user.0, &row.tag)?, row.aliases));
    }
    // Here, not there: the databases put letters in different orders.
    counts.sort_unstable();
    Ok(counts)
}

/// The tags a user has, in order, so many at the most. It costs what that many cost, however many aliases have them.
pub async fn names(tx: &mut Tx, user: UserId, limit: u32) -> Result<Vec<Tag>, Error> {
    // From each tag straight to the next one in the index.
    let rows: Vec<String> = on!(tx, c => sqlx::query_scalar(
        "WITH RECURSIVE names(tag) AS (SELECT MIN(f.tag) FROM alias_tags f WHERE f.user_id = $1 \
         UNION ALL SELECT (SELECT MIN(n.tag) FROM alias_tags n WHERE n.user_id = $1 AND n.tag > names.tag) FROM names \
         WHERE names.tag IS NOT NULL) SELECT tag FROM names WHERE tag IS NOT NULL LIMIT $2",
    ).bind(user.0).bind(i64::from(limit)).fetch_all(c))?;
    let mut tags: Vec<Tag> =
        rows.iter().map(|row| columns::word("alias_tags", "user_id", user.0, row)).collect::<Result<_, _>>()?;
    tags.sort_unstable();
    Ok(tags)
}

/// Adds a tag; false when the alias has it.
pub async fn add(tx: &mut Tx, user: UserId, id: AliasId, tag: &Tag) -> Result<bool, Error> {
    let text = "INSERT INTO alias_tags (alias_id, tag, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(tag.as_str()).bind(user.0))? == 1)
}

/// Removes a tag; false when the alias has it not.
pub async fn remove(tx: &mut Tx, id: AliasId, tag: &Tag) -> Result<bool, Error> {
    let text = "DELETE FROM alias_tags WHERE alias_id = $1 AND tag = $2";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(tag.as_str()))? == 1)
}
