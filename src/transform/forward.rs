//! The header block of the copy that goes to the owner.
//!
//! Addresses of others are replaced by reverse addresses, so that neither a reply nor a reply to all can go out from the
//! owner's real inbox; fields that are not replaced go out byte for byte and in order. What is done to which field:
//!
//! | field | becomes |
//! |---|---|
//! | `From` | the author's reverse address, name and true address as its display name |
//! | `Reply-To` | reverse addresses; the alias itself, and the whole field when nothing else is in it, go: `From` suffices |
//! | `To`, `Cc` | others become reverse addresses, each named once; above [`HIDE_ABOVE`] others one empty group; where only the alias is named, as it was |
//! | `Sender` | dropped: it names an address that is not aligned with the new `From` and that nobody answers to |
//! | `In-Reply-To`, `References` | ids of the owner's replies become the ones the owner's mail client gave them |
//! | receipts asked for, `Errors-To`, `Mail-Followup-To`, `Mail-Reply-To`, `List-Post`, `List-Owner` | dropped: see [`list_fields`] |
//! | `List-Subscribe`, `-Help`, `-Archive` | web addresses only; as they were when nothing else is in them |
//! | `List-Unsubscribe` | web addresses as they are, those of mail through a reverse address; ours, which pauses the alias, when none is left |
//! | `List-Unsubscribe-Post` | dropped when no HTTPS address is left to post to; ours beside our own |
//! | `Return-Path`, `Bcc` | dropped: the last hop's and nobody's |
//! | `Authentication-Results` | dropped where it claims to be ours (RFC 8601 §5) |
//! | `X-Postern-*` | dropped, except trace fields we made |
//!
//! An entry that can't be read in one way only is never copied: it might hold an address. It is counted in the group that
//! stands for hidden recipients, so the owner sees that there was one.

use std::collections::{BTreeSet, HashMap};

use crate::model::id::AliasId;
use crate::model::{Address, HeaderFault};

use super::display_name;
use super::header::{Field, HeaderBlock};
use super::key::SecretKey;
use super::list_fields;
use super::mailboxes::{self, AddressList, Mailbox};
use super::message_id;
use super::received::{self, ReceivedFacts};
use super::trace;

/// With more recipients than this besides the alias, they are counted instead of named.
pub const HIDE_ABOVE: usize = 25;

/// Name of the field that says which alias a message came through.
pub const ALIAS_FIELD: &str = "X-Postern-Alias";

/// Name of the field with the link to the page where that alias is paused or killed, or the sender blocked.
pub const MANAGE_FIELD: &str = "X-Postern-Manage";

/// What makes an address one that a program may post to by itself (RFC 8058 §3.1).
const ONE_CLICK: &str = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

/// A longer link is left out: a line may have 998 octets (RFC 5322 §2.1.1).
const LONGEST_LINK: usize = 900;

/// Who is in the header of a message besides the alias.
#[derive(Debug, Clone)]
pub struct Correspondents {
    /// The author, name decoded but not cleaned.
    pub author: Mailbox,
    /// Everybody who needs a reverse address: the author first, then `Reply-To`, `To`, `Cc` and where mail goes to leave
    /// a list, each once; 54 at the most.
    pub outside: Vec<Address>,
    /// How many others `To` and `Cc` name (each once, and what could not be read).
    pub other_recipients: usize,
    /// Entries of `Reply-To`, `To` and `Cc` that could not be read and are not passed on.
    pub unreadable: usize,
}

/// Whose `List-Unsubscribe-Post` is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneClick {
    /// The sender's came under a good signature of its own; ours alone would vouch for what a stranger wrote.
    pub theirs: bool,
    /// Ours will be signed.
    pub ours: bool,
}

