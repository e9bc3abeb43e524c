//! The links in forwarded mail: what the owner does to an alias from the inbox, without a login (RFC 8058).
//!
//! Looking at a link never changes anything: programs open the links in mail before people do. Doing twice what a link says
//! is doing it once. One click, which a mail provider sends in its user's name, pauses and nothing else: a pause loses
//! nothing, since senders are told to try again. To kill takes the page, its own link and a second yes.

use std::net::IpAddr;
use std::time::Duration;

use super::alias::change_state;
use super::broker::Broker;
use crate::model::alias::{Alias, AliasState};
use crate::model::contact::Contact;
use crate::model::id::{AliasId, ContactId};
use crate::model::site::Site;
use crate::model::{Address, Timestamp, alias_name};
use crate::storage::{self, Tx};
use crate::transform::link::{self, LinkFault, LinkToken};

pub use crate::transform::link::Action;

/// How long the link in a message is good. People clear out old mail; after a year the address is managed elsewhere.
const IN_MAIL: Duration = Duration::from_hours(366 * 24);
/// How long what stands on an open page is good; never longer than the link that led there.
const ON_PAGE: Duration = Duration::from_hours(24);
/// How long a pause or a block can be taken back by whoever did it.
const TO_UNDO: Duration = Duration::from_hours(1);
const DAY: i64 = 86_400_000_000;
/// A state that changes between look and change is looked at again, this often.
const LOOKS: usize = 3;

/// What a link is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The alias's address.
    pub alias: Address,
    /// The site it was made for.
    pub site: Option<Site>,
    /// What it does with mail now.
    pub state: AliasState,
    /// Whether its date or its message count is used up.
    pub is_expired: bool,
    /// Who wrote the message the link stood in.
    pub sender: Option<Address>,
    /// Whether that sender is blocked.
    pub is_blocked: bool,
}

/// What can be done from here: the link of each, where there is something to do.
#[derive(Debug, Clone)]
pub struct Choices {
    /// What it is about.
    pub subject: Subject,
    /// Pauses the alias.
    pub pause: Option<String>,
    /// Kills the alias.
    pub kill: Option<String>,
    /// Blocks the sender.
    pub block: Option<String>,
    /// Takes back what was just done.
    pub undo: Option<(Action, String)>,
}

/// What following a link did.
#[derive(Debug, Clone)]
pub struct Followed {
    /// What was asked for.
    pub action: Action,
    /// Whether it changed anything: not when it was so already, or can't be any more.
    pub changed: bool,
    /// What can be done now.
    pub choices: Choices,
}

/// How somebody asked for what a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// The mail client's or the mail provider's button (RFC 8058 §3.2).
    OneClick,
    /// The page's own button.
    Button {
        /// What the button says, as [`word`] has it.
        word: String,
        /// Whether the second yes was given.
        is_sure: bool,
    },
}

/// Why a link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not one of ours.
    #[error("the link is not one of ours")]
    Unknown,
    /// One of ours, too old.
    #[error("the link has expired")]
    Expired,
    /// What it is about is there no more.
    #[error("the address is gone")]
    Gone,
    /// It was opened with a request that does not ask for what it does.
    #[error("the request does not ask for what the link does")]
    NotAsked,
    /// The second yes is missing.
    #[error("not confirmed")]
    NotSure,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<LinkFault> for LinkError {
    fn from(fault: LinkFault) -> Self {
        match fault {
            LinkFault::Forged => Self::Unknown,
            LinkFault::Expired => Self::Expired,
        }
    }
}

/// The name of an action in the forms of the page.
pub const fn word(action: Action) -> &'static str {
    match action {
        Action::Pause => "pause",
        Action::Kill => "kill",
        Action::Block => "block",
        Action::Resume | Action::Relock | Action::Unblock => "undo",
    }
}

