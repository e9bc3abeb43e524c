//! One hand-off: next hop, connection, SMTP transaction over lettre, class of the answer (RFC 5321 §3.3, §4.2.1, §5.1).
//!
//! A hand-off carries one message to one recipient, so that no answer is ever partial.

use bytes::Bytes;

use crate::model::Address;
use crate::model::delivery::Failure;
use crate::spool::Content;

/// One message for one recipient.
#[derive(Debug, Clone)]
pub struct HandOff {
    /// Envelope sender; `None` is the null reverse-path.
    pub sender: Option<Address>,
    /// Envelope recipient.
    pub recipient: Address,
    /// The header block: whole lines, each ending in CRLF, without the empty line.
    pub header: Bytes,
    /// Everything from the empty line on (empty if the message has no body), untouched.
    pub body: Content,
    /// Whether header or body hold bytes above 127 (the sender said `BODY=8BITMIME`, or we looked).
    pub eight_bit: bool,
    /// Whether an address or a header field needs SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
}

/// How a hand-off ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop answered the final dot with 2xx: it has the message.
    Delivered,
    /// The next hop refuses it for good.
    Refused(Failure),
    /// Not now. Also every answer that leaves it open whether the message was taken.
    Deferred(Failure),
}

/// The outcome and where it happened.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The site (group of mail exchangers, or the smarthost) that was tried, once it was known.
    pub site: Option<String>,
    /// Whether the site as a whole is in trouble (no connection, 421), so that others should not try it for a while.
    pub site_in_trouble: bool,
}
