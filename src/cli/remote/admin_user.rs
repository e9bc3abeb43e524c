//! `postern user add|list|remove` on an instance elsewhere: everybody's accounts, with a token of the scope admin. What is
//! dangerous takes the password of whoever administers it, on standard input.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::args::UserCommand;
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::user::{self, Added, Listed, View};
use super::super::{mailbox, password};
use super::client::Client;
use crate::model::Address;
use crate::service::verification::Sent;

/// A user as the API tells of them.
#[derive(Deserialize)]
struct User {
    id: String,
    email: String,
    is_admin: bool,
    on_quarantine: String,
    replace_quoted: bool,
    created_at: String,
    totp: bool,
    passkeys: i64,
}

/// One who was added.
#[derive(Deserialize)]
struct Made {
    #[serde(flatten)]
    user: User,
    mailbox: mailbox::View,
    letter: Letter,
}

/// What was done about the letter.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Letter {
    Sent,
    Enough,
    Needless,
}

#[derive(Deserialize)]
struct Gone {
    retired_aliases: u64,
}

impl User {
    fn shown(self) -> View {
        View {
            id: self.id,
            email: self.email,
            admin: self.is_admin,
            on_quarantine: self.on_quarantine,
            replace_quoted: self.replace_quoted,
            created_at: self.created_at,
        }
    }

    fn listed(self) -> Listed {
        let second_factor = self.totp || self.passkeys > 0;
        Listed { user: self.shown(), second_factor }
    }
}

/// Runs one of them; those that are not here were refused before.
pub async fn run(client: &Client, command: UserCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        UserCommand::Add { email, admin, verified } => {
            let (path, email) = (["admin", "users"], email.to_string());
            let Made { user, mailbox, letter } = if admin || verified {
                let wanted = json!({ "email": email, "is_admin": admin, "verified": verified, "proof": proof()? });
                client.act(&path, Some(&wanted)).await?
            } else {
                client.make(&path, &json!({ "email": email })).await?
            };
            let sent = match letter {
                Letter::Sent => Some(Sent::Mailed),
                Letter::Enough => Some(Sent::Enough),
                Letter::Needless => None,
            };
            user::print_added(&Added { user: user.shown(), mailbox }, sent, output)
        }
        UserCommand::List => {
            let all: Vec<User> = client.all(&["admin", "users"], &[]).await?;
            user::print_list(&all.into_iter().map(User::listed).collect::<Vec<_>>(), output)
        }
        UserCommand::Remove { .. } | UserCommand::Passwd { .. } | UserCommand::Set(_) | UserCommand::NameKey(_) => {
            Err(super::elsewhere("user"))
        }
    }
}

/// The password, and the code on the next line if there is one: a token that is for administration alone does not see whether
/// a code is asked for.
fn proof() -> Result<Value, Failure> {
    let (password, code) = (password::read()?, password::read()?);
    let code = Some(code.into_inner()).filter(|code| !code.is_empty());
    Ok(json!({ "password": password.into_inner(), "code": code }))
}

/// Removes somebody's account. That the command names it is what makes sure that it is the one that is meant.
pub async fn remove(client: &Client, email: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    let found = find(client, email).await?;
    let wanted = json!({ "email": found.email, "proof": proof()? });
    let done = client.act(&["admin", "users", &found.id, "remove"], Some(&wanted)).await;
    let Gone { retired_aliases } = done.map_err(|fault| fault.or_missing(user::no_such))?;
    user::print_removed(&found.email, retired_aliases, output)
}

/// Whom the command names. The address stays out of the address that is asked: those are written down on the way.
async fn find(client: &Client, email: &Address) -> Result<User, Failure> {
    let key = email.folded();
    let all: Vec<User> = client.all(&["admin", "users"], &[]).await?;
    let is_it = |user: &User| Address::parse(&user.email).is_ok_and(|address| address.folded() == key);
    all.into_iter().find(is_it).ok_or_else(user::no_such)
}
