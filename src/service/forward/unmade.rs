//! Addresses that nobody made and that are good all the same: their domain takes mail for such names (catch-all), or their
//! owner signed them without network. The first message that is accepted makes the alias.
//!
//! Asking for a name (RCPT) makes nothing, so nobody fills a list by guessing. An alias has to be there before its first
//! message can be rewritten (reverse addresses, bounce addresses), so it is made when nothing of ours stands against the
//! message any more, and taken back when nobody took the message in the end. Messages that meet at one fresh alias share
//! it: it stays if one of them is accepted. A process that dies in between leaves the alias; the sender's next attempt finds it.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use super::units::Arrival;
use crate::model::alias::MadeBy;
use crate::model::envelope::MailFrom;
use crate::model::id::{AliasId, DomainId, MailboxId, UserId, uuid_v7};
use crate::model::site::Site;
use crate::model::{Address, DomainName, Reply, alias_name};
use crate::policy::recipient::{BLOCKED, NO_SUCH_ADDRESS, NOT_NOW};
use crate::service::broker::Broker;
use crate::service::webhook;
use crate::storage::alias::{self, NewAlias, Route};
use crate::storage::{self, block, domain, made_alias, mailbox};
use crate::transform::mailboxes;

/// Aliases that catch-all makes of one domain a day. Who guesses names by the thousand fills a day's list and no more, and
/// who is put off by it comes again tomorrow.
const MOST_A_DAY: i64 = 100;
/// No alias has this key: of blocks, those of the user hold.
const NO_ALIAS: AliasId = AliasId(0);

/// An address that its first message makes an alias.
#[derive(Debug)]
pub struct Unmade {
    address: Address,
    domain_id: DomainId,
    user_id: UserId,
    mailbox_id: MailboxId,
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
    let signed = broker.name_keys.owner_of(&broker.desk, &domain, &local).await.map_err(failed)?;
    let (user_id, how, site) = match (signed, domain.user_id) {
        (Some((user, site)), _) => (user, MadeBy::Signed, Some(site)),
        (None, Some(owner)) if domain.catch_all.takes(&local) => (owner, MadeBy::CatchAll, None),
        (None, _) => return Ok(None),
    };
    let Ok(address) = Address::from_parts(&local, domain.name) else { return Ok(None) };
    let mut tx = broker.storage().read().await.map_err(failed)?;
    if alias::is_retired(&mut tx, &address.folded()).await.map_err(failed)? {
        return Ok(None);
    }
    if block::matches(&mut tx, user_id, NO_ALIAS, mail.sender.as_slice()).await.map_err(failed)? {
        return Err(BLOCKED);
    }
    let inboxes = mailbox::list(&mut tx, user_id).await.map_err(failed)?;
    let open = inboxes.iter().find(|inbox| inbox.is_default && inbox.verified_at.is_some() && inbox.paused.is_none());
    let mailbox_id = open.ok_or(NOT_NOW)?.id;
    let today = broker.now().day();
    if how == MadeBy::CatchAll && made_alias::count(&mut tx, domain.id, how, today).await.map_err(failed)? >= MOST_A_DAY {
        return Err(NOT_NOW);
    }
    Ok(Some(Unmade { address, domain_id: domain.id, user_id, mailbox_id, how, site }))
}

/// Makes an alias of each and adds its route.
pub(super) async fn make_all(
    broker: &Broker,
    arrival: &Arrival<'_>,
    unmade: Vec<Unmade>,
    routes: &mut Vec<Route>,
    first: &mut First<'_>,
) -> Result<(), Reply> {
    if unmade.is_empty() {
        return Ok(());
    }
    let author = mailboxes::author(arrival.header, arrival.start).ok().map(|author| author.address);
    let sender = author.as_ref().or(arrival.mail.sender.as_ref());
    let site = sender.and_then(|sender| Site::of(sender.domain()));
    for unmade in unmade {
        match make(broker, unmade, site.as_ref()).await? {
            Some((route, is_new)) => {
                first.meet(route.alias.id, is_new);
                routes.push(route);
            }
            // Made and retired since RCPT, or its domain is gone: dead for good.
            None => tracing::debug!("an address that was good a moment ago is gone"),
        }
    }
    if routes.is_empty() { Err(NO_SUCH_ADDRESS) } else { Ok(()) }
}

