//! `postern mailbox add|list|move|key|remove`.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::Config;
use crate::model::mailbox::Mailbox;
use crate::model::{Address, Timestamp};
use crate::service::mailbox::{self, AddError, MoveError, RemoveError};

use super::args::MailboxCommand;
use super::desk;
use super::failure::Failure;
use super::output::Output;
use super::pgp_key;

/// A mailbox as shown.
#[derive(Serialize)]
pub struct View {
    id: String,
    address: String,
    verified_at: Option<String>,
    default: bool,
    created_at: String,
}

impl View {
    /// What is shown of it.
    pub fn of(mailbox: &Mailbox) -> Self {
        Self {
            id: mailbox.uuid.to_string(),
            address: mailbox.address.to_string(),
            verified_at: mailbox.verified_at.map(Timestamp::to_rfc3339),
            default: mailbox.is_default,
            created_at: mailbox.created_at.to_rfc3339(),
        }
    }

    /// Whether mail goes there, and what to do if not.
    pub fn write_verification(&self, to: &mut dyn Write) -> io::Result<()> {
        match self.verified_at {
            Some(_) => writeln!(to, "mail is forwarded to {}", self.address),
            None => writeln!(to, "nothing is forwarded to {0} until it is verified (--verified: you vouch for it)", self.address),
        }
    }
}

#[derive(Serialize)]
struct Removed {
    removed: String,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: MailboxCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        match command {
            MailboxCommand::Add { email, verified } => {
                let view = View::of(&mailbox::add(desk, user, email, verified).await.map_err(add_failed)?);
                Ok(output.show(&view, |to| view.write_verification(to))?)
            }
            MailboxCommand::List => {
                let views: Vec<View> = mailbox::list(desk, user).await?.iter().map(View::of).collect();
                Ok(output.list(&views, "no mailboxes", ["ADDRESS", "VERIFIED", "DEFAULT", "SINCE"], |view| {
                    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
                    [view.address.clone(), yes(view.verified_at.is_some()), yes(view.default), view.created_at.clone()]
                })?)
            }
            MailboxCommand::Move { old, new, verified } => {
                let moved = mailbox::relocate(desk, user, &old, new, verified).await.map_err(move_failed)?;
                let view = View::of(&moved);
                Ok(output.show(&view, |to| {
                    writeln!(to, "every alias that forwarded to {old} forwards to {} now", view.address)?;
                    view.write_verification(to)
                })?)
            }
            MailboxCommand::Key(key) => pgp_key::run(desk, user, key, output).await,
            MailboxCommand::Remove { email } => {
                mailbox::remove(desk, user, &email).await.map_err(remove_failed)?;
                let removed = Removed { removed: email.to_string() };
                Ok(output.show(&removed, |to| writeln!(to, "{} is removed", removed.removed))?)
            }
        }
    })
}

/// A mailbox on one of our domains would send mail round in circles.
pub fn own_domain() -> Failure {
    Failure::new(
        "this address is on a domain of this instance",
        "give a mailbox elsewhere: mail to an alias must leave this instance",
    )
}

pub(super) fn unknown() -> Failure {
    Failure::new("there is no such mailbox", "see `postern mailbox list`")
}

fn add_failed(error: AddError) -> Failure {
    match error {
        AddError::Taken => Failure::new("this mailbox is there already", "see `postern mailbox list`"),
        AddError::OwnDomain => own_domain(),
        AddError::Storage(error) => error.into(),
    }
}

fn move_failed(error: MoveError) -> Failure {
    match error {
        MoveError::Unknown => unknown(),
        MoveError::OwnDomain => own_domain(),
        MoveError::Unverified => Failure::new(
            "the new address is a mailbox that is not verified yet: its aliases would fall silent",
            "say --verified if you vouch for it",
        ),
        MoveError::Storage(error) => error.into(),
    }
}

fn remove_failed(error: RemoveError) -> Failure {
    let move_it = "move it with `postern mailbox move OLD NEW`: its aliases follow";
    match error {
        RemoveError::Unknown => unknown(),
        RemoveError::Default => Failure::new("this is the default mailbox", move_it),
        RemoveError::OnlyOne(count) => Failure::new(format!("this is the only mailbox of {count} aliases"), move_it),
        RemoveError::Storage(error) => error.into(),
    }
}
