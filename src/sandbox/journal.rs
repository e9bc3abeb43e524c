//! What happened at the gate, in order, and whether anything that must stay hidden went by.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::dialogue::Verdict;
use crate::model::alias::AliasState;
use crate::model::{Clock, Timestamp};

/// Events kept; older ones go.
const KEPT: usize = 300;
/// Lines kept to be searched again.
const LINES_KEPT: usize = 10_000;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message was answered at the gate.
    Mail(Verdict),
    /// The owner changed an alias.
    Changed(AliasState),
}

/// One thing that happened to one alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The alias, in small letters.
    pub alias: String,
    /// What.
    pub what: What,
}

/// What the senders were told, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Conversations at the gate.
    pub conversations: u64,
    /// Lines of all answers.
    pub lines: u64,
    /// Lines in which something stood that must stay hidden.
    pub leaks: u64,
}

/// The gate's journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    /// In small letters.
    hidden: Mutex<Vec<String>>,
    kept: Mutex<(Vec<Event>, Heard)>,
    /// The newest lines that gave nothing away: what must stay hidden may become known after they were answered.
    lines: Mutex<VecDeque<String>>,
    changes: watch::Sender<u64>,
}

impl Journal {
    /// An empty journal that looks out for `hidden` texts in what the gate answers.
    pub fn new(clock: Arc<dyn Clock>, hidden: &[&str]) -> Self {
        let hidden = hidden.iter().map(|text| text.to_lowercase()).collect();
        let (hidden, kept, lines) = (Mutex::new(hidden), Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { clock, hidden, kept, lines, changes: watch::Sender::new(0) }))
    }

    /// Events, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.0.kept.lock().0.clone()
    }

    /// What the senders were told, in figures.
    pub fn heard(&self) -> Heard {
        self.0.kept.lock().1
    }

    /// Wakes the receiver when something happened.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The owner changed an alias.
    pub fn changed(&self, alias: &str, state: AliasState) {
        self.put(alias, What::Changed(state));
    }

    /// Looks out for this text as well, also in what was answered lately.
    pub fn hide(&self, text: &str) {
        let text = text.to_lowercase();
        let mut hidden = self.0.hidden.lock();
        if hidden.contains(&text) {
            return;
        }
        let mut lines = self.0.lines.lock();
        let before = lines.len();
        lines.retain(|line| !line.contains(&text));
        let leaks = before.saturating_sub(lines.len());
        hidden.push(text);
        self.0.kept.lock().1.leaks += leaks as u64;
    }

    /// Whether a text holds something that must stay hidden.
    pub fn gives_away(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.hidden.lock().iter().any(|hidden| text.contains(hidden))
    }

    pub(super) fn conversation(&self) {
        self.0.kept.lock().1.conversations += 1;
        self.announce();
    }

    pub(super) fn answered(&self, lines: &[String]) {
        let hidden = self.0.hidden.lock();
        let mut clean = self.0.lines.lock();
        let mut leaks = 0;
        for line in lines {
            let line = line.to_lowercase();
            if hidden.iter().any(|hidden| line.contains(hidden)) {
                leaks += 1;
                continue;
            }
            if clean.len() >= LINES_KEPT {
                clean.pop_front();
            }
            clean.push_back(line);
        }
        let heard = &mut self.0.kept.lock().1;
        heard.lines += lines.len() as u64;
        heard.leaks += leaks;
    }

    pub(super) fn decided(&self, verdict: Verdict) {
        let alias = verdict.recipient.clone();
        self.put(&alias, What::Mail(verdict));
    }

    fn put(&self, alias: &str, what: What) {
        let event = Event { at: self.0.clock.now(), alias: alias.to_lowercase(), what };
        let mut kept = self.0.kept.lock();
        if kept.0.len() >= KEPT {
            kept.0.remove(0);
        }
        kept.0.push(event);
        drop(kept);
        self.announce();
    }

    fn announce(&self) {
        self.0.changes.send_modify(|version| *version = version.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
    }

    #[test]
    fn an_address_that_becomes_known_later_is_looked_for_in_what_was_said_before() {
        let journal = Journal::new(Arc::new(Noon), &["me@inbox.example"]);
        journal.answered(&["250 Ok".into(), "550 Me@Inbox.example".into(), "550 new@other.example".into()]);
        assert_eq!(journal.heard().leaks, 1);
        journal.hide("New@other.example");
        journal.hide("new@other.example");
        assert_eq!(journal.heard().leaks, 2);
        journal.answered(&["550 NEW@other.example".into()]);
        assert_eq!((journal.heard().leaks, journal.heard().lines), (3, 4));
    }
}
