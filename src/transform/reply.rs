//! The header block of the owner's message as a contact gets it: written from an allow-list, nothing else survives.
//!
//! One block for each contact, so that nobody sees who was only in Bcc. What becomes of which field:
//!
//! | field | becomes |
//! |---|---|
//! | `From` | the alias, with the name chosen for it or none; never the name in the owner's mail client |
//! | `To`, `Cc` | reverse addresses become the contacts they stand for, as the owner listed them; the alias and the owner's mailboxes go; anything else refuses a reply, since it would be shown an answer it can't take part in; in a message handed in by submission it stays |
//! | `Subject` | as it was; where it holds a mailbox, the alias stands for it |
//! | `Date` | the same moment in UTC: the zone tells where the owner is |
//! | `Message-ID` | ours (see [`message_id`]) |
//! | `In-Reply-To`, `References` | ids of the owner's own messages become ours; unknown ones from the organisation of a mailbox or of this message's own id go, unless it is the contact's |
//! | `Auto-Submitted` | `auto-replied` where any field says that no person wrote the message |
//! | `MIME-Version`, `Importance`, `Auto-Submitted: no` | their bare word: comments and parameters name programs and addresses |
//! | `Content-Transfer-Encoding` | its bare word, where it is a known one |
//! | `Content-Type`, `-Disposition`, `-Language`, `-Description` | as they were; one that names a mailbox refuses the message, for it can't be changed without changing the body; so does a report, whose body names it |
//! | all others | dropped |
//!
//! Each field is taken once: of two, readers see one or the other.

mod naming;

use std::collections::{BTreeSet, HashMap};

use email_encoding::headers::{rfc2047, writer::EmailWriter};
use mail_parser::parsers::MessageStream;

use crate::model::contact::ReverseToken;
use crate::model::site::Site;
use crate::model::{Address, DomainName, Timestamp};

use super::automatic;
use super::display_name;
use super::forward::{Line, copy};
use super::header::{Field, HeaderBlock};
use super::mailboxes::{AddressList, Mailbox};
use super::{message_id, quoted_address};
pub use naming::decoded;
use naming::{names_mailbox, percent_decoded};

/// A longer subject that has to be written anew is cut; nobody reads it to there.
const SUBJECT_LENGTH: usize = 800;

/// All there are in mail (RFC 2045 §6.1); what else somebody made up stays as it is.
const ENCODINGS: &[&str] = &["7bit", "8bit", "binary", "quoted-printable", "base64"];

/// What the writing needs to know. Has no `Debug`: most of it is addresses.
#[derive(Clone, Copy)]
pub struct ReplyFacts<'a> {
    /// Whom the message is from.
    pub alias: &'a Address,
    /// The name to show beside it.
    pub display_name: Option<&'a str>,
    /// Whom this copy is for.
    pub contact: &'a Address,
    /// Contacts of the alias by their tokens: all of [`named`].
    pub contacts: &'a HashMap<ReverseToken, Address>,
    /// The mailboxes behind the alias; none may show.
    pub mailboxes: &'a [Address],
    /// Whether `To` and `Cc` may name others than contacts, and then the instance's domains, on which they may not: a
    /// message that was handed in is shown as its author addressed it, and no reverse address or other alias with it.
    pub outside: Option<&'a BTreeSet<DomainName>>,
    /// The id it goes out with.
    pub message_id: &'a str,
    /// Ids the owner's mail client gave to earlier messages, and those they went out with.
    pub known_ids: &'a HashMap<String, String>,
    /// The date of a message that has none.
    pub now: Timestamp,
}

/// Why a message can't go out. All of them are the owner's to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// `To` or `Cc` name somebody who is no contact of this alias.
    #[error("To or Cc name an address that is no reverse address of the alias")]
    OutsideAddress,
    /// An entry of `To` or `Cc` can't be read in one way only.
    #[error("To or Cc can't be read")]
    Unreadable,
    /// A field that has to stay as it is names a mailbox.
    #[error("a field of the message names the mailbox")]
    NamesMailbox,
    /// A report (a read receipt, say), which a mail client makes without a word of its owner's: its body names the mailbox.
    #[error("the message is a report of a mail program")]
    Report,
}

/// The tokens of the reverse addresses on the alias's domain that `To` and `Cc` name.
pub fn named(block: &HeaderBlock, message: &[u8], alias: &Address) -> Vec<ReverseToken> {
    let lists = recipient_fields(block, message).map(|field| AddressList::parse(field.value(message)));
    let mut tokens: Vec<_> = lists
        .flat_map(|list| list.mailboxes().filter_map(|mailbox| token(&mailbox.address, alias)).collect::<Vec<_>>())
        .collect();
    tokens.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    tokens.dedup();
    tokens
}

