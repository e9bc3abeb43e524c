//! The PGP keys of mailboxes, one each. Whether a mailbox has one is part of `alias::find_route`; the key itself is read
//! only for those that have.

use uuid::Uuid;

use crate::model::id::{MailboxId, UserId};
use crate::model::pgp_key::PgpKey;
use crate::model::{Address, Timestamp};

use super::{Error, Tx, changed, columns, on};

#[derive(sqlx::FromRow)]
struct KeyRow {
    mailbox_id: i64,
    public_key: Vec<u8>,
    fingerprint: String,
    expires_at: Option<i64>,
    hide_subject: bool,
    created_at: i64,
}

impl From<KeyRow> for PgpKey {
    fn from(row: KeyRow) -> Self {
        Self {
            mailbox_id: MailboxId(row.mailbox_id),
            public_key: row.public_key,
            fingerprint: row.fingerprint,
            expires_at: columns::optional_time(row.expires_at),
            hide_subject: row.hide_subject,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

/// A key that expires, and whom to tell.
#[derive(Debug, Clone)]
pub struct Expiring {
    /// The owner.
    pub user_id: UserId,
    /// The mailbox, by its id for the outside.
    pub mailbox: Uuid,
    /// Its address.
    pub address: Address,
    /// The key.
    pub fingerprint: String,
    /// When.
    pub expires_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ExpiringRow {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    address: String,
    fingerprint: String,
    expires_at: i64,
}

/// Gives a mailbox its key, in place of one it had.
pub async fn set(tx: &mut Tx, key: &PgpKey) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO pgp_keys (mailbox_id, public_key, fingerprint, expires_at, hide_subject, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mailbox_id) DO UPDATE SET public_key = excluded.public_key, \
             fingerprint = excluded.fingerprint, expires_at = excluded.expires_at, hide_subject = excluded.hide_subject, \
             created_at = excluded.created_at"
        )
        .bind(key.mailbox_id.0)
        .bind(&key.public_key)
        .bind(&key.fingerprint)
        .bind(key.expires_at.map(Timestamp::as_micros))
        .bind(key.hide_subject)
        .bind(key.created_at.as_micros())
    )
    .map(drop)
}

/// The key of a mailbox.
pub async fn find(tx: &mut Tx, mailbox: MailboxId) -> Result<Option<PgpKey>, Error> {
    let row: Option<KeyRow> = on!(tx, c => sqlx::query_as(
        "SELECT mailbox_id, public_key, fingerprint, expires_at, hide_subject, created_at FROM pgp_keys WHERE mailbox_id = $1",
    ).bind(mailbox.0).fetch_optional(c))?;
    Ok(row.map(PgpKey::from))
}

/// The keys of those of these mailboxes that have one.
pub async fn find_many(tx: &mut Tx, mailboxes: &[MailboxId]) -> Result<Vec<PgpKey>, Error> {
    const SQLITE: &str = "SELECT mailbox_id, public_key, fingerprint, expires_at, hide_subject, created_at FROM pgp_keys \
                          WHERE mailbox_id IN (SELECT value FROM json_each($1))";
    const POSTGRES: &str = "SELECT mailbox_id, public_key, fingerprint, expires_at, hide_subject, created_at FROM pgp_keys \
                            WHERE mailbox_id = ANY($1)";
    if mailboxes.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = mailboxes.iter().map(|id| id.0).collect();
    let rows: Vec<KeyRow> = match tx {
        Tx::Sqlite(t) => {
            let list = serde_json::Value::from(ids).to_string();
            sqlx::query_as(SQLITE).bind(list).fetch_all(&mut **t).await
        }
        Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query_as(POSTGRES).bind(ids).fetch_all(&mut **t).await,
    }?;
    Ok(rows.into_iter().map(PgpKey::from).collect())
}

/// The keys of a user's mailboxes.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<PgpKey>, Error> {
    let rows: Vec<KeyRow> = on!(tx, c => sqlx::query_as(
        "SELECT k.mailbox_id, k.public_key, k.fingerprint, k.expires_at, k.hide_subject, k.created_at \
         FROM pgp_keys k JOIN mailboxes m ON m.id = k.mailbox_id WHERE m.user_id = $1 ORDER BY k.mailbox_id",
    ).bind(user.0).fetch_all(c))?;
    Ok(rows.into_iter().map(PgpKey::from).collect())
}

/// Takes a mailbox's key away; false when it had none.
pub async fn remove(tx: &mut Tx, mailbox: MailboxId) -> Result<bool, Error> {
    let changed = changed!(tx, sqlx::query("DELETE FROM pgp_keys WHERE mailbox_id = $1").bind(mailbox.0))?;
    Ok(changed == 1)
}

/// The keys that are good now and not at `before` any more.
pub async fn list_expiring(tx: &mut Tx, now: Timestamp, before: Timestamp) -> Result<Vec<Expiring>, Error> {
    let rows: Vec<ExpiringRow> = on!(tx, c => sqlx::query_as(
        "SELECT m.id, m.uuid, m.user_id, m.address, k.fingerprint, k.expires_at FROM pgp_keys k \
         JOIN mailboxes m ON m.id = k.mailbox_id WHERE k.expires_at > $1 AND k.expires_at <= $2 ORDER BY k.expires_at, m.id",
    ).bind(now.as_micros()).bind(before.as_micros()).fetch_all(c))?;
    let expiring = |row: ExpiringRow| {
        Ok(Expiring {
            user_id: UserId(row.user_id),
            mailbox: row.uuid,
            address: columns::address("mailboxes", "address", row.id, &row.address)?,
            fingerprint: row.fingerprint,
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    };
    rows.into_iter().map(expiring).collect()
}
