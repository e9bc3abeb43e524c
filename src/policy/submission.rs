//! May a user who logged in speak as an address? What each answer says is for that user alone: it names what to do.
//!
//! An address that is somebody else's and one that nobody has are the same answer: neither is this user's.

use crate::model::Reply;
use crate::model::alias::AliasState;
use crate::model::alias_name::NameError;

/// The address is no alias of this user's, and none that could be made.
pub const NOT_YOURS: Reply = Reply::new(550, 7, 1, "From is not an address of yours to send from");
/// It could be made, if its owner allowed it.
pub const NOT_MADE: Reply =
    Reply::new(550, 7, 1, "There is no such alias: make it first, or let its domain make aliases by sending from them");
/// There was one, and it is gone.
pub const RETIRED: Reply = Reply::new(550, 7, 1, "There was an alias with this address once; addresses are never used again");
/// A mailbox must not be shown to strangers.
pub const IS_MAILBOX: Reply =
    Reply::new(550, 7, 1, "From is your mailbox: write from an alias, or to reverse addresses of one alias only");
/// Nobody is left to send to.
pub const NOBODY: Reply = Reply::new(550, 7, 1, "An alias can't write to itself alone");
/// Recipients that belong to different aliases.
pub const ONE_ALIAS: Reply = Reply::new(550, 7, 1, "The recipients include an address that belongs to another alias than From");
/// Addresses of the instance are written to from outside.
pub const INSIDE: Reply = Reply::new(550, 7, 1, "This address is one of this instance; mail between its addresses is not sent");
/// Whoever runs the instance is reached like everybody inside: by mail that comes in.
pub const ROLE: Reply =
    Reply::new(550, 7, 1, "This address is one of this instance: write to it from your mailbox itself, without this server");
/// `To` or `Cc` would show what is behind an alias.
pub const SHOWS_INSIDE: Reply = Reply::new(550, 7, 1, "To or Cc names an address of this instance that is not this alias's");
/// A new alias needs somewhere to forward to.
pub const NO_MAILBOX: Reply = Reply::new(550, 7, 1, "The alias can't be made: your default mailbox is not verified");
/// The app password was revoked after the login.
pub const REVOKED: Reply = Reply::new(530, 7, 0, "The app password was revoked, log in again");
/// The user sent enough for today.
pub const QUOTA: Reply = Reply::new(450, 7, 1, "You have sent as many messages as a day allows, please try again later");

/// Whether an alias may be spoken for by its owner.
pub const fn speak(state: AliasState, is_expired: bool) -> Result<(), Reply> {
    let why = match state {
        AliasState::Paused => "This alias is paused: revive it to send from it",
        AliasState::Killed => "This alias is killed: revive it to send from it",
        AliasState::Active | AliasState::Locked if is_expired => "This alias has expired or used up its messages",
        AliasState::Active | AliasState::Locked => return Ok(()),
    };
    Err(Reply::new(550, 7, 1, why))
}

/// The answer to a name that no alias can have.
pub const fn bad_name(error: NameError) -> Reply {
    match error {
        NameError::Characters => {
            Reply::new(550, 7, 1, "The alias can't be made: its name has other than a-z, 0-9, dot, hyphen, underscore")
        }
        NameError::Reserved => Reply::new(550, 7, 1, "The alias can't be made: its name is reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_speaks_while_it_is_alive_and_says_what_to_do_when_not() {
        assert_eq!(speak(AliasState::Active, false), Ok(()));
        assert_eq!(speak(AliasState::Locked, false), Ok(()));
        for (state, is_expired, word) in [
            (AliasState::Paused, false, "paused: revive"),
            (AliasState::Killed, true, "killed: revive"),
            (AliasState::Active, true, "expired"),
            (AliasState::Locked, true, "expired"),
        ] {
            let reply = speak(state, is_expired).unwrap_err();
            assert!(reply.to_string().starts_with("550 5.7.1 ") && reply.text().contains(word), "{reply}");
        }
    }
}