/// The alias, and whether it was made now: two messages at once make one.
async fn make(broker: &Broker, unmade: Unmade, guess: Option<&Site>) -> Result<Option<(Route, bool)>, Reply> {
    let now = broker.now();
    let Unmade { address, domain_id, user_id, mailbox_id, how, site } = unmade;
    let named = site.filter(|site| site.contains('.')).and_then(|site| Site::parse(&site).ok());
    let note = match how {
        MadeBy::CatchAll => "made by catch-all when the first message came",
        MadeBy::Signed => "made from a signed name when the first message came",
    };
    let new = NewAlias {
        uuid: uuid_v7(now, &broker.desk.chance),
        user_id,
        domain_id,
        address,
        site: named.or_else(|| guess.cloned()),
        note: note.into(),
        expires_at: None,
        max_messages: None,
        mailboxes: vec![mailbox_id],
        created_at: now,
    };
    let made = broker.storage().write(move |tx| {
        Box::pin(async move {
            if !domain::lock(tx, domain_id).await? {
                return Ok::<_, storage::Error>(Made::Gone);
            }
            let key = new.address.folded();
            if let Some(route) = alias::find_route(tx, &key).await? {
                return Ok(if route.alias.user_id == user_id { Made::There(Box::new(route)) } else { Made::Gone });
            }
            if how == MadeBy::CatchAll && made_alias::count(tx, domain_id, how, now.day()).await? >= MOST_A_DAY {
                return Ok(Made::NotNow);
            }
            match alias::create(tx, &new).await {
                Err(error) if error.is_taken() => return Ok(Made::Gone),
                made => made_alias::insert(tx, made?.id, domain_id, how, now.day()).await?,
            }
            let route = alias::find_route(tx, &key).await?;
            Ok(route.map_or(Made::Gone, |route| Made::New(Box::new(route))))
        })
    });
    match made.await.map_err(|error: storage::Error| broker.storage_failed(&error))? {
        Made::New(route) => Ok(Some((*route, true))),
        Made::There(route) => Ok(Some((*route, false))),
        Made::Gone => Ok(None),
        Made::NotNow => Err(NOT_NOW),
    }
}

enum Made {
    New(Box<Route>),
    There(Box<Route>),
    Gone,
    NotNow,
}

/// Aliases whose first message is under way on this node, and how many messages are under way to each.
#[derive(Debug, Default)]
pub struct FirstMail(Mutex<HashMap<AliasId, u32>>);

impl FirstMail {
    /// A message that is under way to these aliases; which of them are so fresh that it may decide whether they stay.
    pub(super) fn join(&self, routes: &[Route]) -> First<'_> {
        let mut first = First { all: self, mine: BTreeSet::new() };
        for route in routes {
            first.meet(route.alias.id, false);
        }
        first
    }
}

/// One message's part in it. Dropped without a word it takes nothing back.
pub(super) struct First<'a> {
    all: &'a FirstMail,
    mine: BTreeSet<AliasId>,
}

impl First<'_> {
    fn meet(&mut self, id: AliasId, is_new: bool) {
        let mut all = self.all.0.lock();
        if is_new || all.contains_key(&id) {
            *all.entry(id).or_default() += 1;
            self.mine.insert(id);
        }
    }

    /// Whether this alias is there only for messages like this one.
    pub(super) fn is_first_for(&self, id: AliasId) -> bool {
        self.mine.contains(&id)
    }

    /// These took the message: they stay, whatever becomes of others. Whoever keeps one first tells its owner's programs.
    pub(super) fn keep(&mut self, broker: &Broker, taken: &BTreeSet<AliasId>) {
        let kept: Vec<AliasId> = taken.iter().copied().filter(|id| self.mine.remove(id)).collect();
        let mut all = self.all.0.lock();
        let fresh: Vec<AliasId> = kept.into_iter().filter(|id| all.remove(id).is_some()).collect();
        drop(all);
        if !fresh.is_empty() {
            let background = broker.clone();
            broker.tasks.spawn(async move { tell(&background, fresh).await });
        }
    }

    /// Takes the others back, where no message is left that could keep them.
    pub(super) async fn give_up(mut self, broker: &Broker) {
        let alone: Vec<AliasId> = std::mem::take(&mut self.mine).into_iter().filter(|id| self.leave(*id)).collect();
        if alone.is_empty() {
            return;
        }
        let taken = broker.storage().write(move |tx| {
            Box::pin(async move {
                for id in alone {
                    made_alias::take_back(tx, id).await?;
                }
                Ok::<_, storage::Error>(())
            })
        });
        if let Err(error) = taken.await {
            // The alias stays, as one that was made and got no mail.
            drop(broker.storage_failed(&error));
        }
    }

    /// Whether it was the last one under way to a fresh alias. One that another message kept is not fresh any more.
    fn leave(&self, id: AliasId) -> bool {
        let mut all = self.all.0.lock();
        let Some(count) = all.get_mut(&id) else { return false };
        *count = count.saturating_sub(1);
        let is_last = *count == 0;
        if is_last {
            all.remove(&id);
        }
        is_last
    }
}

/// Tells of what was made, beside the sender's answer.
async fn tell(broker: &Broker, made: Vec<AliasId>) {
    let (chance, now) = (broker.desk.chance.clone(), broker.now());
    let told = broker.storage().write(move |tx| {
        Box::pin(async move {
            for id in made {
                if let Some(alias) = alias::find(tx, id).await? {
                    webhook::alias_created(tx, &chance, &alias, now).await?;
                }
            }
            Ok::<_, storage::Error>(())
        })
    });
    if let Err(error) = told.await {
        drop(broker.storage_failed(&error));
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        for id in std::mem::take(&mut self.mine) {
            self.leave(id);
        }
    }
}
