//! addy.io: the CSV of its export, one column for each field of its aliases, deleted ones included; and the shorter one its
//! own import takes (`alias,description,recipients`).
//!
//! Its cells are what its programming language makes of truth: `1` or `TRUE` for yes, `0`, `FALSE` or nothing for no.

use super::meter::Meter;
use super::table::Record;
use super::{Found, Input, ReadError, Row, Sent, Wanted, table, text};
use crate::model::site::Site;

/// Reads it.
pub fn read(input: Input, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    let needed = ["email", "alias", "local_part"];
    table::each(meter.over(input), meter, &needed, &mut |record| found(Sent::Row(Box::new(of_record(record)))))
}

fn of_record(record: &Record<'_>) -> Row {
    let note = record.get(&["description"]);
    let active = record.find(&["active"]).is_none_or(|active| text::yes(&active));
    let wanted = if record.get(&["deleted_at"]).is_empty() { Wanted::enabled(active) } else { Wanted::Deleted };
    let mut address = record.get(&["email", "alias"]);
    if address.is_empty() {
        let extension = record.get(&["extension"]);
        let local = record.get(&["local_part"]);
        let local = if extension.is_empty() { local } else { format!("{local}+{extension}") };
        address = format!("{local}@{}", record.get(&["domain"]));
    }
    Row {
        number: record.number,
        address,
        site: Site::find_in(&note),
        wanted,
        display_name: record.get(&["from_name"]),
        mailboxes: text::list(&record.get(&["recipients"])),
        created_at: text::moment(&record.get(&["created_at"])),
        pinned: text::yes(&record.get(&["pinned"])),
        tags: text::tags(&record.get(&["labels"])),
        note,
        ..Row::default()
    }
}
