//! A row of the list, in words and bars.

use std::time::Duration;

use crate::model::Timestamp;
use crate::model::alias::{Alias, AliasState};
use crate::model::alias_name;
use crate::service::alias_page::{Glance, Listed};

use super::pick::COUNTED;
use super::wanted::Wanted;

/// Days that are shown as bars.
pub const DAYS: i64 = 30;
/// Height of the highest bar; each is three wide, its gap included.
const HEIGHT: i64 = 18;
/// A day with fewer messages is not drawn as high as the picture: one message is no peak.
const SCALE: i64 = 4;

/// A day's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// From the left.
    pub x: i64,
    /// From above.
    pub y: i64,
    /// How high.
    pub height: i64,
}

/// A link with its words.
#[derive(Debug, Clone)]
pub struct Link {
    /// The words.
    pub text: String,
    /// The path, without the slash in front.
    pub to: String,
}

/// What is done to the one alias by one click.
#[derive(Debug, Clone, Copy)]
pub struct Quick {
    /// The word of the act.
    pub act: &'static str,
    /// What the button says.
    pub label: &'static str,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Id for the outside.
    pub uuid: String,
    /// The address.
    pub address: String,
    /// The part before the `@`, and the rest.
    pub parts: (String, String),
    /// The site, which leads to all aliases for it.
    pub site: Option<Link>,
    /// The state's class.
    pub state: &'static str,
    /// What the state is called.
    pub state_label: &'static str,
    /// Whether it comes first.
    pub pinned: bool,
    /// When it ends, or that it did.
    pub end: Option<String>,
    /// Bars of the last days.
    pub bars: Vec<Bar>,
    /// Messages of these days.
    pub mail: i64,
    /// Who wrote last; empty when that is not known.
    pub sender: String,
    /// How long ago that was.
    pub last: Option<String>,
    /// When exactly.
    pub last_at: String,
    /// The owner's note.
    pub note: String,
    /// Its tags, each of which leads to all aliases that have it.
    pub tags: Vec<Link>,
    /// What is done with one click; nothing to addresses that must be reachable.
    pub quick: Option<Quick>,
    /// Whether it is ticked.
    pub ticked: bool,
}

impl Row {
    /// The row of an alias.
    pub fn new(listed: &Listed, glance: Option<&Glance>, wanted: &Wanted, now: Timestamp, ticked: bool) -> Self {
        let alias = &listed.alias;
        let days = glance.map_or(&[][..], |glance| &glance.days);
        let last = glance.and_then(|glance| glance.last.as_ref());
        let tag = |tag: &crate::model::tag::Tag| Link {
            text: tag.to_string(),
            to: wanted.with(|wanted| wanted.tag = Some(tag.clone())).link(),
        };
        let site = alias
            .site
            .as_ref()
            .map(|site| Link { text: site.to_string(), to: wanted.with(|wanted| wanted.site = Some(site.clone())).link() });
        Self {
            uuid: alias.uuid.to_string(),
            address: alias.address.to_string(),
            parts: (alias.address.local().to_owned(), format!("@{}", alias.address.domain())),
            site,
            state: alias.state.as_str(),
            state_label: label(alias.state),
            pinned: listed.pinned,
            end: end(alias, now),
            bars: bars(days, now.day()),
            mail: days.iter().map(|(_, messages)| messages).sum(),
            sender: last.map(|(sender, _)| sender.clone()).unwrap_or_default(),
            last: last.map(|(_, at)| ago(now, *at)).or_else(|| listed.last_day.map(|day| days_ago(now.day() - day))),
            last_at: last.map(|(_, at)| at.to_rfc3339()).unwrap_or_default(),
            note: alias.note.clone(),
            tags: listed.tags.iter().map(tag).collect(),
            quick: quick(alias),
            ticked,
        }
    }
}

/// What a state is called.
pub const fn label(state: AliasState) -> &'static str {
    match state {
        AliasState::Active => "open",
        AliasState::Locked => "locked",
        AliasState::Paused => "paused",
        AliasState::Killed => "killed",
    }
}

