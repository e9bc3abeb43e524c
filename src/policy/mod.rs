//! May this message pass? Facts in, verdict with SMTP reply out.
//!
//! Nothing here looks anything up: `service` gathers the facts, these functions decide, and the decision is a
//! [`Reply`](crate::model::Reply) ready to be sent. [`recipient`] decides at RCPT, [`header`], [`author`] and [`locked`] at the
//! end of data, [`reply`] whether a message may go out from an alias, [`backscatter`] whether a failure after that may be told to
//! the sender, [`mailbox`] whether a mailbox takes mail at all. Texts are for strangers: they name no state of an alias, and a dead alias answers exactly like one that
//! never was. What can't be decided now is a 4xx, never a 5xx.

pub mod author;
pub mod backscatter;
pub mod header;
pub mod locked;
pub mod mailbox;
pub mod recipient;
pub mod reply;
pub mod submission;