/// Whether a program wrote the message by itself. It says so to the contact, and wants no bounce (RFC 3834 §3.1, §3.3).
pub fn is_automatic(block: &HeaderBlock, message: &[u8]) -> bool {
    let marks = automatic::marks(block, message);
    marks.auto_submitted || marks.bulk
}

/// The id the owner's mail client gave the message.
pub fn client_id<'m>(block: &'m HeaderBlock, message: &'m [u8]) -> Option<&'m str> {
    let field = block.named(message, "Message-ID").next()?;
    message_id::ids(field.value(message)).first().copied()
}

/// The ids of other messages it names: those [`write()`] may pass on, from `In-Reply-To` first.
pub fn referenced<'m>(block: &'m HeaderBlock, message: &'m [u8]) -> Vec<&'m str> {
    let fields =
        ["In-Reply-To", "References"].into_iter().filter_map(|name| block.fields().iter().find(|field| field.is(message, name)));
    fields.flat_map(|field| last_ids(field, message)).collect()
}

/// The ids in one field, the last of them when there are too many.
fn last_ids<'m>(field: &Field, message: &'m [u8]) -> Vec<&'m str> {
    let mut ids = message_id::ids(field.value(message));
    ids.drain(..ids.len().saturating_sub(message_id::MOST));
    ids
}

