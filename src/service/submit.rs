//! A message that a logged-in user hands in: sent from an alias to whomever it is for, as a reply is sent to a contact.
//!
//! `From` says which alias speaks. It must be this user's; one that does not exist yet is made, where its domain is the
//! user's own and allows it, once nothing of ours refuses the message. A mailbox in `From` is the owner answering reverse
//! addresses; the login proves it (promise 3). Every outside recipient becomes a contact of the alias, and from there on
//! the message is a reply (`reply::send`): one copy for each, a header block written anew, hand-off first.
//!
//! Who may be written to: anybody outside, reverse addresses of the speaking alias, and that alias itself, which gets no
//! copy. Other addresses of the instance are refused: such a message would come in again by our own front door, and show
//! which aliases have one owner.

mod speaker;

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use super::app_password::{self, LoginError, Origin};
use super::broker::Broker;
use super::forward::units::Arrival;
use super::forward::{STOPPING, read_header};
use super::reply::{self, Refused};
use super::reverse;
use crate::model::activity::Activity;
use crate::model::alias::Alias;
use crate::model::alias_name::{self, BOUNCE_PREFIX};
use crate::model::app_password::Login;
use crate::model::contact::{Contact, ReverseToken};
use crate::model::envelope::{Client, MailFrom};
use crate::model::id::{AliasId, UserId};
use crate::model::{Address, Reply, Timestamp};
use crate::policy;
use crate::policy::header::PathFacts;
use crate::policy::submission as answers;
use crate::spool::Content;
use crate::storage::{self, alias, contact, domain};
use crate::transform::reply::ReplyFault;

use speaker::Speaker;

const WRONG_LOGIN: Reply = Reply::new(535, 7, 8, "Authentication credentials invalid");
const TOO_MANY_LOGINS: Reply = Reply::new(454, 7, 0, "Too many failed logins, please try again later");
const NO_LOGIN_NOW: Reply = Reply::new(454, 7, 0, "Temporary authentication failure");

/// What a recipient that was accepted at RCPT stands for.
#[derive(Debug)]
pub enum Recipient {
    /// A contact of an alias of this user, by its reverse address.
    Contact(Box<reply::Target>),
    /// An alias of this user: a reply to all names it.
    Own(AliasId),
    /// Anybody else.
    Outside(Address),
}

/// How much each user sent today, on this node. Has no entry of another day.
#[derive(Debug, Default)]
pub struct Quota(Mutex<(i64, HashMap<UserId, u32>)>);

/// What was taken of a user's quota, and on which day.
#[derive(Debug)]
struct Taken {
    user: UserId,
    day: i64,
    count: u32,
}

impl Quota {
    /// Takes `count` messages of today's; `None`, and nothing is taken, when there are not so many left.
    fn take(&self, user: UserId, now: Timestamp, count: usize, most: u32) -> Option<Taken> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let today = &mut *self.0.lock();
        if today.0 != now.day() {
            *today = (now.day(), HashMap::new());
        }
        let used = today.1.entry(user).or_default();
        let wanted = used.checked_add(count).filter(|wanted| *wanted <= most)?;
        *used = wanted;
        Some(Taken { user, day: today.0, count })
    }

    /// Gives it back to the day it was taken from; to a day that is over there is nothing to give.
    fn give_back(&self, taken: &Taken) {
        let (day, users) = &mut *self.0.lock();
        if *day == taken.day
            && let Some(used) = users.get_mut(&taken.user)
        {
            *used = used.saturating_sub(taken.count);
        }
    }
}

/// Do these go together? `name` is the address the user signs in with, `password` one of their app passwords.
pub async fn login(broker: &Broker, ip: IpAddr, name: &str, password: &str) -> Result<Login, Reply> {
    let is_trusted = broker.rules.trusted_networks.iter().any(|network| network.contains(ip));
    let origin = Origin { ip, is_trusted };
    app_password::check(&broker.desk, &broker.logins, origin, name, password).await.map_err(|error| match error {
        LoginError::Wrong => WRONG_LOGIN,
        LoginError::TooMany => TOO_MANY_LOGINS,
        LoginError::Password(error) => {
            tracing::warn!(%error, "a login could not be checked");
            NO_LOGIN_NOW
        }
        LoginError::Storage(error) => {
            drop(broker.storage_failed(&error));
            NO_LOGIN_NOW
        }
    })
}

