//! Failed logins, counted in memory: by client and account together, and by client alone against those who try one
//! password at many accounts. Not by account alone: then anybody could lock an owner out.
//!
//! A client is an IPv4 address or an IPv6 /64. An attempt counts from its beginning, so that many at once are many; one
//! that succeeds is taken back. Counting starts again a quarter of an hour after the first that failed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::model::Timestamp;

/// How long failures are remembered.
const WINDOW: Duration = Duration::from_mins(15);
/// Failures of one client at one account before it has to wait.
const AT_ACCOUNT: u32 = 10;
/// Failures of one client at all accounts.
const IN_ALL: u32 = 50;
/// Entries remembered; a client with more addresses than that needs no memory of ours to get around a limit.
const TABLE_SIZE: usize = 16_384;
/// What is kept of an account's name.
const LONGEST_ACCOUNT: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// IPv4 addresses stand in their mapped form.
    client: u128,
    /// `None` counts all accounts.
    account: Option<String>,
}

#[derive(Debug, Default)]
struct Failures {
    since: Timestamp,
    count: u32,
}

/// The counts of one node.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Key, Failures>>);

/// An attempt that has begun. It counts as failed unless it is taken back.
#[derive(Debug)]
pub struct Attempt([Key; 2]);

impl Attempts {
    /// Begins an attempt; `None` when the client has to wait. `account` is what the client said, known or not.
    pub fn begin(&self, ip: IpAddr, account: &str, now: Timestamp) -> Option<Attempt> {
        let client = client(ip);
        let account: String = account.to_lowercase().chars().take(LONGEST_ACCOUNT).collect();
        let keys = [Key { client, account: Some(account) }, Key { client, account: None }];
        let mut table = self.0.lock();
        if table.len() + keys.len() > TABLE_SIZE {
            table.retain(|_, failures| !failures.are_old(now));
            if table.len() > TABLE_SIZE / 2 {
                table.clear();
            }
        }
        let is_full = |key: &Key, most: u32| table.get(key).is_some_and(|found| !found.are_old(now) && found.count >= most);
        let [at_account, in_all] = &keys;
        if is_full(at_account, AT_ACCOUNT) || is_full(in_all, IN_ALL) {
            return None;
        }
        for key in &keys {
            let failures = table.entry(key.clone()).or_default();
            if failures.are_old(now) {
                *failures = Failures { since: now, count: 0 };
            }
            failures.count += 1;
        }
        Some(Attempt(keys))
    }

    /// The attempt did not fail: it succeeded, or a fault of ours ended it.
    pub fn take_back(&self, attempt: Attempt) {
        let mut table = self.0.lock();
        for key in &attempt.0 {
            if let Some(failures) = table.get_mut(key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }
}

impl Failures {
    /// A clock that jumped back must not keep anybody out until it catches up.
    fn are_old(&self, now: Timestamp) -> bool {
        now < self.since || now.since(self.since) >= WINDOW
    }
}

fn client(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ten_failures_at_one_account_make_one_client_wait_a_quarter_of_an_hour() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            assert!(attempts.begin(ip("192.0.2.1"), "Ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("::ffff:192.0.2.1"), "ann@X", START.plus(WINDOW / 2)).is_none());
        assert!(attempts.begin(ip("192.0.2.1"), "bob@x", START).is_some(), "another account");
        assert!(attempts.begin(ip("192.0.2.2"), "ann@x", START).is_some(), "another client: its owner is not locked out");
        assert!(attempts.begin(ip("192.0.2.1"), "ann@x", START.plus(WINDOW)).is_some());
    }

    #[test]
    fn one_password_at_many_accounts_is_noticed() {
        let attempts = Attempts::default();
        for number in 0..50 {
            assert!(attempts.begin(ip("2001:db8::1"), &format!("{number}@x"), START).is_some());
        }
        assert!(attempts.begin(ip("2001:db8::ffff:2"), "fresh@x", START).is_none(), "the same /64");
        assert!(attempts.begin(ip("2001:db8:0:1::1"), "fresh@x", START).is_some());
    }

    #[test]
    fn what_succeeds_is_not_counted() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            let attempt = attempts.begin(ip("192.0.2.1"), "ann@x", START).unwrap();
            attempts.take_back(attempt);
        }
        for _ in 0..10 {
            assert!(attempts.begin(ip("192.0.2.1"), "ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("192.0.2.1"), "ann@x", START).is_none());
    }

    #[test]
    fn a_clock_that_jumped_back_keeps_nobody_out() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            assert!(attempts.begin(ip("192.0.2.1"), "ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("192.0.2.1"), "ann@x", START.minus(WINDOW)).is_some());
    }

    #[test]
    fn the_table_stays_small() {
        let attempts = Attempts::default();
        for number in 0..20_000_u32 {
            attempts.begin(IpAddr::V4(number.into()), &"x".repeat(10_000), START);
        }
        let table = attempts.0.lock();
        assert!(table.len() <= TABLE_SIZE && table.keys().all(|key| key.account.as_ref().is_none_or(|name| name.len() <= 128)));
    }
}
