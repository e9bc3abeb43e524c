//! `postern queue list|show|retry|drop`. The operator's view: everybody's deliveries, or one user's with `--user`.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::Config;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::DeliveryId;
use crate::model::{Address, Timestamp};
use crate::service::queue::{self, ChangeError, Entry, GetError};

use super::args::{Handle, QueueCommand};
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};

/// Deliveries read at once.
const PAGE: u32 = 500;

/// A delivery as shown. Its owner and the operator may see the next hop's words.
#[derive(Serialize)]
pub struct View {
    pub(super) id: Handle,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) alias: Option<String>,
    pub(super) recipient: String,
    pub(super) queued_at: String,
    pub(super) next_attempt_at: Option<String>,
    pub(super) attempts: i32,
    /// The API has none for what is settled.
    pub(super) expires_at: Option<String>,
    pub(super) settled_at: Option<String>,
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
}

impl View {
    /// What is shown of a delivery that came through `alias`.
    pub fn of(delivery: &Delivery, alias: Option<&Address>) -> Self {
        let failure = delivery.last_failure.as_ref();
        Self {
            id: Handle::Number(delivery.id.0),
            kind: delivery.kind.as_str().to_owned(),
            state: delivery.state.as_str().to_owned(),
            alias: alias.map(Address::to_string),
            recipient: delivery.recipient.to_string(),
            queued_at: delivery.queued_at.to_rfc3339(),
            next_attempt_at: (delivery.state == DeliveryState::Waiting).then(|| delivery.next_attempt_at.to_rfc3339()),
            attempts: delivery.attempts,
            expires_at: Some(delivery.expires_at.to_rfc3339()),
            settled_at: delivery.settled_at.map(Timestamp::to_rfc3339),
            status: failure.map(|failure| failure.status.clone()),
            reason: failure.map(|failure| failure.detail.reveal().clone()),
        }
    }

    fn of_entry(entry: &Entry) -> Self {
        Self::of(&entry.delivery, entry.alias.as_ref())
    }

    fn why(&self) -> String {
        [self.status.as_deref(), self.reason.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// One line about it.
    pub fn line(&self) -> String {
        printable(&format!("{:<12}{} since {}, {} attempts {}", self.id, self.state, self.queued_at, self.attempts, self.why()))
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut line = |name: &str, value: &str| writeln!(to, "{name:<12}{}", printable(value));
        line("delivery", &self.id.to_string())?;
        line("kind", &self.kind)?;
        line("state", &self.state)?;
        line("alias", self.alias.as_deref().unwrap_or("-"))?;
        line("to", &self.recipient)?;
        line("queued", &self.queued_at)?;
        line("attempts", &self.attempts.to_string())?;
        let expires = self.expires_at.as_deref().unwrap_or("-");
        match (&self.next_attempt_at, &self.settled_at) {
            (Some(next), _) => {
                line("next", next)?;
                line("given up", expires)?;
            }
            (None, None) => line("held until", expires)?,
            (None, settled) => line("ended", settled.as_deref().unwrap_or("-"))?,
        }
        if self.why().is_empty() { Ok(()) } else { line("reason", &self.why()) }
    }
}

#[derive(Serialize)]
struct Retried {
    retried: u64,
}

#[derive(Serialize)]
struct Dropped {
    dropped: Handle,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: QueueCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| match command {
        QueueCommand::List(_) => {
            let user = match user {
                Some(named) => Some(desk::user(desk, Some(named)).await?.id),
                None => None,
            };
            let mut entries: Vec<Entry> = Vec::new();
            loop {
                let page = queue::list(desk, user, entries.last().map(|entry| entry.delivery.id), PAGE).await?;
                if page.is_empty() {
                    break;
                }
                entries.extend(page);
            }
            print_list(&entries.iter().map(View::of_entry).collect::<Vec<View>>(), output)
        }
        QueueCommand::Show(one) => {
            print_shown(&View::of_entry(&queue::get(desk, key(one.id)?).await.map_err(get_failed)?), output)
        }
        QueueCommand::Retry { id, .. } => {
            let id = id.map(key).transpose()?;
            print_retried(queue::retry(desk, id).await.map_err(change_failed)?, output)
        }
        QueueCommand::Drop(one) => {
            queue::cancel(desk, key(one.id)?).await.map_err(change_failed)?;
            print_dropped(one.id, output)
        }
    })
}

fn key(id: Handle) -> Result<DeliveryId, Failure> {
    Ok(DeliveryId(number(id)?))
}

/// Ids are what the API goes by.
pub(super) fn number(id: Handle) -> Result<i64, Failure> {
    match id {
        Handle::Number(number) => Ok(number),
        Handle::Id(_) => Err(Failure::misuse("here it is named by its number", "the list shows it; ids are for --url")),
    }
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "the queue is empty", ["ID", "STATE", "ALIAS", "TRIES", "NEXT", "REASON"], |view| {
        let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        [
            view.id.to_string(),
            view.state.clone(),
            dash(&view.alias),
            view.attempts.to_string(),
            dash(&view.next_attempt_at),
            view.why(),
        ]
    })?)
}

pub(super) fn print_shown(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| view.write(to))?)
}

pub(super) fn print_retried(retried: u64, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(&Retried { retried }, |to| writeln!(to, "{retried} deliveries are due now"))?)
}

pub(super) fn print_dropped(dropped: Handle, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(&Dropped { dropped }, |to| writeln!(to, "delivery {dropped} is given up"))?)
}

pub(super) fn unknown() -> Failure {
    Failure::new("there is no such delivery: it was delivered, or never was", "see `postern queue list`")
}

fn get_failed(error: GetError) -> Failure {
    match error {
        GetError::Unknown => unknown(),
        GetError::Storage(error) => error.into(),
    }
}

fn change_failed(error: ChangeError) -> Failure {
    match error {
        ChangeError::Unknown => unknown(),
        ChangeError::NotWaiting => not_waiting(),
        ChangeError::Held => held(),
        ChangeError::Quarantined => {
            Failure::new("this delivery lies in quarantine", "name it: `postern queue retry ID` or `postern queue drop ID`")
        }
        ChangeError::Storage(error) => error.into(),
    }
}

pub(super) fn not_waiting() -> Failure {
    Failure::new("this delivery does not wait any more", "its content is erased; see `postern queue show`")
}

pub(super) fn held() -> Failure {
    Failure::new(
        "this delivery is held for its owner's decision",
        "see `postern hold show`; the owner may `postern hold release` or `postern hold drop` it",
    )
}
