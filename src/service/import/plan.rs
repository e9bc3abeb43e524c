//! What is to be done with each row, as far as it can be said without asking the database: pure, but for what was loaded.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::report::{Line, Outcome, Reason, Remark};
use super::{Remap, Row, Wanted, text};
use crate::model::alias::{AliasState, parse_display_name};
use crate::model::alias_name::{self, BOUNCE_PREFIX, NameError};
use crate::model::contact::REVERSE_PREFIX;
use crate::model::domain::Domain;
use crate::model::id::{DomainId, MailboxId, UserId};
use crate::model::tag::{MOST_TAGS, Tag};
use crate::model::{Address, DomainName, Timestamp};
use crate::storage::{self, Tx};

/// RFC 5321 §4.5.3.1.1; names of our own are held to it.
const LONGEST_NAME: usize = 64;

/// A domain to make aliases on.
#[derive(Debug, Clone, Copy)]
struct Place {
    id: DomainId,
    /// The user's own, where names are theirs to choose.
    is_own: bool,
}

/// What a user has, and what stood in the file so far.
#[derive(Debug)]
pub struct Plan {
    /// Whose aliases.
    pub user: UserId,
    usable: HashMap<DomainName, Place>,
    first: Option<DomainName>,
    mailboxes: HashMap<String, MailboxId>,
    default: Option<MailboxId>,
    remap: Vec<Remap>,
    seen: HashSet<[u8; 16]>,
    now: Timestamp,
}

/// An alias that is made unless somebody has it.
#[derive(Debug)]
pub struct Candidate {
    /// What will be said of it, if it is made.
    pub line: Line,
    /// Its address; `None`: one is drawn for the site.
    pub address: Option<Address>,
    /// Where it lives.
    pub domain: DomainName,
    /// The same by its key.
    pub domain_id: DomainId,
    /// Where it forwards to.
    pub mailboxes: Vec<MailboxId>,
    /// What it does with mail.
    pub state: AliasState,
    /// The name replies go out with.
    pub display_name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The rest.
    pub row: Row,
}

impl Plan {
    /// Loads what a user has, or the domain in `remap` that is not theirs.
    pub async fn load(
        tx: &mut Tx,
        user: UserId,
        remap: &[Remap],
        now: Timestamp,
    ) -> Result<Result<Self, DomainName>, storage::Error> {
        let domains = storage::domain::list_usable(tx, user).await?;
        let mailboxes = storage::mailbox::list(tx, user).await?;
        let first = domains.first().map(|domain| domain.name.clone());
        let place = |domain: Domain| (domain.name, Place { id: domain.id, is_own: domain.user_id == Some(user) });
        let usable: HashMap<_, _> = domains.into_iter().map(place).collect();
        if let Some(unknown) = remap.iter().find(|remap| !usable.contains_key(&remap.to)) {
            return Ok(Err(unknown.to.clone()));
        }
        Ok(Ok(Self {
            user,
            usable,
            first,
            default: mailboxes.iter().find(|mailbox| mailbox.is_default).map(|mailbox| mailbox.id),
            mailboxes: mailboxes.into_iter().map(|mailbox| (mailbox.address.folded(), mailbox.id)).collect(),
            remap: remap.to_vec(),
            seen: HashSet::new(),
            now,
        }))
    }

    /// What is to be tried with a row, or why nothing is.
    pub fn decide(&mut self, mut row: Row) -> Result<Candidate, Line> {
        let shown = match &row.site {
            Some(site) if row.address.is_empty() => site.to_string(),
            // One cell may be a megabyte.
            _ => row.address.chars().take(320).collect(),
        };
        let (address, domain, place) = match self.place(&row) {
            Ok(found) => found,
            Err(reason) => return Err(Line::skipped(row.number, shown, reason)),
        };
        let mut remarks = Vec::new();
        row.note = text::note(&row.note, &mut remarks);
        let mailboxes = self.mailboxes_of(&row, &mut remarks);
        let display_name = display_name(&row.display_name, &mut remarks);
        row.tags = tags(&row.tags, &mut remarks);
        self.leave_nobody(&mut row, address.as_ref());
        let is_moved = address
            .as_ref()
            .is_some_and(|address| Address::parse(&row.address).is_ok_and(|old| old.domain() != address.domain()));
        let new_address = address.as_ref().filter(|_| is_moved).map(ToString::to_string);
        let outcome = if is_moved { Outcome::Remapped } else { Outcome::Made };
        let remarks = remarks.into_iter().map(|remark| Remark::as_str(remark).into()).collect();
        // What is ours keeps its times to the microsecond; what others say lies in the past.
        let created = row.created_at.filter(|at| row.whole.is_some() || (Timestamp::default() < *at && *at <= self.now));
        Ok(Candidate {
            line: Line { row: row.number, address: shown, outcome, reason: None, new_address, remarks },
            address,
            domain,
            domain_id: place.id,
            mailboxes,
            state: row.wanted.state().unwrap_or(AliasState::Active),
            display_name,
            created_at: text::past(created.unwrap_or(self.now), self.now),
            row,
        })
    }

