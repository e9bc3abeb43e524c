//! `postern mailbox …` on an instance elsewhere.

use serde::Deserialize;
use serde_json::json;

use super::super::args::{MailboxCommand, OneMailbox};
use super::super::failure::Failure;
use super::super::mailbox::{self, TestView, View};
use super::super::output::Output;
use super::client::Client;
use crate::model::Address;
use crate::service::verification::Sent;

/// A thing as others name it.
#[derive(Deserialize)]
pub struct Named {
    pub(super) id: String,
    pub(super) address: String,
}

/// A mailbox that was added, and what was done to verify it.
#[derive(Deserialize)]
struct Added {
    #[serde(flatten)]
    view: View,
    letter: Option<String>,
}

#[derive(Deserialize)]
struct Tested {
    resumed: bool,
    due: u64,
    failure: Option<Refusal>,
}

/// Why mail was not taken.
#[derive(Deserialize)]
pub struct Refusal {
    pub(super) status: String,
    pub(super) detail: String,
}

/// Runs one of them; those that are not here were refused before.
pub async fn run(client: &Client, command: MailboxCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        MailboxCommand::Add { email, .. } => {
            let Added { view, letter } = client.make(&["mailboxes"], &json!({ "address": email.to_string() })).await?;
            mailbox::print_added(&view, letter.as_deref().and_then(sent), output)
        }
        MailboxCommand::List => mailbox::print_list(&client.whole::<View>(&["mailboxes"]).await?, output),
        MailboxCommand::Show(one) => mailbox::print_shown(&find(client, &one.email).await?, output),
        MailboxCommand::Test(one) => test(client, one, output).await,
        MailboxCommand::Default(one) => {
            let found = find(client, &one.email).await?;
            let done = client.act::<View>(&["mailboxes", &found.id, "default"], None::<&()>).await;
            mailbox::print_default(&done.map_err(|fault| fault.or_missing(mailbox::unknown))?, output)
        }
        MailboxCommand::Remove { email } => {
            let found = find(client, &email).await?;
            client.delete::<()>(&["mailboxes", &found.id]).await.map_err(|fault| fault.or_missing(mailbox::unknown))?;
            mailbox::print_removed(&email, output)
        }
        MailboxCommand::Move { .. } | MailboxCommand::CancelMove(_) | MailboxCommand::Key(_) => Err(super::elsewhere("mailbox")),
    }
}

fn sent(letter: &str) -> Option<Sent> {
    match letter {
        "sent" => Some(Sent::Mailed),
        "enough" => Some(Sent::Enough),
        _ => None,
    }
}

async fn find(client: &Client, email: &Address) -> Result<View, Failure> {
    let key = email.folded();
    let all: Vec<View> = client.whole(&["mailboxes"]).await?;
    let is_it = |view: &View| Address::parse(&view.address).is_ok_and(|address| address.folded() == key);
    all.into_iter().find(is_it).ok_or_else(mailbox::unknown)
}

async fn test(client: &Client, one: OneMailbox, output: &mut Output<'_>) -> Result<(), Failure> {
    let found = find(client, &one.email).await?;
    let done = client.act(&["mailboxes", &found.id, "test"], None::<&()>).await;
    let Tested { resumed, due, failure } = done.map_err(|fault| fault.or_missing(mailbox::unknown))?;
    match failure {
        None => mailbox::print_test(&TestView { address: found.address, taken: true, resumed, due }, output),
        Some(failure) => Err(mailbox::not_taken(&failure.status, &failure.detail, found.paused.is_some())),
    }
}