/// What the rewriting needs to know. Has no `Debug`: the keys of the map are addresses.
#[derive(Clone)]
pub struct ForwardFacts<'a> {
    /// The alias the message is for.
    pub alias: &'a Address,
    /// Its key, for the trace.
    pub alias_id: AliasId,
    /// Reverse addresses by the folded address they stand for; all of [`Correspondents::outside`].
    pub reverse: &'a HashMap<String, Address>,
    /// What was found out about the sender: whole lines (see [`super::authentication_results`]), or nothing.
    pub results: &'a str,
    /// How the message came in.
    pub received: &'a ReceivedFacts,
    /// Makes and checks trace fields.
    pub trace_key: &'a SecretKey,
    /// Ids of ours that correspondents may name, and the ids the owner's mail client knows those messages by.
    pub message_ids: &'a HashMap<String, String>,
    /// The link to the alias's page, where the message may have one.
    pub manage: Option<&'a str>,
    /// Whose one-click a mail client may press (RFC 8058 §4: a signature has to cover both fields).
    pub one_click: OneClick,
    /// The name we sign `Authentication-Results` with.
    pub authserv_id: &'a str,
}

/// Why no header block could be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// The message is at fault.
    #[error(transparent)]
    Fault(#[from] HeaderFault),
    /// An address has no reverse address: a fault of ours.
    #[error("an address has no reverse address")]
    MissingReverse,
}

/// Finds the author and everybody who needs a reverse address.
pub fn correspondents(block: &HeaderBlock, message: &[u8], alias: &Address) -> Result<Correspondents, HeaderFault> {
    let author = mailboxes::author(block, message)?;
    let recipients = Recipients::read(block, message, alias);
    let replies = replies(block, message);
    let unreadable = recipients.unreadable + replies.iter().map(AddressList::unreadable).sum::<usize>();
    let named = recipients.lists.iter().filter(|_| !recipients.are_hidden());
    let reply_to = replies.iter().filter(|_| !are_crowd(&replies));
    let alias = alias.folded();
    let mut seen = BTreeSet::from([author.address.folded()]);
    let mut outside = vec![author.address.clone()];
    let named = reply_to.chain(named).flat_map(AddressList::mailboxes).map(|mailbox| mailbox.address.clone());
    for address in named.chain(list_fields::unsubscribe_addresses(block, message)) {
        let folded = address.folded();
        if folded != alias && seen.insert(folded) {
            outside.push(address);
        }
    }
    Ok(Correspondents { author, outside, other_recipients: recipients.others, unreadable })
}

/// Writes the new header block: whole lines, each ending in CRLF, without the empty line.
pub fn rewrite(block: &HeaderBlock, message: &[u8], facts: &ForwardFacts) -> Result<Vec<u8>, RewriteError> {
    let author = mailboxes::author(block, message)?;
    let recipients = Recipients::read(block, message, facts.alias);
    let mut out = Vec::with_capacity(block.body_offset() + 1024);
    // Our DKIM signature goes here, in front of everything.
    out.extend_from_slice(facts.results.as_bytes());
    out.extend_from_slice(received::field(facts.received).as_bytes());
    out.extend_from_slice(format!("{}: {}\r\n", trace::NAME, trace::value(facts.trace_key, facts.alias_id)).as_bytes());
    out.extend_from_slice(format!("{ALIAS_FIELD}: {}\r\n", facts.alias).as_bytes());
    let mut unsubscribe = list_fields::unsubscribe(block, message, |address| facts.reverse.get(&address.folded()));
    let keeps_post = unsubscribe.as_ref().is_some_and(|theirs| theirs.has_https) && facts.one_click.theirs;
    manage(facts, unsubscribe.is_none(), &mut out);
    let keeps_replies = !are_crowd(&replies(block, message));
    let mut hidden_written = false;
    let mut written = BTreeSet::new();
    for field in block.fields() {
        let lower = field.name(message).to_ascii_lowercase();
        match lower.as_slice() {
            b"from" => {
                let mut line = Line::new("From");
                line.mailbox(&author, facts)?;
                line.finish(&mut out);
            }
            b"reply-to" if keeps_replies => reply_to(field, message, facts, &mut out)?,
            b"to" | b"cc" if recipients.are_hidden() => {
                if !std::mem::replace(&mut hidden_written, true) {
                    recipients.write_hidden(facts.alias, &mut out);
                }
            }
            b"to" | b"cc" => recipient_field(field, message, facts, &mut written, &mut out)?,
            b"in-reply-to" | b"references" if !facts.message_ids.is_empty() => {
                out.extend_from_slice(&message_id::replace(field, message, facts.message_ids));
                end_line(&mut out);
            }
            b"reply-to" | b"sender" | b"return-path" | b"bcc" => {}
            name if list_fields::asks_for_mail(name) => {}
            name if list_fields::may_be_on_the_web(name) => {
                if let Some(kept) = list_fields::on_the_web(field, message) {
                    out.extend_from_slice(&kept);
                    end_line(&mut out);
                }
            }
            b"list-unsubscribe" => {
                if let Some(theirs) = unsubscribe.take() {
                    out.extend_from_slice(&theirs.field);
                    end_line(&mut out);
                }
            }
            b"list-unsubscribe-post" if !keeps_post => {}
            b"authentication-results" if claims_authserv_id(field.value(message), facts.authserv_id) => {}
            name if name.starts_with(b"x-postern-") && !trace::is_ours(field, message, facts.trace_key) => {}
            _ => copy(field, message, &mut out),
        }
    }
    Ok(out)
}

