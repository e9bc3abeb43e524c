//! `postern mailbox key`: the PGP key of an inbox.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;

use crate::model::id::UserId;
use crate::model::{Address, Timestamp};
use crate::service::Desk;
use crate::service::pgp_key::{self, KeyOfError, MAX_FILE, SetError, Shown};

use super::args::MailboxKey;
use super::failure::Failure;
use super::mailbox;
use super::output::Output;

/// A key as shown.
#[derive(Serialize)]
struct View {
    address: String,
    fingerprint: String,
    user_ids: usize,
    expires_at: Option<String>,
    hide_subject: bool,
    set_at: String,
    /// What keeps it from being used.
    problem: Option<String>,
}

impl View {
    fn of(address: &Address, shown: &Shown) -> Self {
        Self {
            address: address.to_string(),
            fingerprint: shown.key.fingerprint.clone(),
            user_ids: shown.user_ids,
            expires_at: shown.key.expires_at.map(Timestamp::to_rfc3339),
            hide_subject: shown.key.hide_subject,
            set_at: shown.key.created_at.to_rfc3339(),
            problem: shown.problem.map(|problem| problem.to_string()),
        }
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let what = if self.hide_subject { "mail with its subject" } else { "mail" };
        writeln!(to, "{what} for {} is encrypted with the key {}", self.address, self.fingerprint)?;
        match &self.expires_at {
            Some(at) => writeln!(to, "it expires at {at}")?,
            None => writeln!(to, "it does not expire")?,
        }
        match &self.problem {
            Some(problem) => writeln!(to, "nothing is forwarded there now: {problem}"),
            None => Ok(()),
        }
    }
}

#[derive(Serialize)]
struct Removed {
    removed: String,
}

/// Shows the key, sets it or removes it.
pub async fn run(desk: &Desk, user: UserId, key: MailboxKey, output: &mut Output<'_>) -> Result<(), Failure> {
    let address = key.email;
    if let Some(path) = key.set {
        let shown = pgp_key::set(desk, user, &address, &read(&path)?, key.hide_subject).await.map_err(set_failed)?;
        let view = View::of(&address, &shown);
        return Ok(output.show(&view, |to| view.write(to))?);
    }
    if key.remove {
        pgp_key::remove(desk, user, &address).await.map_err(key_of_failed)?;
        let removed = Removed { removed: address.to_string() };
        return Ok(output.show(&removed, |to| writeln!(to, "mail for {} is not encrypted any more", removed.removed))?);
    }
    let view = View::of(&address, &pgp_key::find(desk, user, &address).await.map_err(key_of_failed)?);
    Ok(output.show(&view, |to| view.write(to))?)
}

/// The file, or as much of it as shows that it is too large.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error: io::Error| {
        Failure::new(format!("{} can't be read ({error})", path.display()), "name a file with a public key")
    })
}

fn set_failed(error: SetError) -> Failure {
    match error {
        SetError::Unknown => mailbox::unknown(),
        SetError::Key(error) => Failure::new(error.to_string(), "export your public key, for example with gpg --armor --export"),
        SetError::Unsupported => Failure::new(error.to_string(), "give a key with a Curve25519 or RSA subkey for encryption"),
        SetError::Storage(error) => error.into(),
    }
}

fn key_of_failed(error: KeyOfError) -> Failure {
    match error {
        KeyOfError::Unknown => mailbox::unknown(),
        KeyOfError::NoKey => Failure::new("this mailbox has no key", "set one with `postern mailbox key EMAIL --set FILE`"),
        KeyOfError::Storage(error) => error.into(),
    }
}
