//! The form of an alias's settings: what it shows, and what was meant by what came back.

use std::num::NonZeroU32;

use crate::model::id::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::tag::Tag;
use crate::service::alias_change::Change;
use crate::service::alias_page::Listed;
use crate::web::form::Fields;
use crate::web::when;

/// A mailbox to choose.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// Where it is.
    pub address: String,
    /// Whether the alias forwards to it.
    pub is_chosen: bool,
    /// Why it takes nothing now.
    pub trouble: Option<&'static str>,
}

/// The settings as they stand in the form.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The owner's note.
    pub note: String,
    /// The name replies go out with.
    pub display_name: String,
    /// Tags, with commas between.
    pub tags: String,
    /// Whether lists show it first.
    pub pinned: bool,
    /// Where it forwards to.
    pub mailboxes: Vec<Choice>,
    /// The last day it takes mail, as a date field has it.
    pub last_day: String,
    /// After how many messages it dies.
    pub max_messages: String,
    /// How many it took of them.
    pub used: Option<i64>,
}

/// The last day on which an alias that expires takes mail.
fn last_day(listed: &Listed) -> Option<i64> {
    // One that expires at midnight takes mail on the day before.
    listed.alias.expires_at.map(|at| at.minus(std::time::Duration::from_micros(1)).day())
}

impl Settings {
    /// As they are.
    pub fn of(listed: &Listed, all: &[Mailbox]) -> Self {
        let alias = &listed.alias;
        let tags: Vec<&str> = listed.tags.iter().map(Tag::as_str).collect();
        let choice = |mailbox: &Mailbox| Choice {
            value: mailbox.uuid.to_string(),
            address: mailbox.address.to_string(),
            is_chosen: listed.mailboxes.iter().any(|chosen| chosen.id == mailbox.id),
            trouble: match mailbox {
                Mailbox { verified_at: None, .. } => Some("not verified yet"),
                Mailbox { paused: Some(_), .. } => Some("paused"),
                Mailbox { .. } => None,
            },
        };
        Self {
            note: alias.note.clone(),
            display_name: alias.display_name.clone().unwrap_or_default(),
            tags: tags.join(", "),
            pinned: listed.pinned,
            mailboxes: all.iter().map(choice).collect(),
            last_day: last_day(listed).map(when::field).unwrap_or_default(),
            max_messages: alias.max_messages.map(|max| max.to_string()).unwrap_or_default(),
            used: alias.max_messages.map(|_| alias.messages_used),
        }
    }

    /// As somebody wrote them, so that nothing is lost when something has to be mended.
    pub fn refilled(mut self, fields: &Fields) -> Self {
        let chosen = fields.all("mailbox");
        for choice in &mut self.mailboxes {
            choice.is_chosen = chosen.contains(&choice.value.as_str());
        }
        Self {
            note: fields.raw("note").to_owned(),
            display_name: fields.raw("display_name").to_owned(),
            tags: fields.raw("tags").to_owned(),
            pinned: fields.is_on("pinned"),
            last_day: fields.text("last_day").to_owned(),
            max_messages: fields.text("max_messages").to_owned(),
            ..self
        }
    }
}

/// What was meant, or what is wrong with it and how to mend it.
pub fn read(fields: &Fields, listed: &Listed, all: &[Mailbox]) -> Result<Change, String> {
    let chosen = fields.all("mailbox");
    let mailboxes: Vec<MailboxId> =
        all.iter().filter(|mailbox| chosen.contains(&mailbox.uuid.to_string().as_str())).map(|mailbox| mailbox.id).collect();
    let before: Vec<MailboxId> = listed.mailboxes.iter().map(|mailbox| mailbox.id).collect();
    let expires_at = match fields.some("last_day") {
        None => Some(None),
        // What was not touched keeps its hour.
        Some(text) if last_day(listed).map(when::field).as_deref() == Some(text) => None,
        Some(text) => {
            let day = when::parse_field(text).ok_or("“Last day” is not a date. Write it like 2027-01-31, or leave it empty.")?;
            Some(Some(when::start(day.saturating_add(1))))
        }
    };
    let max_messages = match fields.some("max_messages") {
        None => None,
        Some(text) => {
            let number = text.parse::<NonZeroU32>();
            Some(number.map_err(|_| "“At most so many messages” is not a number from 1 on. Leave it empty for no limit.")?)
        }
    };
    let tags = Tag::parse_list(fields.raw("tags")).map_err(|error| format!("“Tags” can’t be kept: {error}."))?;
    Ok(Change {
        // Browsers send line ends as CRLF.
        note: Some(fields.raw("note").replace("\r\n", "\n").trim().to_owned()),
        display_name: Some(fields.some("display_name").map(str::to_owned)),
        pinned: Some(fields.is_on("pinned")),
        // One that is not verified may stay where it is.
        mailboxes: (mailboxes != before).then_some(mailboxes),
        expires_at,
        max_messages: Some(max_messages),
        tags: Some(tags),
    })
}
