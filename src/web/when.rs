//! Days and moments as people read them. All in UTC: the server can't know where the reader is, so pages say which.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime};

use crate::model::Timestamp;

const DAY: i64 = 86_400;
const SHORT: &[BorrowedFormatItem<'_>] = format_description!("[day padding:none] [month repr:short] [year]");
const LONG: &[BorrowedFormatItem<'_>] = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]");
const FIELD: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

fn date(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A day since the epoch: `14 Nov 2026`.
pub fn day(day: i64) -> String {
    date(day.saturating_mul(DAY)).format(SHORT).unwrap_or_default()
}

/// A moment: `14 Nov 2026, 22:13`.
pub fn moment(at: Timestamp) -> String {
    date(at.as_seconds()).format(LONG).unwrap_or_default()
}

/// A day as a date field holds it: `2026-11-14`.
pub fn field(day: i64) -> String {
    date(day.saturating_mul(DAY)).format(FIELD).unwrap_or_default()
}

/// The day a date field holds.
pub fn parse_field(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-');
    let year: i32 = parts.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, parts.next()?.parse().ok()?).ok()?;
    Some(date.midnight().assume_utc().unix_timestamp().div_euclid(DAY))
}

/// The first moment of a day.
pub fn start(day: i64) -> Timestamp {
    Timestamp::from_micros(day.saturating_mul(DAY).saturating_mul(1_000_000))
}

/// How long ago something was, or how far ahead it lies: `today`, `3 days ago`, `in 2 hours`.
pub fn distance(now: Timestamp, at: Timestamp) -> String {
    let seconds = at.as_seconds().saturating_sub(now.as_seconds());
    let (size, is_ahead) = (seconds.unsigned_abs(), seconds > 0);
    let (count, unit) = match size {
        0..60 => return if is_ahead { "in a moment" } else { "just now" }.to_owned(),
        60..3_600 => (size / 60, "minute"),
        3_600..86_400 => (size / 3_600, "hour"),
        86_400..5_184_000 => (size / 86_400, "day"),
        _ => (size / 2_592_000, "month"),
    };
    let many = if count == 1 { "" } else { "s" };
    if is_ahead { format!("in {count} {unit}{many}") } else { format!("{count} {unit}{many} ago") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_and_days_read_like_on_paper() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!((moment(at).as_str(), day(at.day()).as_str()), ("14 Nov 2023, 22:13", "14 Nov 2023"));
        assert_eq!(field(at.day()), "2023-11-14");
        assert_eq!(start(at.day()).day(), at.day());
        let hours = |hours| Duration::from_hours(hours);
        for (then, words) in [
            (at, "just now"),
            (at.minus(hours(1)), "1 hour ago"),
            (at.minus(hours(49)), "2 days ago"),
            (at.plus(hours(24 * 90)), "in 3 months"),
            (at.plus(Duration::from_secs(5)), "in a moment"),
        ] {
            assert_eq!(distance(at, then), words);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "2026", "2026-13-01", "2026-02-30", "26-01-01", "-2026-01-01", "2026-1-1-1", "99999-01-01"] {
            assert_eq!(parse_field(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_day_is_read_back(number in 0..100_000_i64) {
            prop_assert_eq!(parse_field(&field(number)), Some(number));
        }

        #[test]
        fn any_number_and_any_text_is_answered(number in any::<i64>(), text in "\\PC{0,20}") {
            let at = Timestamp::from_micros(number);
            let _ = (day(number), field(number), start(number), moment(at), distance(at, start(number)), parse_field(&text));
        }
    }
}
