//! `postern hold list|show|release|drop`.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::Config;
use crate::model::Address;
use crate::model::id::DeliveryId;
use crate::service::hold::{self, Held, HoldError};
use crate::service::queue::Entry;

use super::args::HoldCommand;
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};

/// Deliveries read at once.
const PAGE: u32 = 500;

#[derive(Serialize)]
struct View {
    id: i64,
    alias: Option<String>,
    recipient: String,
    held_since: String,
    held_until: String,
    reason: Option<String>,
}

impl View {
    fn of(entry: &Entry) -> Self {
        let delivery = &entry.delivery;
        Self {
            id: delivery.id.0,
            alias: entry.alias.as_ref().map(Address::to_string),
            recipient: delivery.recipient.to_string(),
            held_since: delivery.queued_at.to_rfc3339(),
            held_until: delivery.expires_at.to_rfc3339(),
            reason: delivery.last_failure.as_ref().map(|failure| failure.detail.reveal().clone()),
        }
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    view: View,
    envelope_sender: Option<String>,
    from: String,
    subject: String,
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
    id: i64,
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
                let views: Vec<View> = entries.iter().map(View::of).collect();
                Ok(output.list(&views, "nothing is held", ["ID", "ALIAS", "TO", "SINCE", "UNTIL"], |view| {
                    let alias = view.alias.clone().unwrap_or_else(|| "-".into());
                    [view.id.to_string(), alias, view.recipient.clone(), view.held_since.clone(), view.held_until.clone()]
                })?)
            }
            HoldCommand::Show(one) => {
                let shown = Shown::of(&hold::show(desk, user, DeliveryId(one.id)).await.map_err(failed)?);
                Ok(output.show(&shown, |to| shown.write(to))?)
            }
            HoldCommand::Release(one) => {
                let expire = config.outbound.expire.0;
                let copies = hold::release(desk, user, DeliveryId(one.id), expire).await.map_err(failed)?;
                let done = Decided { id: one.id, copies };
                Ok(output.show(&done, |to| writeln!(to, "message {} is released and due now", one.id))?)
            }
            HoldCommand::Drop(one) => {
                let copies = hold::drop(desk, user, DeliveryId(one.id)).await.map_err(failed)?;
                let done = Decided { id: one.id, copies };
                Ok(output.show(&done, |to| writeln!(to, "message {} will not be delivered", one.id))?)
            }
        }
    })
}

fn failed(error: HoldError) -> Failure {
    match error {
        HoldError::Unknown => Failure::new("there is no such held message", "see `postern hold list`; --user says whose"),
        HoldError::Storage(error) => error.into(),
    }
}
