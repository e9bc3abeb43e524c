//! Which messages are held for their owner's decision, and what goes with that.
//!
//! Held is what would be delivered with a warning because the author's domain asks for quarantine (or a relay of our own
//! had accepted what it asks to refuse), when the alias's owner chose so. Each alias of a message has an owner of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::units::Arrival;
use crate::model::alias::Alias;
use crate::model::authentication::Warning;
use crate::model::delivery::Failure;
use crate::model::id::UserId;
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
    Ok(owner
        .is_some_and(|owner| owner.on_quarantine == OnQuarantine::Hold)
        .then(|| hold::telling(alias, &broker.rules.public_url)))
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

/// How many copies are held for one owner at the most. Whoever writes decides what is held, and it lies there for a
/// month: without a bound one stranger fills the disk. More than this nobody reads through either.
const MOST: u64 = 200;

/// How many bytes of bodies they have together at the most; a body that several copies share counts for each.
const MOST_BYTES: u64 = 256 << 20;

/// The owners for whom not all of these copies can be held: each with its size. What other transactions hold at this
/// moment is not seen, so the bound may be exceeded by what is committed at once.
pub(super) async fn without_room(tx: &mut Tx, asked: &[(UserId, u64)]) -> Result<BTreeSet<UserId>, storage::Error> {
    let mut wanted = BTreeMap::<UserId, (u64, u64)>::new();
    for (user, size) in asked {
        let (copies, bytes) = wanted.entry(*user).or_default();
        (*copies, *bytes) = (*copies + 1, bytes.saturating_add(*size));
    }
    let mut full = BTreeSet::new();
    for (user, (copies, bytes)) in wanted {
        let used = storage::hold::usage(tx, user).await?;
        if used.copies.saturating_add(copies) > MOST || used.bytes.saturating_add(bytes) > MOST_BYTES {
            full.insert(user);
        }
    }
    Ok(full)
}

/// Tells the owners of what was held, with it. An instance without a domain has nobody to write as.
pub(super) async fn tell(
    tx: &mut Tx,
    desk: &Desk,
    domain: Option<&DomainName>,
    mut tellings: Vec<Telling>,
) -> Result<(), storage::Error> {
    let Some(domain) = domain else { return Ok(()) };
    // One order for all, so that two messages for the same owners never wait for each other's rows.
    tellings.sort_by(|one, other| one.key().cmp(&other.key()));
    for telling in &tellings {
        notice::tell_in(tx, desk, domain, telling).await?;
    }
    Ok(())
}
