//! A user's aliases with everything that belongs to them, a page at a time, for taking away.

use std::collections::HashMap;

use crate::model::activity::Activity;
use crate::model::alias::Alias;
use crate::model::id::{AliasId, UserId};
use crate::model::{Timestamp, transfer};

use super::alias::AliasRow;
use super::alias_details::of_these;
use super::{Error, Tx, columns, on, patiently};

/// An alias with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The alias.
    pub alias: Alias,
    /// Whether it is shown first.
    pub pinned: bool,
    /// Addresses it forwards to.
    pub mailboxes: Vec<String>,
    /// Its labels.
    pub tags: Vec<String>,
    /// How its first message made it, if nobody did.
    pub made_by: Option<transfer::Made>,
    /// Whom it corresponds with, the first first, those taken out of the list as well.
    pub contacts: Vec<transfer::Contact>,
    /// Its days.
    pub activity: Vec<transfer::Day>,
    /// Who wrote to it.
    pub sightings: Vec<transfer::Sighting>,
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    alias: AliasRow,
    pinned: bool,
}

#[derive(sqlx::FromRow)]
struct Text {
    alias_id: i64,
    text: String,
}

#[derive(sqlx::FromRow)]
struct ContactRow {
    alias_id: i64,
    address: String,
    token: String,
    blocked_at: Option<i64>,
    hidden_at: Option<i64>,
    written_at: Option<i64>,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct MadeRow {
    alias_id: i64,
    how: String,
    day: i64,
}

#[derive(sqlx::FromRow)]
struct DayRow {
    alias_id: i64,
    day: i64,
    forwarded: i64,
    blocked: i64,
    refused: i64,
    failed: i64,
    cancelled: i64,
    replied: i64,
    unproven: i64,
    quoted: i64,
}

#[derive(sqlx::FromRow)]
struct SightingRow {
    alias_id: i64,
    organisation: String,
    proof: String,
    signer: String,
    first_seen_at: i64,
    last_seen_at: i64,
    messages: i64,
}

impl From<ContactRow> for transfer::Contact {
    fn from(row: ContactRow) -> Self {
        Self {
            address: row.address,
            token: row.token,
            blocked_at: columns::optional_time(row.blocked_at),
            hidden_at: columns::optional_time(row.hidden_at),
            written_at: columns::optional_time(row.written_at),
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

impl From<DayRow> for transfer::Day {
    fn from(row: DayRow) -> Self {
        let counts = Activity {
            forwarded: row.forwarded,
            blocked: row.blocked,
            refused: row.refused,
            failed: row.failed,
            cancelled: row.cancelled,
            replied: row.replied,
            unproven: row.unproven,
            quoted: row.quoted,
        };
        Self { day: row.day, counts }
    }
}

impl From<SightingRow> for transfer::Sighting {
    fn from(row: SightingRow) -> Self {
        Self {
            organisation: row.organisation,
            proof: row.proof,
            signer: row.signer,
            first_seen_at: Timestamp::from_micros(row.first_seen_at),
            last_seen_at: Timestamp::from_micros(row.last_seen_at),
            messages: row.messages,
        }
    }
}

/// One page of a user's aliases, oldest first, after that one, with their rows only.
pub async fn page(tx: &mut Tx, user: UserId, after: Option<AliasId>, limit: u32) -> Result<Vec<Whole>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, \
         created_at, state_changed_at, display_name, link_epoch, pinned FROM aliases \
         WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3",
    ).bind(user.0).bind(after.map_or(i64::MIN, |id| id.0)).bind(i64::from(limit)).fetch_all(c))?;
    let mut page = Vec::with_capacity(rows.len());
    for row in rows {
        page.push(Whole {
            alias: row.alias.try_into()?,
            pinned: row.pinned,
            mailboxes: Vec::new(),
            tags: Vec::new(),
            made_by: None,
            contacts: Vec::new(),
            activity: Vec::new(),
            sightings: Vec::new(),
        });
    }
    add_labels(tx, &mut page).await?;
    Ok(page)
}

fn places(page: &[Whole]) -> (Vec<i64>, HashMap<i64, usize>) {
    let ids: Vec<i64> = page.iter().map(|whole| whole.alias.id.0).collect();
    let places = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    (ids, places)
}

/// Mailboxes and labels, in an order that no database decides.
async fn add_labels(tx: &mut Tx, page: &mut [Whole]) -> Result<(), Error> {
    let (ids, places) = places(page);
    let ids = ids.as_slice();
    let mailboxes = of_these!(
        tx,
        ids,
        Text,
        "SELECT am.alias_id, m.address AS text FROM alias_mailboxes am JOIN mailboxes m ON m.id = am.mailbox_id WHERE am.alias_id",
        ""
    );
    let tags = of_these!(tx, ids, Text, "SELECT alias_id, tag AS text FROM alias_tags WHERE alias_id", "");
    for row in mailboxes {
        if let Some(whole) = places.get(&row.alias_id).and_then(|place| page.get_mut(*place)) {
            whole.mailboxes.push(row.text);
        }
    }
    for row in tags {
        if let Some(whole) = places.get(&row.alias_id).and_then(|place| page.get_mut(*place)) {
            whole.tags.push(row.text);
        }
    }
    for whole in page {
        whole.mailboxes.sort();
        whole.tags.sort();
    }
    Ok(())
}

/// Adds to a page how aliases came to be, contacts, counters and sightings.
pub async fn add_history(tx: &mut Tx, page: &mut [Whole]) -> Result<(), Error> {
    let (ids, places) = places(page);
    let ids = ids.as_slice();
    let made = of_these!(tx, ids, MadeRow, "SELECT alias_id, how, day FROM made_aliases WHERE alias_id", "");
    let contacts = of_these!(
        tx,
        ids,
        ContactRow,
        "SELECT alias_id, address, token, blocked_at, hidden_at, written_at, created_at FROM contacts WHERE alias_id",
        " ORDER BY id"
    );
    let days = of_these!(
        tx,
        ids,
        DayRow,
        "SELECT alias_id, day, forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted FROM activity WHERE alias_id",
        " ORDER BY day"
    );
    let sightings = of_these!(
        tx,
        ids,
        SightingRow,
        "SELECT alias_id, organisation, proof, signer, first_seen_at, last_seen_at, messages FROM sightings WHERE alias_id",
        ""
    );
    for MadeRow { alias_id, how, day } in made {
        if let Some(whole) = places.get(&alias_id).and_then(|place| page.get_mut(*place)) {
            whole.made_by = Some(transfer::Made { how, day });
        }
    }
    for row in contacts {
        if let Some(whole) = places.get(&row.alias_id).and_then(|place| page.get_mut(*place)) {
            whole.contacts.push(row.into());
        }
    }
    for row in days {
        if let Some(whole) = places.get(&row.alias_id).and_then(|place| page.get_mut(*place)) {
            whole.activity.push(row.into());
        }
    }
    for row in sightings {
        if let Some(whole) = places.get(&row.alias_id).and_then(|place| page.get_mut(*place)) {
            whole.sightings.push(row.into());
        }
    }
    for whole in page {
        whole.sightings.sort_by(|a, b| {
            (a.first_seen_at, &a.organisation, &a.proof, &a.signer).cmp(&(b.first_seen_at, &b.organisation, &b.proof, &b.signer))
        });
    }
    Ok(())
}
