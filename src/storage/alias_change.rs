//! What owners change of an alias besides its state.

use crate::model::Timestamp;
use crate::model::activity::Activity;
use crate::model::id::{AliasId, MailboxId, UserId};

use super::{Error, Tx, changed, on};

/// Pins an alias, or takes the pin out.
pub async fn set_pinned(tx: &mut Tx, id: AliasId, pinned: bool) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE aliases SET pinned = $2 WHERE id = $1").bind(id.0).bind(pinned)).map(drop)
}

/// Changes the owner's note.
pub async fn set_note(tx: &mut Tx, id: AliasId, note: &str) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE aliases SET note = $2 WHERE id = $1").bind(id.0).bind(note)).map(drop)
}

/// Changes the name replies go out with.
pub async fn set_display_name(tx: &mut Tx, id: AliasId, name: Option<&str>) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE aliases SET display_name = $2 WHERE id = $1").bind(id.0).bind(name)).map(drop)
}

/// Changes when it dies by itself.
pub async fn set_expires_at(tx: &mut Tx, id: AliasId, at: Option<Timestamp>) -> Result<(), Error> {
    let at = at.map(Timestamp::as_micros);
    changed!(tx, sqlx::query("UPDATE aliases SET expires_at = $2 WHERE id = $1").bind(id.0).bind(at)).map(drop)
}

/// Changes after how many messages it dies by itself.
pub async fn set_max_messages(tx: &mut Tx, id: AliasId, max: Option<i64>) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE aliases SET max_messages = $2 WHERE id = $1").bind(id.0).bind(max)).map(drop)
}

/// Forwards to these mailboxes and no other. Where it leaves one, the links in the mail that lies there are not followed any
/// more.
pub async fn set_mailboxes(tx: &mut Tx, id: AliasId, mailboxes: &[MailboxId]) -> Result<(), Error> {
    let before: Vec<i64> = on!(tx, c => sqlx::query_scalar("SELECT mailbox_id FROM alias_mailboxes WHERE alias_id = $1")
        .bind(id.0).fetch_all(c))?;
    if before.iter().any(|mailbox| !mailboxes.contains(&MailboxId(*mailbox))) {
        changed!(tx, sqlx::query("UPDATE aliases SET link_epoch = link_epoch + 1 WHERE id = $1").bind(id.0))?;
    }
    changed!(tx, sqlx::query("DELETE FROM alias_mailboxes WHERE alias_id = $1").bind(id.0))?;
    for mailbox in mailboxes {
        super::alias::add_mailbox(tx, id, *mailbox).await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct TotalRow {
    forwarded: i64,
    blocked: i64,
    replied: i64,
}

/// What all aliases of a user ever forwarded, blocked and replied, those that were taken back as well; the rest is left at zero.
pub async fn total_of_user(tx: &mut Tx, user: UserId) -> Result<Activity, Error> {
    let row: TotalRow = on!(tx, c => sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(t.forwarded), 0) AS BIGINT) AS forwarded, CAST(COALESCE(SUM(t.blocked), 0) AS BIGINT) AS blocked, \
         CAST(COALESCE(SUM(t.replied), 0) AS BIGINT) AS replied \
         FROM (SELECT c.forwarded, c.blocked, c.replied FROM activity c JOIN aliases a ON a.id = c.alias_id WHERE a.user_id = $1 \
         UNION ALL SELECT 0, w.blocked, 0 FROM turned_away w WHERE w.user_id = $1) t",
    ).bind(user.0).fetch_one(c))?;
    Ok(Activity { forwarded: row.forwarded, blocked: row.blocked, replied: row.replied, ..Activity::default() })
}
