//! The chart of mail per day: stacked bars, made on the server, with the same numbers as words and as a table.
//!
//! Numbers only go in and whole numbers only come out, so nothing a stranger wrote gets into the picture, and nothing in it
//! can be out of its box. The picture is stretched to the width there is; its labels are HTML, so they stay readable.

use super::when;
use crate::model::activity::Activity;

/// The kinds of mail a bar is made of, from the ground up: class and words.
pub const SERIES: [(&str, &str); 4] =
    [("delivered", "Came through"), ("refused", "Turned away"), ("failed", "Not delivered"), ("replied", "Sent by you")];

/// How high the box is.
pub const HEIGHT: u128 = 1000;
/// How wide a column is, and the bar in it.
const SLOT: u128 = 10;
const BAR: u128 = 8;
/// How high bars grow; above it is room for those that had to be made visible.
const PLOT: u128 = 970;
/// What is there is seen.
const LEAST: u128 = 7;
/// From how many days on a column is a week.
const BY_WEEK: usize = 120;

/// One piece of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its class.
    pub class: &'static str,
    /// From the left.
    pub x: u128,
    /// From above.
    pub y: u128,
    /// How wide.
    pub width: u128,
    /// How high.
    pub height: u128,
}

/// The mail of one day, or week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Which, and how much there was: what is shown when one points at it.
    pub title: String,
    /// Where it begins, from the left.
    pub x: u128,
    /// Its pieces; none without mail.
    pub pieces: Vec<Piece>,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which day, or week.
    pub label: String,
    /// As many as there are [`SERIES`].
    pub counts: [u128; 4],
}

/// The chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The same in words.
    pub summary: String,
    /// How many days it goes back.
    pub days: usize,
    /// How wide the box is.
    pub width: u128,
    /// Oldest first.
    pub columns: Vec<Column>,
    /// Where the lines behind it are, and the numbers they stand for; from the top.
    pub lines: [(u128, u128); 3],
    /// The first, the middle and the last day.
    pub span: [String; 3],
    /// Newest first; those without mail are left out.
    pub rows: Vec<Row>,
    /// Class, words and sum of each kind.
    pub legend: Vec<(&'static str, &'static str, u128)>,
    /// What a column is: `day` or `week`.
    pub unit: &'static str,
}

/// What of a day's counts goes into the chart, as [`SERIES`] has it.
fn counts(activity: &Activity) -> [u128; 4] {
    let sum = |numbers: &[i64]| numbers.iter().map(|number| u128::try_from(*number).unwrap_or(0)).sum();
    [
        sum(&[activity.forwarded]),
        sum(&[activity.blocked, activity.refused]),
        sum(&[activity.failed, activity.cancelled]),
        sum(&[activity.replied]),
    ]
}

