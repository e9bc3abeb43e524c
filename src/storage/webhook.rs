//! Webhooks and the events on their way to them.

use uuid::Uuid;

use crate::model::id::{AliasId, UserId, WebhookEventId, WebhookId};
use crate::model::webhook::{EventKind, EventKinds, Webhook, WebhookEvent};
use crate::model::{Private, Timestamp};

use super::{Error, ErrorKind, Tx, changed, columns, on};

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
    failures: i32,
    failing_since: Option<i64>,
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
            failures: row.failures,
            failing_since: columns::optional_time(row.failing_since),
        })
    }
}

/// Adds a webhook.
pub async fn create(tx: &mut Tx, new: &NewWebhook) -> Result<Webhook, Error> {
    let row: Row = on!(tx, c => sqlx::query_as(
        "INSERT INTO webhooks (uuid, user_id, url, secret, events, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         RETURNING id, uuid, user_id, url, secret, events, created_at, paused_at, last_status, last_at, failures, failing_since",
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
        "SELECT id, uuid, user_id, url, secret, events, created_at, paused_at, last_status, last_at, failures, failing_since FROM webhooks \
         WHERE user_id = $1 ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(Webhook::try_from).collect()
}

/// The webhook with that key.
pub async fn find(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, url, secret, events, created_at, paused_at, last_status, last_at, failures, failing_since FROM webhooks WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    row.map(Webhook::try_from).transpose()
}

/// Removes one with what is on its way to it; false when the user has none with this id.
pub async fn delete(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM webhooks WHERE user_id = $1 AND uuid = $2").bind(user.0).bind(uuid))? == 1)
}

/// Pauses one.
pub async fn pause(tx: &mut Tx, id: WebhookId, now: Timestamp) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE webhooks SET paused_at = $2 WHERE id = $1").bind(id.0).bind(now.as_micros())).map(drop)
}

/// Lets one go on as if it had never failed.
pub async fn resume(tx: &mut Tx, id: WebhookId, now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE webhooks SET paused_at = NULL, failures = 0, failing_since = NULL, next_attempt_at = $2 WHERE id = $1"
        )
        .bind(id.0)
        .bind(now.as_micros())
    )
    .map(drop)
}

/// Lets one that waits after a failure be tried at once.
pub async fn make_due(tx: &mut Tx, id: WebhookId, now: Timestamp) -> Result<(), Error> {
    let text = "UPDATE webhooks SET next_attempt_at = $2 WHERE id = $1 AND failures > 0";
    changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros())).map(drop)
}

/// How attempts ended, and when the next one may be.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// In a few words.
    pub status: String,
    /// Failures in a row.
    pub failures: i32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// When to try again.
    pub next_attempt_at: Timestamp,
}

/// Records how attempts ended.
pub async fn note(tx: &mut Tx, id: WebhookId, ended: &Attempted, now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "UPDATE webhooks SET last_status = $2, last_at = $3, failures = $4, failing_since = $5, next_attempt_at = $6 \
             WHERE id = $1"
        )
        .bind(id.0)
        .bind(&ended.status)
        .bind(now.as_micros())
        .bind(ended.failures)
        .bind(ended.failing_since.map(Timestamp::as_micros))
        .bind(ended.next_attempt_at.as_micros())
    )
    .map(drop)
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

/// Whether anybody is told of anything.
pub async fn is_any(tx: &mut Tx) -> Result<bool, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM webhooks WHERE paused_at IS NULL)").fetch_one(c))
}

#[derive(sqlx::FromRow)]
struct NamedRow {
    id: i64,
    #[sqlx(flatten)]
    name: AliasName,
}

/// The names of those of these aliases whose owners have a webhook, in an order of their own.
pub async fn names_for_telling(tx: &mut Tx, aliases: &[AliasId]) -> Result<Vec<(AliasId, AliasName)>, Error> {
    let list = serde_json::to_string(aliases)
        .map_err(|error| Error::new(ErrorKind::Other, format!("a list can't be written: {error}")))?;
    macro_rules! names {
        ($list:literal) => {
            concat!(
                "SELECT a.id, a.user_id, a.uuid, a.address, a.site FROM aliases a WHERE a.id IN (",
                $list,
                ") AND EXISTS (SELECT 1 FROM webhooks w WHERE w.user_id = a.user_id AND w.paused_at IS NULL) ",
                "ORDER BY a.user_id, a.id"
            )
        };
    }
    let text = if matches!(tx, Tx::Sqlite(_)) {
        names!("SELECT value FROM json_each($1)")
    } else {
        names!("SELECT value::bigint FROM jsonb_array_elements_text($1::text::jsonb) AS r (value)")
    };
    let rows: Vec<NamedRow> = on!(tx, c => sqlx::query_as(text).bind(&list).fetch_all(c))?;
    Ok(rows.into_iter().map(|row| (AliasId(row.id), row.name)).collect())
}

