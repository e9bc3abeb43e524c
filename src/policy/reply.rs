//! May this message go out from an alias? Only its owner's may, and only when that is proven (promise 3).
//!
//! The author is the one address in `From`. It must be a verified mailbox of the alias, and the domain of that address
//! must have vouched for the message: an aligned SPF or DKIM pass (RFC 7489 §3.1), whether or not the domain publishes a
//! DMARC policy. The envelope sender alone proves nothing. What can't be found out now is a 451, never a pass.
//!
//! Whoever is not proven gets one answer, be the author the owner or not: two would tell a stranger whose alias this is.

use crate::model::alias::AliasState;
use crate::model::{Address, Reply};

/// What is known of a message to a reverse address.
#[derive(Debug, Clone, Copy)]
pub struct ReplyFacts<'a> {
    /// The one author, strictly read.
    pub author: &'a Address,
    /// The verified mailboxes of the alias.
    pub mailboxes: &'a [Address],
    /// Whether the author's domain vouches for the message.
    pub is_proven: bool,
    /// Whether a proof is missing only because something could not be found out now.
    pub is_temporary: bool,
}

/// What is known of the alias and of the contact it shall write to.
#[derive(Debug, Clone, Copy)]
pub struct WayFacts {
    /// What the owner set the alias to.
    pub state: AliasState,
    /// Whether its date or its message count is used up.
    pub is_expired: bool,
    /// Whether the owner blocked the contact.
    pub is_blocked: bool,
}

/// Why a message does not go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The author is no verified mailbox of the alias, or the author's domain did not vouch for the message.
    Unproven,
    /// Whether it did can't be found out now.
    NotKnownNow,
    /// The alias is paused, killed or used up.
    Closed,
    /// The contact is blocked.
    Blocked,
}

impl Refusal {
    /// The answer.
    pub const fn reply(self) -> Reply {
        match self {
            Self::Unproven => Reply::new(550, 7, 1, "Not verified as a message of the owner of this address"),
            Self::NotKnownNow => Reply::new(451, 7, 0, "The sender could not be verified now, please try again later"),
            Self::Closed => Reply::new(550, 7, 1, "No mail goes out through this address any more"),
            Self::Blocked => Reply::new(550, 7, 1, "Mail to this correspondent is blocked"),
        }
    }

    /// Whether somebody tried to speak who was not proven to be the owner: the owner gets to see how often.
    pub const fn is_attempt(self) -> bool {
        matches!(self, Self::Unproven)
    }
}

/// Whether the author is the owner.
pub fn prove(facts: &ReplyFacts<'_>) -> Result<(), Refusal> {
    let author = facts.author.folded();
    let is_owner = facts.mailboxes.iter().any(|mailbox| mailbox.folded() == author);
    match (facts.is_proven, facts.is_temporary) {
        (true, _) if is_owner => Ok(()),
        (false, true) => Err(Refusal::NotKnownNow),
        (true, _) | (false, false) => Err(Refusal::Unproven),
    }
}

/// Whether mail may go from the alias to the contact, whoever sends it. Asked at RCPT and again at the end of data.
pub const fn open(facts: WayFacts) -> Result<(), Refusal> {
    match facts.state {
        AliasState::Paused | AliasState::Killed => Err(Refusal::Closed),
        AliasState::Active | AliasState::Locked if facts.is_expired => Err(Refusal::Closed),
        AliasState::Active | AliasState::Locked if facts.is_blocked => Err(Refusal::Blocked),
        AliasState::Active | AliasState::Locked => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(author: &str, is_proven: bool, is_temporary: bool) -> Result<(), Refusal> {
        let mailboxes = [Address::parse("Jane.Roe@inbox.example").unwrap(), Address::parse("work@corp.example").unwrap()];
        prove(&ReplyFacts { author: &Address::parse(author).unwrap(), mailboxes: &mailboxes, is_proven, is_temporary })
    }

    #[test]
    fn only_a_proven_mailbox_of_the_alias_may_speak() {
        assert_eq!(proof("jane.roe@INBOX.example", true, false), Ok(()));
        assert_eq!(proof("work@corp.example", true, true), Ok(()));
        assert_eq!(proof("jane.roe@inbox.example", false, false), Err(Refusal::Unproven));
        assert_eq!(proof("jane.roe@inbox.example", false, true), Err(Refusal::NotKnownNow));
        for stranger in ["janeroe@inbox.example", "jane.roe+x@inbox.example", "jane.roe@sub.inbox.example", "x@evil.example"] {
            for is_temporary in [false, true] {
                assert_eq!(proof(stranger, true, is_temporary), Err(Refusal::Unproven));
                let owner = proof("jane.roe@inbox.example", false, is_temporary);
                assert_eq!(proof(stranger, false, is_temporary), owner, "no guess is confirmed");
            }
        }
    }

    #[test]
    fn nothing_goes_out_from_a_closed_alias_or_to_a_blocked_contact() {
        let facts = WayFacts { state: AliasState::Active, is_expired: false, is_blocked: false };
        assert_eq!(open(facts), Ok(()));
        assert_eq!(open(WayFacts { state: AliasState::Locked, ..facts }), Ok(()));
        for state in [AliasState::Paused, AliasState::Killed] {
            assert_eq!(open(WayFacts { state, ..facts }), Err(Refusal::Closed));
        }
        assert_eq!(open(WayFacts { is_expired: true, ..facts }), Err(Refusal::Closed));
        assert_eq!(open(WayFacts { is_blocked: true, ..facts }), Err(Refusal::Blocked));
    }

    #[test]
    fn only_what_is_not_known_yet_is_temporary() {
        for refusal in [Refusal::Unproven, Refusal::Closed, Refusal::Blocked] {
            assert!(refusal.reply().to_string().starts_with("550 5.7.1 "));
        }
        assert!(Refusal::NotKnownNow.reply().to_string().starts_with("451 4.7.0 "));
    }
}
