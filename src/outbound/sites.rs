//! Which sites rest after connection-level trouble, so that one dead provider does not keep every worker waiting.
//!
//! What this node saw itself and what the shared table says are kept apart. The table rules: a rest that was in it and
//! no longer is has been ended by another node's success or by the operator. Only a rest the table has never shown stands
//! on its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::model::{Clock, Timestamp};

/// The first rest.
const FIRST: Duration = Duration::from_secs(30);
/// The longest rest.
const LONGEST: Duration = Duration::from_mins(15);
/// Sites remembered; above that the ones whose rest is over are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Timestamp,
    length: Duration,
    /// Whether the shared table has shown it.
    shared: bool,
}

/// The rests of all sites.
#[derive(Debug)]
pub(super) struct Sites {
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Seen by this node; kept after the rest is over, so that the next one is longer.
    own: HashMap<Arc<str>, Rest>,
    /// What the shared table says.
    loaded: HashMap<Arc<str>, Timestamp>,
    /// Sites that rested and were found to work, since somebody asked.
    recovered: HashSet<Arc<str>>,
}

impl Sites {
    /// None rests.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// Until when a site rests; `None` if it may be tried.
    pub(super) fn rest_until(&self, site: &str) -> Option<Timestamp> {
        let known = self.known.lock();
        let own = known.own.get(site).map(|rest| rest.until);
        let until = own.max(known.loaded.get(site).copied())?;
        (self.clock.now() < until).then_some(until)
    }

    /// Takes over the shared table as it is now: a site that was in it and no longer is rests no more.
    pub(super) fn load(&self, rows: impl IntoIterator<Item = (String, Timestamp)>) {
        let now = self.clock.now();
        let mut known = self.known.lock();
        let Known { own, loaded, recovered } = &mut *known;
        let rows = rows.into_iter().filter(|(site, until)| *until > now && !recovered.contains(site.as_str()));
        *loaded = rows.take(REMEMBERED).map(|(site, until)| (Arc::from(site), until)).collect();
        own.retain(|site, rest| {
            let listed = loaded.contains_key(site);
            let ended = rest.shared && !listed && now < rest.until;
            rest.shared |= listed;
            !ended
        });
    }

    /// The site was in trouble: it rests, twice as long as the last time. Hand-offs that were under way at the same
    /// time say so too, and count once.
    pub(super) fn failed(&self, site: &Arc<str>) {
        let now = self.clock.now();
        let mut known = self.known.lock();
        let Known { own, recovered, .. } = &mut *known;
        recovered.remove(site);
        if own.len() >= REMEMBERED {
            own.retain(|_, rest| now < rest.until);
        }
        match own.get_mut(site) {
            Some(rest) if now < rest.until => {}
            Some(rest) => {
                let length = rest.length.saturating_mul(2).min(LONGEST);
                *rest = Rest { until: now.plus(length), length, shared: false };
            }
            None => {
                own.insert(Arc::clone(site), Rest { until: now.plus(FIRST), length: FIRST, shared: false });
            }
        }
    }

    /// The site works again.
    pub(super) fn succeeded(&self, site: &Arc<str>) {
        let now = self.clock.now();
        let mut known = self.known.lock();
        // Nearly always there is nothing to do, and then it costs two look-ups.
        let own = known.own.remove(site).is_some_and(|rest| now < rest.until);
        let loaded = known.loaded.remove(site).is_some_and(|until| now < until);
        if (own || loaded) && known.recovered.len() < REMEMBERED {
            known.recovered.insert(Arc::clone(site));
        }
    }

    /// Ends a rest, whoever saw it, and forgets how long it was.
    pub(super) fn clear(&self, site: &str) {
        let mut known = self.known.lock();
        known.own.remove(site);
        known.loaded.remove(site);
    }

    /// Ends all rests.
    pub(super) fn clear_all(&self) {
        let mut known = self.known.lock();
        known.own.clear();
        known.loaded.clear();
    }

