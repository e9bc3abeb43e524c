//! The shapes that several endpoints answer with. Phones decode them strictly: no null where none is meant, ids that fit
//! into 32 bits.

use serde::Serialize;

use crate::model::alias::{Alias, AliasState};
use crate::model::mailbox::Mailbox;
use crate::model::{Address, Timestamp};
use crate::service::alias_page::Listed;
use crate::service::contact_page::Entry;

/// A moment as this API writes it.
pub fn date(at: Timestamp) -> String {
    let text: String = at.to_rfc3339().replace('T', " ").chars().take(19).collect();
    format!("{text}+00:00")
}

/// Whether an alias takes mail: all that clients know of its state.
pub fn is_enabled(alias: &Alias, now: Timestamp) -> bool {
    matches!(alias.state, AliasState::Active | AliasState::Locked) && !alias.is_expired(now)
}

/// A mailbox as aliases name it.
#[derive(Debug, Serialize)]
pub struct MailboxName {
    id: i64,
    email: String,
}

impl MailboxName {
    /// Of that mailbox.
    pub fn of(mailbox: &Mailbox) -> Self {
        Self { id: mailbox.id.0, email: mailbox.address.to_string() }
    }
}

/// An alias.
#[derive(Debug, Serialize)]
pub struct AliasShape {
    id: i64,
    email: String,
    name: Option<String>,
    enabled: bool,
    creation_date: String,
    creation_timestamp: i64,
    note: Option<String>,
    nb_block: i64,
    nb_forward: i64,
    nb_reply: i64,
    mailbox: Option<MailboxName>,
    mailboxes: Vec<MailboxName>,
    support_pgp: bool,
    disable_pgp: bool,
    pinned: bool,
    /// Always null: what went through is counted, and who wrote when is not kept.
    latest_activity: Option<()>,
}

impl AliasShape {
    /// Of an alias as it is now.
    pub fn of(listed: &Listed, now: Timestamp) -> Self {
        let Listed { alias, pinned, mailboxes, total, .. } = listed;
        Self {
            id: alias.id.0,
            email: alias.address.to_string(),
            name: alias.display_name.clone(),
            enabled: is_enabled(alias, now),
            creation_date: date(alias.created_at),
            creation_timestamp: alias.created_at.as_seconds(),
            note: (!alias.note.is_empty()).then(|| alias.note.clone()),
            nb_block: total.blocked,
            nb_forward: total.forwarded,
            nb_reply: total.replied,
            mailbox: mailboxes.first().map(MailboxName::of),
            mailboxes: mailboxes.iter().map(MailboxName::of).collect(),
            support_pgp: false,
            disable_pgp: false,
            pinned: *pinned,
            latest_activity: None,
        }
    }
}

/// An alias that was just made: its address stands in `alias` as well, the only field that password managers read.
#[derive(Debug, Serialize)]
pub struct NewAliasShape {
    alias: String,
    #[serde(flatten)]
    rest: AliasShape,
}

impl NewAliasShape {
    /// Of an alias as it is now.
    pub fn of(listed: &Listed, now: Timestamp) -> Self {
        Self { alias: listed.alias.address.to_string(), rest: AliasShape::of(listed, now) }
    }
}

/// A contact.
#[derive(Debug, Serialize)]
pub struct ContactShape {
    id: i64,
    contact: String,
    creation_date: String,
    creation_timestamp: i64,
    last_email_sent_date: Option<String>,
    last_email_sent_timestamp: Option<i64>,
    reverse_alias: String,
    reverse_alias_address: String,
    existed: bool,
    block_forward: bool,
}

impl ContactShape {
    /// Of a contact.
    pub fn of(entry: &Entry) -> Self {
        let contact = &entry.contact;
        Self {
            id: contact.id.0,
            contact: contact.address.to_string(),
            creation_date: date(contact.created_at),
            creation_timestamp: contact.created_at.as_seconds(),
            last_email_sent_date: None,
            last_email_sent_timestamp: None,
            reverse_alias: format!("\"{}\" <{}>", shown(&contact.address), entry.reverse),
            reverse_alias_address: entry.reverse.to_string(),
            existed: entry.existed,
            block_forward: contact.is_blocked,
        }
    }
}

/// An address in words that can stand between quotes: what a mail client shows for a reverse address.
fn shown(address: &Address) -> String {
    address.to_string().replace('@', " at ").replace(['"', '\\'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_second_with_its_zone() {
        assert_eq!(date(Timestamp::from_micros(1_586_195_834_123_456)), "2020-04-06 17:57:14+00:00");
        assert_eq!(date(Timestamp::from_micros(1_586_195_834_000_000)), "2020-04-06 17:57:14+00:00");
    }

    #[test]
    fn what_a_mail_client_shows_has_no_quotes_of_its_own() {
        assert_eq!(shown(&Address::parse("\"a\\\"b c\"@x.example").unwrap()), "ab c at x.example");
    }
}
