//! Addresses that nobody made and that are good all the same: their domain takes mail for such names (catch-all), or their
//! owner signed them without network. The first message that is accepted makes the alias.
//!
//! Asking for a name (RCPT) makes nothing, so nobody fills a list by guessing. An alias has to be there before its first
//! message can be rewritten (reverse addresses, bounce addresses), so it is made when nothing of ours stands against the
//! message any more, and taken back by that message alone, when nobody took it in the end. A message that meets an alias
//! which may still be taken back marks it in the database as kept before it is handed off, on whatever node. A process that
//! dies in between leaves the alias; the sender's next attempt finds it.

use std::collections::BTreeSet;

use super::units::{Arrival, Refused};
use super::{seal, sighted};
use crate::model::alias::MadeBy;
use crate::model::envelope::MailFrom;
use crate::model::id::{AliasId, DomainId, MailboxId, UserId, uuid_v7};
use crate::model::site::Site;
use crate::model::{Address, DomainName, Reply, alias_name};
use crate::policy::recipient::{BLOCKED, NO_SUCH_ADDRESS, NOT_NOW};
use crate::service::broker::Broker;
use crate::service::signed_name::{self, Signer};
use crate::service::webhook;
use crate::storage::alias::{self, NewAlias, Route};
use crate::storage::made_alias::Kept;
use crate::storage::{self, Tx, block, domain, made_alias, mailbox};

/// Aliases that catch-all makes of one domain a day, and signed names of one user. Who guesses names by the thousand fills a
/// day's list and no more, and who is put off by it comes again tomorrow.
const MOST_A_DAY: i64 = 100;
/// No alias has this key: of blocks, those of the user hold.
const NO_ALIAS: AliasId = AliasId(0);

/// An address that its first message makes an alias.
#[derive(Debug)]
pub struct Unmade {
    address: Address,
    domain_id: DomainId,
    user_id: UserId,
    how: MadeBy,
    /// What a signed name says it is for.
    site: Option<String>,
}

/// Whether this address is one that a message makes; `None` for one that nobody knows. The alias was looked for before.
pub(super) async fn find(broker: &Broker, mail: &MailFrom, domain: &DomainName, local: &str) -> Result<Option<Unmade>, Reply> {
    let local = local.to_lowercase();
    // Reserved names, plus addresses and quoted ones are not to be had, however they were meant.
    if alias_name::parse_chosen(&local).as_deref() != Ok(local.as_str()) {
        return Ok(None);
    }
    let failed = |error| broker.storage_failed(&error);
    let mut tx = broker.storage().read().await.map_err(failed)?;
    let Some(domain) = domain::find_by_name(&mut tx, domain).await.map_err(failed)? else { return Ok(None) };
    drop(tx);
    let signer = broker.name_keys.owner_of(&broker.desk, &domain, &local).await.map_err(failed)?;
    let (user_id, how, site) = match (signer, domain.user_id) {
        (Signer::Is(user, site), _) => (user, MadeBy::Signed, Some(site)),
        (Signer::NotNow, _) => return Err(NOT_NOW),
        (Signer::Nobody, Some(owner)) if domain.catch_all.takes(&local) => (owner, MadeBy::CatchAll, None),
        (Signer::Nobody, _) => return Ok(None),
    };
    let Ok(address) = Address::from_parts(&local, domain.name) else { return Ok(None) };
    let unmade = Unmade { address, domain_id: domain.id, user_id, how, site };
    let mut tx = broker.storage().read().await.map_err(failed)?;
    if alias::is_retired(&mut tx, &unmade.address.folded()).await.map_err(failed)? {
        return Ok(None);
    }
    if block::matches(&mut tx, user_id, NO_ALIAS, mail.sender.as_slice()).await.map_err(failed)? {
        return Err(BLOCKED);
    }
    open_mailbox(&mut tx, user_id).await.map_err(failed)?.ok_or(NOT_NOW)?;
    if is_full(&mut tx, &unmade, broker.now().day()).await.map_err(failed)? {
        return Err(NOT_NOW);
    }
    Ok(Some(unmade))
}

