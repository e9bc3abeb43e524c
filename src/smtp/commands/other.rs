//! RSET, NOOP, VRFY, HELP and QUIT (RFC 5321 §4.1.1.5 to §4.1.1.10): allowed at any time.

use crate::smtp::command::Command;
use crate::smtp::gate::Gate;
use crate::smtp::replies;
use crate::smtp::session::{Next, Session};

impl<G: Gate> Session<G> {
    /// Drops the transaction.
    pub(super) fn reset(&mut self) -> Next {
        self.transaction = None;
        self.say(&replies::OK)
    }

    /// Answers what changes nothing. VRFY tells nobody which addresses exist.
    pub(super) fn other(&mut self, command: &Command) -> Next {
        match command {
            Command::Quit => {
                self.say(&replies::BYE);
                Next::Quit
            }
            Command::Vrfy => self.say(&replies::CANNOT_VERIFY),
            Command::Help => self.say(&replies::HELP),
            _ => self.say(&replies::OK),
        }
    }
}
