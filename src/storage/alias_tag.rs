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