/// Where a new alias of this user forwards to, if that takes mail now.
async fn open_mailbox(tx: &mut Tx, user: UserId) -> Result<Option<MailboxId>, storage::Error> {
    let inboxes = mailbox::list(tx, user).await?;
    let open = inboxes.iter().find(|inbox| inbox.is_default && inbox.verified_at.is_some() && inbox.paused.is_none());
    Ok(open.map(|inbox| inbox.id))
}

/// Whether as many were made today as may be.
async fn is_full(tx: &mut Tx, unmade: &Unmade, today: i64) -> Result<bool, storage::Error> {
    let made = match unmade.how {
        MadeBy::CatchAll => made_alias::count(tx, unmade.domain_id, unmade.how, today).await?,
        MadeBy::Signed => made_alias::count_of_user(tx, unmade.user_id, unmade.how, today).await?,
    };
    Ok(made >= MOST_A_DAY)
}

/// Makes an alias of each and adds its route, if mail may come to it now; RCPT may have been long ago. Those that are dead
/// since are given back, as refused.
pub(super) async fn make_all(
    broker: &Broker,
    arrival: &Arrival<'_>,
    unmade: Vec<Unmade>,
    routes: &mut Vec<Route>,
    first: &mut First,
) -> Result<Vec<Refused>, Reply> {
    let (mut refused, mut gone) = (Vec::new(), false);
    if unmade.is_empty() {
        return Ok(refused);
    }
    let site = sighted::proven_site(arrival);
    for unmade in unmade {
        let route = match make(broker, unmade, site.as_ref()).await? {
            Made::New(route) => {
                first.made.insert(route.alias.id);
                route
            }
            Made::There(route) => route,
            Made::NotNow => return Err(NOT_NOW),
            Made::Gone => {
                gone = true;
                continue;
            }
        };
        let mut admitted = super::admit(broker, &route.alias, route.alias.state, !route.mailboxes.is_empty());
        if admitted.is_ok() {
            admitted = seal::admit(broker, &route).await;
        }
        match admitted {
            Ok(()) => routes.push(*route),
            Err(reply) if reply.is_permanent() => refused.push(Refused { route: *route, reply }),
            Err(reply) => return Err(reply),
        }
    }
    match gone {
        true if routes.is_empty() && refused.is_empty() => Err(NO_SUCH_ADDRESS),
        // One answer for all, and no alias to show a failure with: asked again, RCPT refuses this one alone.
        true => Err(NOT_NOW),
        false => Ok(refused),
    }
}

/// What became of an address.
enum Made {
    /// The alias was made now.
    New(Box<Route>),
    /// It was made since RCPT.
    There(Box<Route>),
    /// It is not to be had any more.
    Gone,
    /// Not today, or there is no mailbox to forward to now.
    NotNow,
}

/// The alias, made now or since: two messages at once make one.
async fn make(broker: &Broker, unmade: Unmade, proven: Option<&Site>) -> Result<Made, Reply> {
    let now = broker.now();
    let named = unmade.site.as_ref().filter(|site| site.contains('.')).and_then(|site| Site::parse(site).ok());
    let new = NewAlias {
        uuid: uuid_v7(now, &broker.desk.chance),
        user_id: unmade.user_id,
        domain_id: unmade.domain_id,
        address: unmade.address.clone(),
        site: named.or_else(|| proven.cloned()),
        note: unmade.how.note().into(),
        expires_at: None,
        max_messages: None,
        mailboxes: Vec::new(),
        created_at: now,
    };
    let made = broker.storage().write(move |tx| Box::pin(async move { make_in(tx, &unmade, new).await }));
    made.await.map_err(|error: storage::Error| broker.storage_failed(&error))
}

async fn make_in(tx: &mut Tx, unmade: &Unmade, new: NewAlias) -> Result<Made, storage::Error> {
    storage::user::lock_shared(tx, unmade.user_id).await?;
    if !domain::hold(tx, unmade.domain_id).await? {
        return Ok(Made::Gone);
    }
    if let Some(found) = find_made(tx, unmade).await? {
        return Ok(found);
    }
    if !is_still_good(tx, unmade).await? {
        return Ok(Made::Gone);
    }
    if is_full(tx, unmade, new.created_at.day()).await? {
        return Ok(Made::NotNow);
    }
    let Some(mailbox) = open_mailbox(tx, unmade.user_id).await? else { return Ok(Made::NotNow) };
    let new = NewAlias { mailboxes: vec![mailbox], ..new };
    match alias::create(tx, &new).await {
        // Made at the same moment by hand or by an import; else it is retired.
        Err(error) if error.is_taken() => return Ok(find_made(tx, unmade).await?.unwrap_or(Made::Gone)),
        made => made_alias::insert(tx, made?.id, unmade.domain_id, unmade.how, new.created_at.day()).await?,
    }
    let route = alias::find_route(tx, &unmade.address.folded()).await?;
    Ok(route.map_or(Made::Gone, |route| Made::New(Box::new(route))))
}

