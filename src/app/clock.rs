//! The clocks of a running program: the system's, and for a shared database the database's.
//!
//! Several nodes on one PostgreSQL compare due times and lease ends that other nodes wrote. They all follow the
//! database's clock: the heartbeat measures how far this machine's clock is off, and [`SharedClock`] adds the difference.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::{Clock, Timestamp};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A clock plus the measured distance to the database's.
#[derive(Debug, Clone)]
pub struct SharedClock {
    local: Arc<dyn Clock>,
    offset_micros: Arc<AtomicI64>,
}

impl SharedClock {
    /// Follows `local` until told otherwise.
    pub fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, offset_micros: Arc::default() }
    }

    /// Says what the database's clock showed just now.
    pub fn set(&self, database: Timestamp) {
        self.offset_micros.store(database.as_micros().saturating_sub(self.local.now().as_micros()), Ordering::Relaxed);
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.local.now().as_micros().saturating_add(self.offset_micros.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(i64);
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0)
        }
    }

    #[test]
    fn a_node_whose_clock_is_wrong_follows_the_database() {
        let clock = SharedClock::new(Arc::new(Fixed(1_000)));
        clock.set(Timestamp::from_micros(9_000_000));
        assert_eq!(clock.now(), Timestamp::from_micros(9_000_000));
    }
}