    /// The rests seen here that the shared table has not shown yet.
    pub(super) fn unshared(&self) -> Vec<(String, Timestamp)> {
        let now = self.clock.now();
        let known = self.known.lock();
        let unshared = known.own.iter().filter(|(_, rest)| !rest.shared && now < rest.until);
        unshared.map(|(site, rest)| (site.to_string(), rest.until)).collect()
    }

    /// A rest seen here was written to the shared table.
    pub(super) fn note_shared(&self, site: &str) {
        if let Some(rest) = self.known.lock().own.get_mut(site) {
            rest.shared = true;
        }
    }

    /// The sites whose rest a success has ended since the last call.
    pub(super) fn take_recovered(&self) -> Vec<String> {
        self.known.lock().recovered.drain().map(|site| site.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed) * 1_000_000)
        }
    }

    #[test]
    fn rests_double_to_a_quarter_of_an_hour_and_success_ends_them() {
        let hand = Arc::new(Hand::default());
        let sites = Sites::new(Arc::clone(&hand) as Arc<dyn Clock>);
        let site: Arc<str> = "mx.example".into();
        let mut lengths = Vec::new();
        for _ in 0..8 {
            let start = hand.0.load(Ordering::Relaxed);
            sites.failed(&site);
            sites.failed(&site);
            let until = sites.rest_until(&site).unwrap().as_seconds();
            lengths.push(until - start);
            hand.0.store(until, Ordering::Relaxed);
            assert_eq!(sites.rest_until(&site), None);
        }
        assert_eq!(lengths, [30, 60, 120, 240, 480, 900, 900, 900]);
        sites.failed(&site);
        sites.succeeded(&site);
        assert_eq!(sites.rest_until(&site), None);
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn listed(site: &str, seconds: i64) -> [(String, Timestamp); 1] {
        [(site.to_owned(), at(seconds))]
    }

    #[test]
    fn what_other_nodes_saw_counts_until_it_is_no_longer_listed() {
        let sites = Sites::new(Arc::new(Hand::default()));
        sites.load([("a".to_owned(), at(60)), ("past".to_owned(), at(0))]);
        assert_eq!((sites.rest_until("a"), sites.rest_until("past")), (Some(at(60)), None));
        sites.load(listed("a", 10));
        assert_eq!(sites.rest_until("a"), Some(at(10)));
        sites.load([]);
        assert_eq!(sites.rest_until("a"), None);
        assert_eq!(sites.take_recovered(), [""; 0], "no success was seen");
    }

    #[test]
    fn a_rest_of_our_own_stays_until_the_table_has_shown_it_and_dropped_it() {
        let sites = Sites::new(Arc::new(Hand::default()));
        let site: Arc<str> = "a".into();
        sites.failed(&site);
        assert_eq!(sites.unshared(), listed("a", 30));
        sites.load([]);
        assert_eq!(sites.rest_until("a"), Some(at(30)), "the list was read before it was written");
        sites.load(listed("a", 30));
        assert_eq!((sites.rest_until("a"), sites.unshared()), (Some(at(30)), Vec::new()));
        sites.load([]);
        assert_eq!(sites.rest_until("a"), None, "the operator or another node ended it");
        sites.failed(&site);
        sites.clear("a");
        assert_eq!((sites.rest_until("a"), sites.unshared()), (None, Vec::new()));
    }

    #[test]
    fn a_success_is_told_once_and_an_older_list_does_not_undo_it() {
        let sites = Sites::new(Arc::new(Hand::default()));
        let site: Arc<str> = "a".into();
        sites.succeeded(&site);
        assert_eq!(sites.take_recovered(), [""; 0], "it did not rest");
        sites.load(listed("a", 60));
        sites.succeeded(&site);
        sites.load(listed("a", 60));
        assert_eq!(sites.rest_until("a"), None);
        assert_eq!(sites.take_recovered(), ["a"]);
        assert_eq!(sites.take_recovered(), [""; 0]);
        sites.load(listed("a", 60));
        assert_eq!(sites.rest_until("a"), Some(at(60)), "another node saw new trouble");
    }
}