/// The alias that is there by now; another user's is none.
async fn find_made(tx: &mut Tx, unmade: &Unmade) -> Result<Option<Made>, storage::Error> {
    let route = alias::find_route(tx, &unmade.address.folded()).await?;
    let is_theirs = |route: &Route| route.alias.user_id == unmade.user_id;
    Ok(route.map(|route| if is_theirs(&route) { Made::There(Box::new(route)) } else { Made::Gone }))
}

/// Whether what RCPT found still holds: the choice of the domain's owner, or the signer's key.
async fn is_still_good(tx: &mut Tx, unmade: &Unmade) -> Result<bool, storage::Error> {
    let (name, local, user) = (unmade.address.domain(), unmade.address.local(), unmade.user_id);
    let Some(domain) = domain::find_by_name(tx, name).await?.filter(|domain| domain.id == unmade.domain_id) else {
        return Ok(false);
    };
    Ok(match unmade.how {
        MadeBy::CatchAll => domain.user_id == Some(user) && domain.catch_all.takes(local),
        MadeBy::Signed => domain.user_id.is_none_or(|owner| owner == user) && signed_name::is_by(tx, user, local, name).await?,
    })
}

/// The aliases one message made. Dropped without a word it takes nothing back.
#[derive(Debug, Default)]
pub(super) struct First {
    made: BTreeSet<AliasId>,
}

impl First {
    /// The message was taken: what it made stays.
    pub async fn keep(&mut self, broker: &Broker) {
        if let Err(error) = keep(broker, std::mem::take(&mut self.made)).await {
            // Only this message could have taken them back; the next one says that they stay.
            drop(broker.storage_failed(&error));
        }
    }

    /// The message is about to be handed off for these as well, which others made and may take back.
    pub async fn keep_others(&self, broker: &Broker, met: BTreeSet<AliasId>) -> Result<(), Reply> {
        let others: BTreeSet<AliasId> = met.difference(&self.made).copied().collect();
        match keep(broker, others).await {
            Ok(true) => Ok(()),
            // Just taken back: asked again, RCPT makes it anew.
            Ok(false) => Err(NOT_NOW),
            Err(error) => Err(broker.storage_failed(&error)),
        }
    }

    /// The message was not taken: what it made never was.
    pub async fn give_up(self, broker: &Broker) {
        if self.made.is_empty() {
            return;
        }
        // What was turned away goes over to its owner, so it has to be in the database before the alias goes.
        if let Err(error) = broker.ledger.flush(broker.storage()).await {
            drop(broker.storage_failed(&error));
        }
        // Each by itself: their owners' counts are several rows, and two messages meet them in different orders.
        for id in self.made {
            let taken = broker.storage().write(move |tx| Box::pin(async move { made_alias::take_back(tx, id).await }));
            if let Err(error) = taken.await {
                // The alias stays, as one that was made and got no mail.
                drop(broker.storage_failed(&error));
            }
        }
    }
}

/// Has these stay; whether all were there. Whoever does it first tells their owners' programs.
async fn keep(broker: &Broker, ids: BTreeSet<AliasId>) -> Result<bool, storage::Error> {
    if ids.is_empty() {
        return Ok(true);
    }
    let (chance, now) = (broker.desk.chance.clone(), broker.now());
    let kept = broker.storage().write(move |tx| {
        Box::pin(async move {
            let mut all = true;
            for id in ids {
                let kept = made_alias::keep(tx, id, now).await?;
                all &= kept != Kept::Gone;
                if let (Kept::Now, Some(alias)) = (kept, alias::find(tx, id).await?) {
                    webhook::alias_created(tx, &chance, &alias, now).await?;
                }
            }
            Ok::<_, storage::Error>(all)
        })
    });
    kept.await
}
