//! What one client may do at once and in a minute, counted in a table that stays small however many clients come.
//!
//! A client is an IPv4 address or an IPv6 /64, the smallest block one subscriber gets. Counters start again a minute
//! after the first event they count. A full table forgets the clients that are not connected: an attacker with that many
//! addresses needs no memory of ours to get around a limit per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config;
use crate::model::{Clock, Timestamp};

const WINDOW: Duration = Duration::from_mins(1);
/// Clients remembered at the most; about 5 MiB.
const TABLE_SIZE: usize = 65_536;

/// An IPv4 address, or the upper half of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ClientKey {
    V4(u32),
    V6(u64),
}

impl ClientKey {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6(u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }
}

/// How much one client did.
#[derive(Debug, Default)]
struct Usage {
    open: usize,
    since: Timestamp,
    connections: u32,
    recipients: u32,
    unknown: u32,
}

impl Usage {
    fn is_stale(&self, now: Timestamp) -> bool {
        // A clock that jumped back must not keep a window open until it catches up.
        now < self.since || now.since(self.since) >= WINDOW
    }

    fn renew(&mut self, now: Timestamp) {
        if self.is_stale(now) {
            *self = Self { open: self.open, since: now, ..Self::default() };
        }
    }
}

/// How a client that asked for unknown recipients is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As everybody.
    Full,
    /// Its answers are delayed.
    Slow,
    /// No further recipient is looked up for now.
    Spent,
}

/// The counters of all clients.
#[derive(Debug)]
pub struct Limits {
    settings: config::smtp::Smtp,
    table: Mutex<HashMap<ClientKey, Usage>>,
    clock: Arc<dyn Clock>,
}

impl Limits {
    /// Counters under these settings.
    pub fn new(settings: &config::smtp::Smtp, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { settings: settings.clone(), table: Mutex::default(), clock })
    }

    /// Lets a connection in, or not: too many at once or in this minute.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Slot> {
        if self.settings.trusted_networks.iter().any(|network| network.contains(ip)) {
            return Some(Slot { limits: Arc::clone(self), client: None });
        }
        let client = ClientKey::of(ip);
        let now = self.clock.now();
        let mut table = self.table.lock();
        if table.len() >= TABLE_SIZE && !table.contains_key(&client) {
            forget(&mut table, now);
        }
        let usage = table.entry(client).or_default();
        usage.renew(now);
        if usage.open >= self.settings.max_connections_per_client || usage.connections >= self.settings.connections_per_minute {
            return None;
        }
        usage.connections += 1;
        usage.open += 1;
        drop(table);
        Some(Slot { limits: Arc::clone(self), client: Some(client) })
    }
}

/// Makes room: first what has expired, then, if that is not half of it, everybody who is not connected.
fn forget(table: &mut HashMap<ClientKey, Usage>, now: Timestamp) {
    table.retain(|_, usage| usage.open > 0 || !usage.is_stale(now));
    if table.len() > TABLE_SIZE / 2 {
        table.retain(|_, usage| usage.open > 0);
    }
    table.shrink_to(TABLE_SIZE / 2);
}

/// One connection's place; gives it back when dropped.
#[derive(Debug)]
pub struct Slot {
    limits: Arc<Limits>,
    /// `None` for a trusted client.
    client: Option<ClientKey>,
}

impl Slot {
    /// Whether the limits per client do not hold for this one.
    pub const fn is_trusted(&self) -> bool {
        self.client.is_none()
    }

    /// Counts one RCPT; `false` when it is one too many this minute.
    pub fn may_name_recipient(&self) -> bool {
        let limit = self.limits.settings.recipients_per_minute;
        self.with(|usage| {
            let fine = usage.recipients < limit;
            usage.recipients = usage.recipients.saturating_add(1);
            fine
        })
        .unwrap_or(true)
    }

    /// Counts one unknown recipient.
    pub fn unknown_recipient(&self) {
        self.with(|usage| usage.unknown = usage.unknown.saturating_add(1));
    }

    /// What the unknown recipients of this minute have come to: from the limit on slow, from twice the limit on spent.
    pub fn patience(&self) -> Patience {
        let limit = self.limits.settings.unknown_recipients_per_minute;
        match self.with(|usage| usage.unknown) {
            Some(unknown) if unknown >= limit.saturating_mul(2) => Patience::Spent,
            Some(unknown) if unknown >= limit => Patience::Slow,
            _ => Patience::Full,
        }
    }

