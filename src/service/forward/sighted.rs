//! Who wrote to which alias, and how far that was proven: noted once the message is taken.

use std::collections::BTreeSet;

use super::author::Known;
use super::units::Arrival;
use crate::model::DomainName;
use crate::model::authentication::{Authentication, DkimResult, SpfResult};
use crate::model::id::AliasId;
use crate::model::sighting::{Proof, Seen, SightingKey};
use crate::model::site::Site;
use crate::service::broker::Broker;
use crate::transform::mailboxes;

/// Notes it for each alias that took the message.
pub(super) fn note(broker: &Broker, arrival: &Arrival<'_>, aliases: BTreeSet<AliasId>) {
    // A message without an author was not taken.
    let Ok(author) = mailboxes::author(arrival.header, arrival.start) else { return };
    let organisation = organisation(author.address.domain());
    let (proof, signer) = match arrival.known {
        Some(Known { authentication, .. }) => (proof(authentication), signer(authentication)),
        None => (Proof::Unasked, String::new()),
    };
    for alias_id in aliases {
        let key = SightingKey { alias_id, organisation: organisation.clone(), proof, signer: signer.clone() };
        broker.ledger.saw(key, Seen::once(broker.now()));
    }
}

/// The author's site, where it is proven that the message comes from there.
pub(super) fn proven_site(arrival: &Arrival<'_>) -> Option<Site> {
    let proof = proof(&arrival.known?.authentication);
    let author = mailboxes::author(arrival.header, arrival.start).ok()?;
    matches!(proof, Proof::Dkim | Proof::Spf).then(|| Site::of(author.address.domain())).flatten()
}

/// The registrable domain, or the domain itself where there is none above it.
pub(super) fn organisation(domain: &DomainName) -> String {
    Site::of(domain).map_or_else(|| domain.to_string(), |site| site.to_string())
}

/// Whether or not the domain published a policy: what is aligned is proven.
fn proof(found: &Authentication) -> Proof {
    let is_signed = found.dkim.iter().any(|signature| signature.aligned && signature.result == DkimResult::Pass);
    let is_sent = found.spf.as_ref().is_some_and(|spf| spf.aligned && spf.result == SpfResult::Pass);
    if is_signed {
        Proof::Dkim
    } else if is_sent {
        Proof::Spf
    } else {
        Proof::None
    }
}

/// Those of the author's organisation come first.
fn signer(found: &Authentication) -> String {
    let passed = found.dkim.iter().find(|signature| signature.result == DkimResult::Pass);
    passed.map(|signature| organisation(&signature.domain)).unwrap_or_default()
}
