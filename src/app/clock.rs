//! The clocks of a running program: the system's, and for a shared database the database's.
//!
//! Several nodes on one PostgreSQL compare due times and lease ends that other nodes wrote. They all follow the
//! database's clock: it is read at start and with every heartbeat, and in between [`SharedClock`] goes on with the
//! machine's monotonic time, which no clock step can move.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

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

/// The database's clock as last read, and the monotonic time since.
#[derive(Debug, Clone)]
pub struct SharedClock(Arc<Mutex<(Timestamp, Instant)>>);

impl SharedClock {
    /// What the database's clock shows just now.
    pub fn new(database: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((database, Instant::now()))))
    }

    /// What it shows just now, read again.
    pub fn set(&self, database: Timestamp) {
        *self.0.lock() = (database, Instant::now());
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        let (database, read) = *self.0.lock();
        database.plus(read.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_whose_clock_is_wrong_follows_the_database() {
        let clock = SharedClock::new(Timestamp::from_micros(1_000));
        assert!(clock.now() < Timestamp::from_micros(1_000_000_000));
        let database = Timestamp::from_micros(9_000_000_000);
        clock.set(database);
        assert!(clock.now() >= database);
    }
}
