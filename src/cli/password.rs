//! `postern user passwd`: the password comes by standard input, where neither a list of processes nor a history shows it.

use std::io::{BufRead, Read, stdin};

use serde::Serialize;

use crate::model::{Address, Private};
use crate::service::Desk;
use crate::service::password::{self, SetError};

use super::desk;
use super::failure::Failure;
use super::output::Output;

/// Octets of a line that is no password any more.
const TOO_LONG: u64 = 4096;

#[derive(Serialize)]
struct Changed {
    email: String,
}

/// Sets a user's password.
pub async fn set(desk: &Desk, email: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    let user = desk::user(desk, Some(email)).await?;
    let text = read()?;
    password::set(desk, user.id, &text).await.map_err(failed)?;
    let changed = Changed { email: user.email.to_string() };
    Ok(output.show(&changed, |to| writeln!(to, "the password of {} is set", changed.email))?)
}

/// One line, without its end.
fn read() -> Result<Private<String>, Failure> {
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
        SetError::Length => Failure::new(error.to_string(), "give it as one line on standard input"),
        SetError::Unknown => Failure::new("there is no user with this address", "see `postern user list`"),
        SetError::Hash(error) => Failure::new(error.to_string(), "is there memory left? try again"),
        SetError::Storage(error) => error.into(),
    }
}
