//! Recipients that were accepted at RCPT and can't be served at the end of data, beside others that can: the sender gets
//! one answer for all, so these become failures their owner sees.

use std::time::Duration;

use super::units::Refused;
use crate::model::activity::Activity;
use crate::model::delivery::{DeliveryKind, Failure};
use crate::model::{Address, Private};
use crate::policy;
use crate::service::broker::Broker;
use crate::storage::delivery::{self, NewFailure};
use crate::storage::{self, ErrorKind, failed_delivery};

/// Records the failures in the background, again and again while the database is away: the others' 250 does not wait.
pub(super) fn make_visible(broker: &Broker, sender: Option<&Address>, refused: Vec<Refused>) {
    for refused in refused {
        // What its owner blocked or locked out did not fail.
        let is_wanted = [policy::recipient::BLOCKED, policy::locked::KNOWN_SENDERS_ONLY].contains(&refused.reply);
        let counted = if is_wanted { Activity::BLOCKED } else { Activity::FAILED };
        broker.ledger.count(refused.route.alias.id, broker.now(), counted);
        let rows = rows(broker, sender, &refused);
        let background = broker.clone();
        broker.tasks.spawn(async move { write(&background, rows, is_wanted).await });
    }
}

fn rows(broker: &Broker, sender: Option<&Address>, refused: &Refused) -> Vec<NewFailure> {
    let now = broker.now();
    let status =
        refused.reply.enhanced().map_or_else(|| "5.0.0".into(), |(class, subject, detail)| format!("{class}.{subject}.{detail}"));
    let failure = Failure { code: Some(refused.reply.code()), status, detail: Private::new(refused.reply.text().to_owned()) };
    let row = |mailbox: &crate::model::mailbox::Mailbox| NewFailure {
        uuid: crate::model::id::uuid_v7(now, &broker.desk.chance),
        kind: DeliveryKind::Forward,
        alias_id: Some(refused.route.alias.id),
        mailbox_id: Some(mailbox.id),
        sender: sender.cloned(),
        recipient: mailbox.address.clone(),
        failure: failure.clone(),
        at: now,
    };
    refused.route.mailboxes.iter().map(row).collect()
}

async fn write(broker: &Broker, rows: Vec<NewFailure>, is_wanted: bool) {
    let mut wait = Duration::from_millis(100);
    loop {
        let rows = rows.clone();
        let written = broker.storage().write(move |tx| {
            Box::pin(async move {
                for row in &rows {
                    if is_wanted
                        && let Some(alias) = row.alias_id
                        && !failed_delivery::shows_turned_away(tx, alias, &row.failure.status).await?
                    {
                        continue;
                    }
                    delivery::insert_failed(tx, row).await?;
                }
                Ok::<_, storage::Error>(())
            })
        });
        match written.await {
            Ok(()) => return,
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Full) => {
                drop(broker.storage_failed(&error));
            }
            // The alias is gone: nobody is left to be told.
            Err(error) => return drop(broker.storage_failed(&error)),
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_secs(10)),
            () = broker.hard.cancelled() => return,
        }
    }
}
