//! How many imports there are at once: each holds a file of some size in memory and keeps the database busy.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::model::id::UserId;

/// Imports at once on one node.
const AT_ONCE: usize = 2;

/// Who imports something just now.
#[derive(Debug, Default)]
pub struct Gate(Mutex<HashSet<UserId>>);

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

/// The right to import until it is dropped.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    user: UserId,
}

impl Gate {
    /// Lets a user in: one import for each, and few in all.
    pub fn enter(&self, user: UserId) -> Result<Pass<'_>, Busy> {
        let mut inside = self.0.lock();
        if inside.contains(&user) {
            return Err(Busy::User);
        }
        if inside.len() >= AT_ONCE {
            return Err(Busy::Others);
        }
        inside.insert(user);
        Ok(Pass { gate: self, user })
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.0.lock().remove(&self.user);
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
        drop(first);
        assert!(gate.enter(UserId(3)).is_ok());
    }
}
