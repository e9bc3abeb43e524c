//! Failed logins, counted in memory: by client and account together, and by client alone against those who try one
//! password at many accounts. Not by account alone: then anybody could lock an owner out.
//!
//! Many people may share one client: an own proxy, a company, a provider's address translation. So that one of them who
//! guesses does not keep out the others, the limit of a client at all accounts does not hold for trusted clients, nor for
//! an account that logged in from that client within the last month.
//!
//! A client is an IPv4 address or an IPv6 /64. An attempt counts from its beginning, so that many at once are many; one
//! that succeeds is taken back. Counting starts again a quarter of an hour after the first that failed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use crate::model::{Address, Timestamp};

/// How long failures are remembered.
const WINDOW: Duration = Duration::from_mins(15);
/// Failures of one client at one account before it has to wait.
const AT_ACCOUNT: u32 = 10;
/// Failures of one client at all accounts.
const IN_ALL: u32 = 50;
/// How long it is remembered that a client logged in at an account.
const KNOWN: Duration = Duration::from_hours(24 * 30);
/// Entries remembered of either kind; a client with more addresses than that needs no memory of ours to get around a limit.
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

#[derive(Debug, Default)]
struct Table {
    failures: HashMap<Key, Failures>,
    /// When a client last logged in at an account.
    logins: HashMap<Key, Timestamp>,
}

/// The counts of one node.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Table>);

/// An attempt that has begun. It counts as failed unless it is taken back.
#[derive(Debug)]
pub struct Attempt {
    at_account: Key,
    in_all: Option<Key>,
}

impl Attempt {
    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.at_account).chain(&self.in_all)
    }
}

impl Attempts {
    /// Begins an attempt; `None` when the client has to wait. `account` is what the client said, known or not.
    pub fn begin(&self, ip: IpAddr, is_trusted: bool, account: &str, now: Timestamp) -> Option<Attempt> {
        let client = client(ip);
        let at_account = Key { client, account: Some(folded(account)) };
        let mut table = self.0.lock();
        let Table { failures: counts, logins } = &mut *table;
        shrink(counts, |failures| !failures.are_old(now));
        let is_known = logins.get(&at_account).is_some_and(|at| is_recent(*at, now));
        let in_all = (!is_trusted && !is_known).then_some(Key { client, account: None });
        let attempt = Attempt { at_account, in_all };
        let is_full = |key: &Key, most: u32| counts.get(key).is_some_and(|found| !found.are_old(now) && found.count >= most);
        if is_full(&attempt.at_account, AT_ACCOUNT) || attempt.in_all.as_ref().is_some_and(|key| is_full(key, IN_ALL)) {
            return None;
        }
        for key in attempt.keys() {
            let failures = counts.entry(key.clone()).or_default();
            if failures.are_old(now) {
                *failures = Failures { since: now, count: 0 };
            }
            failures.count += 1;
        }
        Some(attempt)
    }

