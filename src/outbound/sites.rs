//! Which sites rest after connection-level trouble, so that one dead provider does not keep every worker waiting.

use std::collections::HashMap;
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
}

/// The rests of all sites.
#[derive(Debug)]
pub(super) struct Sites {
    clock: Arc<dyn Clock>,
    rests: Mutex<HashMap<Arc<str>, Rest>>,
}

impl Sites {
    /// None rests.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, rests: Mutex::new(HashMap::new()) }
    }

    /// Until when a site rests; `None` if it may be tried.
    pub(super) fn rest_until(&self, site: &str) -> Option<Timestamp> {
        let rests = self.rests.lock();
        let rest = rests.get(site)?;
        (self.clock.now() < rest.until).then_some(rest.until)
    }

    /// Takes over rests that other nodes have seen; a longer one of our own stays.
    pub(super) fn load(&self, rows: impl IntoIterator<Item = (String, Timestamp)>) {
        let now = self.clock.now();
        let mut rests = self.rests.lock();
        for (site, until) in rows {
            if until <= now || (rests.len() >= REMEMBERED && !rests.contains_key(site.as_str())) {
                continue;
            }
            let rest = rests.entry(site.into()).or_insert(Rest { until, length: FIRST });
            rest.until = rest.until.max(until);
        }
    }

    /// The site was in trouble: it rests, twice as long as the last time. Hand-offs that were under way at the same
    /// time say so too, and count once.
    pub(super) fn failed(&self, site: &Arc<str>) {
        let now = self.clock.now();
        let mut rests = self.rests.lock();
        if rests.len() >= REMEMBERED {
            rests.retain(|_, rest| now < rest.until);
        }
        match rests.get_mut(site) {
            Some(rest) if now < rest.until => {}
            Some(rest) => {
                rest.length = rest.length.saturating_mul(2).min(LONGEST);
                rest.until = now.plus(rest.length);
            }
            None => {
                rests.insert(Arc::clone(site), Rest { until: now.plus(FIRST), length: FIRST });
            }
        }
    }

    /// The site works again.
    pub(super) fn succeeded(&self, site: &str) {
        let mut rests = self.rests.lock();
        if !rests.is_empty() {
            rests.remove(site);
        }
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

    #[test]
    fn what_other_nodes_saw_counts_and_never_shortens() {
        let sites = Sites::new(Arc::new(Hand::default()));
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        sites.load([("a".to_owned(), at(60)), ("past".to_owned(), at(0))]);
        sites.load([("a".to_owned(), at(10))]);
        assert_eq!(sites.rest_until("a"), Some(at(60)));
        assert_eq!(sites.rest_until("past"), None);
    }
}
