//! What each command does to the session, one file per group of verbs (RFC 5321 §4.1.1).

mod auth;
mod hello;
mod message;
mod other;
mod recipient;
mod sender;

use super::command::Command;
use super::gate::Gate;
use super::session::{Next, Session};

impl<G: Gate> Session<G> {
    pub(super) async fn act(&mut self, command: Command) -> Next {
        match command {
            Command::Ehlo(name) => self.hello(name, true),
            Command::Helo(name) => self.hello(name, false),
            Command::StartTls => self.start_tls().await,
            Command::Auth(arguments) => self.auth(arguments.reveal()).await,
            Command::Mail(mail, auth) => self.mail(mail, auth).await,
            Command::Rcpt(path) => self.rcpt(path).await,
            Command::Data => self.data().await,
            Command::Rset => self.reset(),
            Command::Noop | Command::Vrfy | Command::Help | Command::Quit => self.other(&command),
            Command::Bdat => self.chunk().await,
            Command::NotImplemented => self.refuse(super::replies::NOT_IMPLEMENTED).await,
        }
    }
}