impl Chart {
    /// Draws days (since the epoch), the oldest first, without gaps.
    pub fn new(days: &[(i64, Activity)]) -> Self {
        let is_weekly = days.len() > BY_WEEK;
        let mut rows: Vec<Row> = days.rchunks(if is_weekly { 7 } else { 1 }).map(row).collect();
        rows.reverse();
        let most = rows.iter().map(|row| row.counts.iter().sum()).max().unwrap_or(0);
        let top = round_up(most);
        let columns: Vec<Column> = rows.iter().zip(0_u128..).map(|(row, at)| column(row, at * SLOT, top)).collect();
        let mut sums = [0; 4];
        for row in &rows {
            for (sum, count) in sums.iter_mut().zip(row.counts) {
                *sum += count;
            }
        }
        let unit = if is_weekly { "week" } else { "day" };
        let legend: Vec<_> = SERIES.iter().zip(sums).map(|((class, words), sum)| (*class, *words, sum)).collect();
        let label = |at: usize| days.get(at).map(|(day, _)| when::day(*day)).unwrap_or_default();
        let span = [label(0), label(days.len() / 2), label(days.len().saturating_sub(1))];
        rows.reverse();
        rows.retain(|row| row.counts.iter().any(|count| *count > 0));
        Self {
            title: format!("Mail per {unit}, the last {} days", days.len()),
            summary: summary(&legend, most, unit),
            days: days.len(),
            width: u128::try_from(columns.len().max(1)).unwrap_or(1) * SLOT,
            columns,
            lines: [(HEIGHT - PLOT, top), (HEIGHT - PLOT / 2, top / 2), (HEIGHT, 0)],
            span,
            rows,
            legend,
            unit,
        }
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// One day, or several as one.
fn row(days: &[(i64, Activity)]) -> Row {
    let mut all = [0; 4];
    for (_, activity) in days {
        for (sum, count) in all.iter_mut().zip(counts(activity)) {
            *sum += count;
        }
    }
    let label = match days {
        [(day, _)] => when::day(*day),
        [(first, _), .., (last, _)] => format!("{} to {}", when::day(*first), when::day(*last)),
        [] => String::new(),
    };
    Row { label, counts: all }
}

fn column(row: &Row, x: u128, top: u128) -> Column {
    let mut pieces = Vec::new();
    // The ground, and how much of the sum is drawn: rounding the sums keeps every edge where the numbers say.
    let (mut ground, mut sum, mut edge) = (HEIGHT, 0, 0);
    for ((class, _), count) in SERIES.iter().zip(row.counts) {
        if count == 0 {
            continue;
        }
        sum += count;
        let next = sum.saturating_mul(PLOT) / top;
        let height = (next - edge).max(LEAST).min(ground);
        edge = next;
        ground -= height;
        pieces.push(Piece { class, x: x + (SLOT - BAR) / 2, y: ground, width: BAR, height });
    }
    let words: Vec<String> = SERIES
        .iter()
        .zip(row.counts)
        .filter(|(_, n)| *n > 0)
        .map(|((_, words), n)| format!("{n} {}", words.to_lowercase()))
        .collect();
    let words = if words.is_empty() { "no mail".to_owned() } else { words.join(", ") };
    Column { title: format!("{}: {words}", row.label), x, pieces }
}

/// The next round number that can be halved.
fn round_up(most: u128) -> u128 {
    let mut unit = 1_u128;
    loop {
        for step in [2, 4, 10] {
            if step * unit >= most {
                return step * unit;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn summary(legend: &[(&str, &str, u128)], most: u128, unit: &str) -> String {
    let words: Vec<String> =
        legend.iter().filter(|(_, _, n)| *n > 0).map(|(_, words, n)| format!("{n} {}", words.to_lowercase())).collect();
    if words.is_empty() {
        return "Nothing was counted in this time.".to_owned();
    }
    format!("{}. At most {most} on one {unit}.", words.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(forwarded: i64, blocked: i64, failed: i64, replied: i64) -> Activity {
        Activity { forwarded, blocked, failed, replied, ..Activity::default() }
    }

    #[test]
    fn bars_stand_on_each_other_as_high_as_their_counts() {
        let chart = Chart::new(&[(20_000, day(2, 1, 0, 1)), (20_001, Activity::default()), (20_002, day(0, 0, 0, 4))]);
        assert_eq!((chart.width, chart.lines), (30, [(30, 4), (515, 2), (1000, 0)]));
        let piece = |class, x, y, height| Piece { class, x, y, width: 8, height };
        assert_eq!(
            chart.columns[0].pieces,
            [piece("delivered", 1, 515, 485), piece("refused", 1, 273, 242), piece("replied", 1, 30, 243)]
        );
        assert_eq!(chart.columns[1].pieces, []);
        assert_eq!(chart.columns[2].pieces, [piece("replied", 21, 30, 970)]);
        assert_eq!(chart.columns[0].title, "4 Oct 2024: 2 came through, 1 turned away, 1 sent by you");
        assert_eq!(chart.columns[1].title, "5 Oct 2024: no mail");
        assert_eq!(chart.summary, "2 came through, 1 turned away, 5 sent by you. At most 4 on one day.");
        assert_eq!(chart.rows.len(), 2, "days without mail are left out of the table");
        assert_eq!(chart.rows[0].counts, [0, 0, 0, 4]);
    }

    #[test]
    fn a_year_is_drawn_by_weeks() {
        let days: Vec<_> = (0..365).map(|at| (20_000 + at, day(1, 0, 0, 0))).collect();
        let chart = Chart::new(&days);
        assert_eq!((chart.columns.len(), chart.unit), (53, "week"));
        assert_eq!(chart.rows[0].counts[0], 7);
        assert_eq!(chart.rows.iter().map(|row| row.counts[0]).sum::<u128>(), 365);
        assert!(chart.rows[0].label.contains(" to "), "{}", chart.rows[0].label);
    }

    #[test]
    fn without_mail_it_says_so() {
        for days in [vec![], vec![(20_000, Activity::default())]] {
            let chart = Chart::new(&days);
            assert!(chart.is_empty() && chart.summary.contains("Nothing was counted"));
            assert_eq!(chart.lines[0].1, 2);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_outside_the_box(days in proptest::collection::vec((any::<i64>(), any::<[i64; 4]>()), 0..400)) {
            let days: Vec<_> = days.into_iter().map(|(at, [a, b, c, d])| (at, day(a, b, c, d))).collect();
            let chart = Chart::new(&days);
            for column in &chart.columns {
                let mut ground = HEIGHT;
                for piece in &column.pieces {
                    prop_assert!(piece.height > 0 && piece.x + piece.width <= chart.width);
                    prop_assert_eq!(piece.y + piece.height, ground);
                    ground = piece.y;
                }
            }
        }

        #[test]
        fn what_is_there_is_seen_and_in_order(a in 0..1_000_000_i64, b in 0..1_000_000_i64) {
            let chart = Chart::new(&[(1, day(a, 0, 0, 0)), (2, day(b, 0, 0, 0))]);
            let height = |at: usize| chart.columns[at].pieces.first().map_or(0, |piece| piece.height);
            prop_assert_eq!(a > 0, height(0) > 0);
            prop_assert!(a > b || height(0) <= height(1));
        }
    }
}
