//! Mailboxes: the real inboxes of users.

use uuid::Uuid;

use crate::model::id::{AliasId, MailboxId, UserId};
use crate::model::mailbox::{Mailbox, Pause};
use crate::model::{Address, Timestamp};

use super::{Error, ErrorKind, Tx, changed, columns, on, refusal};

/// What a new mailbox is made of.
#[derive(Debug, Clone)]
pub struct NewMailbox {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The address.
    pub address: Address,
    /// When it was verified, if it is.
    pub verified_at: Option<Timestamp>,
    /// Whether new aliases forward here.
    pub is_default: bool,
    /// Now.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(super) struct MailboxRow {
    pub(super) id: i64,
    pub(super) uuid: Uuid,
    pub(super) user_id: i64,
    pub(super) address: String,
    pub(super) verified_at: Option<i64>,
    pub(super) is_default: bool,
    pub(super) created_at: i64,
    pub(super) paused_at: Option<i64>,
    pub(super) paused_status: Option<String>,
}

impl TryFrom<MailboxRow> for Mailbox {
    type Error = Error;
    fn try_from(row: MailboxRow) -> Result<Self, Error> {
        Ok(Self {
            id: MailboxId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            address: columns::address("mailboxes", "address", row.id, &row.address)?,
            verified_at: columns::optional_time(row.verified_at),
            is_default: row.is_default,
            created_at: Timestamp::from_micros(row.created_at),
            paused: columns::optional_time(row.paused_at).map(|at| Pause { at, status: row.paused_status.unwrap_or_default() }),
        })
    }
}

/// Adds a mailbox. [`ErrorKind::Taken`] when the user has it already; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewMailbox) -> Result<Mailbox, Error> {
    let row: Option<MailboxRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO mailboxes (uuid, user_id, address, address_key, verified_at, is_default, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id, address_key) DO NOTHING \
         RETURNING id, uuid, user_id, address, verified_at, is_default, created_at, paused_at, paused_status",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(new.address.to_string())
    .bind(new.address.folded())
    .bind(new.verified_at.map(Timestamp::as_micros))
    .bind(new.is_default)
    .bind(new.created_at.as_micros())
    .fetch_optional(c))?;
    row.ok_or_else(|| Error::new(ErrorKind::Taken, "the user has this mailbox already"))?.try_into()
}

/// The mailbox with that key.
pub async fn find(tx: &mut Tx, id: MailboxId) -> Result<Option<Mailbox>, Error> {
    let row: Option<MailboxRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, address, verified_at, is_default, created_at, paused_at, paused_status FROM mailboxes WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    row.map(Mailbox::try_from).transpose()
}

/// A user's mailbox by its folded address.
pub async fn find_by_address(tx: &mut Tx, user: UserId, address: &str) -> Result<Option<Mailbox>, Error> {
    let row: Option<MailboxRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, address, verified_at, is_default, created_at, paused_at, paused_status FROM mailboxes \
         WHERE user_id = $1 AND address_key = $2",
    ).bind(user.0).bind(address).fetch_optional(c))?;
    row.map(Mailbox::try_from).transpose()
}

/// All mailboxes of a user, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Mailbox>, Error> {
    let rows: Vec<MailboxRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, address, verified_at, is_default, created_at, paused_at, paused_status FROM mailboxes \
         WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(Mailbox::try_from).collect()
}

/// The verified mailboxes that have been paused since that moment or longer. One that makes no sense keeps no other waiting.
pub async fn paused_before(tx: &mut Tx, before: Timestamp) -> Result<Vec<Mailbox>, Error> {
    let rows: Vec<MailboxRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, address, verified_at, is_default, created_at, paused_at, paused_status FROM mailboxes \
         WHERE paused_at <= $1 AND verified_at IS NOT NULL ORDER BY paused_at, id",
    ).bind(before.as_micros()).fetch_all(c))?;
    Ok(rows.into_iter().filter_map(|row| Mailbox::try_from(row).ok()).collect())
}

