//! What happens by the clock: counts written, space measured, the node's heartbeat, shared back-off, the sweep.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::clock::SharedClock;
use crate::delivery;
use crate::model::Timestamp;
use crate::service::broker::Broker;
use crate::service::dkim_key::KeyError;
use crate::service::pausing;
use crate::service::pgp_key;
use crate::service::probing;
use crate::service::role;
use crate::storage::{self, node, queue, site_backoff};
use crate::telemetry::metrics::{QUEUE_HELD, QUEUE_OLDEST_SECONDS, QUEUE_WAITING};

const EVERY: Duration = Duration::from_secs(1);
const HEARTBEATS: u64 = 10;
const SWEEPS: u64 = 60;
const WARNINGS: u64 = 3600;

/// Runs until `stop`; the last counts are written by the caller after everything else has ended.
pub(super) async fn run(broker: Broker, shared: Option<SharedClock>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count: u64 = 0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        broker.measure_free_space().await;
        note(&broker, "counts", broker.ledger.flush(broker.storage()).await);
        if count.is_multiple_of(HEARTBEATS) {
            note(&broker, "heartbeat", heartbeat(&broker, shared.as_ref()).await);
            note(&broker, "keys", keys(&broker).await);
            note(&broker, "refusals", pausing::refresh(&broker).await);
        }
        if count % SWEEPS == SWEEPS / 2 {
            note(&broker, "sweep", delivery::sweep(&broker).await.map(drop));
            note(&broker, "checkpoint", broker.storage().checkpoint().await.map(drop));
        }
        if count % WARNINGS == SWEEPS / 3 {
            note(&broker, "expiring keys", pgp_key::warn_expiring(&broker).await);
            // The first administrator may have verified a mailbox since the start.
            note(&broker, "role addresses", role::ensure(&broker.desk, &broker.rules.domains).await);
        }
        if count % WARNINGS == SWEEPS {
            probing::start(&broker);
        }
        count = count.wrapping_add(1);
    }
}

/// A failure here is no client's: it is logged (and a failing disk ends the process) and tried again at the next tick.
fn note(broker: &Broker, what: &str, result: Result<(), storage::Error>) {
    if let Err(error) = result {
        tracing::debug!(what, "housekeeping has to wait");
        broker.storage_failed(&error);
    }
}

/// Follows rotations and makes keys for domains that were added elsewhere.
async fn keys(broker: &Broker) -> Result<(), storage::Error> {
    match broker.signing.keep_up(&broker.desk).await {
        Ok(()) => Ok(()),
        Err(KeyError::Storage(error)) => Err(error),
        Err(error) => {
            tracing::error!(%error, "keys to sign mail with could not be made; mail of their domains waits");
            Ok(())
        }
    }
}

async fn heartbeat(broker: &Broker, shared: Option<&SharedClock>) -> Result<(), storage::Error> {
    if let Some(clock) = shared {
        clock.set(storage::clock::now(&mut broker.storage().read().await?).await?);
    }
    let (this, now) = (broker.node.clone(), broker.now());
    let alive = broker.storage().write(move |tx| Box::pin(async move { node::heartbeat(tx, &this, now).await }));
    if !alive.await? {
        tracing::error!("another process has taken over this node's id; stopping");
        broker.fatal.cancel();
    }
    measure_queue(broker, now).await?;
    share_rests(broker, now).await
}

async fn measure_queue(broker: &Broker, now: Timestamp) -> Result<(), storage::Error> {
    let counts = queue::counts(&mut broker.storage().read().await?).await?;
    let age = counts.oldest_waiting.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
    metrics::gauge!(QUEUE_WAITING).set(f64::from(u32::try_from(counts.waiting).unwrap_or(u32::MAX)));
    metrics::gauge!(QUEUE_HELD).set(f64::from(u32::try_from(counts.held).unwrap_or(u32::MAX)));
    metrics::gauge!(QUEUE_OLDEST_SECONDS).set(age);
    Ok(())
}

/// Sites that rest: what this node found out goes into the table, what the table says holds for this node.
async fn share_rests(broker: &Broker, now: Timestamp) -> Result<(), storage::Error> {
    let (recovered, resting) = (broker.outbound.take_recovered(), broker.outbound.rests_to_share());
    if !(recovered.is_empty() && resting.is_empty()) {
        let written = broker.storage().write(move |tx| {
            Box::pin(async move {
                for site in &recovered {
                    site_backoff::clear(tx, site).await?;
                }
                for (site, until) in &resting {
                    site_backoff::record(tx, site, *until).await?;
                }
                Ok::<_, storage::Error>(())
            })
        });
        written.await?;
    }
    let listed = site_backoff::list(&mut broker.storage().read().await?, now).await?;
    broker.outbound.load(listed);
    Ok(())
}
