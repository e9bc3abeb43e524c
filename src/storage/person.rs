//! Users as whoever administers the instance sees them: what they have, counted; nothing of what is in it.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::id::UserId;
use crate::model::person::Person;

use super::{Error, Tx, columns, on};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: Uuid,
    email: String,
    is_admin: bool,
    created_at: i64,
    on_quarantine: String,
    replace_quoted: bool,
    totp_confirmed_at: Option<i64>,
    passkeys: i64,
    mailboxes: i64,
    verified: i64,
    aliases: i64,
}

impl TryFrom<Row> for Person {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: UserId(row.id),
            uuid: row.uuid,
            email: columns::folded("users", "email", row.id, &row.email)?,
            is_admin: row.is_admin,
            created_at: Timestamp::from_micros(row.created_at),
            on_quarantine: columns::word("users", "on_quarantine", row.id, &row.on_quarantine)?,
            replace_quoted: row.replace_quoted,
            has_second_factor: row.totp_confirmed_at.is_some(),
            passkeys: row.passkeys,
            mailboxes: row.mailboxes,
            verified_mailboxes: row.verified,
            aliases: row.aliases,
        })
    }
}

/// One page of users, oldest first, after that one; or the one with that id.
pub async fn list(tx: &mut Tx, uuid: Option<Uuid>, after: Option<UserId>, limit: u32) -> Result<Vec<Person>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT u.id, u.uuid, u.email, u.is_admin, u.created_at, u.on_quarantine, u.replace_quoted, u.totp_confirmed_at, \
         (SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id) AS passkeys, \
         (SELECT COUNT(*) FROM mailboxes m WHERE m.user_id = u.id) AS mailboxes, \
         (SELECT COUNT(*) FROM mailboxes v WHERE v.user_id = u.id AND v.verified_at IS NOT NULL) AS verified, \
         (SELECT COUNT(*) FROM aliases a WHERE a.user_id = u.id AND a.state <> 'killed') AS aliases \
         FROM users u WHERE u.id > $1 AND ($2 IS NULL OR u.uuid = $2) ORDER BY u.id LIMIT $3",
    ).bind(after.map_or(i64::MIN, |id| id.0)).bind(uuid).bind(i64::from(limit)).fetch_all(c))?;
    rows.into_iter().map(Person::try_from).collect()
}