/// The link for a message to this alias. None for a role address, which has no states, and none while nobody has told the
/// instance where its pages are seen from outside: a link to the reader's own machine is no link.
pub fn for_message(broker: &Broker, alias: &Alias, author: Option<ContactId>) -> Option<String> {
    let base = broker.rules.public_url.as_str();
    if alias_name::is_role(alias.address.local()) || is_this_machine(base) {
        return None;
    }
    // To the day, so that all messages of a day have one link and it tells nobody which of them was opened.
    let expires_at = Timestamp::from_micros(broker.now().day().saturating_add(1).saturating_mul(DAY)).plus(IN_MAIL);
    let token = LinkToken { action: Action::Pause, alias_id: alias.id, mark: mark(alias), contact_id: author, expires_at };
    Some(format!("{base}/u/{}", link::issue(&broker.keys.link, token)))
}

fn is_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// What a link is about and what can be done from there. Changes nothing.
pub async fn describe(broker: &Broker, text: &str) -> Result<Choices, LinkError> {
    let token = link::verify(&broker.keys.link, text, broker.now())?;
    let tx = &mut broker.storage().read().await?;
    let (alias, contact) = find(tx, token).await?;
    let is_open = match token.action {
        Action::Resume | Action::Relock => alias.state == AliasState::Paused,
        Action::Unblock => contact.as_ref().is_some_and(|contact| contact.is_blocked),
        Action::Pause | Action::Kill | Action::Block => false,
    };
    let mut choices = choices(broker, token, alias, contact);
    choices.undo = is_open.then(|| (token.action, text.to_owned()));
    Ok(choices)
}

/// Does what a link says, once.
pub async fn follow(broker: &Broker, text: &str, press: &Press) -> Result<Followed, LinkError> {
    let now = broker.now();
    let token = link::verify(&broker.keys.link, text, now)?;
    check(token.action, press)?;
    let (changed, undone_by, alias, contact) = broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let (before, contact) = find(tx, token).await?;
                let (changed, undone_by) = act(tx, token, before, contact, now).await?;
                let (alias, contact) = find(tx, token).await?;
                Ok::<_, LinkError>((changed, undone_by, alias, contact))
            })
        })
        .await?;
    tracing::info!(action = word(token.action), changed, "a link in a message was followed");
    let mut choices = choices(broker, token, alias, contact);
    choices.undo = undone_by.map(|action| (action, derive(broker, token, action, TO_UNDO)));
    Ok(Followed { action: token.action, changed, choices })
}

/// Whether the request asks for what the link does.
fn check(action: Action, press: &Press) -> Result<(), LinkError> {
    match press {
        Press::OneClick if action == Action::Pause => Ok(()),
        Press::Button { word: pressed, is_sure } if pressed == word(action) => {
            if *is_sure || action != Action::Kill {
                Ok(())
            } else {
                Err(LinkError::NotSure)
            }
        }
        Press::OneClick | Press::Button { .. } => Err(LinkError::NotAsked),
    }
}

/// Whether anything changed, and what would take it back.
async fn act(
    tx: &mut Tx,
    token: LinkToken,
    before: Alias,
    contact: Option<Contact>,
    now: Timestamp,
) -> Result<(bool, Option<Action>), LinkError> {
    let id = token.alias_id;
    Ok(match token.action {
        Action::Pause => pause(tx, id, before.state, now).await?,
        Action::Kill => (change_state(tx, id, AliasState::Killed, now).await?.0, None),
        Action::Resume => (resume(tx, id, AliasState::Active, now).await?, None),
        Action::Relock => (resume(tx, id, AliasState::Locked, now).await?, None),
        Action::Block | Action::Unblock => {
            let contact = contact.ok_or(LinkError::Gone)?;
            let blocks = token.action == Action::Block;
            let changed = contact.is_blocked != blocks;
            if changed {
                storage::contact::set_blocked(tx, contact.id, blocks.then_some(now)).await?;
            }
            (changed, (changed && blocks).then_some(Action::Unblock))
        }
    })
}

