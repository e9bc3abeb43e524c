//! A batch of candidates in one transaction: all of them with everything that belongs to them, or none. So an import that
//! was cut off goes on where it stopped when it is run again.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::plan::Candidate;
use super::report::{Line, Outcome, Reason};
use super::text;
use crate::model::activity::Activity;
use crate::model::alias::MadeBy;
use crate::model::alias_name::{self, BOUNCE_PREFIX, NameFormat};
use crate::model::contact::{REVERSE_PREFIX, ReverseToken};
use crate::model::id::{AliasId, DomainId, UserId, uuid_v7};
use crate::model::site::Site;
use crate::model::{Address, Chance, Timestamp, transfer};
use crate::storage::alias_import::{self, AliasCopy, ContactCopy, DayCopy, MadeCopy, SightingCopy};
use crate::storage::{self, Tx};

/// No day of the calendar lies beyond: year 2243.
const LAST_DAY: i64 = 100_000;
/// Nobody counted so much; sums of such numbers fit.
const LARGEST_COUNT: i64 = 1_000_000_000_000;
/// Senders of an alias that are kept at the most: a little more than are ever entered.
const MOST_SIGHTINGS: usize = 1_500;

/// What came of a candidate before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Free,
    There,
    Not(Reason),
}

/// What would come of these: nothing is written.
pub async fn look(tx: &mut Tx, user: UserId, candidates: Vec<Candidate>) -> Result<Vec<Line>, storage::Error> {
    let keys: Vec<Option<String>> = candidates.iter().map(|candidate| candidate.address.as_ref().map(Address::folded)).collect();
    let found = find(tx, user, &candidates, &keys).await?;
    let addresses: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
    let retired = alias_import::retired(tx, &addresses).await?;
    let settle = |((candidate, found), key): ((Candidate, Found), &Option<String>)| match found {
        Found::Free if key.as_deref().is_some_and(|key| retired.contains(key)) => line(candidate, Found::Not(Reason::Retired)),
        found => line(candidate, found),
    };
    Ok(candidates.into_iter().zip(found).zip(&keys).map(settle).collect())
}

fn line(candidate: Candidate, found: Found) -> Line {
    match found {
        Found::Free => candidate.line,
        Found::There => {
            // A drawn one was not needed; one that was moved before is where it was moved to.
            let new_address = candidate.line.new_address.filter(|_| !candidate.row.address.is_empty());
            Line { outcome: Outcome::There, remarks: Vec::new(), new_address, ..candidate.line }
        }
        Found::Not(reason) => Line::skipped(candidate.line.row, candidate.line.address, reason),
    }
}

/// Who has what, but for what is gone.
async fn find(
    tx: &mut Tx,
    user: UserId,
    candidates: &[Candidate],
    keys: &[Option<String>],
) -> Result<Vec<Found>, storage::Error> {
    let addresses: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
    let owners = alias_import::owners(tx, &addresses).await?;
    let site =
        |candidate: &Candidate| candidate.row.site.as_ref().filter(|_| candidate.row.address.is_empty()).map(Site::to_string);
    let sites: Vec<String> = candidates.iter().filter_map(site).collect();
    let in_use = if sites.is_empty() {
        HashSet::new()
    } else {
        alias_import::sites_in_use(tx, user, &sites.iter().map(String::as_str).collect::<Vec<_>>()).await?
    };
    let find = |(candidate, key): (&Candidate, &Option<String>)| match (key, site(candidate)) {
        (Some(key), _) => match owners.get(key) {
            None => Found::Free,
            Some(owner) if *owner == user => Found::There,
            Some(_) => Found::Not(Reason::Taken),
        },
        (None, Some(site)) if in_use.contains(&site) => Found::There,
        (None, _) => Found::Free,
    };
    Ok(candidates.iter().zip(keys).map(find).collect())
}

/// What a batch left behind.
#[derive(Debug)]
pub struct Applied {
    /// What came of each.
    pub lines: Vec<Line>,
    /// Contacts with a new reverse address, because the one they had is in use.
    pub contacts_renewed: u64,
}

