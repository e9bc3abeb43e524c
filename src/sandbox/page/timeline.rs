//! One lane an alias, one column an event: who came, who was let in, what the owner answered, and when the gate was bricked up.
//!
//! Columns follow each other in order, not by the clock: a story played in a second would be one blot otherwise.
//! Positions are percentages, so that the drawing fits any width without its marks being squeezed.

use crate::model::alias::AliasState;
use crate::sandbox::journal::{Event, What};

/// Columns; the newest events have one each.
const COLUMNS: usize = 24;
/// Columns an empty drawing is laid out for.
const FEWEST: usize = 8;

/// A mark on a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Percent from the left.
    pub x: f32,
    /// `in`, `sent`, `out`, `later`, `killed` or `opened`.
    pub kind: &'static str,
}

/// A part of a lane on which the alias was open, or was not.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Percent from the left.
    pub from: f32,
    /// Percent from the left.
    pub to: f32,
    /// Whether mail passed.
    pub is_open: bool,
}

/// Draws one alias's lane beside all others: `events` are those of all aliases, oldest first.
pub fn draw(alias: &str, state: AliasState, events: &[Event]) -> (Vec<Mark>, Vec<Stretch>) {
    let shown = events.get(events.len().saturating_sub(COLUMNS)..).unwrap_or_default();
    let width = 100.0 / small(shown.len().max(FEWEST));
    let mut marks = Vec::new();
    let mut turns = Vec::new();
    for (column, event) in shown.iter().enumerate().filter(|(_, event)| event.alias == alias) {
        let x = (small(column) + 0.5) * width;
        let kind = match &event.what {
            What::Mail(mail) if mail.is_let_in() && mail.is_answer() => "sent",
            What::Mail(mail) if mail.is_let_in() => "in",
            What::Mail(mail) if mail.is_later() => "later",
            What::Mail(_) => "out",
            What::Changed(AliasState::Active | AliasState::Locked) => "opened",
            What::Changed(AliasState::Killed | AliasState::Paused) => "killed",
        };
        if matches!(event.what, What::Changed(_)) {
            turns.push((x, kind == "opened"));
        }
        marks.push(Mark { x, kind });
    }
    (marks, stretches(&turns, state))
}

fn stretches(turns: &[(f32, bool)], state: AliasState) -> Vec<Stretch> {
    let is_open_now = matches!(state, AliasState::Active | AliasState::Locked);
    // Before its first turn it was the opposite of what it became.
    let mut is_open = turns.first().map_or(is_open_now, |(_, opened)| !opened);
    let mut from = 0.0;
    let mut stretches = Vec::new();
    for (x, opened) in turns {
        stretches.push(Stretch { from, to: *x, is_open });
        (from, is_open) = (*x, *opened);
    }
    stretches.push(Stretch { from, to: 100.0, is_open });
    stretches
}

/// Column numbers are below 25.
fn small(number: usize) -> f32 {
    f32::from(u8::try_from(number).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::sandbox::dialogue::Verdict;

    fn event(alias: &str, what: What) -> Event {
        Event { at: Timestamp::default(), alias: alias.into(), what }
    }

    fn mail(reply: &str) -> What {
        What::Mail(Verdict { recipient: String::new(), sender: String::new(), subject: String::new(), reply: reply.into() })
    }

    #[test]
    fn a_killed_alias_is_open_up_to_its_death() {
        let events = [
            event("a", mail("250 ok")),
            event("b", mail("250 ok")),
            event("a", What::Changed(AliasState::Killed)),
            event("a", mail("550 no")),
        ];
        let (marks, stretches) = draw("a", AliasState::Killed, &events);
        assert_eq!(marks.iter().map(|mark| mark.kind).collect::<Vec<_>>(), ["in", "killed", "out"]);
        assert!((marks[1].x - 31.25).abs() < 0.001);
        assert_eq!(
            stretches.iter().map(|part| (part.to, part.is_open)).collect::<Vec<_>>(),
            [(marks[1].x, true), (100.0, false)]
        );
    }

    #[test]
    fn only_the_newest_events_have_columns() {
        let events: Vec<_> = (0..100).map(|_| event("a", mail("250 ok"))).collect();
        let (marks, _) = draw("a", AliasState::Active, &events);
        assert_eq!(marks.len(), COLUMNS);
        assert!(marks.iter().all(|mark| (0.0..100.0).contains(&mark.x)));
    }
}
