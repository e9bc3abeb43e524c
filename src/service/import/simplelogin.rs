//! SimpleLogin: the CSV of aliases (`alias,note,enabled,mailboxes`), the JSON of its export (`aliases` with `email` and
//! `enabled`), and the archive it mails, with one JSON file for each table of its database.
//!
//! What it deletes is not in any of them. The archive names mailboxes by number, and one for each alias only.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::meter::Meter;
use super::table::Record;
use super::{Found, Input, ReadError, Row, Sent, Wanted, archive, json, table, text};
use crate::model::alias::AliasState;
use crate::model::site::Site;

/// Mailboxes in an archive: nobody has more.
const MOST_MAILBOXES: usize = 10_000;

/// Reads any of the three.
pub fn read(mut input: Input, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    if !archive::is_zip(&mut input)? {
        return plain(input, meter, &HashMap::new(), found);
    }
    let mut archive = archive::open(input)?;
    let mut mailboxes = HashMap::new();
    archive::with(&mut archive, &["mailboxes.json"], |file| {
        json::each(meter.over(file), meter, &mut |_, value| {
            if mailboxes.len() >= MOST_MAILBOXES {
                return Err(ReadError::TooMany("mailboxes"));
            }
            // An address has 254 characters at the most, a number less.
            let short = |name| text::member(&value, name).chars().take(320).collect::<String>();
            mailboxes.insert(short("id"), short("email"));
            Ok(())
        })
    })?;
    let wanted = ["aliases.json", "aliases.csv", "alias.csv", "data.json"];
    archive::with(&mut archive, &wanted, |file| plain(file, meter, &mailboxes, found))?
        .ok_or(ReadError::NothingInside("aliases.json"))
}

/// A list as JSON or CSV, told apart by its first character.
fn plain(input: impl Read, meter: &Meter, mailboxes: &HashMap<String, String>, found: Found<'_>) -> Result<(), ReadError> {
    let (is_json, input) = archive::is_json(meter.over(input))?;
    if !is_json {
        return table::each(input, meter, &["alias", "email"], &mut |record| found(Sent::Row(Box::new(of_record(record)))));
    }
    let mut number = 0;
    json::each(input, meter, &mut |member, value| {
        if !value.is_object() || !matches!(member, "" | "aliases") {
            return Ok(());
        }
        number += 1;
        found(Sent::Row(Box::new(of_value(number, &value, mailboxes))))
    })
}

fn of_record(record: &Record<'_>) -> Row {
    let enabled = record.find(&["enabled"]).is_none_or(|enabled| text::yes(&enabled));
    let note = record.get(&["note"]);
    Row {
        number: record.number,
        address: record.get(&["alias", "email"]),
        site: Site::find_in(&note),
        wanted: Wanted::enabled(enabled),
        display_name: record.get(&["name"]),
        mailboxes: text::list(&record.get(&["mailboxes"])),
        created_at: text::moment(&record.get(&["created_at", "creation_date"])),
        pinned: text::yes(&record.get(&["pinned"])),
        note,
        ..Row::default()
    }
}

fn of_value(number: u64, value: &Value, mailboxes: &HashMap<String, String>) -> Row {
    let member = |name| text::member(value, name);
    let note = member("note");
    let wanted = match member("delete_on") {
        // In the bin: it goes on that day.
        day if !day.is_empty() => Wanted::Deleted,
        _ => Wanted::State(if member("enabled") == "false" { AliasState::Paused } else { AliasState::Active }),
    };
    Row {
        number,
        address: member("email"),
        site: Site::find_in(&note),
        wanted,
        display_name: member("name"),
        mailboxes: mailboxes.get(&member("mailbox_id")).cloned().into_iter().collect(),
        created_at: text::moment(&member("created_at")),
        pinned: member("pinned") == "true",
        note,
        ..Row::default()
    }
}
