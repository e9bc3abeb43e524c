//! Paused mailboxes are tested by themselves, once a day: one that works again must not wait for somebody to notice.
//!
//! The test is that of `mailbox_test`, one small message. Which node makes it is settled in the database.

use std::time::Duration;

use super::broker::Broker;
use super::mailbox_test::{self, TestError, Tested};
use crate::model::Timestamp;
use crate::model::mailbox::Mailbox;
use crate::model::notice::NoticeKind;
use crate::storage::{self, mailbox, notice};

/// How often a paused mailbox is tested; the first time so long after it was paused.
pub const EVERY: Duration = Duration::from_hours(24);

/// Tests in the background what is due; nobody waits for it.
pub fn start(broker: &Broker) {
    let background = broker.clone();
    broker.tasks.spawn(async move {
        let tested = background.hard.run_until_cancelled(probe(&background, background.now())).await;
        if let Some(Err(error)) = tested {
            drop(background.storage_failed(&error));
        }
    });
}

/// Tests every paused mailbox that is due at `now`, one after the other. How many work again.
pub async fn probe(broker: &Broker, now: Timestamp) -> Result<u64, storage::Error> {
    let Some(bench) = broker.bench() else { return Ok(0) };
    let paused = mailbox::paused_before(&mut broker.storage().read().await?, now.minus(EVERY)).await?;
    let mut resumed = 0;
    for mailbox in paused {
        if !claim(broker, &mailbox, now).await? {
            continue;
        }
        match mailbox_test::probe(&bench, &mailbox).await {
            Ok(Tested::Taken { .. }) => {
                tracing::info!(mailbox.id = %mailbox.uuid, "a paused mailbox takes mail again");
                resumed += 1;
                broker.queue.notify_one();
            }
            Ok(Tested::Refused(_) | Tested::Unanswered(_)) | Err(TestError::Unverified) => {}
            Err(TestError::Unsigned(error)) => tracing::error!(%error, "the test of a paused mailbox could not be signed"),
            Err(TestError::Storage(error)) => return Err(error),
        }
    }
    Ok(resumed)
}

/// Whether this node makes today's test. Recorded before the test is made: one that ends badly is not made again today.
async fn claim(broker: &Broker, mailbox: &Mailbox, now: Timestamp) -> Result<bool, storage::Error> {
    let (user, about) = (mailbox.user_id, mailbox.uuid.to_string());
    let write = broker
        .storage()
        .write(move |tx| Box::pin(async move { notice::record(tx, user, NoticeKind::MailboxTested, &about, now, EVERY).await }));
    write.await
}
