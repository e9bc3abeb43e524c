//! How many imports and exports there are at once: each holds a file of some size and keeps the database busy.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::id::UserId;

/// Imports, and exports being made, at once on one node.
const AT_ONCE: usize = 2;
/// Exports at once on one node, also those that are made and being sent: each is a file on the disk.
const SENT_AT_ONCE: usize = 16;
/// Files on their way in at once on one node: each is in memory.
const RECEIVED_AT_ONCE: usize = 4;

/// What a user inside does; whether it is work.
type Inside = Arc<Mutex<HashMap<UserId, bool>>>;

/// Who imports or exports something just now.
#[derive(Debug, Default)]
pub struct Gate {
    inside: Inside,
    /// Whose file is on its way in.
    receiving: Inside,
}

/// Why nothing can be imported or exported just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// This user does already.
    #[error("An import or export of yours is under way; wait until it is done, then load this page again.")]
    User,
    /// Enough others do.
    #[error("Others import or export something just now; please try again in a minute.")]
    Others,
}

/// The right to import or export, or to send a file, until it is dropped.
#[derive(Debug)]
pub struct Pass {
    of: Inside,
    user: UserId,
}

impl Gate {
    /// Lets a user in: one import or export for each, and few in all.
    pub fn enter(&self, user: UserId) -> Result<Pass, Busy> {
        let mut inside = self.inside.lock();
        if inside.contains_key(&user) {
            return Err(Busy::User);
        }
        if inside.len() >= SENT_AT_ONCE || inside.values().filter(|works| **works).count() >= AT_ONCE {
            return Err(Busy::Others);
        }
        inside.insert(user, true);
        Ok(Pass { of: Arc::clone(&self.inside), user })
    }

    /// Lets a user send a file, one at a time, and few in all: it is in memory meanwhile. Those who import are not kept waiting
    /// by a slow line.
    pub fn receive(&self, user: UserId) -> Result<Pass, Busy> {
        let mut receiving = self.receiving.lock();
        if receiving.contains_key(&user) {
            return Err(Busy::User);
        }
        if receiving.len() >= RECEIVED_AT_ONCE {
            return Err(Busy::Others);
        }
        receiving.insert(user, false);
        Ok(Pass { of: Arc::clone(&self.receiving), user })
    }
}

impl Pass {
    /// The work is done and only sent now: others need not wait for a slow line, and its user has one all the same.
    pub fn only_sends(&self) {
        if let Some(works) = self.of.lock().get_mut(&self.user) {
            *works = false;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.of.lock().remove(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_import_for_each_user_and_two_in_all() {
        let gate = Gate::default();
        let first = gate.enter(UserId(1)).unwrap();
        assert_eq!(gate.enter(UserId(1)).unwrap_err(), Busy::User);
        let _second = gate.enter(UserId(2)).unwrap();
        assert_eq!(gate.enter(UserId(3)).unwrap_err(), Busy::Others);
        let sent = gate.receive(UserId(1)).unwrap();
        assert_eq!(gate.receive(UserId(1)).unwrap_err(), Busy::User);
        assert!(gate.receive(UserId(3)).is_ok());
        drop((first, sent));
        assert!(gate.receive(UserId(1)).is_ok());
        assert!(gate.enter(UserId(3)).is_ok());
    }

    #[test]
    fn four_files_are_received_at_once() {
        let gate = Gate::default();
        let mut files: Vec<Pass> = (0..4).map(|user| gate.receive(UserId(user)).unwrap()).collect();
        assert_eq!(gate.receive(UserId(4)).unwrap_err(), Busy::Others);
        assert_eq!(gate.receive(UserId(3)).unwrap_err(), Busy::User);
        files.pop();
        assert!(gate.receive(UserId(4)).is_ok());
    }

    #[test]
    fn what_is_only_sent_keeps_its_user_waiting_and_few_others() {
        let gate = Gate::default();
        let mut sent: Vec<Pass> = Vec::new();
        for user in 0..16 {
            let pass = gate.enter(UserId(user)).unwrap();
            pass.only_sends();
            assert_eq!(gate.enter(UserId(user)).unwrap_err(), Busy::User);
            sent.push(pass);
        }
        assert_eq!(gate.enter(UserId(16)).unwrap_err(), Busy::Others);
        sent.pop();
        assert!(gate.enter(UserId(16)).is_ok());
    }
}