/// May this user begin a message?
pub async fn sender(broker: &Broker, login: Login) -> Result<(), Reply> {
    let holds = app_password::holds(&broker.desk, login).await.map_err(|error| broker.storage_failed(&error))?;
    if holds { Ok(()) } else { Err(answers::REVOKED) }
}

/// May this recipient be accepted? As whom it is written to is known at the end of data only.
pub async fn recipient(broker: &Broker, login: Login, address: Option<&Address>) -> Result<Recipient, Reply> {
    let Some(address) = address else { return Err(answers::ROLE) };
    let failed = |error| broker.storage_failed(&error);
    let mut tx = broker.storage().read().await.map_err(failed)?;
    if domain::find_by_name(&mut tx, address.domain()).await.map_err(failed)?.is_none() {
        return Ok(Recipient::Outside(address.clone()));
    }
    if let Some(token) = ReverseToken::from_local_part(address.local()) {
        let target = reply::recipient(broker, &mut tx, address.domain(), &token).await?;
        let is_own = target.alias.user_id == login.user_id;
        return if is_own { Ok(Recipient::Contact(Box::new(target))) } else { Err(policy::recipient::NO_SUCH_ADDRESS) };
    }
    if address.local().to_lowercase().starts_with(BOUNCE_PREFIX) {
        return Err(policy::recipient::NO_SUCH_ADDRESS);
    }
    let own = alias::find_by_address(&mut tx, &address.folded()).await.map_err(failed)?;
    let refusal = if alias_name::is_role(address.local()) { answers::ROLE } else { answers::INSIDE };
    own.filter(|alias| alias.user_id == login.user_id).map(|alias| Recipient::Own(alias.id)).ok_or(refusal)
}

/// The whole message for all its accepted recipients.
pub async fn message(
    broker: &Broker,
    client: &Client,
    login: Login,
    mail: &MailFrom,
    recipients: Vec<Recipient>,
    content: Content,
) -> Reply {
    // The disk may have failed since MAIL was answered.
    if broker.fatal.is_cancelled() {
        return STOPPING;
    }
    let most = broker.rules.submission_per_day;
    let Some(taken) = broker.quota.take(login.user_id, broker.now(), recipients.len(), most) else { return answers::QUOTA };
    match send(broker, client, login, mail, recipients, &content).await {
        Ok(reply) => reply,
        Err(Refused { reply, has_begun }) => {
            // What left a trace counts: or who is refused by every server, or only makes aliases, had no limit.
            if !has_begun {
                broker.quota.give_back(&taken);
            }
            reply
        }
    }
}

/// Recipients by what they stand for.
#[derive(Default)]
struct Named {
    targets: Vec<reply::Target>,
    own: Vec<AliasId>,
    outside: Vec<Address>,
}

impl Named {
    fn sort(recipients: Vec<Recipient>) -> Self {
        let mut named = Self::default();
        for recipient in recipients {
            match recipient {
                Recipient::Contact(target) => named.targets.push(*target),
                Recipient::Own(id) => named.own.push(id),
                Recipient::Outside(address) => named.outside.push(address),
            }
        }
        named
    }

    /// The aliases whose addresses or contacts are among them.
    fn aliases(&self) -> impl Iterator<Item = AliasId> {
        self.targets.iter().map(|target| target.alias.id).chain(self.own.iter().copied())
    }
}

async fn send(
    broker: &Broker,
    client: &Client,
    login: Login,
    mail: &MailFrom,
    recipients: Vec<Recipient>,
    content: &Content,
) -> Result<Reply, Refused> {
    sender(broker, login).await?;
    let named = Named::sort(recipients);
    let (start, header) = read_header(broker, content).await?;
    let arrival = Arrival { client, mail, header: &header, start: &start, content, known: None };
    let hops = header.received_count(&start);
    policy::header::check_path(PathFacts { hops, max_hops: broker.rules.max_hops, is_loop: false })?;
    let author = reply::author(&header, &start)?.address;
    let failed = |error| broker.storage_failed(&error);
    let house = speaker::House::look(broker, login.user_id).await.map_err(failed)?;
    let speaker = speaker::find(broker, &house, &author, &named).await?;
    if named.aliases().any(|id| speaker.alias_id() != Some(id)) {
        return Err(answers::ONE_ALIAS.into());
    }
    if named.targets.is_empty() && named.outside.is_empty() {
        return Err(answers::NOBODY.into());
    }
    match speaker {
        Speaker::Alias(alias) => speak(broker, &arrival, house, *alias, &named).await,
        Speaker::New(new) => {
            speaker::check_header(broker, &arrival, &house, &new.address, &named.outside)?;
            let alias = speaker::make(broker, *new).await?;
            let sent = speak(broker, &arrival, house, alias, &named).await;
            sent.map_err(|refused| Refused { has_begun: true, ..refused })
        }
    }
}

