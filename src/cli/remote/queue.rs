//! `postern queue … --everybody` on an instance elsewhere, with a token of the scope admin. What is told of there has no
//! addresses but their domains.

use serde::Deserialize;
use serde_json::json;

use super::super::args::{Handle, QueueCommand};
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::queue::{self, View};
use super::client::Client;
use super::delivery::id;
use super::mailbox::Refusal;

/// Somebody's delivery as the API tells of it.
#[derive(Deserialize)]
struct Delivery {
    id: Handle,
    kind: String,
    state: String,
    recipient_domain: String,
    queued_at: String,
    next_attempt_at: Option<String>,
    attempts: i32,
    expires_at: Option<String>,
    failure: Option<Refusal>,
    settled_at: Option<String>,
}

#[derive(Deserialize)]
struct Due {
    retried: u64,
}

impl Delivery {
    fn shown(self) -> View {
        let (status, reason) = self.failure.map(|failure| (failure.status, failure.detail)).unzip();
        View {
            id: self.id,
            kind: self.kind,
            state: self.state,
            alias: None,
            recipient: self.recipient_domain,
            queued_at: self.queued_at,
            next_attempt_at: self.next_attempt_at,
            attempts: self.attempts,
            expires_at: self.expires_at,
            settled_at: self.settled_at,
            status,
            reason,
        }
    }
}

/// Whether a command is about more than the token's user.
pub fn is_everybodys(command: &QueueCommand) -> bool {
    match command {
        QueueCommand::List(whose) | QueueCommand::Retry { whose, .. } => whose.everybody,
        QueueCommand::Show(one) | QueueCommand::Drop(one) => one.whose.everybody,
    }
}

/// Runs one of them.
pub async fn run(client: &Client, command: QueueCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        QueueCommand::List(_) => {
            let all: Vec<Delivery> = client.all(&["admin", "queue", "deliveries"], &[]).await?;
            queue::print_list(&all.into_iter().map(Delivery::shown).collect::<Vec<_>>(), output)
        }
        QueueCommand::Show(one) => {
            let found: Delivery = client
                .get(&["admin", "queue", "deliveries", &id(one.id)?])
                .await
                .map_err(|fault| fault.or_missing(queue::unknown))?;
            queue::print_shown(&found.shown(), output)
        }
        QueueCommand::Retry { id: Some(handle), .. } => {
            let done = client.act::<()>(&["admin", "queue", "deliveries", &id(handle)?, "retry"], None::<&()>).await;
            done.map_err(|fault| fault.or_missing(queue::unknown))?;
            queue::print_retried(1, output)
        }
        QueueCommand::Retry { id: None, .. } => {
            let Due { retried } = client.act(&["admin", "queue", "retry"], None::<&()>).await?;
            queue::print_retried(retried, output)
        }
        QueueCommand::Drop(one) => {
            let done = client.act::<()>(&["admin", "queue", "deliveries", &id(one.id)?, "drop"], Some(&json!({}))).await;
            done.map_err(|fault| fault.or_missing(queue::unknown))?;
            queue::print_dropped(one.id, output)
        }
    }
}
