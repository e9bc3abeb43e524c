//! `postern mailbox add|list|show|test|key|default|remove`; `mailbox_move` has the rest.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::app::{self, Environment};
use crate::config::Config;
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::{Address, DomainName, Timestamp};
use crate::service::Desk;
use crate::service::mailbox::{self, AddError, DefaultError, RemoveError};
use crate::service::mailbox_move::Plan;
use crate::service::mailbox_test::{TestError, Tested};
use crate::service::verification::{self, Sent};

use super::args::MailboxCommand;
use super::desk;
use super::failure::Failure;
use super::mailbox_move;
use super::output::{Output, printable};
use super::pgp_key;

/// A mailbox as shown, and as the API tells of it.
#[derive(Serialize, Deserialize)]
pub struct View {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) verified_at: Option<String>,
    #[serde(alias = "is_default")]
    default: bool,
    created_at: String,
    pub(super) paused: Option<PauseView>,
}

/// Why nothing goes to a mailbox.
#[derive(Serialize, Deserialize)]
pub(super) struct PauseView {
    since: String,
    status: String,
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
            paused: mailbox.paused.as_ref().map(|pause| PauseView { since: pause.at.to_rfc3339(), status: pause.status.clone() }),
        }
    }

    /// Whether mail goes there, and what to do if not.
    pub fn write_verification(&self, to: &mut dyn Write) -> io::Result<()> {
        match (&self.paused, &self.verified_at) {
            (Some(pause), _) => writeln!(
                to,
                "WARNING: {0} is paused since {1}: its own server refuses it ({2}).\n\
                 Nothing is sent there; test and resume it with `postern mailbox test {0}`",
                self.address, pause.since, pause.status
            ),
            (None, Some(_)) => writeln!(to, "mail is forwarded to {}", self.address),
            (None, None) => {
                writeln!(to, "nothing is forwarded to {0} until it is verified (--verified: you vouch for it)", self.address)
            }
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
                let (added, sent) = add(config, desk, user, email, verified).await?;
                print_added(&View::of(&added), sent, output)
            }
            MailboxCommand::List => {
                let views: Vec<View> = mailbox::list(desk, user).await?.iter().map(View::of).collect();
                print_list(&views, output)
            }
            MailboxCommand::Show(one) => {
                print_shown(&View::of(&mailbox::find(desk, user, &one.email).await?.ok_or_else(unknown)?), output)
            }
            MailboxCommand::Test(one) => {
                let mailbox = mailbox::find(desk, user, &one.email).await?.ok_or_else(unknown)?;
                test(config, desk, &mailbox, output).await
            }
            MailboxCommand::Move { old, new, verified, sign_in } => {
                let plan = Plan { user, old, new, moves_sign_in: sign_in };
                mailbox_move::run(config, desk, plan, verified, output).await
            }
            MailboxCommand::CancelMove(one) => mailbox_move::cancel(desk, user, &one.email, output).await,
            MailboxCommand::Key(key) => pgp_key::run(desk, user, key, output).await,
            MailboxCommand::Default(one) => {
                mailbox::make_default(desk, user, &one.email).await.map_err(default_failed)?;
                print_default(&View::of(&mailbox::find(desk, user, &one.email).await?.ok_or_else(unknown)?), output)
            }
            MailboxCommand::Remove { email } => {
                mailbox::remove(desk, user, &email).await.map_err(remove_failed)?;
                print_removed(&email, output)
            }
        }
    })
}

pub(super) fn print_added(view: &View, sent: Option<Sent>, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| {
        write_sent(sent, &view.address, to)?;
        view.write_verification(to)
    })?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no mailboxes", ["ADDRESS", "VERIFIED", "DEFAULT", "SINCE", "STATE"], |view| {
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let paused = view.paused.as_ref().map(|pause| format!("PAUSED, refused with {}", pause.status));
        let state = paused.unwrap_or_else(|| "ok".to_owned());
        [view.address.clone(), yes(view.verified_at.is_some()), yes(view.default), view.created_at.clone(), state]
    })?)
}

pub(super) fn print_shown(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| view.write_verification(to))?)
}

pub(super) fn print_default(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| writeln!(to, "new aliases forward to {}", view.address))?)
}

pub(super) fn print_removed(email: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    let removed = Removed { removed: email.to_string() };
    Ok(output.show(&removed, |to| writeln!(to, "{} is removed", removed.removed))?)
}