/// The link to the alias's page, and where the sender says nothing of leaving, the same link for the mail client's own
/// button. A program posts to HTTPS only; without it the button opens the page.
fn manage(facts: &ForwardFacts, is_only_way: bool, out: &mut Vec<u8>) {
    let Some(link) = facts.manage.filter(|link| link.len() <= LONGEST_LINK) else { return };
    out.extend_from_slice(format!("{MANAGE_FIELD}: <{link}>\r\n").as_bytes());
    if is_only_way {
        out.extend_from_slice(format!("List-Unsubscribe: <{link}>\r\n").as_bytes());
        if link.starts_with("https:") && facts.one_click.ours {
            out.extend_from_slice(ONE_CLICK.as_bytes());
        }
    }
}

/// A field as it came; the very last one of a message without a body may lack its line end.
pub(super) fn copy(field: &Field, message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(field.raw(message));
    end_line(out);
}

fn end_line(out: &mut Vec<u8>) {
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

fn reply_to(field: &Field, message: &[u8], facts: &ForwardFacts, out: &mut Vec<u8>) -> Result<(), RewriteError> {
    let list = AddressList::parse(field.value(message));
    let alias = facts.alias.folded();
    let mut line = Line::new("Reply-To");
    for mailbox in list.mailboxes().filter(|mailbox| mailbox.address.folded() != alias) {
        line.mailbox(mailbox, facts)?;
    }
    if !line.is_empty() {
        line.finish(out);
    }
    Ok(())
}

fn replies(block: &HeaderBlock, message: &[u8]) -> Vec<AddressList> {
    lists(block, message, &["Reply-To"]).collect()
}

/// More addresses to reply to than anybody could want: they are left out, and replies go to the author.
fn are_crowd(replies: &[AddressList]) -> bool {
    replies.iter().flat_map(AddressList::mailboxes).count() > HIDE_ABOVE
}

/// Writes a `To` or `Cc`. Who is in `written` already is not named again: a header of one address a thousand times must
/// not grow by the length of the reverse address each time.
fn recipient_field(
    field: &Field,
    message: &[u8],
    facts: &ForwardFacts,
    written: &mut BTreeSet<String>,
    out: &mut Vec<u8>,
) -> Result<(), RewriteError> {
    let list = AddressList::parse(field.value(message));
    let alias = facts.alias.folded();
    if !list.entries.is_empty() && list.unreadable() == 0 && list.mailboxes().all(|mailbox| mailbox.address.folded() == alias) {
        copy(field, message, out);
        return Ok(());
    }
    let is_to = field.is(message, "To");
    let mut line = Line::new(if is_to { "To" } else { "Cc" });
    // A bare word or the name of an empty group says nothing once there are addresses beside it.
    for mailbox in list.mailboxes() {
        let folded = mailbox.address.folded();
        let is_alias = folded == alias;
        match written.insert(folded) {
            true if is_alias => line.mailbox_as(&mailbox.name, &mailbox.address),
            true => line.mailbox(mailbox, facts)?,
            false => {}
        }
    }
    match list.unreadable() {
        0 if is_to && list.mailboxes().next().is_none() => line.item("undisclosed-recipients:;"),
        0 => {}
        1 => line.item("1 unreadable recipient:;"),
        count => line.item(&format!("{count} unreadable recipients:;")),
    }
    if !line.is_empty() {
        line.finish(out);
    }
    Ok(())
}

/// Whether an `Authentication-Results` value names `authserv_id`. When its name can't be told, a mention is enough.
fn claims_authserv_id(value: &[u8], authserv_id: &str) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let results_begin = text.find(';').unwrap_or(text.len());
    let (head, _) = text.split_at_checked(results_begin).unwrap_or((&text, ""));
    let ours = authserv_id.to_ascii_lowercase();
    if head.contains(['(', '"', '\\']) { text.contains(&ours) } else { head.split_ascii_whitespace().any(|word| word == ours) }
}

