//! Cells as other services write them: moments, yes and no, lists of addresses, notes.

use serde_json::Value;

use super::report::Remark;
use crate::model::Timestamp;

/// Letters of a note at the most.
pub const LONGEST_NOTE: usize = 10_000;

/// Bytes as text: UTF-8, or Latin-1 when they can't be that. PostgreSQL has no room for a NUL.
pub fn decode(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned);
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// A moment in one of the forms that are around: RFC 3339, the same with a space, without seconds' fraction or zone
/// (UTC then), a date alone, seconds since 1970.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1_000_000).map(Timestamp::from_micros);
    }
    let (date, time) = text.split_at_checked(10)?;
    let time = time.trim_start_matches([' ', 'T']).trim_end_matches(" UTC");
    let time = if time.is_empty() { "00:00:00" } else { time };
    let zoned = time.ends_with('Z') || time.contains(['+', '-']);
    Timestamp::parse_rfc3339(&format!("{date}T{time}{}", if zoned { "" } else { "Z" }))
}

/// Whether a cell says yes; what says nothing says no.
pub fn yes(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "y" | "on" | "t" | "active" | "enabled")
}

/// What stands between spaces, commas, semicolons.
pub fn list(text: &str) -> Vec<String> {
    text.split([' ', ',', ';', '\n', '\r', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Labels, between commas or semicolons.
pub fn tags(text: &str) -> Vec<String> {
    text.split([',', ';']).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// A member of an object as text; empty when it is not there or no text, number or truth.
pub fn member(object: &Value, name: &str) -> String {
    match object.get(name) {
        Some(Value::String(text)) => decode(text.as_bytes()).trim().to_owned(),
        Some(Value::Bool(truth)) => truth.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A note that is not longer than notes are, and what was done to it.
pub fn note(text: &str, remarks: &mut Vec<Remark>) -> String {
    let note: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).take(LONGEST_NOTE).collect();
    if text.chars().nth(LONGEST_NOTE).is_some() {
        remarks.push(Remark::NoteCut);
    }
    note
}

/// A cell that a spreadsheet would run as a formula gets an apostrophe in front.
pub fn guard(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{text}") } else { text.to_owned() }
}

/// The same taken away.
pub fn unguard(text: String) -> String {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) => rest.to_owned(),
        _ => text,
    }
}
/// How far the clock of another instance may be ahead.
const SKEW: std::time::Duration = std::time::Duration::from_hours(24);

/// The last moment that every calendar here can write: the end of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// A time as it can be written: of the years 1970 to 9999.
pub fn in_calendar(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().clamp(0, LAST))
}

/// The time of something that happened. Two clocks may differ a little; what lies further ahead is now.
pub fn past(at: Timestamp, now: Timestamp) -> Timestamp {
    let at = in_calendar(at);
    if at > now.plus(SKEW) { now } else { at }
}