/// Sends it from this alias.
async fn speak(
    broker: &Broker,
    arrival: &Arrival<'_>,
    house: speaker::House,
    alias: Alias,
    named: &Named,
) -> Result<Reply, Refused> {
    let failed = |error| broker.storage_failed(&error);
    let mut contacts = contacts_of(broker, &alias, named).await.map_err(failed)?;
    contacts.sort_unstable_by_key(|contact| contact.id);
    contacts.dedup_by_key(|contact| contact.id);
    if contacts.is_empty() {
        return Err(policy::recipient::NO_SUCH_ADDRESS.into());
    }
    let speaker::House { mailboxes, replaces_quoted, domains, .. } = house;
    let state = reply::Standing { alias, contacts, owners: Vec::new(), mailboxes, replaces_quoted, outside: Some(domains) };
    reply::send(broker, arrival, &state).await.map_err(|refused| {
        // The words of a reply name what a reply may do.
        let is_about_replies = refused.reply == reply::refusal(ReplyFault::OutsideAddress);
        Refused { reply: if is_about_replies { answers::SHOWS_INSIDE } else { refused.reply }, ..refused }
    })
}

/// The contacts a message is for: those named by their reverse addresses, looked at again, and everybody outside, known
/// or made now.
async fn contacts_of(broker: &Broker, alias: &Alias, named: &Named) -> Result<Vec<Contact>, storage::Error> {
    reverse::addresses(&broker.desk, &broker.reverse, alias, &named.outside).await?;
    let keys: Vec<_> = named.outside.iter().map(Address::folded).collect();
    let tokens: Vec<_> = named.targets.iter().map(|target| target.contact.token.clone()).collect();
    let mut tx = broker.storage().read().await?;
    let mut contacts = contact::find_many(&mut tx, alias.id, &keys).await?;
    contacts.extend(contact::find_by_tokens(&mut tx, alias.id, &tokens).await?);
    Ok(contacts)
}

/// Somebody logged in as one user tried to speak as another's alias: its owner sees how often.
fn count_attempt(broker: &Broker, alias: AliasId) {
    broker.ledger.count(alias, broker.now(), Activity::UNPROVEN);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_day_has_so_many_messages_and_a_new_day_as_many_again() {
        let (quota, now) = (Quota::default(), Timestamp::from_micros(1_700_000_000_000_000));
        let takes = |user: i64, now: Timestamp, count: usize| quota.take(UserId(user), now, count, 4);
        assert!(takes(1, now, 3).is_some());
        assert!(takes(1, now, 2).is_none(), "all or nothing");
        assert!(takes(2, now, 4).is_some(), "each user has their own");
        let last = takes(1, now, 1).unwrap();
        assert!(takes(1, now, 1).is_none());
        quota.give_back(&last);
        assert!(takes(1, now, 1).is_some());
        assert!(takes(1, now, usize::MAX).is_none());
        assert!(takes(1, now.plus(Duration::from_hours(24)), 4).is_some());
    }

    #[test]
    fn what_was_taken_yesterday_is_not_given_back_today() {
        let (quota, now) = (Quota::default(), Timestamp::from_micros(1_700_000_000_000_000));
        let tomorrow = now.plus(Duration::from_hours(24));
        let yesterdays = quota.take(UserId(1), now, 3, 4).unwrap();
        assert!(quota.take(UserId(1), tomorrow, 4, 4).is_some());
        quota.give_back(&yesterdays);
        assert!(quota.take(UserId(1), tomorrow, 1, 4).is_none());
    }
}
