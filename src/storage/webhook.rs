//! Webhooks and the events on their way to them.

use uuid::Uuid;

use crate::model::id::{AliasId, UserId, WebhookEventId, WebhookId};
use crate::model::webhook::{EventKind, EventKinds, Webhook, WebhookEvent};
use crate::model::{Private, Timestamp};

use super::{Error, Tx, changed, columns, on};

/// What a new webhook is made of.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Who is told.
    pub user_id: UserId,
    /// Where.
    pub url: String,
    /// Signs what is sent.
    pub secret: Private<Vec<u8>>,
    /// Of what.
    pub events: EventKinds,
    /// Now.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    url: String,
    secret: Vec<u8>,
    events: String,
    created_at: i64,
    paused_at: Option<i64>,
    last_status: Option<String>,
    last_at: Option<i64>,
}

impl TryFrom<Row> for Webhook {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: WebhookId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            url: Private::new(row.url),
            secret: Private::new(row.secret),
            events: columns::word("webhooks", "events", row.id, &row.events)?,
            created_at: Timestamp::from_micros(row.created_at),
            paused_at: columns::optional_time(row.paused_at),
            last_status: row.last_status,
            last_at: columns::optional_time(row.last_at),
        })
    }
}

/// Adds a webhook.
pub async fn create(tx: &mut Tx, new: &NewWebhook) -> Result<Webhook, Error> {
    let row: Row = on!(tx, c => sqlx::query_as(
        "INSERT INTO webhooks (uuid, user_id, url, secret, events, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         RETURNING id, uuid, user_id, url, secret, events, created_at, paused_at, last_status, last_at",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(&new.url)
    .bind(new.secret.reveal())
    .bind(new.events.to_string())
    .bind(new.created_at.as_micros())
    .fetch_one(c))?;
    row.try_into()
}

/// A user's webhooks, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Webhook>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, url, secret, events, created_at, paused_at, last_status, last_at FROM webhooks \
         WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(Webhook::try_from).collect()
}

/// The webhook with that key.
pub async fn find(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, url, secret, events, created_at, paused_at, last_status, last_at FROM webhooks WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    row.map(Webhook::try_from).transpose()
}

/// Removes one with what is on its way to it; false when the user has none with this id.
pub async fn delete(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM webhooks WHERE user_id = $1 AND uuid = $2").bind(user.0).bind(uuid))? == 1)
}

/// Pauses one, or lets it go on.
pub async fn set_paused(tx: &mut Tx, id: WebhookId, paused_at: Option<Timestamp>) -> Result<(), Error> {
    let text = "UPDATE webhooks SET paused_at = $2 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(paused_at.map(Timestamp::as_micros))).map(drop)
}

/// Records how an attempt ended.
pub async fn note(tx: &mut Tx, id: WebhookId, status: &str, now: Timestamp) -> Result<(), Error> {
    let text = "UPDATE webhooks SET last_status = $2, last_at = $3 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(status).bind(now.as_micros())).map(drop)
}

/// What a user's alias is called, for those who are told of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AliasName {
    /// Its owner.
    pub user_id: i64,
    /// Its id for the outside.
    pub uuid: Uuid,
    /// Its address.
    pub address: String,
    /// The site it is for.
    pub site: Option<String>,
}

/// The name of an alias whose owner has a webhook; for all others there is nothing to be told.
pub async fn name_for_telling(tx: &mut Tx, alias: AliasId) -> Result<Option<AliasName>, Error> {
    on!(tx, c => sqlx::query_as(
        "SELECT a.user_id, a.uuid, a.address, a.site FROM aliases a WHERE a.id = $1 AND EXISTS \
         (SELECT 1 FROM webhooks w WHERE w.user_id = a.user_id AND w.paused_at IS NULL)",
    ).bind(alias.0).fetch_optional(c))
}

