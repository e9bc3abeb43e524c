//! Answers of machines pass through an alias like all mail, but not for ever: two that answer each other are stopped.
//!
//! A proper out-of-office program answers nobody twice and never another machine (RFC 3834 §2), so a few an hour for each
//! correspondent, either way, never bind it. Only what was taken counts: a message that its sender has to try again is
//! one answer, not two. Counted in memory on each node: a restart lets a few more pass, no more.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use super::broker::Broker;
use crate::model::id::AliasId;
use crate::model::{Address, Reply, Timestamp};
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
    /// Whether the hour has room for one more. An hour begins with the first.
    pub fn has_room(&self, alias: AliasId, correspondent: &Address, way: Way, now: Timestamp) -> bool {
        let key = (alias, correspondent.folded(), way);
        self.0.lock().get(&key).is_none_or(|(began, count)| is_over(*began, now) || *count < HOURLY)
    }

    /// Counts one that was taken.
    pub fn count(&self, alias: AliasId, correspondent: &Address, way: Way, now: Timestamp) {
        let mut counts = self.0.lock();
        if counts.len() >= REMEMBERED {
            counts.retain(|_, (began, _)| !is_over(*began, now));
            if counts.len() >= REMEMBERED {
                counts.clear();
            }
        }
        let (began, count) = counts.entry((alias, correspondent.folded(), way)).or_insert((now, 0));
        if is_over(*began, now) {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

/// Whether an hour has passed. A clock that jumped back does not keep anybody silent.
fn is_over(began: Timestamp, now: Timestamp) -> bool {
    now < began || now.since(began) >= HOUR
}

/// Who answers by a machine, if that is what the message is: a newsletter, a shop's notice or the owner's monitoring is
/// automatic as well, and answers nothing.
fn answering(header: &HeaderBlock, start: &[u8]) -> Option<Address> {
    if !automatic::marks(header, start).auto_replied {
        return None;
    }
    // Without an author that can be read it is refused elsewhere.
    mailboxes::author(header, start).ok().map(|author| author.address)
}

/// May this message pass to the alias?
pub(super) fn check_arrival(broker: &Broker, header: &HeaderBlock, start: &[u8], alias: AliasId) -> Result<(), Reply> {
    let Some(author) = answering(header, start) else { return Ok(()) };
    if broker.automatic.has_room(alias, &author, Way::In, broker.now()) { Ok(()) } else { Err(TOO_MANY) }
}

/// It was taken for these aliases, one for each.
pub(super) fn count_arrival(broker: &Broker, header: &HeaderBlock, start: &[u8], aliases: &BTreeSet<AliasId>) {
    let Some(author) = answering(header, start) else { return };
    for alias in aliases {
        broker.automatic.count(*alias, &author, Way::In, broker.now());
    }
}

/// May the owner's message go out to these correspondents?
pub(super) fn check_departure<'a>(
    broker: &Broker,
    header: &HeaderBlock,
    start: &[u8],
    alias: AliasId,
    contacts: impl IntoIterator<Item = &'a Address>,
) -> Result<(), Reply> {
    let has_room = |contact| broker.automatic.has_room(alias, contact, Way::Out, broker.now());
    if !automatic::marks(header, start).auto_replied || contacts.into_iter().all(has_room) { Ok(()) } else { Err(TOO_MANY) }
}

/// It was taken for these correspondents.
pub(super) fn count_departure<'a>(
    broker: &Broker,
    header: &HeaderBlock,
    start: &[u8],
    alias: AliasId,
    contacts: impl IntoIterator<Item = &'a Address>,
) {
    if automatic::marks(header, start).auto_replied {
        contacts.into_iter().for_each(|contact| broker.automatic.count(alias, contact, Way::Out, broker.now()));
    }
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
            for _ in 0..9 {
                assert!(counts.has_room(AliasId(1), &ann, Way::Out, at(minute)), "asking counts nothing");
            }
            counts.count(AliasId(1), &ann, Way::Out, at(minute));
        }
        assert!(!counts.has_room(AliasId(1), &Address::parse("ann@X.org").unwrap(), Way::Out, at(59)));
        assert!(counts.has_room(AliasId(1), &ann, Way::In, at(59)));
        assert!(counts.has_room(AliasId(1), &bob, Way::Out, at(59)));
        assert!(counts.has_room(AliasId(2), &ann, Way::Out, at(59)));
        assert!(counts.has_room(AliasId(1), &ann, Way::Out, at(60)));
        counts.count(AliasId(1), &ann, Way::Out, at(60));
        assert!(counts.has_room(AliasId(1), &ann, Way::Out, at(60)), "an hour of its own");
        assert!(counts.has_room(AliasId(1), &ann, Way::Out, at(1)), "the clock jumped back");
    }
}