/// Makes those that can be made.
pub async fn make(
    tx: &mut Tx,
    user: UserId,
    mut candidates: Vec<Candidate>,
    now: Timestamp,
    chance: &Chance,
) -> Result<Applied, storage::Error> {
    // No mailbox goes away between being counted as one of several and being an alias's only one.
    storage::user::lock_shared(tx, user).await?;
    draw(&mut candidates, chance);
    // Whether a drawn one is needed the site says.
    let keys: Vec<Option<String>> = candidates.iter().map(|candidate| candidate.address.as_ref().map(Address::folded)).collect();
    let asked: Vec<Option<String>> =
        keys.iter().zip(&candidates).map(|(key, one)| key.clone().filter(|_| !one.row.address.is_empty())).collect();
    let mut found = find(tx, user, &candidates, &asked).await?;
    let uuids = uuids(tx, &candidates, now, chance).await?;
    let rows: Vec<AliasCopy> = keys
        .iter()
        .zip(&uuids)
        .zip(&candidates)
        .zip(&found)
        .filter(|(_, found)| **found == Found::Free)
        .filter_map(|(((key, uuid), candidate), _)| Some(copy(user, key.clone()?, *uuid, candidate, now)))
        .collect();
    let mut made = alias_import::insert(tx, &rows).await?;
    // Asked after the insert: one that is retired at the same moment has then left its hash.
    let addresses: Vec<&str> = rows.iter().map(|row| row.address.as_str()).collect();
    let retired = alias_import::retired(tx, &addresses).await?;
    let back: Vec<AliasId> = retired.iter().filter_map(|address| made.remove(*address)).collect();
    if !back.is_empty() {
        alias_import::take_back(tx, &back).await?;
    }
    for (found, key) in found.iter_mut().zip(&keys) {
        let key = key.as_deref().unwrap_or_default();
        if *found == Found::Free && !made.contains_key(key) {
            *found = Found::Not(if retired.contains(key) { Reason::Retired } else { Reason::Taken });
        }
    }
    let contacts_renewed = complete(tx, user, &candidates, &keys, &made, now, chance).await?;
    Ok(Applied {
        lines: candidates.into_iter().zip(found).map(|(candidate, found)| line(candidate, found)).collect(),
        contacts_renewed,
    })
}

/// Names for those that have a site only.
fn draw(candidates: &mut [Candidate], chance: &Chance) {
    for candidate in candidates.iter_mut().filter(|candidate| candidate.address.is_none()) {
        let name = chance.with(|rng| alias_name::draw(NameFormat::Site, candidate.row.site.as_ref(), rng));
        candidate.address = Address::from_parts(&name, candidate.domain.clone()).ok();
        candidate.line.new_address = candidate.address.as_ref().map(ToString::to_string);
    }
}

/// Ids for the outside: those that came along, where nobody has them.
async fn uuids(tx: &mut Tx, candidates: &[Candidate], now: Timestamp, chance: &Chance) -> Result<Vec<Uuid>, storage::Error> {
    let brought = |candidate: &Candidate| Uuid::parse_str(candidate.row.whole.as_ref()?.uuid.as_deref()?).ok();
    let wanted: Vec<Option<Uuid>> = candidates.iter().map(brought).collect();
    let known: Vec<Uuid> = wanted.iter().flatten().copied().collect();
    let mut used = if known.is_empty() { HashSet::new() } else { alias_import::used_uuids(tx, &known).await? };
    Ok(wanted.into_iter().map(|uuid| uuid.filter(|uuid| used.insert(*uuid)).unwrap_or_else(|| uuid_v7(now, chance))).collect())
}

fn copy(user_id: UserId, address: String, uuid: Uuid, candidate: &Candidate, now: Timestamp) -> AliasCopy {
    let row = &candidate.row;
    let changed = row.whole.as_ref().map_or(now, |whole| whole.state_changed_at.unwrap_or(whole.created_at));
    let changed = text::past(changed, now);
    AliasCopy {
        uuid,
        user_id,
        domain_id: candidate.domain_id.0,
        address,
        site: row.site.as_ref().map(ToString::to_string),
        state: candidate.state.as_str(),
        note: row.note.clone(),
        expires_at: row.expires_at.map(|at| text::in_calendar(at).as_micros()),
        max_messages: row.max_messages,
        messages_used: row.whole.as_ref().map_or(0, |whole| whole.messages_used.clamp(0, LARGEST_COUNT)),
        created_at: candidate.created_at.as_micros(),
        state_changed_at: changed.as_micros(),
        display_name: candidate.display_name.clone(),
        pinned: row.pinned,
    }
}

/// Adds to the aliases that were made what belongs to them; how many contacts needed a new reverse address.
async fn complete(
    tx: &mut Tx,
    user: UserId,
    candidates: &[Candidate],
    keys: &[Option<String>],
    made: &HashMap<String, AliasId>,
    now: Timestamp,
    chance: &Chance,
) -> Result<u64, storage::Error> {
    let (mut with, mut renewed) = (Belonging::default(), 0);
    for (candidate, key) in candidates.iter().zip(keys) {
        let Some(id) = key.as_ref().and_then(|key| made.get(key)).copied() else { continue };
        with.links.extend(candidate.mailboxes.iter().map(|mailbox| (id, *mailbox)));
        with.tags.extend(candidate.row.tags.iter().map(|tag| (id, tag.clone())));
        for contact in &candidate.row.contacts {
            let Some((contact, is_renewed)) = copy_contact(id, contact, now, chance) else { continue };
            with.contacts.push(contact);
            renewed += u64::from(is_renewed);
        }
        if let Some(whole) = &candidate.row.whole {
            with.made.extend(whole.made_by.as_ref().and_then(|made| copy_made(id, candidate.domain_id, made, now)));
            with.days.extend(whole.activity.iter().filter_map(|day| copy_day(id, *day)));
            with.sightings.extend(whole.sightings.iter().take(MOST_SIGHTINGS).filter_map(|seen| copy_sighting(id, seen, now)));
        }
    }
    alias_import::link(tx, &with.links).await?;
    alias_import::tag(tx, user, &with.tags).await?;
    renewed += renew(tx, &mut with.contacts, chance).await?;
    alias_import::add_contacts(tx, &with.contacts).await?;
    alias_import::add_made(tx, &with.made).await?;
    alias_import::add_activity(tx, &with.days).await?;
    alias_import::add_sightings(tx, &with.sightings).await?;
    Ok(renewed)
}