/// The webhooks of a user that are told of such events now.
pub async fn told_of(tx: &mut Tx, user: UserId, kind: EventKind) -> Result<Vec<WebhookId>, Error> {
    let rows: Vec<(i64, String)> = on!(tx, c => sqlx::query_as(
        "SELECT id, events FROM webhooks WHERE user_id = $1 AND paused_at IS NULL ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    let wants = |events: &str| events.split_ascii_whitespace().any(|word| word == kind.as_str());
    Ok(rows.into_iter().filter(|(_, events)| wants(events)).map(|(id, _)| WebhookId(id)).collect())
}

/// Puts an event on its way: those due first go first.
pub async fn insert_event(
    tx: &mut Tx,
    uuid: Uuid,
    webhook: WebhookId,
    kind: EventKind,
    payload: &str,
    now: Timestamp,
    due: Timestamp,
) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO webhook_events (uuid, webhook_id, event, payload, created_at, next_attempt_at, attempts) \
             VALUES ($1, $2, $3, $4, $5, $6, 0)"
        )
        .bind(uuid)
        .bind(webhook.0)
        .bind(kind.as_str())
        .bind(payload)
        .bind(now.as_micros())
        .bind(due.as_micros())
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
        "SELECT EXISTS (SELECT 1 FROM webhooks w WHERE w.paused_at IS NULL AND w.next_attempt_at <= $1 \
         AND EXISTS (SELECT 1 FROM webhook_events e WHERE e.webhook_id = w.id AND e.next_attempt_at <= $1))",
    ).bind(now.as_micros()).fetch_one(c))
}

macro_rules! due {
    ($lock:literal) => {
        concat!(
            "SELECT w.id, w.uuid, w.user_id, w.url, w.secret, w.events, w.created_at, w.paused_at, w.last_status, w.last_at, ",
            "w.failures, w.failing_since FROM webhooks w WHERE w.paused_at IS NULL AND w.next_attempt_at <= $1 ",
            "AND EXISTS (SELECT 1 FROM webhook_events e WHERE e.webhook_id = w.id AND e.next_attempt_at <= $1) ",
            "ORDER BY w.next_attempt_at, w.id LIMIT $2",
            $lock
        )
    };
}

/// Leases webhooks that something is due for, the one that waited longest first, until `until`, each with the first of its
/// events: `each`, or one when it failed the last time. The attempts are counted by whoever makes them.
pub async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
    each: u32,
) -> Result<Vec<(Webhook, Vec<WebhookEvent>)>, Error> {
    // Without the lock clause two nodes wait for each other's rows, in either order.
    let text = if matches!(tx, Tx::Sqlite(_)) { due!("") } else { due!(" FOR UPDATE OF w SKIP LOCKED") };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(text).bind(now.as_micros()).bind(limit).fetch_all(c))?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let hook = Webhook::try_from(row)?;
        let lease = "UPDATE webhooks SET next_attempt_at = $2 WHERE id = $1";
        changed!(tx, sqlx::query(lease).bind(hook.id.0).bind(until.as_micros()))?;
        let each = if hook.failures > 0 { 1 } else { i64::from(each) };
        let events: Vec<EventRow> = on!(tx, c => sqlx::query_as(
            "SELECT id, uuid, webhook_id, payload, attempts, created_at FROM webhook_events \
             WHERE webhook_id = $1 AND next_attempt_at <= $2 ORDER BY next_attempt_at, id LIMIT $3",
        ).bind(hook.id.0).bind(now.as_micros()).bind(each).fetch_all(c))?;
        claimed.push((hook, events.into_iter().map(WebhookEvent::from).collect()));
    }
    Ok(claimed)
}

/// Pulls in what lies further ahead than `furthest`, and what began later than now: a jumped clock's. How many.
pub async fn pull_in(tx: &mut Tx, now: Timestamp, furthest: Timestamp) -> Result<u64, Error> {
    let (now, furthest) = (now.as_micros(), furthest.as_micros());
    let hooks = "UPDATE webhooks SET next_attempt_at = $1 WHERE next_attempt_at > $1";
    let since = "UPDATE webhooks SET failing_since = $1 WHERE failing_since > $1";
    let events = "UPDATE webhook_events SET next_attempt_at = $1 WHERE next_attempt_at > $1";
    let made = "UPDATE webhook_events SET created_at = $1 WHERE created_at > $1";
    Ok(changed!(tx, sqlx::query(hooks).bind(furthest))?
        + changed!(tx, sqlx::query(since).bind(now))?
        + changed!(tx, sqlx::query(events).bind(furthest))?
        + changed!(tx, sqlx::query(made).bind(now))?)
}

/// Forgets an event: it arrived, or it was given up.
pub async fn delete_event(tx: &mut Tx, id: WebhookEventId) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM webhook_events WHERE id = $1").bind(id.0)).map(drop)
}

/// Counts an attempt of an event and puts it back until then.
pub async fn retry_event(tx: &mut Tx, id: WebhookEventId, at: Timestamp) -> Result<(), Error> {
    let text = "UPDATE webhook_events SET attempts = attempts + 1, next_attempt_at = $2 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(at.as_micros())).map(drop)
}

/// Forgets what waits for a webhook.
pub async fn delete_events(tx: &mut Tx, webhook: WebhookId) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM webhook_events WHERE webhook_id = $1").bind(webhook.0))
}
