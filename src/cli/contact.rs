//! `postern contact new|list|block|unblock`.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::model::Address;
use crate::service::contact::{self, ContactError, Entry};

use super::args::{ContactCommand, OneContact};
use super::failure::Failure;
use super::output::Output;
use super::{alias, desk};

/// Contacts read at once.
const PAGE: u32 = 500;

/// A contact as shown, and as the API tells of it.
#[derive(Serialize, Deserialize)]
pub struct View {
    pub(super) id: String,
    pub(super) address: String,
    /// Stands for it in the owner's mail client.
    reverse_address: String,
    pub(super) blocked: bool,
    created_at: String,
}

impl View {
    fn of(entry: &Entry) -> Self {
        Self {
            id: entry.contact.uuid.to_string(),
            address: entry.contact.address.to_string(),
            reverse_address: entry.reverse.to_string(),
            blocked: entry.contact.is_blocked,
            created_at: entry.contact.created_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize)]
struct Unblocked {
    address: String,
    changed: bool,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: ContactCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        match command {
            ContactCommand::New(OneContact { alias, address }) => {
                print_made(&View::of(&contact::create(desk, user, &alias, address).await.map_err(failed)?), output)
            }
            ContactCommand::List(one) => {
                let mut entries: Vec<Entry> = Vec::new();
                loop {
                    let after = entries.last().map(|entry| entry.contact.id);
                    let page = contact::list(desk, user, &one.alias, after, PAGE).await.map_err(failed)?;
                    if page.is_empty() {
                        break;
                    }
                    entries.extend(page);
                }
                print_list(&entries.iter().map(View::of).collect::<Vec<View>>(), output)
            }
            ContactCommand::Block(OneContact { alias, address }) => {
                print_blocked(&View::of(&contact::block(desk, user, &alias, address).await.map_err(failed)?), &alias, output)
            }
            ContactCommand::Unblock(OneContact { alias, address }) => {
                let changed = contact::unblock(desk, user, &alias, &address).await.map_err(failed)?;
                print_unblocked(&address, changed, &alias, output)
            }
        }
    })
}

/// The address to write to, ready to be copied.
pub(super) fn print_made(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| writeln!(to, "{}", view.reverse_address))?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no contacts yet", ["ADDRESS", "WRITE TO", "BLOCKED", "SINCE"], |view| {
        let blocked = if view.blocked { "yes" } else { "no" }.to_owned();
        [view.address.clone(), view.reverse_address.clone(), blocked, view.created_at.clone()]
    })?)
}

pub(super) fn print_blocked(view: &View, alias: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| writeln!(to, "{} is blocked at {alias}", view.address))?)
}

pub(super) fn print_unblocked(address: &Address, changed: bool, alias: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    let done = Unblocked { address: address.to_string(), changed };
    let already = if changed { "may write to" } else { "was not blocked at" };
    Ok(output.show(&done, |to| writeln!(to, "{} {already} {alias}", done.address))?)
}

/// What a person is told.
pub fn failed(error: ContactError) -> Failure {
    let problem = error.to_string();
    let hint = match error {
        ContactError::UnknownAlias => return alias::unknown(),
        ContactError::Unknown => "see `postern contact list ALIAS`",
        ContactError::NotSomebody => "give the correspondent's own address; see `postern contact list ALIAS`",
        ContactError::Itself => "give somebody else's address",
        ContactError::OwnMailbox => "mail from the alias to it would show that both are yours",
        ContactError::Storage(error) => return error.into(),
    };
    Failure::new(problem, hint)
}
