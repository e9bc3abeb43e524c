//! Reverse addresses for an alias's correspondents: found, or made on first sight.
//!
//! A contact's reverse address never changes, so the ones seen lately are remembered and a message from a known
//! sender needs no look-up.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Desk;
use crate::model::Address;
use crate::model::alias::Alias;
use crate::model::contact::ReverseToken;
use crate::model::id::{AliasId, ContactId, uuid_v7};
use crate::storage::{self, contact};

/// Entries of one generation; two are kept.
const GENERATION: usize = 4096;

/// Which address of which alias.
type Key = (AliasId, String);

/// Two generations of known reverse addresses: when the young one is full it becomes the old one.
#[derive(Debug, Default)]
pub struct ReverseCache(Mutex<(Generation, Generation)>);

type Generation = HashMap<Key, (ContactId, Address)>;

/// The correspondents of one message, by folded address.
#[derive(Default)]
pub struct Correspondents {
    /// Their reverse addresses.
    pub reverse: HashMap<String, Address>,
    /// Their keys.
    pub ids: HashMap<String, ContactId>,
}

impl Correspondents {
    fn put(&mut self, folded: String, (id, reverse): (ContactId, Address)) {
        self.ids.insert(folded.clone(), id);
        self.reverse.insert(folded, reverse);
    }
}

impl ReverseCache {
    fn get(&self, key: &Key) -> Option<(ContactId, Address)> {
        let generations = &*self.0.lock();
        generations.0.get(key).or_else(|| generations.1.get(key)).cloned()
    }

    fn put(&self, key: Key, contact: (ContactId, Address)) {
        let mut generations = self.0.lock();
        if generations.0.len() >= GENERATION {
            generations.1 = std::mem::take(&mut generations.0);
        }
        generations.0.insert(key, contact);
    }
}

/// The contact that each of `outsiders` is. Contacts not known yet are made, durably.
pub async fn addresses(
    desk: &Desk,
    cache: &ReverseCache,
    alias: &Alias,
    outsiders: &[Address],
) -> Result<Correspondents, storage::Error> {
    let mut known = Correspondents::default();
    let mut missing = Vec::new();
    for outsider in outsiders {
        let folded = outsider.folded();
        match cache.get(&(alias.id, folded.clone())) {
            Some(contact) => known.put(folded, contact),
            None => missing.push((folded, outsider.clone())),
        }
    }
    if missing.is_empty() {
        return Ok(known);
    }
    let domain = alias.address.domain();
    let keys: Vec<_> = missing.iter().map(|(folded, _)| folded.clone()).collect();
    let mut found = contact::find_many(&mut desk.storage.read().await?, alias.id, &keys).await?;
    missing.retain(|(folded, _)| !found.iter().any(|contact| contact.address.folded() == *folded));
    if !missing.is_empty() {
        let (alias_id, now) = (alias.id, desk.clock.now());
        // One order for everybody: two answers to one thread must not wait for each other's rows.
        missing.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let fresh: Vec<_> = missing
            .into_iter()
            .map(|(_, address)| (address, ReverseToken::draw(&desk.chance), uuid_v7(now, &desk.chance)))
            .collect();
        let made = desk.storage.write(move |tx| {
            Box::pin(async move {
                let mut made = Vec::with_capacity(fresh.len());
                for (address, token, uuid) in fresh {
                    made.push(contact::get_or_create(tx, alias_id, &address, &token, uuid, now).await?);
                }
                Ok::<_, storage::Error>(made)
            })
        });
        found.extend(made.await?);
    }
    for contact in found {
        let folded = contact.address.folded();
        let entry = (contact.id, contact.token.address(domain));
        cache.put((alias.id, folded.clone()), entry.clone());
        known.put(folded, entry);
    }
    Ok(known)
}
