//! Firefox Relay: the masks as its API lists them, as JSON (one list, or an object with several) or as a table of the same
//! fields. A mask says for which site it was made (`generated_for`) and where it was used (`used_on`).

use serde_json::Value;

use super::meter::Meter;
use super::{Found, Input, ReadError, Row, Sent, Wanted, archive, json, table, text};
use crate::model::site::Site;

const ADDRESS: [&str; 5] = ["full_address", "email", "mask", "email_mask", "address"];
const NOTE: [&str; 3] = ["description", "label", "note"];
const ENABLED: [&str; 3] = ["enabled", "active", "status"];
const CREATED: [&str; 3] = ["created_at", "created", "date_created"];

/// Reads either.
pub fn read(input: Input, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    let (is_json, input) = archive::is_json(meter.over(input))?;
    if !is_json {
        return table::each(input, meter, &ADDRESS, &mut |record| {
            found(Sent::Row(Box::new(row(record.number, &|names| record.find(names)))))
        });
    }
    let mut number = 0;
    json::each(input, meter, &mut |_, value| {
        // Whatever else is in the document: what has no address is no mask.
        if !ADDRESS.iter().any(|name| value.get(*name).is_some()) {
            return Ok(());
        }
        number += 1;
        found(Sent::Row(Box::new(row(number, &|names| of_value(&value, names)))))
    })
}

fn of_value(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find(|name| value.get(**name).is_some()).map(|name| text::member(value, name))
}

fn row(number: u64, find: &dyn Fn(&[&str]) -> Option<String>) -> Row {
    let get = |names: &[&str]| find(names).unwrap_or_default();
    let note = get(&NOTE);
    let used_on = get(&["used_on"]);
    let first_use = used_on.split(',').find_map(|host| Site::parse(host).ok());
    let site = Site::parse(&get(&["generated_for"])).ok().or(first_use).or_else(|| Site::find_in(&note));
    Row {
        number,
        address: get(&ADDRESS),
        site,
        wanted: Wanted::enabled(find(&ENABLED).is_none_or(|enabled| text::yes(&enabled))),
        created_at: text::moment(&get(&CREATED)),
        note,
        ..Row::default()
    }
}