    /// The attempt did not fail: a fault of ours ended it.
    pub fn take_back(&self, attempt: &Attempt) {
        let mut table = self.0.lock();
        for key in attempt.keys() {
            if let Some(failures) = table.failures.get_mut(key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    /// The attempt succeeded.
    pub fn succeeded(&self, attempt: Attempt, now: Timestamp) {
        self.take_back(&attempt);
        let logins = &mut self.0.lock().logins;
        shrink(logins, |at| is_recent(*at, now));
        logins.insert(attempt.at_account, now);
    }
}

/// Makes room for two more: first what has expired, then, if that is not half of it, everything.
fn shrink<T>(table: &mut HashMap<Key, T>, holds: impl Fn(&T) -> bool) {
    if table.len() + 2 > TABLE_SIZE {
        table.retain(|_, value| holds(value));
        if table.len() > TABLE_SIZE / 2 {
            table.clear();
        }
    }
}

/// Whether a login still tells something. A clock that jumped back must not make it forgotten.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now < at || now.since(at) < KNOWN
}

/// An account however it is written: the login itself forgives white space and case.
fn folded(account: &str) -> String {
    let account = account.trim();
    let account = Address::parse(account).map_or_else(|_| account.to_lowercase(), |address| address.folded());
    account.chars().take(LONGEST_ACCOUNT).collect()
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
            assert!(attempts.begin(ip("192.0.2.1"), false, "Ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("::ffff:192.0.2.1"), false, "ann@X", START.plus(WINDOW / 2)).is_none());
        assert!(attempts.begin(ip("192.0.2.1"), false, "bob@x", START).is_some(), "another account");
        assert!(attempts.begin(ip("192.0.2.2"), false, "ann@x", START).is_some(), "another client: its owner is not locked out");
        assert!(attempts.begin(ip("192.0.2.1"), false, "ann@x", START.plus(WINDOW)).is_some());
    }

    #[test]
    fn one_password_at_many_accounts_is_noticed() {
        let attempts = Attempts::default();
        for number in 0..50 {
            assert!(attempts.begin(ip("2001:db8::1"), false, &format!("{number}@x"), START).is_some());
        }
        assert!(attempts.begin(ip("2001:db8::ffff:2"), false, "fresh@x", START).is_none(), "the same /64");
        assert!(attempts.begin(ip("2001:db8:0:1::1"), false, "fresh@x", START).is_some());
    }

    #[test]
    fn one_account_written_differently_is_one_account() {
        let attempts = Attempts::default();
        for number in 0..10 {
            let account = format!("{}Ann@Bücher.example", " ".repeat(number));
            assert!(attempts.begin(ip("192.0.2.1"), true, &account, START).is_some());
        }
        assert!(attempts.begin(ip("192.0.2.1"), true, "ann@xn--bcher-kva.example\t", START).is_none());
    }

    #[test]
    fn one_who_guesses_does_not_keep_out_those_behind_the_same_address() {
        let attempts = Attempts::default();
        let client = ip("192.0.2.1");
        let attempt = attempts.begin(client, false, "ann@x", START).unwrap();
        attempts.succeeded(attempt, START);
        let later = START.plus(KNOWN / 2);
        for number in 0..50 {
            assert!(attempts.begin(client, false, &format!("{number}@x"), later).is_some());
        }
        assert!(attempts.begin(client, false, "bob@x", later).is_none(), "never seen here");
        for _ in 0..10 {
            assert!(attempts.begin(client, false, "Ann@x", later).is_some());
        }
        assert!(attempts.begin(client, false, "ann@x", later).is_none(), "the limit at one account stays");
        assert!(attempts.begin(ip("192.0.2.2"), false, "ann@x", later).is_some());
    }

    #[test]
    fn after_a_month_an_account_is_a_stranger_again() {
        let attempts = Attempts::default();
        let attempt = attempts.begin(ip("192.0.2.1"), false, "ann@x", START).unwrap();
        attempts.succeeded(attempt, START);
        for number in 0..50 {
            attempts.begin(ip("192.0.2.1"), false, &format!("{number}@x"), START.plus(KNOWN)).unwrap();
        }
        assert!(attempts.begin(ip("192.0.2.1"), false, "ann@x", START.plus(KNOWN)).is_none());
    }

    #[test]
    fn trusted_clients_are_limited_at_each_account_only() {
        let attempts = Attempts::default();
        for number in 0..100 {
            assert!(attempts.begin(ip("192.0.2.1"), true, &format!("{number}@x"), START).is_some());
        }
        for _ in 0..10 {
            assert!(attempts.begin(ip("192.0.2.1"), true, "ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("192.0.2.1"), true, "ann@x", START).is_none());
    }

    #[test]
    fn what_succeeds_is_not_counted() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            let attempt = attempts.begin(ip("192.0.2.1"), false, "ann@x", START).unwrap();
            attempts.succeeded(attempt, START);
        }
        for _ in 0..10 {
            assert!(attempts.begin(ip("192.0.2.1"), false, "ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("192.0.2.1"), false, "ann@x", START).is_none());
    }

    #[test]
    fn a_clock_that_jumped_back_keeps_nobody_out() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            assert!(attempts.begin(ip("192.0.2.1"), false, "ann@x", START).is_some());
        }
        assert!(attempts.begin(ip("192.0.2.1"), false, "ann@x", START.minus(WINDOW)).is_some());
    }

    #[test]
    fn the_table_stays_small() {
        let attempts = Attempts::default();
        for number in 0..20_000_u32 {
            let attempt = attempts.begin(IpAddr::V4(number.into()), false, &"x".repeat(10_000), START).unwrap();
            if number % 2 == 0 {
                attempts.succeeded(attempt, START);
            }
        }
        for number in 0..20_000_u32 {
            let attempt = attempts.begin(ip("192.0.2.1"), true, &format!("{number}@x"), START).unwrap();
            attempts.succeeded(attempt, START);
        }
        let table = attempts.0.lock();
        assert!(table.failures.len() <= TABLE_SIZE && table.logins.len() <= TABLE_SIZE);
        let is_short = |key: &Key| key.account.as_ref().is_none_or(|name| name.len() <= 128);
        assert!(table.failures.keys().chain(table.logins.keys()).all(is_short));
    }
}
