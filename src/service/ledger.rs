//! What happened, counted in memory and written once a second: a message that goes straight through costs no write.
//!
//! A crash loses at most the counts of the last second, never a message.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::model::activity::{Activity, ActivityKey};
use crate::model::id::AliasId;
use crate::model::{Clock, Timestamp};
use crate::storage::{self, Storage};

/// Counts not yet written.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<HashMap<ActivityKey, Activity>>);

impl Ledger {
    /// Counts something for an alias, now.
    pub fn count(&self, alias_id: AliasId, now: Timestamp, what: Activity) {
        self.0.lock().entry(ActivityKey { alias_id, day: now.day() }).or_default().add(what);
    }

    /// Writes what has gathered. What can't be written is kept for the next time.
    pub async fn flush(&self, storage: &Storage) -> Result<(), storage::Error> {
        let gathered = std::mem::take(&mut *self.0.lock());
        if gathered.is_empty() {
            return Ok(());
        }
        let mut rows: Vec<_> = gathered.into_iter().collect();
        // One order for all nodes, so that two flushes never wait for each other's rows.
        rows.sort_unstable_by_key(|(key, _)| *key);
        let written = rows.clone();
        let result = storage.write(move |tx| Box::pin(async move { storage::activity::add(tx, &written).await })).await;
        if result.is_err() {
            let mut kept = self.0.lock();
            for (key, counts) in rows {
                kept.entry(key).or_default().add(counts);
            }
        }
        result
    }

    /// Counts with the clock's day; for callers that have no moment at hand.
    pub fn count_now(&self, alias_id: AliasId, clock: &dyn Clock, what: Activity) {
        self.count(alias_id, clock.now(), what);
    }
}
