//! Answers of machines pass through an alias like all mail, but not for ever: two that answer each other are stopped.
//!
//! A proper out-of-office program answers nobody twice and never another machine (RFC 3834 §2), so a few an hour for each
//! correspondent, either way, never bind it. Counted in memory on each node: a restart lets a few more pass, no more.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::broker::Broker;
use crate::model::id::AliasId;
use crate::model::{Address, Reply, Timestamp};
use crate::storage::alias::Route;
use crate::transform::header::HeaderBlock;
use crate::transform::{automatic, mailboxes};

/// Automatic answers between an alias and one correspondent in an hour, each way.
pub const HOURLY: u32 = 4;
/// Correspondents remembered; beyond it the count starts anew.
const REMEMBERED: usize = 10_000;
const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

const TOO_MANY: Reply = Reply::new(550, 7, 1, "Too many automatic answers between these two addresses");

/// Which way an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the correspondent to the owner.
    In,
    /// From the owner to the correspondent.
    Out,
}

type Key = (AliasId, String, Way);

/// How many automatic answers there were, on this node.
#[derive(Debug, Default)]
pub struct AutomaticCounts(Mutex<HashMap<Key, (Timestamp, u32)>>);

impl AutomaticCounts {
    /// Counts one more; false when the hour has had enough of them. An hour begins with the first.
    pub fn admit(&self, alias: AliasId, correspondent: &Address, way: Way, now: Timestamp) -> bool {
        let mut counts = self.0.lock();
        if counts.len() >= REMEMBERED {
            counts.retain(|_, (began, _)| began.plus(HOUR) > now);
            if counts.len() >= REMEMBERED {
                counts.clear();
            }
        }
        let (began, count) = counts.entry((alias, correspondent.folded(), way)).or_insert((now, 0));
        // A clock that jumped back does not keep anybody silent.
        if now < *began || now.since(*began) >= HOUR {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= HOURLY
    }
}

/// May this message pass to the aliases? Only answers of machines are counted: a newsletter or a shop's notice is
/// automatic as well, and answers nothing.
pub(super) fn check_arrival(broker: &Broker, header: &HeaderBlock, start: &[u8], routes: &[Route]) -> Result<(), Reply> {
    if !automatic::marks(header, start).auto_replied {
        return Ok(());
    }
    // Without an author that can be read it is refused elsewhere.
    let Ok(author) = mailboxes::author(header, start) else { return Ok(()) };
    let admit = |route: &Route| broker.automatic.admit(route.alias.id, &author.address, Way::In, broker.now());
    if routes.iter().all(admit) { Ok(()) } else { Err(TOO_MANY) }
}

/// May the owner's message go out to these correspondents? Everything a machine made in the owner's place is counted.
pub(super) fn check_departure<'a>(
    broker: &Broker,
    header: &HeaderBlock,
    start: &[u8],
    alias: AliasId,
    contacts: impl IntoIterator<Item = &'a Address>,
) -> Result<(), Reply> {
    if !automatic::marks(header, start).auto_submitted {
        return Ok(());
    }
    let admit = |contact| broker.automatic.admit(alias, contact, Way::Out, broker.now());
    if contacts.into_iter().all(admit) { Ok(()) } else { Err(TOO_MANY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_an_hour_pass_each_way_and_then_none() {
        let counts = AutomaticCounts::default();
        let (ann, bob) = (Address::parse("Ann@x.org").unwrap(), Address::parse("bob@x.org").unwrap());
        let at = |minutes: i64| Timestamp::from_micros(minutes * 60_000_000);
        for minute in 0..4 {
            assert!(counts.admit(AliasId(1), &ann, Way::Out, at(minute)));
        }
        assert!(!counts.admit(AliasId(1), &Address::parse("ann@X.org").unwrap(), Way::Out, at(59)));
        assert!(counts.admit(AliasId(1), &ann, Way::In, at(59)));
        assert!(counts.admit(AliasId(1), &bob, Way::Out, at(59)));
        assert!(counts.admit(AliasId(2), &ann, Way::Out, at(59)));
        assert!(counts.admit(AliasId(1), &ann, Way::Out, at(60)));
        assert!(counts.admit(AliasId(1), &ann, Way::Out, at(1)), "the clock jumped back");
    }
}
