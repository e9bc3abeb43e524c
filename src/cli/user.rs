//! `postern user add|passwd|list|set|name-key|remove`.

use serde::Serialize;

use crate::config::Config;
use crate::model::Address;
use crate::model::user::User;
use crate::service::Desk;
use crate::service::factor;
use crate::service::signed_name::{self, KeyChangeError};
use crate::service::user::{self, AddError, ChangeError, NewUser, Settings};
use crate::service::verification::Sent;

use super::args::{NameKeyArgs, UserCommand};
use super::failure::Failure;
use super::output::Output;
use super::{desk, mailbox, password};

/// Users read at once.
const PAGE: u32 = 500;

/// A user as shown.
#[derive(Serialize)]
pub struct View {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) admin: bool,
    pub(super) on_quarantine: String,
    pub(super) replace_quoted: bool,
    pub(super) created_at: String,
}

impl View {
    fn of(user: &User) -> Self {
        Self {
            id: user.uuid.to_string(),
            email: user.email.to_string(),
            admin: user.is_admin,
            on_quarantine: user.on_quarantine.as_str().to_owned(),
            replace_quoted: user.replace_quoted,
            created_at: user.created_at.to_rfc3339(),
        }
    }
}

/// A user in the list.
#[derive(Serialize)]
pub struct Listed {
    #[serde(flatten)]
    pub(super) user: View,
    pub(super) second_factor: bool,
}

/// A user who was added.
#[derive(Serialize)]
pub struct Added {
    #[serde(flatten)]
    pub(super) user: View,
    pub(super) mailbox: mailbox::View,
}

#[derive(Serialize)]
struct Removed {
    removed: String,
    retired_aliases: u64,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: UserCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| match command {
        UserCommand::Add { email, admin, verified } => {
            let new = NewUser { email, is_admin: admin, verified };
            let (user, mailbox) = user::add(desk, new).await.map_err(add_failed)?;
            let added = Added { user: View::of(&user), mailbox: mailbox::View::of(&mailbox) };
            print_added(&added, None, output)
        }
        UserCommand::Passwd { email, password_stdin, reset_second_factors } => {
            password::change(desk, &email, password_stdin, reset_second_factors, output).await
        }
        UserCommand::List => {
            let mut users: Vec<User> = Vec::new();
            loop {
                let page = user::list(desk, users.last().map(|user| user.id), PAGE).await?;
                if page.is_empty() {
                    break;
                }
                users.extend(page);
            }
            let with_factor = factor::list_users(desk).await?;
            let row = |user: &User| Listed { user: View::of(user), second_factor: with_factor.contains(&user.id) };
            let views: Vec<Listed> = users.iter().map(row).collect();
            print_list(&views, output)
        }
        UserCommand::Set(args) => {
            let user = desk::user(desk, user).await?;
            let settings = Settings { on_quarantine: args.on_quarantine, replace_quoted: args.replace_quoted };
            let view = View::of(&user::set(desk, user.id, settings).await.map_err(unknown)?);
            Ok(output.show(&view, |to| {
                let quoted = if view.replace_quoted { "on" } else { "off" };
                writeln!(to, "{}: on-quarantine {}, replace-quoted {quoted}", view.email, view.on_quarantine)
            })?)
        }
        UserCommand::NameKey(args) => name_key(desk, user, &args, output).await,
        UserCommand::Remove { email } => {
            let user = desk::user(desk, Some(&email)).await?;
            let retired = user::remove(desk, user.id).await.map_err(unknown)?;
            print_removed(&user.email.to_string(), retired, output)
        }
    })
}

pub(super) fn print_added(added: &Added, sent: Option<Sent>, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(added, |to| {
        writeln!(to, "{} is a user now", added.user.email)?;
        mailbox::write_sent(sent, &added.mailbox.address, to)?;
        added.mailbox.write_verification(to)
    })?)
}

pub(super) fn print_list(views: &[Listed], output: &mut Output<'_>) -> Result<(), Failure> {
    let yes = |is_so| if is_so { "yes" } else { "no" }.to_owned();
    Ok(output.list(views, "no users yet", ["EMAIL", "ADMIN", "SECOND FACTOR", "SINCE"], |view| {
        let user = &view.user;
        [user.email.clone(), yes(user.admin), yes(view.second_factor), user.created_at.clone()]
    })?)
}

/// Says that an account is gone.
pub fn print_removed(email: &str, retired: u64, output: &mut Output<'_>) -> Result<(), Failure> {
    let removed = Removed { removed: email.to_owned(), retired_aliases: retired };
    Ok(output.show(&removed, |to| writeln!(to, "{} is removed; {retired} aliases are gone for good", removed.removed))?)
}

pub(super) fn no_such() -> Failure {
    Failure::new("there is no user with this address", "see `postern user list`")
}

/// The key a user signs names with, as shown.
#[derive(Serialize)]
pub struct KeyView {
    pub(super) email: String,
    /// Base32; none when this user signs no names.
    pub(super) name_key: Option<String>,
}

async fn name_key(desk: &Desk, user: Option<&Address>, args: &NameKeyArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let user = desk::user(desk, user).await?;
    let failed = |error| match error {
        KeyChangeError::Unknown => unknown(ChangeError::Unknown),
        KeyChangeError::Full => Failure::new(error.to_string(), "see `postern user name-key --off`"),
        KeyChangeError::Storage(error) => error.into(),
    };
    let key = if args.off {
        signed_name::remove_key(desk, user.id).await.map_err(failed)?;
        None
    } else if args.new {
        Some(signed_name::renew_key(desk, user.id).await.map_err(failed)?)
    } else {
        signed_name::key(desk, user.id).await?
    };
    print_key(&KeyView { email: user.email.to_string(), name_key: key.map(|key| key.shown()) }, output)
}

pub(super) fn print_key(view: &KeyView, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| match &view.name_key {
        Some(key) => writeln!(to, "{key}"),
        None => writeln!(to, "{} signs no names; `postern user name-key --new` draws a key", view.email),
    })?)
}

fn add_failed(error: AddError) -> Failure {
    match error {
        AddError::Taken => Failure::new("there is a user with this address already", "see `postern user list`"),
        AddError::OwnDomain => mailbox::own_domain(),
        AddError::Storage(error) => error.into(),
    }
}

fn unknown(error: ChangeError) -> Failure {
    match error {
        ChangeError::Unknown => no_such(),
        ChangeError::Storage(error) => error.into(),
    }
}
