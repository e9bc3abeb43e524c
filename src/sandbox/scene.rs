//! What the story and the page work with: the gate, the inbox, the owner's aliases, the scripted senders.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::Error;
use super::inbox::Shelf;
use super::journal::Event;
use super::journal::Journal;
use super::letters::{self, Letter, SENDERS, Sender};
use super::message::Received;
use super::page::view::{Card, Facts};
use super::sender::{self, Conversation};
use crate::model::Address;
use crate::model::alias::AliasState;
use crate::model::alias_name::NameFormat;
use crate::model::id::UserId;
use crate::model::site::Site;
use crate::service::{Desk, alias, mailbox, user};

/// The owner's real address.
pub const REAL_ADDRESS: &str = "me@inbox.example";
/// Where the owner's provider sends from; everybody else comes from 127.0.0.1.
pub(super) const PROVIDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// macOS has 127.0.0.1 alone until it is told otherwise.
const NO_PROVIDER: &str = "the owner's provider sends from 127.0.0.2, which this machine does not have \
     (on macOS: sudo ifconfig lo0 alias 127.0.0.2)";
/// What no sender may ever see: the address, and the provider it is at.
pub(super) const HIDDEN: [&str; 2] = [REAL_ADDRESS, "inbox.example"];

/// The scene. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Scene(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    desk: Desk,
    pages: String,
    gate: SocketAddr,
    shelf: Shelf,
    journal: Journal,
    handed_out: Mutex<Vec<HandedOut>>,
    /// All mailboxes the owner has or had, the first one left out.
    other_addresses: Mutex<Vec<String>>,
}

/// An alias, whom it was made for, and how many mails that site has sent.
#[derive(Debug, Clone)]
struct HandedOut {
    to: &'static Sender,
    address: Address,
    sent: usize,
}

impl Scene {
    pub(super) fn new(desk: Desk, pages: String, gate: SocketAddr, shelf: Shelf, journal: Journal) -> Self {
        Self(Arc::new(Inner {
            desk,
            pages,
            gate,
            shelf,
            journal,
            handed_out: Mutex::default(),
            other_addresses: Mutex::default(),
        }))
    }

    /// Where senders knock.
    pub fn gate(&self) -> SocketAddr {
        self.0.gate
    }

    /// Where Postern's own pages are.
    pub fn pages(&self) -> &str {
        &self.0.pages
    }

    /// The owner: the first who made an account.
    async fn owner(&self) -> Result<UserId, Error> {
        let what = "the owner can't be found";
        let users = user::list(&self.0.desk, None, 1).await.map_err(Error::account(what))?;
        users.first().map(|owner| owner.id).ok_or_else(|| Error::account(what)("nobody has made an account yet"))
    }

    /// A site learns the alias that its customer made on Postern's pages.
    pub async fn hand_out(&self, sender: &'static Sender, address: Address) -> Result<(), Error> {
        let what = "the site can't take this address";
        let alias = alias::get(&self.0.desk, self.owner().await?, &address).await.map_err(Error::account(what))?;
        let mut handed_out = self.0.handed_out.lock();
        handed_out.retain(|alias| alias.to != sender);
        handed_out.push(HandedOut { to: sender, address: alias.address, sent: 0 });
        Ok(())
    }

    /// What came to the inbox.
    pub fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// What happened at the gate.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The alias made for a site.
    pub fn alias(&self, sender: &Sender) -> Option<Address> {
        self.0.handed_out.lock().iter().find(|alias| alias.to == sender).map(|alias| alias.address.clone())
    }

    /// Makes one alias for each site.
    pub async fn make_aliases(&self) -> Result<Vec<Address>, Error> {
        let (owner, mut made) = (self.owner().await?, Vec::new());
        for sender in &SENDERS {
            let new = alias::NewAlias {
                user: owner,
                site: Site::parse(sender.domain).ok(),
                domain: None,
                format: NameFormat::Site,
                chosen: None,
                note: format!("made for {} by postern try", sender.name),
                mailboxes: Vec::new(),
                expires_at: None,
                max_messages: None,
            };
            let address = alias::create(&self.0.desk, new).await.map_err(Error::account("an alias can't be made"))?.address;
            self.0.handed_out.lock().push(HandedOut { to: sender, address: address.clone(), sent: 0 });
            made.push(address);
        }
        Ok(made)
    }

    /// Kills or revives the alias of a site.
    pub async fn set_state(&self, sender: &Sender, state: AliasState) -> Result<(), Error> {
        let what = "the alias can't be changed";
        let address = self.alias(sender).ok_or_else(|| Error::account(what)("there is none for this site"))?;
        let change = alias::set_state(&self.0.desk, self.owner().await?, &address, state).await.map_err(Error::account(what))?;
        if change.changed {
            self.0.journal.changed(&address.folded(), state);
        }
        Ok(())
    }

