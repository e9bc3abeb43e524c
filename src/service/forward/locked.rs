//! Locked aliases: who wrote is asked at the end of the data, once for the message and only when it is for one of them.
//!
//! What the operator chose for DMARC does not matter here: where nobody asks who wrote, a locked alias asks for itself. A
//! bounce (null reverse-path) is a message like any other: reports on what the alias sent go to bounce addresses, which are
//! not locked. A role address (postmaster, abuse) is never locked (RFC 5321 §4.5.1).

use super::units::Arrival;
use super::{author, sighted};
use crate::model::alias::AliasState;
use crate::model::{Address, Reply, alias_name};
use crate::policy;
use crate::policy::locked::LockFacts;
use crate::policy::recipient::NO_SUCH_ADDRESS;
use crate::service::broker::Broker;
use crate::storage::alias::{self, Route};
use crate::storage::{contact, sighting};
use crate::transform::mailboxes;

/// The author of a message to a locked alias.
pub(super) struct Sender {
    address: Address,
    organisation: String,
    is_proven: bool,
    /// Whether it may be unproven only because something could not be looked up.
    is_fault: bool,
}

fn is_locked(route: &Route) -> bool {
    route.alias.state == AliasState::Locked && !alias_name::is_role(route.alias.address.local())
}

/// Who wrote, if any of these is locked.
pub(super) async fn sender(broker: &Broker, arrival: &Arrival<'_>, routes: &[Route]) -> Result<Option<Sender>, Reply> {
    if !routes.iter().any(is_locked) {
        return Ok(None);
    }
    let Arrival { client, mail, header, start, content, known } = arrival;
    let address = mailboxes::author(header, start).map_err(policy::header::refusal)?.address;
    let asked;
    let found = if let Some(known) = known {
        &known.authentication
    } else {
        asked = author::ask(broker, client, mail, address.domain(), header, start, content).await;
        &asked
    };
    // A key under test is one that its domain does not want to be held to.
    let (is_proven, is_fault) = author::vouch(found, |signature| !signature.is_testing);
    Ok(Some(Sender { organisation: sighted::organisation(address.domain()), address, is_proven, is_fault }))
}

/// Whether this alias takes the message of that sender.
pub(super) async fn check(broker: &Broker, sender: Option<&Sender>, route: &Route) -> Result<(), Reply> {
    let Some(sender) = sender.filter(|_| is_locked(route)) else { return Ok(()) };
    let failed = |error| broker.storage_failed(&error);
    let mut tx = broker.storage().read().await.map_err(failed)?;
    // RCPT may have been long ago.
    let alias = alias::find(&mut tx, route.alias.id).await.map_err(failed)?.ok_or(NO_SUCH_ADDRESS)?;
    if alias.state != AliasState::Locked {
        return super::admit(broker, &alias, alias.state, !route.mailboxes.is_empty());
    }
    let facts = LockFacts {
        site: alias.site.as_ref(),
        created_at: alias.created_at,
        locked_at: alias.state_changed_at,
        organisation: &sender.organisation,
        first_proven: sighting::first_proven(&mut tx, alias.id, &sender.organisation).await.map_err(failed)?,
    };
    let is_known = policy::locked::knows(&facts)
        || contact::is_written_to(&mut tx, alias.id, &sender.address.folded()).await.map_err(failed)?;
    policy::locked::admit(is_known, sender.is_proven, sender.is_fault)
}
