//! `postern user passwd|remove` on an instance elsewhere: for oneself, and with the password as proof. What is secret comes by
//! standard input, a line each.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::args::UserCommand;
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::{password, user};
use super::admin_user;
use super::client::Client;
use super::fault::Fault;
use crate::model::Address;

/// How one signs in.
#[derive(Deserialize)]
struct SignIn {
    email: String,
    second_factor: bool,
}

/// Whose token it is.
#[derive(Deserialize)]
struct Account {
    email: String,
}

/// What is left of an account.
#[derive(Deserialize)]
struct Gone {
    retired_aliases: u64,
}

/// Runs one of them; those that are not here were refused before.
pub async fn run(client: &Client, command: UserCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        UserCommand::Passwd { email, .. } => {
            let me = oneself(client, &email).await?;
            let (now, new) = (password::read()?, password::read()?);
            let wanted = json!({ "proof": proof(&me, now.into_inner())?, "new_password": new.reveal() });
            client.act::<()>(&["sign-in", "password"], Some(&wanted)).await?;
            password::print_changed(&me.email, output)
        }
        UserCommand::Remove { email } => {
            let Some(me) = owner(client, &email).await? else { return admin_user::remove(client, &email, output).await };
            let wanted = json!({ "proof": proof(&me, password::read()?.into_inner())?, "email": me.email });
            let gone: Gone = client.act(&["account", "remove"], Some(&wanted)).await?;
            user::print_removed(&me.email, gone.retired_aliases, output)
        }
        UserCommand::Add { .. } | UserCommand::List | UserCommand::Set(_) | UserCommand::NameKey(_) => {
            Err(super::elsewhere("user"))
        }
    }
}

/// Whose token it is, when that is who is named.
async fn oneself(client: &Client, named: &Address) -> Result<SignIn, Failure> {
    let me: SignIn = client.get(&["sign-in"]).await?;
    if is(&me.email, named) {
        return Ok(me);
    }
    let problem = format!("{named} is not whose token this is, and elsewhere one changes one's own account alone");
    Err(Failure::new(problem, "run it on the instance itself, or give the address this user signs in with"))
}

/// The same; none when it is somebody else's account, or may be: a token that is for neither can tell nothing, and the instance
/// ends nobody's own account as one of others. Ending that is administration.
async fn owner(client: &Client, named: &Address) -> Result<Option<SignIn>, Failure> {
    let refused = match client.get::<SignIn>(&["sign-in"]).await {
        Ok(me) => return Ok(Some(me).filter(|me| is(&me.email, named))),
        Err(refused @ Fault::Refused { status: 403, .. }) => refused,
        Err(fault) => return Err(fault.into()),
    };
    match client.get::<Account>(&["account"]).await {
        // It is one's own, and this token is too little to end it.
        Ok(me) if is(&me.email, named) => Err(refused.into()),
        Ok(_) | Err(Fault::Refused { status: 403, .. }) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

fn is(email: &str, named: &Address) -> bool {
    Address::parse(email).is_ok_and(|own| own.folded() == named.folded())
}

/// The password, and the code on the next line where one is asked for.
fn proof(me: &SignIn, password: String) -> Result<Value, Failure> {
    if !me.second_factor {
        return Ok(json!({ "password": password }));
    }
    let code = password::read()?.into_inner();
    if code.is_empty() {
        let hint = "give six digits of the authenticator program, or a recovery code, as one more line on standard input";
        return Err(Failure::new("this user has a second factor, and no code was given", hint));
    }
    Ok(json!({ "password": password, "code": code }))
}