/// The webhooks of a user that are told of such events now.
pub async fn told_of(tx: &mut Tx, user: UserId, kind: EventKind) -> Result<Vec<WebhookId>, Error> {
    let rows: Vec<(i64, String)> = on!(tx, c => sqlx::query_as(
        "SELECT id, events FROM webhooks WHERE user_id = $1 AND paused_at IS NULL ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    let wants = |events: &str| events.split_ascii_whitespace().any(|word| word == kind.as_str());
    Ok(rows.into_iter().filter(|(_, events)| wants(events)).map(|(id, _)| WebhookId(id)).collect())
}

/// Puts an event on its way.
pub async fn insert_event(
    tx: &mut Tx,
    uuid: Uuid,
    webhook: WebhookId,
    kind: EventKind,
    payload: &str,
    now: Timestamp,
) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO webhook_events (uuid, webhook_id, event, payload, created_at, next_attempt_at, attempts) \
             VALUES ($1, $2, $3, $4, $5, $5, 0)"
        )
        .bind(uuid)
        .bind(webhook.0)
        .bind(kind.as_str())
        .bind(payload)
        .bind(now.as_micros())
    )
    .map(drop)
}

/// How many events wait for a webhook.
pub async fn count_waiting(tx: &mut Tx, webhook: WebhookId) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM webhook_events WHERE webhook_id = $1").bind(webhook.0).fetch_one(c))
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: i64,
    uuid: Uuid,
    webhook_id: i64,
    payload: String,
    attempts: i32,
    created_at: i64,
}

impl From<EventRow> for WebhookEvent {
    fn from(row: EventRow) -> Self {
        Self {
            id: WebhookEventId(row.id),
            uuid: row.uuid,
            webhook_id: WebhookId(row.webhook_id),
            payload: row.payload,
            attempts: row.attempts,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

/// Whether something is due: asked before a claim, so that a quiet instance writes nothing.
pub async fn is_due(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    on!(tx, c => sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM webhook_events e JOIN webhooks w ON w.id = e.webhook_id WHERE e.next_attempt_at <= $1 \
         AND (e.lease_until IS NULL OR e.lease_until <= $1) AND w.paused_at IS NULL)",
    ).bind(now.as_micros()).fetch_one(c))
}

macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE webhook_events SET lease_until = $2, attempts = attempts + 1 WHERE id IN (SELECT e.id FROM webhook_events e ",
            "JOIN webhooks w ON w.id = e.webhook_id WHERE e.next_attempt_at <= $1 AND (e.lease_until IS NULL OR e.lease_until <= $1) ",
            "AND w.paused_at IS NULL ORDER BY e.next_attempt_at, e.id LIMIT $3",
            $lock,
            ") RETURNING id, uuid, webhook_id, payload, attempts, created_at"
        )
    };
}

/// Leases events that are due; the attempt is counted with the lease. Of a paused webhook nothing is due.
pub async fn claim_events(tx: &mut Tx, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<WebhookEvent>, Error> {
    // Without the lock clause two nodes wait for each other's rows, in either order.
    let text = if matches!(tx, Tx::Sqlite(_)) { claim!("") } else { claim!(" FOR UPDATE OF e SKIP LOCKED") };
    let rows: Vec<EventRow> = on!(tx, c => sqlx::query_as(text)
        .bind(now.as_micros()).bind(until.as_micros()).bind(i64::from(limit)).fetch_all(c))?;
    Ok(rows.into_iter().map(WebhookEvent::from).collect())
}

/// Forgets an event: it arrived, or it was given up.
pub async fn delete_event(tx: &mut Tx, id: WebhookEventId) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM webhook_events WHERE id = $1").bind(id.0)).map(drop)
}

/// Puts an event back until then.
pub async fn retry_event(tx: &mut Tx, id: WebhookEventId, at: Timestamp) -> Result<(), Error> {
    let text = "UPDATE webhook_events SET lease_until = NULL, next_attempt_at = $2 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(at.as_micros())).map(drop)
}

/// Forgets what waits for a webhook.
pub async fn delete_events(tx: &mut Tx, webhook: WebhookId) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM webhook_events WHERE webhook_id = $1").bind(webhook.0))
}