fn quick(alias: &Alias) -> Option<Quick> {
    let quick = match alias.state {
        AliasState::Active | AliasState::Locked => Quick { act: "pause", label: "Pause" },
        AliasState::Paused => Quick { act: "resume", label: "Resume" },
        AliasState::Killed => Quick { act: "revive", label: "Revive" },
    };
    Some(quick).filter(|_| !alias_name::is_role(alias.address.local()))
}

fn end(alias: &Alias, now: Timestamp) -> Option<String> {
    if alias.state == AliasState::Killed {
        return None;
    }
    if alias.is_expired(now) {
        return Some("ended".into());
    }
    let left = alias.max_messages.map(|max| max - alias.messages_used);
    match (alias.expires_at, left) {
        // The moment after the last one belongs to the next day.
        (Some(at), _) => Some(format!("until {}", date(at.minus(Duration::from_micros(1))))),
        (None, Some(1)) => Some("for 1 more message".into()),
        (None, Some(left)) => Some(format!("for {left} more messages")),
        (None, None) => None,
    }
}

fn bars(days: &[(i64, i64)], today: i64) -> Vec<Bar> {
    let highest = days.iter().map(|(_, messages)| *messages).max().unwrap_or(0).max(SCALE);
    let bar = |(day, messages): &(i64, i64)| {
        let place = day - (today - DAYS + 1);
        // Two at least: a day with one message among days with a thousand is to be seen.
        let height = (messages.saturating_mul(HEIGHT) / highest).clamp(2, HEIGHT);
        (0..DAYS).contains(&place).then(|| Bar { x: place * 3, y: HEIGHT - height, height })
    };
    days.iter().filter_map(bar).collect()
}

/// How long ago something was.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        0..60 => "just now".into(),
        seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => {
            let days = now.day() - then.day();
            if days < 60 { days_ago(days) } else { date(then) }
        }
    }
}

fn days_ago(days: i64) -> String {
    match days {
        ..=0 => "today".into(),
        1 => "yesterday".into(),
        days => format!("{days} days ago"),
    }
}

fn date(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(10).collect()
}

/// How many aliases there are.
pub fn count(count: i64) -> String {
    match count {
        1 => "1 alias".into(),
        count if count > COUNTED => "more than 10,000 aliases".into(),
        count if count >= 1_000 => format!("{},{:03} aliases", count / 1_000, count % 1_000),
        count => format!("{count} aliases"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_the_ground_and_within_the_picture() {
        let bars = bars(&[(969, 5), (971, 1), (999, 1_000), (1_000, 100)], 1_000);
        assert_eq!(
            bars,
            [Bar { x: 0, y: 16, height: 2 }, Bar { x: 84, y: 0, height: 18 }, Bar { x: 87, y: 17 - 1, height: 2 }].as_slice()
        );
        assert_eq!(super::bars(&[(1_000, 1)], 1_000), [Bar { x: 87, y: 14, height: 4 }]);
        assert_eq!(super::bars(&[(1_000, i64::MAX)], 1_000).len(), 1);
    }

    #[test]
    fn moments_are_said_as_people_say_them() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        for (seconds, words) in [
            (5, "just now"),
            (125, "2 min ago"),
            (7_300, "2 h ago"),
            (86_500, "yesterday"),
            (5 * 86_400, "5 days ago"),
            (400 * 86_400, "2025-12-11"),
        ] {
            assert_eq!(ago(now, now.minus(Duration::from_secs(seconds))), words);
        }
        assert_eq!(ago(now, now.plus(Duration::from_hours(1))), "just now");
    }

    #[test]
    fn counts_stop_where_nobody_counts_any_more() {
        for (number, words) in [(0, "0 aliases"), (1, "1 alias"), (1_005, "1,005 aliases"), (10_000, "10,000 aliases")] {
            assert_eq!(count(number), words);
        }
        assert_eq!(count(COUNTED + 1), "more than 10,000 aliases");
    }
}
