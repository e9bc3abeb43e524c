//! The queue: claim, hand off, settle, retry, sweep.
//!
//! The rules of the queue:
//! - It leases, it does not lock: a claim sets owner, token and end of the lease in one statement; nothing is held in the
//!   database while a hand-off is under way. Every release checks the token, so a worker that lost its lease changes nothing.
//! - A delivery ends delivered, failed (with a DSN or visible to its owner) or cancelled. Everything else waits with a due time.
//! - A process that died leaves leases; the next start of the same node takes them back at once ([`Queue::recover`]),
//!   other nodes when they lapse.
//! - Jobs may run twice (a crash between the next hop's 250 and our record of it); they never get lost.

mod load;
mod sweep;
pub mod webhook;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::delivery::Lease;
use crate::service::broker::Broker;
use crate::service::settle::LEASE;
use crate::storage::delivery::{self, ClaimedDelivery};
use crate::storage::{self, queue, site_backoff};

pub use sweep::sweep;

/// How often the queue looks for due deliveries when nothing rings.
const POLL: Duration = Duration::from_secs(1);
/// Deliveries claimed at once at the most.
const BATCH: usize = 32;

/// A delivery this node has claimed, and the proof.
#[derive(Debug)]
struct Claim {
    delivery: ClaimedDelivery,
    token: Uuid,
}

/// The queue's workers on this node.
#[derive(Debug, Clone)]
pub struct Queue {
    broker: Broker,
    workers: Arc<Semaphore>,
}

impl Queue {
    /// A queue with at most `workers` hand-offs under way.
    pub fn new(broker: Broker, workers: usize) -> Self {
        Self { broker, workers: Arc::new(Semaphore::new(workers.max(1))) }
    }

    /// Takes back what earlier starts of this node had claimed. Called before the first claim.
    pub async fn recover(&self) -> Result<u64, storage::Error> {
        let (node, now) = (self.broker.node.clone(), self.broker.now());
        let released =
            self.broker.storage().write(move |tx| Box::pin(async move { delivery::release_dead(tx, &node, now).await })).await?;
        if released > 0 {
            tracing::info!(deliveries = released, "took back deliveries of an earlier start of this node");
        }
        Ok(released)
    }

    /// Works until `soft` is cancelled; hand-offs under way go on in the broker's task tracker.
    pub async fn run(self, soft: CancellationToken) {
        while !soft.is_cancelled() {
            match self.work_off(&soft).await {
                Ok(()) => {}
                Err(error) => drop(self.broker.storage_failed(&error)),
            }
            tokio::select! {
                () = self.broker.queue.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = soft.cancelled() => {}
            }
        }
    }

    /// Claims and starts everything that is due now, as workers become free.
    async fn work_off(&self, soft: &CancellationToken) -> Result<(), storage::Error> {
        while !soft.is_cancelled() && !self.broker.fatal.is_cancelled() {
            let now = self.broker.now();
            let due = queue::next_due(&mut self.broker.storage().read().await?, now).await?;
            if due.is_none_or(|due| due > now) {
                return Ok(());
            }
            let Some(Ok(first)) = soft.run_until_cancelled(Arc::clone(&self.workers).acquire_owned()).await else {
                return Ok(());
            };
            let mut permits = vec![first];
            while permits.len() < BATCH
                && let Ok(more) = Arc::clone(&self.workers).try_acquire_owned()
            {
                permits.push(more);
            }
            let claimed = self.claim(permits.len()).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            for (delivery, permit) in claimed.into_iter().zip(permits) {
                let broker = self.broker.clone();
                self.broker.tasks.spawn(async move {
                    worker::deliver(&broker, delivery).await;
                    drop(permit);
                });
            }
        }
        Ok(())
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Claim>, storage::Error> {
        let broker = &self.broker;
        let now = broker.now();
        let token = Uuid::from_bytes(broker.desk.chance.bytes());
        let lease = Lease { owner: broker.node.owner(), token, until: now.plus(LEASE) };
        let limit = u32::try_from(limit).unwrap_or(1);
        // Whoever runs the instance may just have ended a rest: what is claimed now is tried now.
        broker.outbound.load(site_backoff::list(&mut broker.storage().read().await?, now).await?);
        let claimed = broker.storage().write(move |tx| Box::pin(async move { delivery::claim(tx, &lease, now, limit).await }));
        Ok(claimed.await?.into_iter().map(|delivery| Claim { delivery, token }).collect())
    }

    /// Hands off everything that is due and waits for it to end; for tests and `queue retry`.
    pub async fn deliver_due(&self) -> Result<usize, storage::Error> {
        let mut delivered = 0;
        loop {
            let claimed = self.claim(BATCH).await?;
            if claimed.is_empty() {
                return Ok(delivered);
            }
            for delivery in claimed {
                worker::deliver(&self.broker, delivery).await;
                delivered += 1;
            }
        }
    }
}
