//! Is a mailbox gone? Its own server says so, for several messages and for some time; nothing goes there then.
//!
//! Going on would cost the instance its standing with the provider, and every sender would be told that the alias does
//! not work. Three messages within a week, so that one odd answer changes nothing; the first and the last at least an
//! hour apart, because a provider whose directory is away for a moment refuses everything that comes in that moment.

use std::time::Duration;

use crate::model::Timestamp;

/// Refusals that count together.
pub const WITHIN: Duration = Duration::from_hours(7 * 24);
/// How many of them pause a mailbox.
pub const REFUSALS: usize = 3;
/// How long the first and the last must lie apart.
pub const APART: Duration = Duration::from_hours(1);

/// What one more refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that is not known yet.
    Known,
    /// It has to be remembered.
    Remember,
    /// The mailbox is paused.
    Pause,
}

/// The verdict; `earlier` are the refusals within the last week, oldest first.
pub fn refused(earlier: &[Timestamp], now: Timestamp) -> Verdict {
    if earlier.len() + 1 < REFUSALS {
        return Verdict::Remember;
    }
    match earlier.first() {
        Some(first) if now.since(*first) >= APART => Verdict::Pause,
        // However many come within an hour, the first of them is all that matters later.
        _ => Verdict::Known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(minutes: &[i64], now: i64) -> Verdict {
        let at = |minutes: i64| Timestamp::from_micros(minutes * 60_000_000);
        refused(&minutes.iter().map(|minutes| at(*minutes)).collect::<Vec<_>>(), at(now))
    }

    #[test]
    fn three_refusals_over_an_hour_pause_and_a_burst_does_not() {
        assert_eq!((after(&[], 0), after(&[0], 1)), (Verdict::Remember, Verdict::Remember));
        assert_eq!(after(&[0, 1], 59), Verdict::Known);
        assert_eq!(after(&[0, 1], 60), Verdict::Pause);
        assert_eq!(after(&[0, 59], 60), Verdict::Pause);
        assert_eq!(after(&[100, 101], 1), Verdict::Known, "the clock jumped back");
    }
}
