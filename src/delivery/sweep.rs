//! The sweep: finds anything without a future and gives it one.
//!
//! Old pairs of message ids are forgotten on the way (no thread goes on after that long), and so is what users were told
//! who wrote once, unproven, long ago, and sessions, links, sign-ups and ceremonies of passkeys that ended, and answers
//! kept for clients that ask twice.
//! Due times and lease ends far ahead are a jumped clock's and are pulled back; messages without a delivery are erased.

use std::time::Duration;

use super::webhook::LONGEST_WAIT;
use crate::service::broker::Broker;
use crate::service::idempotency as idempotency_keys;
use crate::service::pausing;
use crate::service::settle::LEASE;
use crate::storage::queue::{self, SweepReport};
use crate::storage::{
    self, idempotency, mail_link, message_id, notice, passkey_ceremony, session, sighting, sign_up_code, upload, webhook,
};

/// How long replies can be threaded to.
const THREADS_LAST: Duration = Duration::from_hours(2 * 365 * 24);

/// How long it is known what users were told: as long as the longest silence between two tellings of the same thing.
const TOLD: Duration = Duration::from_hours(60 * 24);
/// How long a single message is known of somebody who was not proven: strangers make those up.
const SEEN_ONCE: Duration = Duration::from_hours(90 * 24);
/// How long a file waits for its owner to say that it is to be brought in.
const UPLOADED: Duration = Duration::from_hours(1);

/// One sweep over the whole queue.
pub async fn sweep(broker: &Broker) -> Result<SweepReport, storage::Error> {
    let (now, longest) = (broker.now(), broker.rules.schedule.longest_wait());
    let forget = broker.storage().write(move |tx| {
        Box::pin(async move {
            message_id::expire(tx, now.minus(THREADS_LAST)).await?;
            notice::forget(tx, now.minus(TOLD)).await?;
            session::delete_expired(tx, now).await?;
            mail_link::delete_expired(tx, now).await?;
            sign_up_code::delete_expired(tx, now).await?;
            idempotency::forget(tx, now.minus(idempotency_keys::KEPT_FOR)).await?;
            passkey_ceremony::delete_expired(tx, now).await?;
            upload::forget(tx, now.minus(UPLOADED)).await?;
            webhook::pull_in(tx, now, now.plus(LONGEST_WAIT)).await?;
            sighting::forget_single(tx, now.minus(SEEN_ONCE)).await
        })
    });
    forget.await?;
    pausing::forget(broker).await?;
    let swept = broker.storage().write(move |tx| Box::pin(async move { queue::sweep(tx, now, longest, LEASE).await }));
    let report = swept.await?;
    if report.found_anything() {
        tracing::warn!(?report, "the sweep repaired the queue");
        broker.queue.notify_one();
    }
    broker.note_sweep();
    Ok(report)
}
