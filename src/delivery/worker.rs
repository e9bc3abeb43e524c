//! One claimed delivery: read the kept message back, check it, hand it off, settle.

use crate::model::Private;
use crate::model::delivery::Failure;
use crate::outbound::{HandOff, Outcome, Report};
use crate::service::broker::Broker;
use crate::service::settle::{self, Held};

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
        attempts: row.attempts,
        expires_at: row.expires_at,
    };
    let hand_off = match load::hand_off(broker, &claim.delivery).await {
        Ok(hand_off) => hand_off,
        Err(error) => return settle::settle(broker, &held, unreadable(&error)).await,
    };
    settle::see_through(broker, held.clone(), attempt(broker, &held, &hand_off)).await;
}

/// The hand-off, unless the owner killed the alias since the claim: a kill cancels the row, so the row is asked last.
async fn attempt(broker: &Broker, held: &Held, hand_off: &HandOff) -> Report {
    match settle::is_held(broker, held).await {
        Ok(true) => broker.outbound.hand_off(hand_off).await,
        // Settling with a lost lease changes nothing.
        Ok(false) => deferred("4.3.0", "the delivery was cancelled or taken over"),
        Err(error) => {
            broker.storage_failed(&error);
            deferred("4.3.0", "the database could not be asked")
        }
    }
}

fn deferred(status: &str, detail: &str) -> Report {
    let failure = Failure { code: None, status: status.into(), detail: Private::new(detail.into()) };
    Report { outcome: Outcome::Deferred(failure), site: None, site_in_trouble: false }
}

/// A message that can't be read back waits (the database may recover); a damaged one is failed where its owner sees it,
/// and never sent.
fn unreadable(error: &LoadError) -> Report {
    match error {
        LoadError::Damaged => {
            tracing::error!("a kept message is damaged; its delivery is failed");
            let detail = Private::new("the kept message is damaged".into());
            Report {
                outcome: Outcome::Refused(Failure { code: None, status: "5.3.0".into(), detail }),
                site: None,
                site_in_trouble: false,
            }
        }
        LoadError::Storage(error) => {
            tracing::warn!(%error, "a kept message could not be read");
            deferred("4.3.0", "the kept message could not be read")
        }
        LoadError::NoRoom(_) => deferred("4.3.1", "too many messages are under way"),
    }
}
