//! `postern hold list|show|release|drop`.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::Config;
use crate::model::Address;
use crate::model::id::DeliveryId;
use crate::service::hold::{self, Held, HoldError};
use crate::service::queue::Entry;

use super::args::{Handle, HoldCommand};
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};
use super::queue::number;

/// Deliveries read at once.
const PAGE: u32 = 500;

/// A held message as listed.
#[derive(Serialize)]
pub struct View {
    pub(super) id: Handle,
    pub(super) alias: Option<String>,
    pub(super) recipient: String,
    pub(super) held_since: String,
    pub(super) held_until: String,
    pub(super) reason: Option<String>,
}

impl View {
    fn of(entry: &Entry) -> Self {
        let delivery = &entry.delivery;
        Self {
            id: Handle::Number(delivery.id.0),
            alias: entry.alias.as_ref().map(Address::to_string),
            recipient: delivery.recipient.to_string(),
            held_since: delivery.queued_at.to_rfc3339(),
            held_until: delivery.expires_at.to_rfc3339(),
            reason: delivery.last_failure.as_ref().map(|failure| failure.detail.reveal().clone()),
        }
    }
}

/// What its owner decides by.
#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    pub(super) view: View,
    pub(super) envelope_sender: Option<String>,
    pub(super) from: String,
    pub(super) subject: String,
}

impl Shown {
    fn of(held: &Held) -> Self {
        Self {
            view: View::of(&held.entry),
            envelope_sender: held.sender.as_ref().map(Address::to_string),
            from: held.from.reveal().clone(),
            subject: held.subject.reveal().clone(),
        }
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut line = |name: &str, value: &str| writeln!(to, "{name:<12}{}", printable(value));
        line("delivery", &self.view.id.to_string())?;
        line("alias", self.view.alias.as_deref().unwrap_or("-"))?;
        line("to", &self.view.recipient)?;
        line("from", &self.from)?;
        line("sender", self.envelope_sender.as_deref().unwrap_or("<>"))?;
        line("subject", &self.subject)?;
        line("since", &self.view.held_since)?;
        line("until", &self.view.held_until)?;
        line("reason", self.view.reason.as_deref().unwrap_or("-"))
    }
}

#[derive(Serialize)]
struct Decided {
    id: Handle,
    /// Copies: one for each mailbox of the alias.
    copies: u64,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: HoldCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        match command {
            HoldCommand::List => {
                let mut entries: Vec<Entry> = Vec::new();
                loop {
                    let page = hold::list(desk, user, entries.last().map(|entry| entry.delivery.id), PAGE).await?;
                    if page.is_empty() {
                        break;
                    }
                    entries.extend(page);
                }
                print_list(&entries.iter().map(View::of).collect::<Vec<View>>(), output)
            }
            HoldCommand::Show(one) => {
                print_shown(&Shown::of(&hold::show(desk, user, key(one.id)?).await.map_err(failed)?), output)
            }
            HoldCommand::Release(one) => {
                let expire = config.outbound.expire.0;
                let copies = hold::release(desk, user, key(one.id)?, expire).await.map_err(failed)?;
                print_released(one.id, copies, output)
            }
            HoldCommand::Drop(one) => {
                let copies = hold::drop(desk, user, key(one.id)?).await.map_err(failed)?;
                print_dropped(one.id, copies, output)
            }
        }
    })
}

fn key(id: Handle) -> Result<DeliveryId, Failure> {
    Ok(DeliveryId(number(id)?))
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "nothing is held", ["ID", "ALIAS", "TO", "SINCE", "UNTIL"], |view| {
        let alias = view.alias.clone().unwrap_or_else(|| "-".into());
        [view.id.to_string(), alias, view.recipient.clone(), view.held_since.clone(), view.held_until.clone()]
    })?)
}

pub(super) fn print_shown(shown: &Shown, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(shown, |to| shown.write(to))?)
}

pub(super) fn print_released(id: Handle, copies: u64, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(&Decided { id, copies }, |to| writeln!(to, "message {id} is released and due now"))?)
}

pub(super) fn print_dropped(id: Handle, copies: u64, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(&Decided { id, copies }, |to| writeln!(to, "message {id} will not be delivered"))?)
}

pub(super) fn unknown() -> Failure {
    Failure::new("there is no such held message", "see `postern hold list`; --user says whose")
}

fn failed(error: HoldError) -> Failure {
    match error {
        HoldError::Unknown => unknown(),
        HoldError::Storage(error) => error.into(),
    }
}
