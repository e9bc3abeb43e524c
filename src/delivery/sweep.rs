//! The sweep: finds anything without a future and gives it one.
//!
//! Old pairs of message ids are forgotten on the way: no thread goes on after that long.
//! Due times and lease ends far ahead are a jumped clock's and are pulled back; messages without a delivery are erased.

use std::time::Duration;

use crate::service::broker::Broker;
use crate::service::pausing;
use crate::service::settle::LEASE;
use crate::storage::queue::{self, SweepReport};
use crate::storage::{self, message_id};

/// How long replies can be threaded to.
const THREADS_LAST: Duration = Duration::from_hours(2 * 365 * 24);

/// One sweep over the whole queue.
pub async fn sweep(broker: &Broker) -> Result<SweepReport, storage::Error> {
    let (now, longest) = (broker.now(), broker.rules.schedule.longest_wait());
    let forgotten = now.minus(THREADS_LAST);
    broker.storage().write(move |tx| Box::pin(async move { message_id::expire(tx, forgotten).await })).await?;
    pausing::forget(broker).await?;
    let swept = broker.storage().write(move |tx| Box::pin(async move { queue::sweep(tx, now, longest, LEASE).await }));
    let report = swept.await?;
    if report.found_anything() {
        tracing::warn!(?report, "the sweep repaired the queue");
        broker.queue.notify_one();
    }
    Ok(report)
}
