//! How many aliases there are behind a user's mailboxes and on their domains. Killed ones are left out.

use std::collections::HashMap;

use crate::model::id::{DomainId, MailboxId, UserId};

use super::{Error, Tx, on};

#[derive(sqlx::FromRow)]
struct CountRow {
    id: i64,
    aliases: i64,
}

/// For each mailbox that has any.
pub async fn by_mailbox(tx: &mut Tx, user: UserId) -> Result<HashMap<MailboxId, i64>, Error> {
    let rows: Vec<CountRow> = on!(tx, c => sqlx::query_as(
        "SELECT am.mailbox_id AS id, COUNT(*) AS aliases FROM mailboxes m JOIN alias_mailboxes am ON am.mailbox_id = m.id \
         JOIN aliases a ON a.id = am.alias_id WHERE m.user_id = $1 AND a.state <> 'killed' GROUP BY am.mailbox_id",
    ).bind(user.0).fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (MailboxId(row.id), row.aliases)).collect())
}

/// For each domain that has any of this user's.
pub async fn by_domain(tx: &mut Tx, user: UserId) -> Result<HashMap<DomainId, i64>, Error> {
    let rows: Vec<CountRow> = on!(tx, c => sqlx::query_as(
        "SELECT domain_id AS id, COUNT(*) AS aliases FROM aliases WHERE user_id = $1 AND state <> 'killed' GROUP BY domain_id",
    ).bind(user.0).fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (DomainId(row.id), row.aliases)).collect())
}
