//! `postern user passwd`: another password, or no second factor any more. The password comes by standard input, where neither a list of processes nor a history shows it.

use std::io::{BufRead, Read, stdin};

use serde::Serialize;

use crate::model::{Address, Private};
use crate::service::password::{self, SetError};
use crate::service::{Desk, totp};

use super::desk;
use super::failure::Failure;
use super::output::Output;

/// Octets of a line that is no password any more.
const TOO_LONG: u64 = 4096;

#[derive(Serialize)]
struct Changed {
    email: String,
    password_set: bool,
    second_factors_reset: bool,
}

/// Sets a user's password, takes the second factors away from whoever is locked out, or both.
pub async fn change(
    desk: &Desk,
    email: &Address,
    set_password: bool,
    reset_factors: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let user = desk::user(desk, Some(email)).await?;
    if set_password {
        password::set(desk, user.id, &read()?).await.map_err(failed)?;
    }
    if reset_factors {
        totp::reset(desk, user.id).await?;
    }
    print(&Changed { email: user.email.to_string(), password_set: set_password, second_factors_reset: reset_factors }, output)
}

/// Says that a password was changed and nothing else.
pub fn print_changed(email: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    print(&Changed { email: email.to_owned(), password_set: true, second_factors_reset: false }, output)
}

fn print(changed: &Changed, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(changed, |to| {
        if changed.password_set {
            writeln!(to, "the password of {} is set", changed.email)?;
        }
        if changed.second_factors_reset {
            writeln!(to, "{} has no second factor any more", changed.email)?;
        }
        Ok(())
    })?)
}

/// One line, without its end; the next one when it is asked for again. Nothing when there is none.
pub fn read() -> Result<Private<String>, Failure> {
    let mut line = String::new();
    stdin().lock().take(TOO_LONG).read_line(&mut line).map_err(|error| {
        Failure::new(
            format!("no password could be read: {error}"),
            "give one line of text: printf '%s' \"$PASSWORD\" | postern …",
        )
    })?;
    Ok(Private::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn failed(error: SetError) -> Failure {
    match error {
        SetError::Length | SetError::Easy(_) => Failure::new(error.to_string(), "give it as one line on standard input"),
        SetError::Unknown => Failure::new("there is no user with this address", "see `postern user list`"),
        SetError::Hash(error) => Failure::new(error.to_string(), "is there memory left? try again"),
        SetError::Storage(error) => error.into(),
    }
}
