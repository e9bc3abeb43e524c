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

    fn to_date(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// From an RFC 3339 date.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1000)).ok().map(Self)
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

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("a moment has the form 2026-01-31T12:00:00Z"))
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
    fn a_moment_is_read_back_to_the_microsecond() {
        for micros in [0, 1, 1_700_000_000_123_456, -86_400_000_001] {
            let moment = Timestamp::from_micros(micros);
            assert_eq!(Timestamp::parse_rfc3339(&moment.to_rfc3339()), Some(moment));
        }
        assert_eq!(Timestamp::parse_rfc3339("2023-11-14T23:13:20+01:00"), Some(Timestamp::from_micros(1_700_000_000_000_000)));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn a_clock_that_jumped_back_gives_no_negative_age() {
        let early = Timestamp::from_micros(10);
        assert_eq!(early.since(Timestamp::from_micros(20)), Duration::ZERO);
    }
}
