//! What happened, counted in memory and written once a second: a message that goes straight through costs no write.
//!
//! A crash loses at most the counts of the last second, never a message.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::model::activity::{Activity, ActivityKey};
use crate::model::id::AliasId;
use crate::model::sighting::{Seen, SightingKey};
use crate::model::{Chance, Timestamp};
use crate::storage::{self, Storage, activity, sighting};

use super::webhook;

/// Counts and sightings not yet written.
#[derive(Debug)]
pub struct Ledger {
    gathered: Mutex<Gathered>,
    chance: Chance,
}

#[derive(Debug, Default)]
struct Gathered {
    counts: HashMap<ActivityKey, Activity>,
    sightings: HashMap<SightingKey, Seen>,
    /// When something was counted last.
    last: Timestamp,
}

impl Ledger {
    /// An empty one.
    pub fn new(chance: Chance) -> Self {
        Self { gathered: Mutex::default(), chance }
    }

    /// Counts something for an alias, now.
    pub fn count(&self, alias_id: AliasId, now: Timestamp, what: Activity) {
        let mut gathered = self.gathered.lock();
        gathered.last = now;
        gathered.counts.entry(ActivityKey { alias_id, day: now.day() }).or_default().add(what);
    }

    /// Counts a message of somebody to an alias.
    pub fn saw(&self, key: SightingKey, seen: Seen) {
        self.gathered.lock().sightings.entry(key).and_modify(|known| known.add(seen)).or_insert(seen);
    }

    /// Writes what has gathered. What can't be written is kept for the next time.
    pub async fn flush(&self, storage: &Storage) -> Result<(), storage::Error> {
        let gathered = std::mem::take(&mut *self.gathered.lock());
        if gathered.counts.is_empty() && gathered.sightings.is_empty() {
            return Ok(());
        }
        let mut counts: Vec<_> = gathered.counts.into_iter().collect();
        let mut sightings: Vec<_> = gathered.sightings.into_iter().collect();
        // One order for all nodes, so that two flushes never wait for each other's rows.
        counts.sort_unstable_by_key(|(key, _)| *key);
        sightings.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let written = (counts.clone(), sightings.clone());
        let result = storage.write(move |tx| {
            Box::pin(async move {
                activity::add(tx, &written.0).await?;
                sighting::add(tx, &written.1).await
            })
        });
        let result = result.await;
        if result.is_err() {
            for (key, seen) in sightings {
                self.saw(key, seen);
            }
            let mut kept = self.gathered.lock();
            for (key, count) in counts {
                kept.counts.entry(key).or_default().add(count);
            }
            return result;
        }
        // Counted is counted: a telling that fails is not made up for.
        webhook::mail_blocked(storage, &self.chance, &counts, gathered.last).await
    }
}
