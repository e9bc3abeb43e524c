//! `postern queue …` and `postern hold …` on an instance elsewhere: the deliveries of the token's user alone. Everybody's
//! are `queue`'s.

use serde::Deserialize;

use super::super::args::{Handle, HoldCommand, QueueCommand};
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::{hold, queue};
use super::client::Client;
use super::fault::Fault;
use super::mailbox::{Named, Refusal};

/// A delivery as the API tells of it.
#[derive(Deserialize)]
struct Delivery {
    id: Handle,
    kind: String,
    state: String,
    alias: Option<Named>,
    recipient: String,
    queued_at: String,
    next_attempt_at: Option<String>,
    attempts: i32,
    expires_at: Option<String>,
    failure: Option<Refusal>,
    settled_at: Option<String>,
}

/// A held message as the API tells of it.
#[derive(Deserialize)]
struct Held {
    delivery: Delivery,
    sender: Option<String>,
    from: String,
    subject: String,
}

#[derive(Deserialize)]
struct Decided {
    copies: u64,
}

impl Delivery {
    fn shown(self) -> queue::View {
        let (status, reason) = self.failure.map(|failure| (failure.status, failure.detail)).unzip();
        queue::View {
            id: self.id,
            kind: self.kind,
            state: self.state,
            alias: self.alias.map(|alias| alias.address),
            recipient: self.recipient,
            queued_at: self.queued_at,
            next_attempt_at: self.next_attempt_at,
            attempts: self.attempts,
            expires_at: self.expires_at,
            settled_at: self.settled_at,
            status,
            reason,
        }
    }

    fn held(self) -> hold::View {
        hold::View {
            id: self.id,
            alias: self.alias.map(|alias| alias.address),
            recipient: self.recipient,
            held_since: self.queued_at,
            held_until: self.expires_at.unwrap_or_default(),
            reason: self.failure.map(|failure| failure.detail),
        }
    }
}

/// What waits, failed or was cancelled at one alias.
pub async fn of_alias(client: &Client, alias: &str) -> Result<Vec<queue::View>, Failure> {
    let all: Vec<Delivery> = client.all(&["deliveries"], &[]).await?;
    let is_its = |delivery: &Delivery| delivery.alias.as_ref().is_some_and(|named| named.id == alias);
    Ok(all.into_iter().filter(is_its).map(Delivery::shown).collect())
}

/// Numbers are what the database goes by.
pub(super) fn id(handle: Handle) -> Result<String, Failure> {
    match handle {
        Handle::Id(id) => Ok(id.to_string()),
        Handle::Number(_) => Err(Failure::misuse("with --url it is named by its id", "the list shows it")),
    }
}

/// Runs a `postern queue …`.
pub async fn run_queue(client: &Client, command: QueueCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        QueueCommand::List(_) => {
            let all: Vec<Delivery> = client.all(&["deliveries"], &[]).await?;
            queue::print_list(&all.into_iter().map(Delivery::shown).collect::<Vec<_>>(), output)
        }
        QueueCommand::Show(one) => queue::print_shown(&find(client, one.id).await?.shown(), output),
        QueueCommand::Retry { id: Some(handle), .. } => {
            waiting(&find(client, handle).await?)?;
            retry(client, &id(handle)?).await.map_err(|fault| fault.or_missing(queue::unknown))?;
            queue::print_retried(1, output)
        }
        QueueCommand::Retry { id: None, .. } => {
            let all: Vec<Delivery> = client.all(&["deliveries"], &[("state", "waiting")]).await?;
            let mut retried = 0;
            for delivery in all {
                match retry(client, &delivery.id.to_string()).await {
                    Ok(()) => retried += 1,
                    // It went out, or was given up, meanwhile.
                    Err(Fault::Refused { status: 404 | 409, .. }) => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
            queue::print_retried(retried, output)
        }
        QueueCommand::Drop(one) => {
            // What was given up already would be forgotten.
            waiting(&find(client, one.id).await?)?;
            let done = client.delete::<()>(&["deliveries", &id(one.id)?]).await;
            done.map_err(|fault| fault.or_missing(queue::unknown))?;
            queue::print_dropped(one.id, output)
        }
    }
}

async fn find(client: &Client, handle: Handle) -> Result<Delivery, Failure> {
    client.get(&["deliveries", &id(handle)?]).await.map_err(|fault| fault.or_missing(queue::unknown))
}

fn waiting(delivery: &Delivery) -> Result<(), Failure> {
    match delivery.state.as_str() {
        "waiting" => Ok(()),
        "held" => Err(queue::held()),
        _ => Err(queue::not_waiting()),
    }
}

async fn retry(client: &Client, id: &str) -> Result<(), Fault> {
    client.act(&["deliveries", id, "retry"], None::<&()>).await
}

/// Runs a `postern hold …`.
pub async fn run_hold(client: &Client, command: HoldCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        HoldCommand::List => {
            let all: Vec<Delivery> = client.all(&["holds"], &[]).await?;
            hold::print_list(&all.into_iter().map(Delivery::held).collect::<Vec<_>>(), output)
        }
        HoldCommand::Show(one) => {
            let held: Held = client.get(&["holds", &id(one.id)?]).await.map_err(|fault| fault.or_missing(hold::unknown))?;
            let Held { delivery, sender, from, subject } = held;
            hold::print_shown(&hold::Shown { view: delivery.held(), envelope_sender: sender, from, subject }, output)
        }
        HoldCommand::Release(one) => {
            let done = client.act(&["holds", &id(one.id)?, "release"], None::<&()>).await;
            let Decided { copies } = done.map_err(|fault| fault.or_missing(hold::unknown))?;
            hold::print_released(one.id, copies, output)
        }
        HoldCommand::Drop(one) => {
            let done = client.delete(&["holds", &id(one.id)?]).await;
            let Decided { copies } = done.map_err(|fault| fault.or_missing(hold::unknown))?;
            hold::print_dropped(one.id, copies, output)
        }
    }
}
