//! A table of one's own making, and the `aliases.csv` of our export. Its columns stand in `docs/import-export.md`; a row
//! needs an address or a site.

use super::meter::Meter;
use super::table::Record;
use super::{Found, Input, ReadError, Row, Sent, Wanted, table, text};
use crate::model::site::Site;

/// The columns that are written, in their order.
pub const COLUMNS: [&str; 11] = [
    "address",
    "site",
    "state",
    "note",
    "display_name",
    "mailboxes",
    "tags",
    "pinned",
    "created_at",
    "expires_at",
    "max_messages",
];

const ADDRESS: [&str; 3] = ["address", "alias", "email"];
const SITE: [&str; 4] = ["site", "hostname", "website", "url"];

/// Reads it.
pub fn read(input: Input, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    let needed = ["address", "site", "alias", "email", "hostname", "website", "url"];
    table::each(meter.over(input), meter, &needed, &mut |record| found(Sent::Row(Box::new(of_record(record)))))
}

fn of_record(record: &Record<'_>) -> Row {
    let get = |names: &[&str]| text::unguard(record.get(names));
    let note = get(&["note", "description", "comment"]);
    let wanted = match record.find(&["state"]).filter(|state| !state.is_empty()) {
        Some(state) => state.to_lowercase().parse().map_or(Wanted::Unknown, Wanted::State),
        None => Wanted::enabled(record.find(&["enabled", "active"]).is_none_or(|enabled| text::yes(&enabled))),
    };
    Row {
        number: record.number,
        address: get(&ADDRESS),
        site: Site::parse(&get(&SITE)).ok().or_else(|| Site::find_in(&note)),
        wanted,
        display_name: get(&["display_name", "name", "from_name"]),
        mailboxes: text::list(&get(&["mailboxes", "mailbox", "recipients"])),
        tags: text::tags(&get(&["tags", "labels"])),
        created_at: text::moment(&record.get(&["created_at", "created"])),
        expires_at: text::moment(&record.get(&["expires_at", "expires"])),
        max_messages: record.get(&["max_messages"]).parse().ok().filter(|max| *max > 0),
        pinned: text::yes(&record.get(&["pinned"])),
        note,
        contacts: Vec::new(),
        whole: None,
    }
}
