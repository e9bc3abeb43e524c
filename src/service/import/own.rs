//! Our own export: `postern.json`, alone or in its archive (`docs/import-export.md`).
//!
//! Aliases come last in it, because what they refer to must be there before them; a document in another order is refused
//! rather than half read.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::meter::Meter;
use super::{Found, Input, ReadError, Row, Sent, Wanted, archive, json};
use crate::model::site::Site;
use crate::model::{DomainName, transfer};

/// What an account has besides aliases.
#[derive(Debug, Clone, Default)]
pub struct Belongings {
    /// Its settings.
    pub account: Option<transfer::Account>,
    /// Its inboxes.
    pub mailboxes: Vec<transfer::Mailbox>,
    /// Its own domains.
    pub domains: Vec<transfer::Domain>,
    /// Whom it wants nothing from.
    pub blocks: Vec<transfer::Block>,
    /// Where it is told of what happens.
    pub webhooks: Vec<transfer::Webhook>,
}

/// Things of each kind besides aliases: nobody has more.
const MOST: usize = 10_000;

/// Reads the document, or the archive it is in.
pub fn read(mut input: Input, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    if !archive::is_zip(&mut input)? {
        return document(input, meter, found);
    }
    let mut archive = archive::open(input)?;
    archive::with(&mut archive, &["postern.json"], |file| document(file, meter, found))?
        .ok_or(ReadError::NothingInside("postern.json"))
}

fn document(input: impl std::io::Read, meter: &Meter, found: Found<'_>) -> Result<(), ReadError> {
    let mut belongings = Some(Belongings::default());
    let mut version = false;
    let mut number = 0;
    json::each(meter.over(input), meter, &mut |member, value| {
        if member == "postern" {
            version = true;
            return match value.as_u64() {
                Some(1..=transfer::VERSION) => Ok(()),
                _ => Err(ReadError::Version),
            };
        }
        if !version {
            return Err(ReadError::NotOurs);
        }
        if member == "aliases" {
            number += 1;
            if let Some(belongings) = belongings.take() {
                found(Sent::Belongings(Box::new(belongings)))?;
            }
            return found(Sent::Row(Box::new(row(number, part("aliases", number, value)?))));
        }
        match &mut belongings {
            Some(belongings) => keep(belongings, member, value),
            // What a later version adds is passed over, wherever it stands.
            None if ["account", "mailboxes", "domains", "blocks", "webhooks"].contains(&member) => Err(ReadError::Order),
            None => Ok(()),
        }
    })?;
    match belongings {
        _ if !version => Err(ReadError::NotOurs),
        Some(belongings) => found(Sent::Belongings(Box::new(belongings))),
        None => Ok(()),
    }
}

fn keep(to: &mut Belongings, member: &str, value: Value) -> Result<(), ReadError> {
    fn push<T: DeserializeOwned>(list: &mut Vec<T>, member: &'static str, value: Value) -> Result<(), ReadError> {
        if list.len() == MOST {
            return Err(ReadError::TooMany(member));
        }
        list.push(part(member, list.len() as u64 + 1, value)?);
        Ok(())
    }
    match member {
        "account" => to.account = Some(part("account", 1, value)?),
        "mailboxes" => push(&mut to.mailboxes, "mailboxes", value)?,
        "domains" => push(&mut to.domains, "domains", value)?,
        "blocks" => push(&mut to.blocks, "blocks", value)?,
        "webhooks" => push(&mut to.webhooks, "webhooks", value)?,
        _ => {}
    }
    Ok(())
}

fn part<T: DeserializeOwned>(member: &'static str, number: u64, value: Value) -> Result<T, ReadError> {
    serde_json::from_value(value).map_err(|error| ReadError::Part { member, number, problem: error.to_string() })
}

fn row(number: u64, mut whole: transfer::Alias) -> Row {
    Row {
        number,
        address: whole.address.clone(),
        // The public suffix list may have changed since: a site stays what it was.
        site: whole.site.as_deref().and_then(|site| DomainName::parse(site).ok()).map(Site::from_stored),
        wanted: whole.state.parse().map_or(Wanted::Unknown, Wanted::State),
        note: whole.note.clone(),
        display_name: whole.display_name.clone().unwrap_or_default(),
        mailboxes: whole.mailboxes.clone(),
        tags: whole.tags.clone(),
        created_at: Some(whole.created_at),
        expires_at: whole.expires_at,
        max_messages: whole.max_messages.filter(|max| *max > 0),
        pinned: whole.pinned,
        contacts: std::mem::take(&mut whole.contacts),
        whole: Some(whole),
    }
}