    /// Sends the next mail of a site to its alias; gives the mail and what the site saw.
    pub async fn send(&self, sender: &'static Sender) -> Result<(Letter, Conversation), Error> {
        let next = {
            let mut handed_out = self.0.handed_out.lock();
            handed_out.iter_mut().find(|alias| alias.to == sender).map(|alias| {
                alias.sent += 1;
                (alias.address.to_string(), alias.sent - 1)
            })
        };
        let (address, count) = next.ok_or_else(|| Error::account("no mail can be sent")("the site has no alias"))?;
        let letter = letters::write(sender, &address, count, self.0.desk.clock.now());
        let seen = sender::send(self.0.gate, &letter).await.map_err(Error::machine("the gate does not answer"))?;
        Ok((letter, seen))
    }

    /// The newest mail in the inbox that came from a site through its alias.
    pub fn latest(&self, sender: &Sender) -> Option<Arc<Received>> {
        let alias = self.alias(sender)?.folded();
        self.0.shelf.all().into_iter().rev().find(|mail| mail.reverse().is_some() && mail.alias().as_deref() == Some(&alias))
    }

    /// The owner answers a mail from the inbox; gives the answer and what the owner's provider was told.
    pub async fn answer(&self, mail: &Received) -> Result<(Letter, Conversation), Error> {
        let letter = letters::answer(REAL_ADDRESS, mail, self.0.desk.clock.now());
        let seen = sender::send_from(PROVIDER, self.0.gate, &letter).await;
        Ok((letter, seen.map_err(provider_failed)?))
    }

    /// A stranger writes to the same address in the owner's name; gives the forgery and what the stranger was told.
    pub async fn forge(&self, mail: &Received) -> Result<(Letter, Conversation), Error> {
        let letter = letters::forgery(REAL_ADDRESS, mail, self.0.desk.clock.now());
        let seen = sender::send(self.0.gate, &letter).await;
        Ok((letter, seen.map_err(Error::machine("the gate does not answer"))?))
    }

    /// What happened at the gate, each thing with the alias it is about: mail to a reverse address is about the alias that
    /// the correspondent wrote to.
    fn events(&self) -> Vec<Event> {
        let shelf = self.0.shelf.all();
        let aliases = shelf.iter().filter_map(|mail| Some((mail.reverse()?.to_lowercase(), mail.alias()?)));
        let aliases: HashMap<String, String> = aliases.collect();
        let mut events = self.0.journal.events();
        for event in &mut events {
            if let Some(alias) = aliases.get(&event.alias) {
                event.alias.clone_from(alias);
            }
        }
        events
    }

    /// The mailboxes the owner added or moved to since the beginning. The gate is searched for them from now on.
    async fn other_addresses(&self) -> Result<Vec<String>, Error> {
        let what = "the mailboxes can't be read";
        let mut mailboxes = Vec::new();
        // Before the first account there are none.
        for owner in user::list(&self.0.desk, None, 1).await.map_err(Error::account(what))? {
            mailboxes.extend(mailbox::list(&self.0.desk, owner.id).await.map_err(Error::account(what))?);
        }
        let mut known = self.0.other_addresses.lock();
        for address in mailboxes.iter().map(|mailbox| mailbox.address.folded()) {
            self.0.journal.hide(&address);
            if address != REAL_ADDRESS && !known.contains(&address) {
                known.push(address);
            }
        }
        Ok(known.clone())
    }

    /// Everything the page shows, aliases as they are in the database now.
    pub async fn facts(&self) -> Result<Facts, Error> {
        let handed_out = self.0.handed_out.lock().clone();
        let mut cards = Vec::with_capacity(handed_out.len());
        for HandedOut { to: sender, address, .. } in handed_out {
            let now = alias::get(&self.0.desk, self.owner().await?, &address).await;
            let state = now.map_err(Error::account("the aliases can't be read"))?.state;
            cards.push(Card { sender, address: address.folded(), state });
        }
        let other_addresses = self.other_addresses().await?;
        Ok(Facts {
            real_address: REAL_ADDRESS.to_owned(),
            other_addresses,
            pages: self.0.pages.clone(),
            smtp: self.0.gate,
            cards,
            events: self.events(),
            heard: self.0.journal.heard(),
            messages: self.0.shelf.all(),
        })
    }
}

/// Not every system answers to the whole of 127.0.0.0/8.
fn provider_failed(error: io::Error) -> Error {
    let is_missing = error.kind() == io::ErrorKind::AddrNotAvailable;
    Error::machine(if is_missing { NO_PROVIDER } else { "the owner's provider can't reach the gate" })(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_without_the_provider_s_address_is_told_what_to_do() {
        // An address that no machine has stands for one that this machine lacks.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let error = socket.bind(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0))).unwrap_err();
        assert!(provider_failed(error).to_string().contains("sudo ifconfig lo0 alias 127.0.0.2"));
        assert!(!provider_failed(io::ErrorKind::TimedOut.into()).to_string().contains("ifconfig"));
    }
}
