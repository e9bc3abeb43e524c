//! May this message pass, by its header block? Asked once it has arrived.

use crate::model::{HeaderFault, Reply};

/// A message that goes round in circles (RFC 5321 §6.3): final, for trying again would only go round once more.
pub const LOOP: Reply = Reply::new(554, 4, 6, "The message is in a loop");

/// How far the message has come.
#[derive(Debug, Clone, Copy)]
pub struct PathFacts {
    /// `Received` fields in it.
    pub hops: usize,
    /// How many there may be.
    pub max_hops: usize,
    /// Whether a trace field of ours says that it was here before.
    pub is_loop: bool,
}

/// Whether the message may go on.
pub fn check_path(facts: PathFacts) -> Result<(), Reply> {
    if facts.is_loop || facts.hops > facts.max_hops { Err(LOOP) } else { Ok(()) }
}

/// The answer to a header block that can't be passed on.
pub const fn refusal(fault: HeaderFault) -> Reply {
    match fault {
        HeaderFault::TooLarge => Reply::new(552, 3, 4, "The message header is too large"),
        HeaderFault::FieldTooLarge => Reply::new(552, 3, 4, "A message header field is too large"),
        HeaderFault::TooManyFields => Reply::new(554, 6, 0, "The message has too many header fields"),
        HeaderFault::StartsWithSpace
        | HeaderFault::MboxLine
        | HeaderFault::NoColon
        | HeaderFault::BadName
        | HeaderFault::ControlByte => Reply::new(554, 6, 0, "The message header is malformed"),
        HeaderFault::NoAuthor => Reply::new(550, 7, 1, "The message has no From address"),
        HeaderFault::SeveralAuthors => Reply::new(550, 7, 1, "The message has more than one From address"),
        HeaderFault::AmbiguousAuthor => Reply::new(550, 7, 1, "The From address is ambiguous"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_end_at_the_limit_and_loops_at_once() {
        let facts = PathFacts { hops: 50, max_hops: 50, is_loop: false };
        assert_eq!(check_path(facts), Ok(()));
        assert_eq!(check_path(PathFacts { hops: 51, ..facts }).unwrap_err().to_string(), "554 5.4.6 The message is in a loop");
        assert_eq!(check_path(PathFacts { hops: 0, is_loop: true, ..facts }), Err(LOOP));
    }

    #[test]
    fn faults_of_form_and_of_authorship_are_told_apart() {
        assert!(refusal(HeaderFault::TooLarge).to_string().starts_with("552 5.3.4 "));
        assert!(refusal(HeaderFault::MboxLine).to_string().starts_with("554 5.6.0 "));
        assert!(refusal(HeaderFault::SeveralAuthors).to_string().starts_with("550 5.7.1 "));
    }
}