/// Writes the header block: whole lines, each ending in CRLF, without the empty line.
pub fn write(block: &HeaderBlock, message: &[u8], facts: &ReplyFacts<'_>) -> Result<Vec<u8>, ReplyFault> {
    let mut out = Vec::with_capacity(1024);
    let mut from = Line::new("From");
    from.mailbox_as(facts.display_name.unwrap_or_default(), facts.alias);
    from.finish(&mut out);
    recipients(block, message, facts, &mut out)?;
    let date = block.named(message, "Date").next().and_then(|field| moment(field.value(message))).unwrap_or(facts.now);
    out.extend_from_slice(format!("Date: {}\r\nMessage-ID: <{}>\r\n", date.to_rfc5322(), facts.message_id).as_bytes());
    // The fields of old that say so, too, are dropped, and the responder at the other end has to see it.
    let is_automatic = is_automatic(block, message);
    if is_automatic {
        out.extend_from_slice(b"Auto-Submitted: auto-replied\r\n");
    }
    let hosts = Hosts::of(block, message, facts);
    let mut written = BTreeSet::new();
    for field in block.fields() {
        let name = field.name(message).to_ascii_lowercase();
        if !written.insert(name.clone()) {
            continue;
        }
        match name.as_slice() {
            b"subject" => subject(field, message, facts, &mut out),
            b"in-reply-to" => references("In-Reply-To", field, message, &hosts, facts, &mut out),
            b"references" => references("References", field, message, &hosts, facts, &mut out),
            b"mime-version" => out.extend_from_slice(b"MIME-Version: 1.0\r\n"),
            b"auto-submitted" if !is_automatic => drop(word("Auto-Submitted", field, message, &["no"], &mut out)),
            b"importance" => drop(word("Importance", field, message, &["high", "normal", "low"], &mut out)),
            // What mail servers add in a comment goes; without it, the field says the same.
            b"content-transfer-encoding" if word("Content-Transfer-Encoding", field, message, ENCODINGS, &mut out) => {}
            b"content-type"
            | b"content-transfer-encoding"
            | b"content-disposition"
            | b"content-language"
            | b"content-description" => {
                if names_mailbox(field.value(message), facts.mailboxes) {
                    return Err(ReplyFault::NamesMailbox);
                }
                if name == b"content-type" && is_report(field.value(message)) {
                    return Err(ReplyFault::Report);
                }
                copy(field, message, &mut out);
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Whether a `Content-Type` is that of a report (RFC 6522), whole or in its machine-readable part alone (RFC 8098, RFC
/// 3464).
fn is_report(value: &[u8]) -> bool {
    let text = bare(value).to_ascii_lowercase();
    ["multipart/report", "message/disposition-notification", "message/delivery-status"]
        .iter()
        .any(|report| text.starts_with(report))
}

/// A value up to its parameters, without comments and white space.
fn bare(value: &[u8]) -> String {
    let mut depth = 0_usize;
    let mut text = Vec::new();
    for byte in value {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => break,
            byte if depth == 0 && !byte.is_ascii_whitespace() => text.push(*byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn recipient_fields<'a>(block: &'a HeaderBlock, message: &'a [u8]) -> impl Iterator<Item = &'a Field> {
    block.fields().iter().filter(|field| field.is(message, "To") || field.is(message, "Cc"))
}

fn token(address: &Address, alias: &Address) -> Option<ReverseToken> {
    if address.domain() == alias.domain() { ReverseToken::from_local_part(address.local()) } else { None }
}

/// `To` and `Cc`, each once, everybody in them once.
fn recipients(block: &HeaderBlock, message: &[u8], facts: &ReplyFacts<'_>, out: &mut Vec<u8>) -> Result<(), ReplyFault> {
    let mut written = BTreeSet::new();
    for name in ["To", "Cc"] {
        let mut line = Line::new(name);
        for field in block.named(message, name) {
            let list = AddressList::parse(field.value(message));
            if list.unreadable() > 0 {
                return Err(ReplyFault::Unreadable);
            }
            for mailbox in list.mailboxes() {
                let Some(contact) = correspondent(mailbox, facts)? else { continue };
                if written.insert(contact.folded()) {
                    line.mailbox_as(&name_of(mailbox, &contact, facts.mailboxes), &contact);
                }
            }
        }
        if !line.is_empty() {
            line.finish(out);
        } else if name == "To" {
            out.extend_from_slice(b"To: undisclosed-recipients:;\r\n");
        }
    }
    Ok(())
}

/// Who stands for an entry of `To` or `Cc`; `None` for the owner in any form.
fn correspondent(mailbox: &Mailbox, facts: &ReplyFacts<'_>) -> Result<Option<Address>, ReplyFault> {
    let is_owner = |address: &Address| facts.mailboxes.iter().any(|own| own.folded() == address.folded());
    if mailbox.address.folded() == facts.alias.folded() || is_owner(&mailbox.address) {
        return Ok(None);
    }
    let contact = token(&mailbox.address, facts.alias).and_then(|token| facts.contacts.get(&token));
    let Some(contact) = contact else {
        let is_outside = facts.outside.is_some_and(|ours| !ours.contains(mailbox.address.domain()));
        return if is_outside { Ok(Some(mailbox.address.clone())) } else { Err(ReplyFault::OutsideAddress) };
    };
    // An owner who once wrote to the alias is a contact as well: shown to itself only.
    Ok((!is_owner(contact) || contact == facts.contact).then(|| contact.clone()))
}

/// The name the owner gave a contact, without the address that [`display_name::shown`] put behind it. A name that holds
/// an address might hold any.
fn name_of(mailbox: &Mailbox, contact: &Address, mailboxes: &[Address]) -> String {
    let origin = display_name::shown("", contact);
    // Outlook puts single quotes around a name that is an address.
    let name = mailbox.name.trim().trim_matches('\'').trim();
    let name = name.strip_suffix(&origin).map_or(name, |name| name.trim_end().trim_end_matches('-').trim_end());
    if name.contains('@') || names_mailbox(name.as_bytes(), mailboxes) { String::new() } else { name.to_owned() }
}

fn subject(field: &Field, message: &[u8], facts: &ReplyFacts<'_>, out: &mut Vec<u8>) {
    let names_mailbox = |value: &[u8]| names_mailbox(value, facts.mailboxes);
    if !names_mailbox(field.value(message)) && !message_id::has_long_line(field.raw(message)) {
        copy(field, message, out);
        return;
    }
    let mut text = display_name::clean(&decoded(field.value(message)), SUBJECT_LENGTH);
    for form in facts.mailboxes.iter().flat_map(quoted_address::forms) {
        text = replace(&text, &form, &facts.alias.to_string());
    }
    // What was put in may be longer than what it stands for.
    text = display_name::clean(&text, SUBJECT_LENGTH);
    // Still there in a spelling that can't be replaced (`jane%40inbox.example`): then nothing of it is passed on.
    if names_mailbox(text.as_bytes()) {
        text = facts.alias.to_string();
    }
    let mut line = "Subject: ".to_owned();
    if text.is_ascii() {
        line.push_str(&text);
    } else {
        let mut writer = EmailWriter::new(&mut line, 9, 0, false);
        rfc2047::encode(&text, &mut writer).unwrap_or_else(|_| unreachable!("writing to a String does not fail"));
    }
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `In-Reply-To` or `References`, one id a line; nothing when no id is left.
fn references(name: &str, field: &Field, message: &[u8], hosts: &Hosts, facts: &ReplyFacts<'_>, out: &mut Vec<u8>) {
    let ids = last_ids(field, message);
    let ids: Vec<_> = ids.into_iter().filter_map(|id| shown_id(id, hosts, facts)).collect();
    if !ids.is_empty() {
        out.extend_from_slice(format!("{name}: {}\r\n", message_id::list(&ids)).as_bytes());
    }
}

/// Whose hosts make ids a contact may not see, by organisation: a provider names its hosts as it likes.
struct Hosts {
    /// Of the mailboxes, and of the program or provider that gave this very message its id.
    owners: BTreeSet<DomainName>,
    contact: DomainName,
}

impl Hosts {
    fn of(block: &HeaderBlock, message: &[u8], facts: &ReplyFacts<'_>) -> Self {
        let client = client_id(block, message).and_then(message_id::domain);
        let owners = facts.mailboxes.iter().map(|mailbox| organisation(mailbox.domain()));
        let owners = owners.chain(client.as_ref().map(organisation)).collect();
        Self { owners, contact: organisation(facts.contact.domain()) }
    }

    /// An id may also name a host of the owner's before its `@`.
    fn hide(&self, id: &str, domain: &DomainName) -> bool {
        let organisation = organisation(domain);
        let texts = [percent_decoded(id), decoded(id.as_bytes())].map(|text| text.to_lowercase());
        let is_owners = |owner: &DomainName| organisation == *owner || texts.iter().any(|text| names_host(text, owner));
        organisation != self.contact && (is_private(domain) || self.owners.iter().any(is_owners))
    }
}

/// Whether a text holds a domain or a name below it; a single label is a word like others.
fn names_host(text: &str, domain: &DomainName) -> bool {
    let is_start = |(at, _): (usize, &str)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
    };
    domain.as_str().contains('.') && text.match_indices(domain.as_str()).any(is_start)
}

/// The registrable domain; a name that has none is its own.
fn organisation(domain: &DomainName) -> DomainName {
    Site::of(domain).map_or_else(|| domain.clone(), |site| site.domain().clone())
}

/// What a contact may know of an id: ours for the owner's; a stranger's as it is; none that names the owner's provider,
/// unless that is the contact's provider, too, whose ids it must find again.
fn shown_id<'a>(id: &'a str, hosts: &Hosts, facts: &ReplyFacts<'a>) -> Option<&'a str> {
    if let Some(ours) = facts.known_ids.get(id) {
        return Some(ours);
    }
    let is_hidden = message_id::domain(id).is_none_or(|domain| hosts.hide(id, &domain));
    (!is_hidden && !names_mailbox(id.as_bytes(), facts.mailboxes)).then_some(id)
}

/// A name that means something at home only: `macbook.local`, `localhost`.
fn is_private(domain: &DomainName) -> bool {
    let name = domain.as_str();
    !name.contains('.') || [".local", ".localdomain", ".lan", ".home", ".internal"].iter().any(|end| name.ends_with(end))
}

/// A field whose value is one of these words, without comments and parameters; whether it was one and is written.
fn word(name: &str, field: &Field, message: &[u8], known: &[&str], out: &mut Vec<u8>) -> bool {
    let word = bare(field.value(message));
    let is_known = known.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is_known {
        out.extend_from_slice(format!("{name}: {word}\r\n").as_bytes());
    }
    is_known
}

/// Replaces `what` whatever its case.
fn replace(text: &str, what: &str, with: &str) -> String {
    let (lower, what) = (text.to_ascii_lowercase(), what.to_ascii_lowercase());
    let mut replaced = String::with_capacity(text.len());
    let mut at = 0;
    for (found, _) in lower.match_indices(&what) {
        replaced.push_str(text.get(at..found).unwrap_or_default());
        replaced.push_str(with);
        at = found + what.len();
    }
    replaced.push_str(text.get(at..).unwrap_or_default());
    replaced
}

/// The moment a `Date` names.
pub fn moment(value: &[u8]) -> Option<Timestamp> {
    let mut line = value.trim_ascii().to_vec();
    line.push(b'\n');
    let date = MessageStream::new(&line).parse_date().into_datetime()?;
    let seconds = date.is_valid().then(|| date.to_timestamp())?;
    // Four digits of a year; what is beyond was no date.
    (0..253_402_300_800).contains(&seconds).then(|| Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests;
