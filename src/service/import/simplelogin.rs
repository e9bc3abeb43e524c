//! SimpleLogin: the CSV of aliases (`alias,note,enabled,mailboxes`), the JSON of its export (`aliases` with `email` and
//! `enabled`), and the archive it mails, with one JSON file for each of six tables of its database.
//!
//! What it deletes is not in any of them. The archive names mailboxes by number, and the first one of each alias only: the
//! table of further ones is not in it, and the CSV has them all. So the CSV may be put into the archive. Correspondents
//! are in the archive alone, and come in under new reverse addresses: those they have belong to SimpleLogin.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::meter::Meter;
use super::table::Record;
use super::{Found, Input, ReadError, Row, Sent, Wanted, archive, json, table, text};
use crate::model::alias::AliasState;
use crate::model::site::Site;
use crate::model::transfer;

/// Mailboxes in an archive: nobody has more.
const MOST_MAILBOXES: usize = 10_000;
/// Bytes of what must be in memory before the first alias: correspondents, and the mailboxes of the CSV.
const MOST_KEPT: usize = 64 * 1024 * 1024;
/// An address has 254 characters at the most.
const LONGEST_ADDRESS: usize = 254;
/// What an address takes in memory beside its letters, about.
const ENTRY: usize = 96;

/// What is said of an archive without the CSV in it.
const ONE_MAILBOX: &str = "this archive names one mailbox for each alias; where an alias has several, put SimpleLogin's aliases.csv \
                           into the archive before the first import, and all of them are kept";

/// What is known of aliases before they are read.
#[derive(Debug, Default)]
struct Known {
    /// Mailboxes by their numbers.
    mailboxes: HashMap<String, String>,
    /// All mailboxes of an alias, by its address.
    several: HashMap<String, Vec<String>>,
    /// Correspondents, by the number of the alias.
    contacts: HashMap<String, Vec<transfer::Contact>>,
    /// Bytes of it, about.
    size: usize,
}

/// Reads any of the three.
pub fn read(mut input: Input, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    if !archive::is_zip(&mut input)? {
        return plain(input, meter, &mut Known::default(), found);
    }
    let mut archive = archive::open(input)?;
    let mut known = Known::default();
    archive::with(&mut archive, &["mailboxes.json"], |file| known.read_mailboxes(file, meter))?;
    archive::with(&mut archive, &["contacts.json"], |file| known.read_contacts(file, meter))?;
    let read = archive::with(&mut archive, &["aliases.json"], |_| Ok(()))?;
    if read.is_some() {
        let table = archive::with(&mut archive, &["aliases.csv", "alias.csv"], |file| known.read_several(file, meter))?;
        if table.is_none() {
            found(Sent::Note(ONE_MAILBOX))?;
        }
    }
    let wanted = ["aliases.json", "aliases.csv", "alias.csv", "data.json"];
    archive::with(&mut archive, &wanted, |file| plain(file, meter, &mut known, found))?
        .ok_or(ReadError::NothingInside("aliases.json"))
}

impl Known {
    fn read_mailboxes(&mut self, file: &mut dyn Read, meter: &Meter) -> Result<(), ReadError> {
        json::each(meter.over(file), meter, &mut |_, value| {
            if self.mailboxes.len() >= MOST_MAILBOXES {
                return Err(ReadError::TooMany("mailboxes"));
            }
            // An address is no longer, a number less.
            let short = |name| text::member(&value, name).chars().take(LONGEST_ADDRESS + 1).collect::<String>();
            self.mailboxes.insert(short("id"), short("email"));
            Ok(())
        })
    }

    fn read_contacts(&mut self, file: &mut dyn Read, meter: &Meter) -> Result<(), ReadError> {
        json::each(meter.over(file), meter, &mut |_, value| {
            let (alias, address) = (text::member(&value, "alias_id"), text::member(&value, "website_email"));
            // It keeps some whose address it could not read.
            let is_usable = !address.is_empty() && address.len() <= LONGEST_ADDRESS && alias.len() <= 20;
            if !is_usable || text::member(&value, "invalid_email") == "true" {
                return Ok(());
            }
            self.grow(address.len(), "contacts")?;
            let contact = contact(&value, address);
            self.contacts.entry(alias).or_default().push(contact);
            Ok(())
        })
    }

    fn read_several(&mut self, file: &mut dyn Read, meter: &Meter) -> Result<(), ReadError> {
        table::each(meter.over(file), meter, &["alias", "email"], &mut |record| {
            let mailboxes = text::list(&record.get(&["mailboxes"]));
            // The first one is in the archive, too.
            if mailboxes.len() > 1 {
                let alias = record.get(&["alias", "email"]).to_lowercase();
                self.grow(alias.len() + mailboxes.iter().map(|one| one.len() + ENTRY).sum::<usize>(), "mailboxes")?;
                self.several.insert(alias, mailboxes);
            }
            Ok(())
        })
    }

    fn grow(&mut self, bytes: usize, of: &'static str) -> Result<(), ReadError> {
        self.size = self.size.saturating_add(bytes).saturating_add(ENTRY);
        if self.size > MOST_KEPT { Err(ReadError::TooMany(of)) } else { Ok(()) }
    }

    fn mailboxes_of(&self, value: &Value) -> Vec<String> {
        match self.several.get(&text::member(value, "email").to_lowercase()) {
            Some(all) => all.clone(),
            None => self.mailboxes.get(&text::member(value, "mailbox_id")).cloned().into_iter().collect(),
        }
    }
}

/// A correspondent, without a reverse address of ours yet.
fn contact(value: &Value, address: String) -> transfer::Contact {
    let moment = |name| text::moment(&text::member(value, name));
    let created_at = moment("created_at").unwrap_or_default();
    // Since when it is blocked is not told; that changed it last.
    let is_blocked = text::member(value, "block_forward") == "true";
    let blocked_at = is_blocked.then(|| moment("updated_at").unwrap_or(created_at));
    transfer::Contact { address, token: String::new(), blocked_at, hidden_at: None, written_at: None, created_at }
}

/// A list as JSON or CSV, told apart by its first character.
fn plain(input: impl Read, meter: &Meter, known: &mut Known, found: Found<'_>) -> Result<(), ReadError> {
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
        found(Sent::Row(Box::new(of_value(number, &value, known))))
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

fn of_value(number: u64, value: &Value, known: &mut Known) -> Row {
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
        mailboxes: known.mailboxes_of(value),
        created_at: text::moment(&member("created_at")),
        pinned: member("pinned") == "true",
        contacts: known.contacts.remove(&member("id")).unwrap_or_default(),
        note,
        ..Row::default()
    }
}
