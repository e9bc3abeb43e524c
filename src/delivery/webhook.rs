//! Events to webhooks: claim, post, forget or try again later.
//!
//! An event may arrive twice (a crash between the receiver's 2xx and our record of it); its id tells. One that is not taken
//! for a day is given up, and then its webhook pauses until its owner has looked.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::model::webhook::{Webhook, WebhookEvent};
use crate::outbound::post::PostError;
use crate::service::broker::Broker;
use crate::service::webhook::sign;
use crate::storage::{self, webhook};

/// How often one looks for due events.
const POLL: Duration = Duration::from_secs(1);
/// How long a claim holds: longer than a post can take.
const LEASE: Duration = Duration::from_mins(2);
/// Events posted at once.
const BATCH: u32 = 16;
/// Waits between attempts; the last one repeats.
const WAITS: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
];
/// How long an event is tried.
const EXPIRE: Duration = Duration::from_hours(24);

/// Works until `soft` is cancelled.
pub async fn run(broker: Broker, soft: CancellationToken) {
    while soft.run_until_cancelled(tokio::time::sleep(POLL)).await.is_some() {
        if let Some(Err(error)) = soft.run_until_cancelled(post_due(&broker)).await {
            drop(broker.storage_failed(&error));
        }
    }
}

/// Posts everything that is due now; how much that was.
pub async fn post_due(broker: &Broker) -> Result<usize, storage::Error> {
    let mut posted = 0;
    loop {
        let now = broker.now();
        if !webhook::is_due(&mut broker.storage().read().await?, now).await? {
            return Ok(posted);
        }
        let claim = broker
            .storage()
            .write(move |tx| Box::pin(async move { webhook::claim_events(tx, now, now.plus(LEASE), BATCH).await }));
        let claimed = claim.await?;
        if claimed.is_empty() {
            return Ok(posted);
        }
        posted += claimed.len();
        let all = claimed.into_iter().map(|event| post(broker, event));
        for ended in futures_util::future::join_all(all).await {
            ended?;
        }
    }
}

async fn post(broker: &Broker, event: WebhookEvent) -> Result<(), storage::Error> {
    let Some(hook) = webhook::find(&mut broker.storage().read().await?, event.webhook_id).await? else { return Ok(()) };
    let fields = sign(&hook, &event, broker.now());
    let ended = match Url::parse(hook.url.reveal()) {
        Ok(url) => broker.outbound.poster().post(&url, &fields, event.payload.clone()).await,
        Err(_) => Err(PostError::Unreachable("the address makes no sense")),
    };
    settle(broker, hook, event, ended).await
}

async fn settle(broker: &Broker, hook: Webhook, event: WebhookEvent, ended: Result<(), PostError>) -> Result<(), storage::Error> {
    let now = broker.now();
    let tried = usize::try_from(event.attempts).unwrap_or(usize::MAX);
    let wait = WAITS.get(tried.saturating_sub(1)).or(WAITS.last()).copied().unwrap_or(EXPIRE);
    let is_over = now.plus(wait).since(event.created_at) > EXPIRE;
    let status = match &ended {
        Ok(()) => "taken".to_owned(),
        Err(error) => error.to_string(),
    };
    let settle = broker.storage().write(move |tx| {
        Box::pin(async move {
            webhook::note(tx, hook.id, &status, now).await?;
            match ended {
                Ok(()) => webhook::delete_event(tx, event.id).await,
                Err(_) if is_over => {
                    // What comes later waits for its owner as well, or each event would be tried for a day in vain.
                    tracing::warn!(webhook.id = %hook.id, status, "a webhook took nothing for a day and is paused");
                    webhook::set_paused(tx, hook.id, Some(now)).await?;
                    webhook::delete_events(tx, hook.id).await.map(drop)
                }
                Err(_) => webhook::retry_event(tx, event.id, now.plus(wait)).await,
            }
        })
    });
    settle.await
}
