//! What happened at the gate, in order, and whether anything that must stay hidden went by.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::dialogue::Verdict;
use crate::model::alias::AliasState;
use crate::model::{Clock, Timestamp};

/// Events kept; older ones go.
const KEPT: usize = 300;

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
    hidden: Vec<String>,
    kept: Mutex<(Vec<Event>, Heard)>,
    changes: watch::Sender<u64>,
}

impl Journal {
    /// An empty journal that looks out for `hidden` texts in what the gate answers.
    pub fn new(clock: Arc<dyn Clock>, hidden: &[&str]) -> Self {
        let hidden = hidden.iter().map(|text| text.to_lowercase()).collect();
        Self(Arc::new(Inner { clock, hidden, kept: Mutex::default(), changes: watch::Sender::new(0) }))
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

    /// Whether a text holds something that must stay hidden.
    pub fn gives_away(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.hidden.iter().any(|hidden| text.contains(hidden))
    }

    pub(super) fn conversation(&self) {
        self.0.kept.lock().1.conversations += 1;
        self.announce();
    }

    pub(super) fn answered(&self, lines: &[String]) {
        let leaks = lines.iter().filter(|line| self.gives_away(line)).count();
        let heard = &mut self.0.kept.lock().1;
        heard.lines += lines.len() as u64;
        heard.leaks += leaks as u64;
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