    fn with<T>(&self, count: impl FnOnce(&mut Usage) -> T) -> Option<T> {
        let now = self.limits.clock.now();
        let mut table = self.limits.table.lock();
        let usage = table.get_mut(&self.client?)?;
        usage.renew(now);
        Some(count(usage))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        if let Some(usage) = self.limits.table.lock().get_mut(&client) {
            usage.open = usage.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct HandClock(AtomicI64);

    impl HandClock {
        fn advance(&self, seconds: i64) {
            self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        }
    }

    impl Clock for HandClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }
    }

    fn limits() -> (Arc<Limits>, Arc<HandClock>) {
        let settings = config::smtp::Smtp {
            max_connections_per_client: 2,
            connections_per_minute: 3,
            recipients_per_minute: 2,
            unknown_recipients_per_minute: 1,
            trusted_networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..config::smtp::Smtp::default()
        };
        let clock = Arc::new(HandClock::default());
        (Limits::new(&settings, Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_few_connections_at_once_and_few_a_minute() {
        let (limits, clock) = limits();
        let first = limits.admit(ip("192.0.2.1")).unwrap();
        let _second = limits.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert!(limits.admit(ip("192.0.2.1")).is_none(), "two at once");
        assert!(limits.admit(ip("192.0.2.2")).is_some(), "another client");
        drop(first);
        let third = limits.admit(ip("192.0.2.1"));
        assert!(third.is_some());
        drop(third);
        assert!(limits.admit(ip("192.0.2.1")).is_none(), "three a minute");
        clock.advance(59);
        assert!(limits.admit(ip("192.0.2.1")).is_none());
        clock.advance(1);
        assert!(limits.admit(ip("192.0.2.1")).is_some());
        clock.advance(-3600);
        assert!(limits.admit(ip("192.0.2.1")).is_some(), "a clock that jumped back locks nobody out");
    }

    #[test]
    fn an_ipv6_client_is_its_64() {
        let (limits, _) = limits();
        let _one = limits.admit(ip("2001:db8::1")).unwrap();
        let _two = limits.admit(ip("2001:db8::ffff:1")).unwrap();
        assert!(limits.admit(ip("2001:db8::2")).is_none());
        assert!(limits.admit(ip("2001:db8:0:1::2")).is_some());
    }

    #[test]
    fn trusted_clients_have_no_limits() {
        let (limits, _) = limits();
        let slots: Vec<_> = (0..10).map(|_| limits.admit(ip("10.1.2.3")).unwrap()).collect();
        assert!(slots.iter().all(|slot| slot.is_trusted() && slot.may_name_recipient()));
        slots.iter().for_each(Slot::unknown_recipient);
        assert_eq!(slots.first().unwrap().patience(), Patience::Full);
    }

    #[test]
    fn recipients_are_counted_over_all_connections_of_a_client() {
        let (limits, clock) = limits();
        let one = limits.admit(ip("192.0.2.1")).unwrap();
        let two = limits.admit(ip("192.0.2.1")).unwrap();
        assert!(one.may_name_recipient() && two.may_name_recipient() && !one.may_name_recipient());
        assert_eq!(one.patience(), Patience::Full);
        one.unknown_recipient();
        assert_eq!(two.patience(), Patience::Slow);
        two.unknown_recipient();
        assert_eq!(one.patience(), Patience::Spent);
        clock.advance(61);
        assert!(one.may_name_recipient());
        assert_eq!(one.patience(), Patience::Full);
    }

    #[test]
    fn a_million_clients_take_bounded_memory_and_the_connected_stay_counted() {
        let (limits, _) = limits();
        let stays = ip("192.0.2.1");
        let _one = limits.admit(stays).unwrap();
        let _two = limits.admit(stays).unwrap();
        for n in 0..1_000_000_u32 {
            let client = if n % 2 == 0 {
                IpAddr::V4(Ipv4Addr::from_bits(0x2000_0000 + n))
            } else {
                IpAddr::V6(Ipv6Addr::from_bits(u128::from(n) << 64))
            };
            assert!(limits.admit(client).is_some());
        }
        let table = limits.table.lock();
        assert!(table.len() <= TABLE_SIZE && table.capacity() <= 2 * TABLE_SIZE);
        drop(table);
        assert!(limits.admit(stays).is_none());
    }
}
