//! May mail come to this address? Asked at every RCPT, with facts read at that moment.

use crate::model::Reply;
use crate::model::alias::AliasState;

/// Unknown, killed and expired aliases all answer with this one value, so that nobody can tell which it was.
pub const NO_SUCH_ADDRESS: Reply = Reply::new(550, 1, 1, "No such address here");

/// Not now: paused by its owner, or nowhere to deliver to yet.
pub const NOT_NOW: Reply = Reply::new(450, 2, 1, "This address takes no mail at the moment");

/// Its owner wants nothing from this sender.
pub const BLOCKED: Reply = Reply::new(550, 7, 1, "Mail from this sender is not accepted here");

/// What is known of the alias at this moment.
#[derive(Debug, Clone, Copy)]
pub struct RecipientFacts {
    /// What its owner set it to.
    pub state: AliasState,
    /// Whether its date or its message count is used up.
    pub is_expired: bool,
    /// Whether at least one of its mailboxes is verified.
    pub has_verified_mailbox: bool,
}

/// The verdict; `None` is an address we do not know.
///
/// A locked alias is open so far: who wrote is known at the end of the data ([`super::locked`]).
pub fn admit(facts: Option<RecipientFacts>) -> Result<(), Reply> {
    let facts = facts.ok_or(NO_SUCH_ADDRESS)?;
    match facts.state {
        AliasState::Killed => Err(NO_SUCH_ADDRESS),
        _ if facts.is_expired => Err(NO_SUCH_ADDRESS),
        AliasState::Paused => Err(NOT_NOW),
        AliasState::Active | AliasState::Locked if !facts.has_verified_mailbox => Err(NOT_NOW),
        AliasState::Active | AliasState::Locked => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(state: AliasState, is_expired: bool, has_verified_mailbox: bool) -> Result<(), Reply> {
        admit(Some(RecipientFacts { state, is_expired, has_verified_mailbox }))
    }

    #[test]
    fn only_an_open_alias_with_a_verified_mailbox_takes_mail() {
        for state in [AliasState::Active, AliasState::Locked, AliasState::Paused, AliasState::Killed] {
            for is_expired in [false, true] {
                for has_mailbox in [false, true] {
                    let is_open = matches!(state, AliasState::Active | AliasState::Locked) && !is_expired && has_mailbox;
                    assert_eq!(verdict(state, is_expired, has_mailbox).is_ok(), is_open);
                }
            }
        }
    }

    #[test]
    fn a_dead_alias_answers_like_one_that_never_was() {
        let unknown = admit(None);
        assert_eq!(unknown.as_ref().unwrap_err().to_string(), "550 5.1.1 No such address here");
        for has_mailbox in [false, true] {
            assert_eq!(verdict(AliasState::Killed, false, has_mailbox), unknown);
            for state in [AliasState::Active, AliasState::Locked, AliasState::Paused, AliasState::Killed] {
                assert_eq!(verdict(state, true, has_mailbox), unknown);
            }
        }
    }

    #[test]
    fn what_may_change_again_is_temporary() {
        assert!(verdict(AliasState::Paused, false, true).unwrap_err().to_string().starts_with("450 4.2.1 "));
        assert!(verdict(AliasState::Active, false, false).unwrap_err().to_string().starts_with("450 4.2.1 "));
        assert!(verdict(AliasState::Locked, false, false).unwrap_err().to_string().starts_with("450 4.2.1 "));
    }
}