/// Adds it; unless the operator vouches for it, the link that verifies it is put into the queue.
async fn add(
    config: &Config,
    desk: &Desk,
    user: UserId,
    email: Address,
    verified: bool,
) -> Result<(Mailbox, Option<Sent>), Failure> {
    let Some(domain) = first_domain(config).filter(|_| !verified) else {
        return Ok((mailbox::add(desk, user, email, verified).await.map_err(add_failed)?, None));
    };
    let added = verification::add(desk, &domain, config.instance.public_url.trim_end_matches('/'), user, email).await;
    added.map(|(mailbox, sent)| (mailbox, Some(sent))).map_err(add_failed)
}

/// What letters are written from.
pub(super) fn first_domain(config: &Config) -> Option<DomainName> {
    config.instance.domains.first().and_then(|name| DomainName::parse(name).ok())
}

pub(super) fn write_sent(sent: Option<Sent>, address: &str, to: &mut dyn Write) -> io::Result<()> {
    match sent {
        Some(Sent::Mailed) => writeln!(to, "a link that verifies it is on its way to {address}"),
        Some(Sent::Enough) => writeln!(to, "no link was mailed to {address}: enough went out within the last hour"),
        Some(Sent::Needless) | None => Ok(()),
    }
}

/// What its server said.
#[derive(Serialize)]
pub(super) struct TestView {
    pub(super) address: String,
    pub(super) taken: bool,
    pub(super) resumed: bool,
    pub(super) due: u64,
}

async fn test(config: &Config, desk: &Desk, mailbox: &Mailbox, output: &mut Output<'_>) -> Result<(), Failure> {
    let tested = app::test_mailbox(config, &Environment::system(), desk, mailbox).await?.map_err(test_failed)?;
    let address = mailbox.address.to_string();
    let (resumed, due, failure) = match tested {
        Tested::Taken { resumed, due } => (resumed, due, None),
        Tested::Refused(failure) | Tested::Unanswered(failure) => (false, 0, Some(failure)),
    };
    let Some(failure) = failure else {
        return print_test(&TestView { address, taken: true, resumed, due }, output);
    };
    Err(not_taken(&failure.status, failure.detail.reveal(), mailbox.paused.is_some()))
}

pub(super) fn print_test(view: &TestView, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| {
        writeln!(to, "the server of {} took the test message", view.address)?;
        if view.resumed {
            writeln!(to, "the mailbox is resumed; {} deliveries that waited for it are due now", view.due)
        } else {
            Ok(())
        }
    })?)
}

pub(super) fn not_taken(status: &str, said: &str, is_paused: bool) -> Failure {
    let hint = if is_paused {
        "the mailbox stays paused; move it with `postern mailbox move OLD NEW` when it is gone for good"
    } else {
        "ask its provider; mail that is refused is shown by `postern queue list`"
    };
    Failure::new(format!("the test message was not taken ({status}): {}", printable(said)), hint)
}

fn test_failed(error: TestError) -> Failure {
    match error {
        TestError::Unverified => Failure::new("this mailbox is not verified", "nothing is sent to it before"),
        TestError::Unsigned(error) => {
            Failure::new(format!("the test message could not be signed: {error}"), "start the instance once: that makes the keys")
        }
        TestError::Storage(error) => error.into(),
    }
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
        AddError::TooMany => Failure::new(error.to_string(), "see `postern mailbox list`"),
        AddError::Taken => Failure::new("this mailbox is there already", "see `postern mailbox list`"),
        AddError::OwnDomain => own_domain(),
        AddError::Storage(error) => error.into(),
    }
}

fn default_failed(error: DefaultError) -> Failure {
    match error {
        DefaultError::Unknown => unknown(),
        DefaultError::Unverified => Failure::new("this mailbox is not verified", "follow the link that was mailed to it first"),
        DefaultError::Paused => Failure::new("this mailbox is paused", "test it first: `postern mailbox test EMAIL`"),
        DefaultError::Storage(error) => error.into(),
    }
}

fn remove_failed(error: RemoveError) -> Failure {
    let move_it = "move it with `postern mailbox move OLD NEW`: its aliases follow";
    match error {
        RemoveError::Unknown => unknown(),
        RemoveError::Default => Failure::new("this is the default mailbox", move_it),
        RemoveError::SignsIn => Failure::new(
            "its user signs in with this address",
            "move it with `postern mailbox move OLD NEW --sign-in`: the address they sign in with follows",
        ),
        RemoveError::OnlyOne(count) => Failure::new(format!("this is the only mailbox of {count} aliases"), move_it),
        RemoveError::Storage(error) => error.into(),
    }
}
