//! Which messages are held for their owner's decision, and what goes with that.
//!
//! Held is what would be delivered with a warning because the author's domain asks for quarantine (or a relay of our own
//! had accepted what it asks to refuse), when the alias's owner chose so. Each alias of a message has an owner of its own.

use super::units::Arrival;
use crate::model::alias::Alias;
use crate::model::authentication::Warning;
use crate::model::delivery::Failure;
use crate::model::user::OnQuarantine;
use crate::model::{DomainName, Private, Reply, alias_name};
use crate::service::Desk;
use crate::service::broker::Broker;
use crate::service::hold::{self, HELD_FOR};
use crate::service::notice::{self, Telling};
use crate::storage::{self, Tx, user};
use crate::transform::verp::BounceToken;

/// What the owner is told when the message is held; `None` when it is not. Only what is warned of costs a look-up, and
/// what a role address takes is everybody's business (RFC 5321 §4.5.1).
pub(super) async fn of(broker: &Broker, arrival: &Arrival<'_>, alias: &Alias) -> Result<Option<Telling>, Reply> {
    let warning = arrival.known.and_then(|known| known.warning);
    if !matches!(warning, Some(Warning::Failed)) || alias_name::is_role(alias.address.local()) {
        return Ok(None);
    }
    let failed = |error| broker.storage_failed(&error);
    let owner = user::find(&mut broker.storage().read().await.map_err(failed)?, alias.user_id).await.map_err(failed)?;
    Ok(owner.is_some_and(|owner| owner.on_quarantine == OnQuarantine::Hold).then(|| hold::telling(alias)))
}

/// A bounce may come as much later as the message may be held.
pub(super) fn longer(token: BounceToken) -> BounceToken {
    BounceToken { expires_at: token.expires_at.plus(HELD_FOR), ..token }
}

/// Why it is held, for its owner.
pub(super) fn reason() -> Failure {
    let detail = "the domain in From asks for quarantine of what is not proven to come from it";
    Failure { code: None, status: "4.7.1".into(), detail: Private::new(detail.into()) }
}

/// Tells the owners of what was held, with it. An instance without a domain has nobody to write as.
pub(super) async fn tell(
    tx: &mut Tx,
    desk: &Desk,
    domain: Option<&DomainName>,
    tellings: &[Telling],
) -> Result<(), storage::Error> {
    let Some(domain) = domain else { return Ok(()) };
    for telling in tellings {
        notice::tell_in(tx, desk, domain, telling).await?;
    }
    Ok(())
}
