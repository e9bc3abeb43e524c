//! Time is an argument: everything that needs "now" takes a [`Clock`].
//!
//! Timestamps are microseconds since the Unix epoch, in code and in both databases: text timestamps of varying
//! precision do not compare in order on SQLite (see `docs/decisions/0003-storage-shape.md`).

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// A moment in UTC, in microseconds since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch, as stored.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch, as stored.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole days since the epoch: the key of a day's counters.
    pub const fn day(self) -> i64 {
        self.as_seconds().div_euclid(86_400)
    }

    /// This moment plus `duration`, stopping at the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This moment minus `duration`, stopping at the beginning of time.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long since `earlier`; zero when `earlier` lies ahead (the clock jumped back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// From an RFC 3339 date, whatever its offset; `None` when it is none, or beyond what dates can say.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let date = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
        i64::try_from(date.unix_timestamp_nanos().div_euclid(1000)).ok().map(Self)
    }

    fn to_date(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// As an RFC 5322 date, for `Received` and `Date` fields.
    pub fn to_rfc5322(self) -> String {
        self.to_date().format(&Rfc2822).unwrap_or_default()
    }

    /// As an RFC 3339 date, for JSON and people.
    pub fn to_rfc3339(self) -> String {
        self.to_date().format(&Rfc3339).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where "now" comes from: the system in production, a hand-moved clock in tests.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_standard_forms() {
        let moment = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!(moment.to_rfc5322(), "Tue, 14 Nov 2023 22:13:20 +0000");
        assert_eq!(moment.to_rfc3339(), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn dates_of_any_offset_are_read() {
        let read = Timestamp::from_rfc3339;
        assert_eq!(read("2023-11-14T22:13:20Z"), Some(Timestamp::from_micros(1_700_000_000_000_000)));
        assert_eq!(read("2023-11-14T23:13:20.000001+01:00"), Some(Timestamp::from_micros(1_700_000_000_000_001)));
        for text in ["", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "tomorrow"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_date_or_none(text in "\\PC{0,40}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,14}(Z|[+-][0-9:]{4,5})") {
            if let Some(read) = Timestamp::from_rfc3339(&text) {
                proptest::prop_assert_eq!(Timestamp::from_rfc3339(&read.to_rfc3339()), Some(read));
            }
        }
    }

    #[test]
    fn a_clock_that_jumped_back_gives_no_negative_age() {
        let early = Timestamp::from_micros(10);
        assert_eq!(early.since(Timestamp::from_micros(20)), Duration::ZERO);
    }
}