    /// Under which address, on which domain.
    fn place(&mut self, row: &Row) -> Result<(Option<Address>, DomainName, Place), Reason> {
        match row.wanted {
            Wanted::Deleted => return Err(Reason::Deleted),
            Wanted::Unknown => return Err(Reason::UnknownState),
            Wanted::State(_) => {}
        }
        if row.address.is_empty() {
            let site = row.site.as_ref().ok_or(Reason::Nothing)?;
            let domain = self.first.clone().ok_or(Reason::NoDomain)?;
            let place = self.usable.get(&domain).copied().ok_or(Reason::NoDomain)?;
            self.see(site.as_str())?;
            return Ok((None, domain, place));
        }
        let written = Address::parse(&row.address).map_err(|_| Reason::BadAddress)?;
        let domain = self.target(written.domain()).ok_or(Reason::ForeignDomain)?;
        let place = self.usable.get(&domain).copied().ok_or(Reason::ForeignDomain)?;
        let local = written.local().to_lowercase();
        check_name(&local, place.is_own)?;
        let address = Address::from_parts(&local, domain.clone()).map_err(|_| Reason::BadAddress)?;
        self.see(&address.folded())?;
        Ok((Some(address), domain, place))
    }

    /// The domain itself where it can be used, or what is to stand for it.
    fn target(&self, domain: &DomainName) -> Option<DomainName> {
        if self.usable.contains_key(domain) {
            return Some(domain.clone());
        }
        let named = self.remap.iter().find(|remap| remap.from.as_ref() == Some(domain));
        named.or_else(|| self.remap.iter().find(|remap| remap.from.is_none())).map(|remap| remap.to.clone())
    }

    /// Sixteen bytes of a digest, so that a million of them fit in little.
    fn see(&mut self, key: &str) -> Result<(), Reason> {
        let digest = Sha256::digest(key);
        let mut short = [0; 16];
        short.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        if self.seen.insert(short) { Ok(()) } else { Err(Reason::Twice) }
    }

    /// Neither the alias itself nor its owner is a correspondent.
    fn leave_nobody(&self, row: &mut Row, address: Option<&Address>) {
        let (own, alias) = (Address::parse(&row.address).ok(), address.map(Address::folded));
        let own = own.map(|own| own.folded());
        row.contacts.retain(|contact| {
            let key = Address::parse(&contact.address).ok().map(|address| address.folded());
            key.is_some_and(|key| {
                Some(&key) != own.as_ref() && Some(&key) != alias.as_ref() && !self.mailboxes.contains_key(&key)
            })
        });
    }

    fn mailboxes_of(&self, row: &Row, remarks: &mut Vec<Remark>) -> Vec<MailboxId> {
        let find = |text: &String| {
            let address = Address::parse(text).ok()?;
            self.mailboxes.get(&address.folded()).copied()
        };
        let mut found: Vec<MailboxId> = row.mailboxes.iter().filter_map(find).collect();
        if found.len() < row.mailboxes.len() {
            remarks.push(Remark::Mailboxes);
        }
        if found.is_empty() {
            found.extend(self.default);
        }
        found.sort();
        found.dedup();
        found
    }
}

fn display_name(text: &str, remarks: &mut Vec<Remark>) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let name = parse_display_name(text).ok();
    if name.is_none() {
        remarks.push(Remark::DisplayName);
    }
    name
}

/// Labels as they are kept: each once, as many as an alias has.
fn tags(texts: &[String], remarks: &mut Vec<Remark>) -> Vec<String> {
    let mut tags: Vec<Tag> = texts.iter().filter_map(|text| Tag::parse(text).ok()).collect();
    let all_good = tags.len() == texts.len();
    tags.sort_unstable();
    tags.dedup();
    if !all_good || tags.len() > MOST_TAGS {
        remarks.push(Remark::Tags);
    }
    tags.truncate(MOST_TAGS);
    tags.iter().map(ToString::to_string).collect()
}

/// On a shared domain a name is what a chosen one may be; on one's own it is what it was elsewhere, unless mail to it is
/// not for an alias at all.
fn check_name(local: &str, is_own: bool) -> Result<(), Reason> {
    if !is_own {
        return match alias_name::parse_chosen(local) {
            Ok(_) => Ok(()),
            Err(NameError::Characters) => Err(Reason::BadName),
            Err(NameError::Reserved) => Err(Reason::Reserved),
        };
    }
    let is_ours = alias_name::is_role(local)
        || local.starts_with(REVERSE_PREFIX)
        || local.starts_with(BOUNCE_PREFIX)
        || local == "mailer-daemon";
    let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let is_name = local.len() <= LONGEST_NAME && local.bytes().all(is_atom) && !local.split('.').any(str::is_empty);
    match (is_ours, is_name) {
        (true, _) => Err(Reason::Reserved),
        (false, false) => Err(Reason::BadName),
        (false, true) => Ok(()),
    }
}
