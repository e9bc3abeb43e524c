//! Senders the owner wants nothing from: asked at RCPT by the envelope sender, at the end of data by the author as well,
//! proven or not, for a block is a wish and no verdict on who it was.
//!
//! An alias whose owner blocked nobody costs nothing: the statement that finds the alias says so. A role address
//! (postmaster, abuse) must be reachable for everybody, so blocks do not hold there (RFC 5321 §4.5.1).

use super::units::Arrival;
use crate::model::activity::Activity;
use crate::model::envelope::MailFrom;
use crate::model::{Address, Reply, alias_name};
use crate::policy;
use crate::policy::recipient::BLOCKED;
use crate::service::broker::Broker;
use crate::storage::alias::Route;
use crate::storage::{self};
use crate::transform::mailboxes;

/// Whether this recipient may be accepted from that envelope sender. A dead alias answers like one that never was,
/// whoever asks; a block goes before a pause, for whoever is blocked need not come again.
pub(super) async fn admit(broker: &Broker, mail: &MailFrom, route: &Route) -> Result<(), Reply> {
    let mut admitted = super::admit(broker, &route.alias, route.alias.state, !route.mailboxes.is_empty());
    if !admitted.as_ref().is_err_and(Reply::is_permanent) {
        match refuse(broker, route, mail.sender.as_slice()).await {
            // A fault of ours kept nothing out.
            Err(fault) if fault.is_temporary() => return Err(fault),
            refused => admitted = refused.and(admitted),
        }
    }
    admitted.inspect_err(|_| broker.ledger.count(route.alias.id, broker.now(), Activity::BLOCKED))
}

/// Whether the message may come from its author. The envelope sender is asked again: RCPT may have been long ago.
pub(super) async fn check_author(broker: &Broker, arrival: &Arrival<'_>, route: &Route) -> Result<(), Reply> {
    if !route.has_blocks {
        return Ok(());
    }
    let author = mailboxes::author(arrival.header, arrival.start).map_err(policy::header::refusal)?;
    let senders: Vec<Address> = arrival.mail.sender.iter().cloned().chain([author.address]).collect();
    refuse(broker, route, &senders).await
}

async fn refuse(broker: &Broker, route: &Route, senders: &[Address]) -> Result<(), Reply> {
    let alias = &route.alias;
    if !route.has_blocks || senders.is_empty() || alias_name::is_role(alias.address.local()) {
        return Ok(());
    }
    let failed = |error| broker.storage_failed(&error);
    let mut tx = broker.storage().read().await.map_err(failed)?;
    let found = storage::block::matches(&mut tx, alias.user_id, alias.id, senders).await.map_err(failed)?;
    if found { Err(BLOCKED) } else { Ok(()) }
}
