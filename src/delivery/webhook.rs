//! Events to webhooks: claim, post, forget or try again later.
//!
//! A webhook is leased as a whole and its events are posted one after the other until one is not taken; then the whole
//! webhook waits, so that a dead receiver costs one attempt for each step of the schedule and holds up nobody else.
//! An event may arrive twice (a crash between the receiver's 2xx and our record of it); its id tells. One that is refused
//! for a day is given up; a webhook that takes nothing for a day pauses until its owner has looked.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::model::Timestamp;
use crate::model::id::WebhookEventId;
use crate::model::webhook::{Webhook, WebhookEvent};
use crate::outbound::post::PostError;
use crate::service::broker::Broker;
use crate::service::webhook::sign;
use crate::storage::webhook::Attempted;
use crate::storage::{self, webhook};

/// How often one looks for due events.
const POLL: Duration = Duration::from_secs(1);
/// How long a claim holds: longer than all posts of it can take.
const LEASE: Duration = Duration::from_mins(2);
/// Webhooks posted to at once.
const AT_ONCE: usize = 16;
/// Events of one webhook for each claim; then it is the turn of the others.
const EACH: u32 = 4;
/// Waits after a failure; the last one repeats.
const WAITS: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    LONGEST_WAIT,
];
/// No wait is longer.
pub const LONGEST_WAIT: Duration = Duration::from_hours(6);
/// How long is tried.
const EXPIRE: Duration = Duration::from_hours(24);
/// How often at the least: a clock that jumps a day ahead ends nothing.
const ENOUGH: i32 = 5;

/// Works until `soft` is cancelled.
pub async fn run(broker: Broker, soft: CancellationToken) {
    while soft.run_until_cancelled(tokio::time::sleep(POLL)).await.is_some() {
        if let Some(Err(error)) = soft.run_until_cancelled(post_due(&broker)).await {
            drop(broker.storage_failed(&error));
        }
    }
}

/// Posts everything that is due, and what falls due meanwhile; how much that was. A slow receiver keeps its own place only.
pub async fn post_due(broker: &Broker) -> Result<usize, storage::Error> {
    let mut posted = 0;
    let mut running = FuturesUnordered::new();
    loop {
        let free = AT_ONCE.saturating_sub(running.len());
        for (hook, events) in claim(broker, free).await? {
            posted += events.len();
            running.push(post_all(broker, hook, events));
        }
        match tokio::time::timeout(POLL, running.next()).await {
            Ok(None) => return Ok(posted),
            Ok(Some(ended)) => ended?,
            // Something else may be due by now.
            Err(_) => {}
        }
    }
}

async fn claim(broker: &Broker, limit: usize) -> Result<Vec<(Webhook, Vec<WebhookEvent>)>, storage::Error> {
    let now = broker.now();
    if limit == 0 || !webhook::is_due(&mut broker.storage().read().await?, now).await? {
        return Ok(Vec::new());
    }
    let claim =
        broker.storage().write(move |tx| Box::pin(async move { webhook::claim(tx, now, now.plus(LEASE), limit, EACH).await }));
    claim.await
}

/// Posts events of a webhook until one is not taken.
async fn post_all(broker: &Broker, hook: Webhook, events: Vec<WebhookEvent>) -> Result<(), storage::Error> {
    let mut taken = Vec::new();
    let mut refused = None;
    for event in events {
        match post(broker, &hook, &event).await {
            Ok(()) => taken.push(event.id),
            Err(error) => {
                refused = Some((event, error));
                break;
            }
        }
    }
    settle(broker, hook, taken, refused).await
}

async fn post(broker: &Broker, hook: &Webhook, event: &WebhookEvent) -> Result<(), PostError> {
    let fields = sign(hook, event, broker.now());
    match Url::parse(hook.url.reveal()) {
        Ok(url) => broker.outbound.poster().post(&url, &fields, event.payload.clone()).await,
        Err(_) => Err(PostError::Unreachable("the address makes no sense")),
    }
}

async fn settle(
    broker: &Broker,
    hook: Webhook,
    taken: Vec<WebhookEventId>,
    refused: Option<(WebhookEvent, PostError)>,
) -> Result<(), storage::Error> {
    let now = broker.now();
    let ended = ended(&hook, !taken.is_empty(), refused.as_ref().map(|(_, error)| error), now);
    let is_over = ended.failures >= ENOUGH && is_long(ended.failing_since.unwrap_or(now), now);
    let settle = broker.storage().write(move |tx| {
        Box::pin(async move {
            webhook::note(tx, hook.id, &ended, now).await?;
            for event in taken {
                webhook::delete_event(tx, event).await?;
            }
            let Some((event, _)) = refused else { return Ok(()) };
            let tries = event.attempts.saturating_add(1);
            if is_over {
                // What comes later waits for its owner as well, or each event would be tried for a day in vain.
                tracing::warn!(webhook.id = %hook.id, status = ended.status, "a webhook took nothing for a day and is paused");
                webhook::pause(tx, hook.id, now).await?;
                return webhook::delete_events(tx, hook.id).await.map(drop);
            }
            if tries >= ENOUGH && is_long(event.created_at, now) {
                tracing::warn!(webhook.id = %hook.id, status = ended.status, "a webhook refused an event for a day; it is given up");
                return webhook::delete_event(tx, event.id).await;
            }
            webhook::retry_event(tx, event.id, now.plus(wait(tries))).await
        })
    });
    settle.await
}

fn ended(hook: &Webhook, took: bool, error: Option<&PostError>, now: Timestamp) -> Attempted {
    let Some(error) = error else {
        return Attempted { status: "taken".to_owned(), failures: 0, failing_since: None, next_attempt_at: now };
    };
    let (before, since) = if took { (0, None) } else { (hook.failures, hook.failing_since) };
    let failures = before.saturating_add(1);
    let (failing_since, next_attempt_at) = (Some(since.unwrap_or(now)), now.plus(wait(failures)));
    Attempted { status: error.to_string(), failures, failing_since, next_attempt_at }
}

fn is_long(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) >= EXPIRE
}

/// How long to wait after that many failures.
fn wait(failures: i32) -> Duration {
    let step = usize::try_from(failures.saturating_sub(1)).unwrap_or_default();
    WAITS.get(step).copied().unwrap_or(LONGEST_WAIT)
}
