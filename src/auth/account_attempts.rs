//! Failed attempts at what follows a right password, counted in memory by account alone, from wherever they come.
//!
//! Only who knows the password of an account gets here, so that nobody else is kept out; and six digits are few, so that no
//! flood of other accounts may make these counts forgotten: when the table is full, the oldest one goes and no other.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::model::Timestamp;

/// How long failures are remembered, from the first.
const WINDOW: Duration = Duration::from_mins(15);
/// Failures at one account before everybody has to wait.
const MOST: u32 = 10;
/// Accounts remembered.
const TABLE_SIZE: usize = 16_384;

#[derive(Debug)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Failures {
    /// A clock that jumped back must not keep anybody out until it catches up.
    fn are_old(&self, now: Timestamp) -> bool {
        now < self.since || now.since(self.since) >= WINDOW
    }
}

/// The counts of one node.
#[derive(Debug, Default)]
pub struct AccountAttempts(Mutex<HashMap<Uuid, Failures>>);

impl AccountAttempts {
    /// Begins an attempt, which counts as failed unless it is taken back; false when there were too many.
    pub fn begin(&self, account: Uuid, now: Timestamp) -> bool {
        let mut table = self.0.lock();
        if let Some(found) = table.get_mut(&account).filter(|found| !found.are_old(now)) {
            if found.count >= MOST {
                return false;
            }
            found.count += 1;
            return true;
        }
        if table.len() >= TABLE_SIZE && !table.contains_key(&account) {
            table.retain(|_, found| !found.are_old(now));
            if table.len() >= TABLE_SIZE
                && let Some(oldest) = table.iter().min_by_key(|(_, found)| found.since).map(|(account, _)| *account)
            {
                table.remove(&oldest);
            }
        }
        table.insert(account, Failures { since: now, count: 1 });
        true
    }

    /// The attempt did not fail.
    pub fn take_back(&self, account: Uuid) {
        if let Some(found) = self.0.lock().get_mut(&account) {
            found.count = found.count.saturating_sub(1);
        }
    }

    /// Whether no further attempt at an account is taken now.
    pub fn is_full(&self, account: Uuid, now: Timestamp) -> bool {
        self.0.lock().get(&account).is_some_and(|found| !found.are_old(now) && found.count >= MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn ten_failures_make_everybody_wait_a_quarter_of_an_hour() {
        let (attempts, account) = (AccountAttempts::default(), Uuid::from_u128(1));
        for _ in 0..10 {
            assert!(!attempts.is_full(account, START) && attempts.begin(account, START));
        }
        assert!(attempts.is_full(account, START) && !attempts.begin(account, START.plus(WINDOW / 2)));
        assert!(attempts.begin(Uuid::from_u128(2), START));
        assert!(attempts.begin(account, START.plus(WINDOW)));
        attempts.take_back(account);
        attempts.take_back(account);
        assert!(attempts.begin(account, START.plus(WINDOW)));
    }

    #[test]
    fn many_accounts_drive_out_the_oldest_alone() {
        let attempts = AccountAttempts::default();
        assert!(attempts.begin(Uuid::from_u128(0), START));
        let (account, later) = (Uuid::from_u128(1), START.plus(Duration::from_secs(1)));
        for _ in 0..10 {
            attempts.begin(account, later);
        }
        let much_later = later.plus(Duration::from_secs(1));
        for number in 2..=TABLE_SIZE as u128 {
            assert!(attempts.begin(Uuid::from_u128(number), much_later));
        }
        let table = attempts.0.lock();
        assert!(table.len() == TABLE_SIZE && !table.contains_key(&Uuid::from_u128(0)));
        drop(table);
        assert!(!attempts.begin(account, much_later), "it is counted still");
    }
}
