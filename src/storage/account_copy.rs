//! What an account has besides aliases, as it is taken away and brought back: rows with the times they had.

use uuid::Uuid;

use crate::model::id::{DomainId, MailboxId, UserId};
use crate::model::{Timestamp, transfer};

use super::{Error, Tx, changed, columns, on};

#[derive(sqlx::FromRow)]
struct DomainRow {
    name: String,
    proven_at: Option<i64>,
    submission_creates: bool,
    catch_all: String,
    catch_all_pattern: Option<String>,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct WebhookRow {
    url: String,
    events: String,
    created_at: i64,
}

/// The domains of a user's own, oldest first.
pub async fn domains(tx: &mut Tx, user: UserId) -> Result<Vec<transfer::Domain>, Error> {
    let rows: Vec<DomainRow> = on!(tx, c => sqlx::query_as(
        "SELECT name, proven_at, submission_creates, catch_all, catch_all_pattern, created_at FROM domains \
         WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    let domain = |row: DomainRow| transfer::Domain {
        name: row.name,
        proven_at: columns::optional_time(row.proven_at),
        submission_creates: row.submission_creates,
        catch_all: row.catch_all,
        catch_all_pattern: row.catch_all_pattern,
        created_at: Timestamp::from_micros(row.created_at),
    };
    Ok(rows.into_iter().map(domain).collect())
}

/// Where a user is told of what happens, oldest first.
pub async fn webhooks(tx: &mut Tx, user: UserId) -> Result<Vec<transfer::Webhook>, Error> {
    let rows: Vec<WebhookRow> = on!(tx, c => sqlx::query_as(
        "SELECT url, events, created_at FROM webhooks WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    let webhook = |row: WebhookRow| transfer::Webhook {
        url: row.url,
        events: row.events,
        created_at: Timestamp::from_micros(row.created_at),
    };
    Ok(rows.into_iter().map(webhook).collect())
}

/// Gives a new domain of a user's own what was set for it elsewhere.
pub async fn set_domain(tx: &mut Tx, id: DomainId, from: &transfer::Domain) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE domains SET proven_at = $2, submission_creates = $3, catch_all = $4, catch_all_pattern = $5, \
             created_at = $6 WHERE id = $1"
        )
        .bind(id.0)
        .bind(from.proven_at.map(Timestamp::as_micros))
        .bind(from.submission_creates)
        .bind(&from.catch_all)
        .bind(from.catch_all_pattern.as_deref())
        .bind(from.created_at.as_micros())
    )
    .map(drop)
}

/// Adds a webhook that tells nothing before its owner turned it on; false when there is one of that address.
pub async fn add_webhook(
    tx: &mut Tx,
    user: UserId,
    uuid: Uuid,
    secret: &[u8],
    from: &transfer::Webhook,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "INSERT INTO webhooks (uuid, user_id, url, secret, events, created_at, paused_at) \
             SELECT $1, u.id, $3, $4, $5, $6, $7 FROM users u WHERE u.id = $2 \
             AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.user_id = $2 AND w.url = $3)"
        )
        .bind(uuid)
        .bind(user.0)
        .bind(&from.url)
        .bind(secret)
        .bind(&from.events)
        .bind(from.created_at.as_micros())
        .bind(now.as_micros())
    )?;
    Ok(changed == 1)
}

/// When the account was made, where it was made first.
pub async fn set_user_created(tx: &mut Tx, user: UserId, at: Timestamp) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE users SET created_at = $2 WHERE id = $1").bind(user.0).bind(at.as_micros())).map(drop)
}

/// When a mailbox was added, and verified, where it was first.
pub async fn set_mailbox_times(tx: &mut Tx, id: MailboxId, created: Timestamp, verified: Option<Timestamp>) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("UPDATE mailboxes SET created_at = $2, verified_at = COALESCE($3, verified_at) WHERE id = $1")
            .bind(id.0)
            .bind(created.as_micros())
            .bind(verified.map(Timestamp::as_micros))
    )
    .map(drop)
}
