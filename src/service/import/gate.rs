//! How many imports there are at once: each holds a file of some size in memory and keeps the database busy.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::model::id::UserId;

/// Imports at once on one node.
const AT_ONCE: usize = 2;

/// Who imports something just now.
#[derive(Debug, Default)]
pub struct Gate {
    inside: Mutex<HashSet<UserId>>,
    /// Whose file is on its way.
    sending: Mutex<HashSet<UserId>>,
}

/// Why nothing can be imported just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// This user does already.
    #[error("An import of yours is under way; wait until it is done, then load this page again.")]
    User,
    /// Enough others do.
    #[error("Others import something just now; please try again in a minute.")]
    Others,
}

/// The right to import, or to send a file, until it is dropped.
#[derive(Debug)]
pub struct Pass<'a> {
    of: &'a Mutex<HashSet<UserId>>,
    user: UserId,
}

impl Gate {
    /// Lets a user in: one import for each, and few in all.
    pub fn enter(&self, user: UserId) -> Result<Pass<'_>, Busy> {
        let mut inside = self.inside.lock();
        if inside.contains(&user) {
            return Err(Busy::User);
        }
        if inside.len() >= AT_ONCE {
            return Err(Busy::Others);
        }
        inside.insert(user);
        Ok(Pass { of: &self.inside, user })
    }

    /// Lets a user send a file, one at a time: it is in memory meanwhile. Others are not kept waiting by a slow line.
    pub fn receive(&self, user: UserId) -> Result<Pass<'_>, Busy> {
        if self.sending.lock().insert(user) { Ok(Pass { of: &self.sending, user }) } else { Err(Busy::User) }
    }
}

impl Drop for Pass<'_> {
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
}