fn lists<'a>(block: &'a HeaderBlock, message: &'a [u8], names: &'a [&str]) -> impl Iterator<Item = AddressList> + 'a {
    block
        .fields()
        .iter()
        .filter(move |field| names.iter().any(|name| field.is(message, name)))
        .map(|field| AddressList::parse(field.value(message)))
}

/// `To` and `Cc` taken together.
struct Recipients {
    lists: Vec<AddressList>,
    names_alias: bool,
    others: usize,
    unreadable: usize,
}

impl Recipients {
    fn read(block: &HeaderBlock, message: &[u8], alias: &Address) -> Self {
        let lists: Vec<AddressList> = lists(block, message, &["To", "Cc"]).collect();
        let mut distinct: BTreeSet<String> =
            lists.iter().flat_map(AddressList::mailboxes).map(|mailbox| mailbox.address.folded()).collect();
        let names_alias = distinct.remove(&alias.folded());
        let unreadable = lists.iter().map(AddressList::unreadable).sum();
        Self { names_alias, others: distinct.len() + unreadable, unreadable, lists }
    }

    fn are_hidden(&self) -> bool {
        self.others > HIDE_ABOVE
    }

    fn write_hidden(&self, alias: &Address, out: &mut Vec<u8>) {
        let mut line = Line::new("To");
        if self.names_alias {
            line.mailbox_as("", alias);
        }
        line.item(&format!("{} recipients hidden:;", self.others));
        line.finish(out);
    }
}

/// A field of addresses being written, one entry a line.
pub(super) struct Line {
    text: String,
    is_empty: bool,
}

impl Line {
    pub(super) fn new(name: &str) -> Self {
        Self { text: format!("{name}: "), is_empty: true }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Opens the next entry and says at which column it begins.
    fn next(&mut self) -> usize {
        if std::mem::replace(&mut self.is_empty, false) {
            self.text.len()
        } else {
            self.text.push_str(",\r\n ");
            1
        }
    }

    pub(super) fn item(&mut self, text: &str) {
        self.next();
        self.text.push_str(text);
    }

    pub(super) fn mailbox_as(&mut self, name: &str, address: &Address) {
        let column = self.next();
        display_name::write_mailbox(&mut self.text, column, &display_name::clean(name, 64), address);
    }

    /// The reverse address of somebody outside.
    fn mailbox(&mut self, mailbox: &Mailbox, facts: &ForwardFacts) -> Result<(), RewriteError> {
        let reverse = facts.reverse.get(&mailbox.address.folded()).ok_or(RewriteError::MissingReverse)?;
        let column = self.next();
        display_name::write_mailbox(&mut self.text, column, &display_name::shown(&mailbox.name, &mailbox.address), reverse);
        Ok(())
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
