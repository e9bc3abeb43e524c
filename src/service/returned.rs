//! The owner's own message came back, or was given up: its owner is told in the alias's words.
//!
//! The report itself is written by a stranger and goes nowhere; of its words one cleaned line is quoted. What a machine
//! answered in the owner's place (null reverse-path) is missed by nobody, and nobody is told.

use std::time::Duration;

use super::broker::Broker;
use super::notice::Telling;
use super::settle::Held;
use crate::model::alias::Alias;
use crate::model::delivery::Failure;
use crate::model::notice::NoticeKind;
use crate::model::{Address, Severity};
use crate::storage::{self, alias, queue};
use crate::transform::notice::Letter;
use crate::transform::report;
use crate::transform::scrub::Neutral;

/// One message is told of once; longer than its bounce address is taken.
const QUIET: Duration = Duration::from_hours(60 * 24);

/// What came back.
#[derive(Debug)]
pub(super) struct Returned<'a> {
    /// Which message: the same text for the same one.
    pub about: String,
    /// The alias it went out from.
    pub alias: &'a Alias,
    /// Whom it was for.
    pub contact: &'a Address,
    /// When it was sent, for people.
    pub date: String,
    /// Why, with the remote server's words.
    pub failure: &'a Failure,
    /// Where our pages are seen from outside.
    pub url: &'a str,
}

impl Returned<'_> {
    /// What its owner is told.
    pub fn telling(&self) -> Telling {
        Telling {
            user_id: self.alias.user_id,
            kind: NoticeKind::ReplyBounced,
            about: self.about.clone(),
            quiet_for: QUIET,
            letter: letter(&self.alias.address, self.contact, &self.date, self.failure, self.url),
            except: None,
        }
    }
}

/// `date`: when the message was sent, for people.
pub(super) fn letter(alias: &Address, contact: &Address, date: &str, failure: &Failure, url: &str) -> Letter {
    let mut paragraphs = vec![
        format!("Your message from {alias} to {contact} of {date} could not be delivered: {}.", reason(failure)),
        format!("Status {}.", failure.status),
    ];
    let words = report::quotable(failure.detail.reveal());
    if !words.is_empty() {
        paragraphs.push(format!("What the other side wrote about it:\n> {words}"));
    }
    let action = Some(("See all that was not delivered".into(), format!("{url}/failures")));
    Letter { subject: "Your message could not be delivered".into(), paragraphs, action }
}

fn reason(failure: &Failure) -> &'static str {
    let status = failure.status.as_str();
    match Severity::of(status, failure.detail.reveal()) {
        Severity::Hard => "its recipient's server says that there is no such address",
        _ if status.ends_with(".2.2") => "its recipient's mailbox is full",
        _ if matches!(status, "5.2.3" | "5.3.4") => "it is too large for its recipient",
        _ if status.starts_with("5.7.") => "its recipient's server refused it by its policy",
        _ if Neutral::of(failure).reply().is_permanent() => "its recipient's server refused it",
        _ => "it could not be handed over in time",
    }
}

/// The telling for a reply the queue gives up; `None` when nobody misses it.
pub(super) async fn of_queue(broker: &Broker, held: &Held, failure: &Failure) -> Result<Option<Telling>, storage::Error> {
    let mut tx = broker.storage().read().await?;
    let Some(row) = queue::find(&mut tx, held.id).await?.filter(|row| row.sender.is_some()) else { return Ok(None) };
    let Some(alias_id) = held.alias_id else { return Ok(None) };
    let Some(alias) = alias::find(&mut tx, alias_id).await? else { return Ok(None) };
    let returned = Returned {
        about: row.uuid.to_string(),
        alias: &alias,
        contact: &row.recipient,
        date: row.queued_at.to_rfc5322(),
        failure,
        url: &broker.rules.public_url,
    };
    Ok(Some(returned.telling()))
}
