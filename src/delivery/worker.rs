//! One claimed delivery: read the kept message back, check it, hand it off, settle.

use std::sync::Arc;

use crate::model::Private;
use crate::model::delivery::Failure;
use crate::outbound::{Outcome, Permit, Report};
use crate::service::broker::Broker;
use crate::service::mail_link;
use crate::service::settle::{self, Held};
use crate::storage::delivery;

use super::Claim;
use super::load::{self, LoadError};

/// Sees one claimed delivery through to its end or its next wait.
pub(super) async fn deliver(broker: &Broker, claim: Claim) {
    let row = &claim.delivery.delivery;
    let held = Held {
        id: row.id,
        token: claim.token,
        kind: row.kind,
        alias_id: row.alias_id,
        mailbox_id: row.mailbox_id,
        recipient: row.recipient.clone(),
        // The claim counted this one.
        attempts: row.attempts.saturating_sub(1),
        expires_at: row.expires_at,
    };
    if mail_link::is_too_late(row, broker.now()) {
        return settle::settle(broker, &held, too_late()).await;
    }
    let mut hand_off = match load::hand_off(broker, &claim.delivery).await {
        Ok(hand_off) => hand_off,
        Err(error @ (LoadError::Unreadable(_) | LoadError::Damaged)) => return quarantine(broker, &held, &error).await,
        Err(error) => return settle::settle(broker, &held, unreadable(&error)).await,
    };
    hand_off.permit = Some(permit(broker, &held));
    settle::see_through(broker, held, broker.outbound.hand_off(&hand_off)).await;
}

/// A kill cancels the row, so the row is asked last of all, when the next hop waits for the message.
fn permit(broker: &Broker, held: &Held) -> Permit {
    let (broker, held) = (broker.clone(), held.clone());
    Arc::new(move || {
        let (broker, held) = (broker.clone(), held.clone());
        Box::pin(async move { matches!(settle::is_held(&broker, &held).await, Ok(true)) })
    })
}

/// A message whose row makes no sense, or whose body is not what was accepted, is failed where its owner sees it, and
/// kept; it is never sent. When that can't be written the lease
/// lapses and the next claim finds it again.
async fn quarantine(broker: &Broker, held: &Held, error: &LoadError) {
    tracing::error!(delivery.id = %held.id, %error, "a kept message can't be read; its delivery is put into quarantine");
    let detail = Private::new("the kept message can't be read".into());
    let failure = Failure { code: None, status: "5.3.0".into(), detail };
    let (id, token, now) = (held.id, held.token, broker.now());
    let written = broker
        .storage()
        .write(move |tx| Box::pin(async move { delivery::settle_quarantined(tx, id, token, &failure, now).await }))
        .await;
    if let Err(error) = written {
        broker.storage_failed(&error);
    }
}

/// Whoever got such a letter now would follow its link in vain.
fn too_late() -> Report {
    let report = deferred("4.4.7", "the link in it does not work any more");
    let Outcome::Deferred(failure) = report.outcome else { return report };
    Report { outcome: Outcome::Refused(failure), ..report }
}

fn deferred(status: &str, detail: &str) -> Report {
    let failure = Failure { code: None, status: status.into(), detail: Private::new(detail.into()) };
    Report {
        outcome: Outcome::Deferred(failure),
        site: None,
        site_in_trouble: false,
        attempted: false,
        put_off: false,
        recipient_refused: false,
    }
}

/// A message that can't be read back now waits.
fn unreadable(error: &LoadError) -> Report {
    match error {
        LoadError::NoRoom(_) => deferred("4.3.1", "too many messages are under way"),
        LoadError::Storage(error) | LoadError::Unreadable(error) => {
            tracing::warn!(%error, "a kept message could not be read");
            deferred("4.3.0", "the kept message could not be read")
        }
        LoadError::Unsigned(error) => {
            tracing::error!(%error, "a kept message could not be signed and has to wait");
            deferred("4.3.0", "the kept message could not be signed")
        }
        LoadError::Unsealed(error) => {
            tracing::warn!(%error, "a kept message could not be encrypted to its mailbox's key and has to wait");
            deferred("4.7.0", "the message could not be encrypted to the key of the mailbox")
        }
        LoadError::Damaged => deferred("4.3.0", "the kept message is damaged"),
    }
}