/// A token that is in use stays with whom it stands for: the contact gets a fresh one, and stays blocked if it was. What
/// stands for somebody here is nobody to correspond with.
async fn renew(tx: &mut Tx, contacts: &mut Vec<ContactCopy>, chance: &Chance) -> Result<u64, storage::Error> {
    let mut kept = Vec::with_capacity(contacts.len());
    for contact in std::mem::take(contacts) {
        let is_made = contact.address_key.starts_with(REVERSE_PREFIX) || contact.address_key.starts_with(BOUNCE_PREFIX);
        let domain = Address::parse(&contact.address_key).ok().filter(|_| is_made);
        match domain {
            Some(address) if storage::domain::find_by_name(tx, address.domain()).await?.is_some() => {}
            _ => kept.push(contact),
        }
    }
    let tokens: Vec<&str> = kept.iter().map(|contact| contact.token.as_str()).collect();
    let mut used = alias_import::used_tokens(tx, &tokens).await?;
    let mut renewed = 0;
    for contact in &mut kept {
        while !used.insert(contact.token.clone()) {
            contact.token = ReverseToken::draw(chance).to_string();
            renewed += 1;
        }
    }
    *contacts = kept;
    Ok(renewed)
}

#[derive(Default)]
struct Belonging {
    links: Vec<(AliasId, crate::model::id::MailboxId)>,
    tags: Vec<(AliasId, String)>,
    contacts: Vec<ContactCopy>,
    made: Vec<MadeCopy>,
    days: Vec<DayCopy>,
    sightings: Vec<SightingCopy>,
}

/// A contact under the reverse address it had; under a new one, which is told, when that is none of ours.
fn copy_contact(alias_id: AliasId, contact: &transfer::Contact, now: Timestamp, chance: &Chance) -> Option<(ContactCopy, bool)> {
    let address = Address::parse(&contact.address).ok()?;
    let token = ReverseToken::from_local_part(&format!("{REVERSE_PREFIX}{}", contact.token));
    let is_renewed = token.is_none();
    let copy = ContactCopy {
        uuid: uuid_v7(now, chance),
        alias_id,
        address: address.to_string(),
        address_key: address.folded(),
        token: token.unwrap_or_else(|| ReverseToken::draw(chance)).to_string(),
        blocked_at: contact.blocked_at.map(|at| text::past(at, now).as_micros()),
        hidden_at: contact.hidden_at.map(|at| text::past(at, now).as_micros()),
        written_at: contact.written_at.map(|at| text::past(at, now).as_micros()),
        created_at: text::past(contact.created_at, now).as_micros(),
    };
    Some((copy, is_renewed))
}

/// That its first message made it. It stays: whoever made it elsewhere does not take it back here.
fn copy_made(alias_id: AliasId, domain_id: DomainId, made: &transfer::Made, now: Timestamp) -> Option<MadeCopy> {
    let how = made.how.parse::<MadeBy>().ok()?;
    let kept_at = now.as_micros();
    (0..=LAST_DAY).contains(&made.day).then_some(MadeCopy { alias_id, domain_id, how: how.as_str(), day: made.day, kept_at })
}

fn copy_day(alias_id: AliasId, day: transfer::Day) -> Option<DayCopy> {
    let sane = |count: i64| count.clamp(0, LARGEST_COUNT);
    let counts = Activity {
        forwarded: sane(day.counts.forwarded),
        blocked: sane(day.counts.blocked),
        refused: sane(day.counts.refused),
        failed: sane(day.counts.failed),
        cancelled: sane(day.counts.cancelled),
        replied: sane(day.counts.replied),
        unproven: sane(day.counts.unproven),
        quoted: sane(day.counts.quoted),
    };
    (0..=LAST_DAY).contains(&day.day).then_some(DayCopy { alias_id, day: day.day, counts })
}

fn copy_sighting(alias_id: AliasId, seen: &transfer::Sighting, now: Timestamp) -> Option<SightingCopy> {
    let is_name = |text: &String| text.len() <= 253 && !text.contains(char::is_control);
    let proof = seen.proof.parse::<crate::model::sighting::Proof>().ok()?;
    (is_name(&seen.organisation) && is_name(&seen.signer)).then(|| SightingCopy {
        alias_id,
        organisation: seen.organisation.clone(),
        proof: proof.as_str(),
        signer: seen.signer.clone(),
        first_seen_at: text::past(seen.first_seen_at, now).as_micros(),
        last_seen_at: text::past(seen.last_seen_at, now).as_micros(),
        messages: seen.messages.clamp(1, LARGEST_COUNT),
    })
}