/// A killed alias stays killed: a pause would open it a little.
async fn pause(
    tx: &mut Tx,
    id: AliasId,
    mut state: AliasState,
    now: Timestamp,
) -> Result<(bool, Option<Action>), storage::Error> {
    for _ in 0..LOOKS {
        let undone_by = match state {
            AliasState::Active => Action::Resume,
            AliasState::Locked => Action::Relock,
            AliasState::Paused | AliasState::Killed => break,
        };
        if storage::alias::replace_state(tx, id, state, AliasState::Paused, now).await? {
            return Ok((true, Some(undone_by)));
        }
        let Some(alias) = storage::alias::find(tx, id).await? else { break };
        state = alias.state;
    }
    Ok((false, None))
}

async fn resume(tx: &mut Tx, id: AliasId, to: AliasState, now: Timestamp) -> Result<bool, storage::Error> {
    storage::alias::replace_state(tx, id, AliasState::Paused, to, now).await
}

async fn find(tx: &mut Tx, token: LinkToken) -> Result<(Alias, Option<Contact>), LinkError> {
    let alias = storage::alias::find(tx, token.alias_id).await?.ok_or(LinkError::Gone)?;
    if alias_name::is_role(alias.address.local()) {
        return Err(LinkError::Gone);
    }
    // Made for another alias that had this key, or lying in a mailbox this one left.
    if token.mark != mark(&alias) {
        return Err(LinkError::Expired);
    }
    let contact = match token.contact_id {
        Some(id) => storage::contact::find(tx, id).await?.filter(|contact| contact.alias_id == alias.id),
        None => None,
    };
    Ok((alias, contact))
}

fn mark(alias: &Alias) -> [u8; 4] {
    link::mark(alias.uuid, alias.link_epoch)
}

fn choices(broker: &Broker, token: LinkToken, alias: Alias, contact: Option<Contact>) -> Choices {
    let offer = |action, is_open: bool| is_open.then(|| derive(broker, token, action, ON_PAGE));
    let is_blocked = contact.as_ref().is_some_and(|contact| contact.is_blocked);
    let is_alive = alias.state != AliasState::Killed;
    Choices {
        pause: offer(Action::Pause, is_alive && alias.state != AliasState::Paused),
        kill: offer(Action::Kill, is_alive),
        block: offer(Action::Block, is_alive && contact.is_some() && !is_blocked),
        undo: None,
        subject: Subject {
            is_expired: alias.is_expired(broker.now()),
            alias: alias.address,
            site: alias.site,
            state: alias.state,
            sender: contact.map(|contact| contact.address),
            is_blocked,
        },
    }
}

/// Another link about the same, which lasts no longer than the one that led here.
fn derive(broker: &Broker, token: LinkToken, action: Action, lasts: Duration) -> String {
    let expires_at = token.expires_at.min(broker.now().plus(lasts));
    link::issue(&broker.keys.link, LinkToken { action, expires_at, ..token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_reader_s_own_machine_is_none() {
        for url in
            ["http://127.0.0.1:8080", "http://localhost", "https://LOCALHOST:1/a", "http://[::1]:8080", "http://0.0.0.0:80"]
        {
            assert!(is_this_machine(url), "{url}");
        }
        for url in ["https://you.example", "http://10.0.0.1:8080/x", "https://localhost.example", "https://you.example/a:1"] {
            assert!(!is_this_machine(url), "{url}");
        }
    }

    #[test]
    fn one_click_pauses_and_nothing_else() {
        let button = |word: &str, is_sure| Press::Button { word: word.into(), is_sure };
        assert!(check(Action::Pause, &Press::OneClick).is_ok() && check(Action::Pause, &button("pause", false)).is_ok());
        for action in [Action::Kill, Action::Block, Action::Resume, Action::Relock, Action::Unblock] {
            assert!(matches!(check(action, &Press::OneClick), Err(LinkError::NotAsked)));
            assert!(matches!(check(action, &button("pause", true)), Err(LinkError::NotAsked)));
        }
        assert!(matches!(check(Action::Kill, &button("kill", false)), Err(LinkError::NotSure)));
        assert!(check(Action::Kill, &button("kill", true)).is_ok() && check(Action::Unblock, &button("undo", false)).is_ok());
    }
}
