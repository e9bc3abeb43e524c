//! Mailed links, found by the digest of what they hold. A link is taken once.

use crate::model::id::{DeliveryId, InviteId, MailboxId, UserId};
use crate::model::mail_link::{MailLink, Purpose};
use crate::model::{Address, Timestamp};

use super::{Error, Tx, changed, columns, delivery, on};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    purpose: String,
    address: String,
    user_id: Option<i64>,
    mailbox_id: Option<i64>,
    invite_id: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for MailLink {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            purpose: columns::word("mail_links", "purpose", row.id, &row.purpose)?,
            address: columns::folded("mail_links", "address", row.id, &row.address)?,
            user_id: row.user_id.map(UserId),
            mailbox_id: row.mailbox_id.map(MailboxId),
            invite_id: row.invite_id.map(InviteId),
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

/// Adds a link.
pub async fn create(tx: &mut Tx, hash: &[u8; 32], link: &MailLink) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO mail_links (hash, purpose, address, user_id, mailbox_id, invite_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        )
        .bind(&hash[..])
        .bind(link.purpose.as_str())
        .bind(link.address.folded())
        .bind(link.user_id.map(|id| id.0))
        .bind(link.mailbox_id.map(|id| id.0))
        .bind(link.invite_id.map(|id| id.0))
        .bind(link.created_at.as_micros())
        .bind(link.expires_at.as_micros())
    )
    .map(drop)
}

/// Notes which letter carries a link.
pub async fn note_letter(tx: &mut Tx, hash: &[u8; 32], delivery: DeliveryId) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE mail_links SET delivery_id = $2 WHERE hash = $1").bind(&hash[..]).bind(delivery.0)).map(drop)
}

/// Cancels the letters with links of a user, of one purpose or of all, that still wait: the links are about to end.
pub async fn cancel_letters(tx: &mut Tx, user: UserId, purpose: Option<Purpose>, now: Timestamp) -> Result<(), Error> {
    let rows: Vec<Option<i64>> = on!(tx, c => sqlx::query_scalar(
        "UPDATE deliveries SET state = 'cancelled', quarantined = FALSE, header = $2, settled_at = $3, \
         lease_owner = NULL, lease_token = NULL, lease_until = NULL \
         WHERE id IN (SELECT l.delivery_id FROM mail_links l WHERE l.user_id = $1 AND ($4 IS NULL OR l.purpose = $4) \
         AND l.delivery_id IS NOT NULL) \
         AND kind = 'notice' AND (state IN ('waiting', 'held') OR quarantined) RETURNING message_id",
    ).bind(user.0).bind(&[][..] as &[u8]).bind(now.as_micros()).bind(purpose.map(Purpose::as_str)).fetch_all(c))?;
    delivery::erase_all(tx, rows).await.map(drop)
}

/// The link of that digest that still works.
pub async fn find(tx: &mut Tx, hash: &[u8; 32], purpose: Purpose, now: Timestamp) -> Result<Option<MailLink>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, purpose, address, user_id, mailbox_id, invite_id, created_at, expires_at FROM mail_links \
         WHERE hash = $1 AND purpose = $2 AND expires_at > $3",
    ).bind(&hash[..]).bind(purpose.as_str()).bind(now.as_micros()).fetch_optional(c))?;
    row.map(MailLink::try_from).transpose()
}

/// Takes the link of that digest: of two who follow it at once, one gets it.
pub async fn take(tx: &mut Tx, hash: &[u8; 32], purpose: Purpose, now: Timestamp) -> Result<Option<MailLink>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "DELETE FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING id, purpose, address, user_id, mailbox_id, invite_id, created_at, expires_at",
    ).bind(&hash[..]).bind(purpose.as_str()).bind(now.as_micros()).fetch_optional(c))?;
    row.map(MailLink::try_from).transpose()
}

/// Lets whoever asks for a link to the same inbox wait until this transaction has ended.
pub async fn lock(tx: &mut Tx, address: &Address) -> Result<(), Error> {
    hold(tx, format!("mail link {}", inbox(address))).await
}

/// The same for all links of a user. Not a lock of the row: what refers to a user was written before, perhaps.
/// Taken before [`lock`].
pub async fn lock_user(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    hold(tx, format!("mail links of user {}", user.0)).await
}

/// The same for all links of a purpose. Taken after [`lock`].
pub async fn lock_all(tx: &mut Tx, purpose: Purpose) -> Result<(), Error> {
    hold(tx, format!("mail links to {}", purpose.as_str())).await
}

async fn hold(tx: &mut Tx, name: String) -> Result<(), Error> {
    // SQLite has one writer.
    if let Tx::Postgres(t) = tx {
        let text = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        sqlx::query(text).bind(name).execute(&mut **t).await?;
    }
    Ok(())
}

/// How many links of that purpose went to an address since that moment: what mail to strangers is limited by.
pub async fn count_since(tx: &mut Tx, address: &Address, purpose: Purpose, since: Timestamp) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM mail_links WHERE address = $1 AND purpose = $2 AND created_at > $3")
        .bind(address.folded()).bind(purpose.as_str()).bind(since.as_micros()).fetch_one(c))
}

/// The same for all addresses of one inbox: what stands between a `+` and the `@` is not looked at.
pub async fn count_of_inbox_since(tx: &mut Tx, address: &Address, purpose: Purpose, since: Timestamp) -> Result<i64, Error> {
    let folded = inbox(address);
    let (local, domain) = folded.rsplit_once('@').unwrap_or((&folded, ""));
    let (prefix, suffix) = (format!("{local}+"), format!("@{domain}"));
    on!(tx, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM mail_links WHERE purpose = $1 AND created_at > $2 AND (address = $3 OR \
         (substr(address, 1, length($4)) = $4 AND substr(address, length(address) - length($5) + 1) = $5))",
    )
    .bind(purpose.as_str())
    .bind(since.as_micros())
    .bind(&folded)
    .bind(&prefix)
    .bind(&suffix)
    .fetch_one(c))
}

/// How many links of that purpose went out since that moment, to whomever.
pub async fn count_all_since(tx: &mut Tx, purpose: Purpose, since: Timestamp) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM mail_links WHERE purpose = $1 AND created_at > $2")
        .bind(purpose.as_str()).bind(since.as_micros()).fetch_one(c))
}

/// The address of an inbox without what follows a `+`, folded.
fn inbox(address: &Address) -> String {
    let folded = address.folded();
    match folded.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
        None => folded,
    }
}

/// How many links of that purpose a user had mailed since that moment, wherever they went.
pub async fn count_of_user_since(tx: &mut Tx, user: UserId, purpose: Purpose, since: Timestamp) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM mail_links WHERE user_id = $1 AND purpose = $2 AND created_at > $3")
        .bind(user.0).bind(purpose.as_str()).bind(since.as_micros()).fetch_one(c))
}

/// Ends all links of that purpose that a user has open; letters with them that still wait are not sent.
pub async fn delete_of_user(tx: &mut Tx, user: UserId, purpose: Purpose, now: Timestamp) -> Result<(), Error> {
    cancel_letters(tx, user, Some(purpose), now).await?;
    let text = "DELETE FROM mail_links WHERE user_id = $1 AND purpose = $2";
    changed!(tx, sqlx::query(text).bind(user.0).bind(purpose.as_str())).map(drop)
}

/// Forgets those that stopped working.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM mail_links WHERE expires_at <= $1").bind(now.as_micros()))
}