/// All mailboxes behind an alias, verified or not, oldest first.
pub async fn of_alias(tx: &mut Tx, alias: AliasId) -> Result<Vec<Mailbox>, Error> {
    let rows: Vec<MailboxRow> = on!(tx, c => sqlx::query_as(
        "SELECT m.id, m.uuid, m.user_id, m.address, m.verified_at, m.is_default, m.created_at, m.paused_at, \
         m.paused_status \
         FROM alias_mailboxes am JOIN mailboxes m ON m.id = am.mailbox_id WHERE am.alias_id = $1 ORDER BY m.id",
    ).bind(alias.0).fetch_all(c))?;
    rows.into_iter().map(Mailbox::try_from).collect()
}

/// How many aliases have this mailbox and no other.
pub async fn count_sole_aliases(tx: &mut Tx, id: MailboxId) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM alias_mailboxes am WHERE am.mailbox_id = $1 AND NOT EXISTS \
         (SELECT 1 FROM alias_mailboxes other WHERE other.alias_id = am.alias_id AND other.mailbox_id <> $1)",
    ).bind(id.0).fetch_one(c))
}

/// Records that the owner proved to read it; false when there is no such mailbox or it was verified before.
pub async fn verify(tx: &mut Tx, id: MailboxId, now: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE mailboxes SET verified_at = $2 WHERE id = $1 AND verified_at IS NULL")
            .bind(id.0)
            .bind(now.as_micros())
    )?;
    Ok(changed == 1)
}

/// Makes it the one default of its user.
pub async fn make_default(tx: &mut Tx, user: UserId, id: MailboxId) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE mailboxes SET is_default = (id = $2) WHERE user_id = $1").bind(user.0).bind(id.0)).map(drop)
}

/// Another address for the same mailbox: every alias that forwards here follows. What was refused was the old one.
/// The links in the mail that lies behind this address are not followed any more.
async fn end_links(tx: &mut Tx, id: MailboxId) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE aliases SET link_epoch = link_epoch + 1 \
             WHERE id IN (SELECT am.alias_id FROM alias_mailboxes am WHERE am.mailbox_id = $1)"
        )
        .bind(id.0)
    )
    .map(drop)
}

/// Another address for the same mailbox: every alias that forwards here follows.
pub async fn set_address(tx: &mut Tx, id: MailboxId, address: &Address, verified_at: Option<Timestamp>) -> Result<(), Error> {
    end_links(tx, id).await?;
    changed!(
        tx,
        sqlx::query("UPDATE mailboxes SET address = $2, address_key = $3, verified_at = $4, paused_at = NULL, paused_status = NULL WHERE id = $1")
            .bind(id.0)
            .bind(address.to_string())
            .bind(address.folded())
            .bind(verified_at.map(Timestamp::as_micros))
    )
    .map(drop)?;
    refusal::clear(tx, id).await.map(drop)
}

/// Lets nothing more go to it; false when it is gone or paused already.
pub async fn pause(tx: &mut Tx, id: MailboxId, status: &str, now: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE mailboxes SET paused_at = $2, paused_status = $3 WHERE id = $1 AND paused_at IS NULL")
            .bind(id.0)
            .bind(now.as_micros())
            .bind(status)
    )?;
    Ok(changed == 1)
}

/// Lets mail go to it again and forgets why none did; false when it was not paused.
pub async fn resume(tx: &mut Tx, id: MailboxId) -> Result<bool, Error> {
    refusal::clear(tx, id).await?;
    let changed = changed!(
        tx,
        sqlx::query("UPDATE mailboxes SET paused_at = NULL, paused_status = NULL WHERE id = $1 AND paused_at IS NOT NULL")
            .bind(id.0)
    )?;
    Ok(changed == 1)
}

/// Lets every alias that forwards to `from` forward to `to` as well.
pub async fn copy_aliases(tx: &mut Tx, from: MailboxId, to: MailboxId) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO alias_mailboxes (alias_id, mailbox_id) SELECT am.alias_id, $2 FROM alias_mailboxes am \
             WHERE am.mailbox_id = $1 ON CONFLICT DO NOTHING"
        )
        .bind(from.0)
        .bind(to.0)
    )
    .map(drop)
}

/// Removes it from its user and from every alias; false when there was none.
pub async fn delete(tx: &mut Tx, id: MailboxId) -> Result<bool, Error> {
    end_links(tx, id).await?;
    Ok(changed!(tx, sqlx::query("DELETE FROM mailboxes WHERE id = $1").bind(id.0))? == 1)
}
