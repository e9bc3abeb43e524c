//! Delivery status notifications to senders (RFC 3464, RFC 6522), for mail that failed after it had been accepted.
//!
//! The sender knows the alias and nothing else, and so does this file: no type that could hold a mailbox address, a next
//! hop's name or its words reaches it. The returned header is the sender's own, as it arrived, never the rewritten one.
//! The envelope sender of a notification is null, so that none is ever answered by another (RFC 5321 §4.5.5).

use data_encoding::HEXLOWER;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{MultiPart, SinglePart};

use crate::model::{Address, DomainName, Timestamp};

use super::header::HeaderBlock;
use super::scrub::Neutral;

/// Bytes of the original header that are returned; whole lines.
const RETURNED_BYTES: usize = 65_536;
/// Longest Message-ID that is referred to.
const MESSAGE_ID_BYTES: usize = 900;

/// What a notification tells.
#[derive(Debug, Clone)]
pub struct DsnFacts<'a> {
    /// Our name, as in the greeting.
    pub hostname: &'a DomainName,
    /// The domain the notification comes from (the alias's).
    pub domain: &'a DomainName,
    /// Who sent the original: its envelope sender.
    pub sender: &'a Address,
    /// The address they wrote to.
    pub alias: &'a Address,
    /// Why it failed, in our words.
    pub reason: Neutral,
    /// When the original arrived.
    pub arrived_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// For the Message-ID and the boundary.
    pub random: [u8; 16],
}

/// A notification, in the two halves a hand-off takes. All of it is 7-bit, except for addresses that are not.
#[derive(Clone)]
pub struct Dsn {
    /// The header block: whole lines, without the empty line.
    pub header: Vec<u8>,
    /// The rest, from the empty line on.
    pub body: Vec<u8>,
    /// Whether an address in it needs SMTPUTF8.
    pub smtputf8: bool,
}

/// Builds the notification about one message, given the block and start of the original as it arrived.
pub fn build(facts: &DsnFacts, block: &HeaderBlock, message: &[u8]) -> Dsn {
    let random = HEXLOWER.encode(&facts.random);
    let reason = facts.reason.given_up();
    let boundary = format!("=_{random}");
    let parts = MultiPart::builder()
        .header(content_type(&format!("multipart/report; report-type=delivery-status; boundary=\"{boundary}\"")))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(for_people(facts, reason)))
        .singlepart(SinglePart::builder().header(content_type("message/delivery-status")).body(for_programs(facts, reason)))
        .singlepart(returned_header(block, message));
    let mut fields = vec![
        ("From", format!("Mail Delivery System <MAILER-DAEMON@{}>", facts.domain)),
        ("To", format!("<{}>", facts.sender)),
        ("Subject", "Your message could not be delivered".to_owned()),
        ("Date", facts.now.to_rfc5322()),
        ("Message-ID", format!("<dsn.{random}@{}>", facts.domain)),
        ("Auto-Submitted", "auto-replied".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
    ];
    if let Some(id) = original_message_id(block, message) {
        fields.push(("In-Reply-To", id.to_owned()));
        fields.push(("References", id.to_owned()));
    }
    let report = parts.formatted();
    let start = report.windows(4).position(|window| window == b"\r\n\r\n").map_or(report.len(), |at| at + 2);
    let (content_type, body) = report.split_at_checked(start).unwrap_or((&report, b""));
    let lines: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut header = lines.concat().into_bytes();
    header.extend_from_slice(content_type);
    Dsn { header, body: body.to_vec(), smtputf8: !facts.sender.is_ascii() || !facts.alias.is_ascii() }
}

fn for_people(facts: &DsnFacts, reason: Neutral) -> String {
    format!(
        "Your message to\r\n\r\n  {}\r\n\r\nwhich arrived here on {},\r\ncould not be delivered.\r\n\r\n{}.\r\n\r\n\
         This notification was made by a machine; answers to it are not read.\r\n",
        facts.alias,
        facts.arrived_at.to_rfc5322(),
        reason.sentence(),
    )
}

/// RFC 3464 §2.2 and §2.3. `rfc822` or, for an address beyond ASCII, `utf-8` (RFC 6533).
fn for_programs(facts: &DsnFacts, reason: Neutral) -> String {
    let kind = if facts.alias.is_ascii() { "rfc822" } else { "utf-8" };
    format!(
        "Reporting-MTA: dns; {host}\r\nArrival-Date: {arrived}\r\n\r\n\
         Original-Recipient: {kind}; {alias}\r\nFinal-Recipient: {kind}; {alias}\r\nAction: failed\r\nStatus: {status}\r\n\
         Diagnostic-Code: x-postern; {sentence}\r\nLast-Attempt-Date: {now}\r\n",
        host = facts.hostname,
        arrived = facts.arrived_at.to_rfc5322(),
        alias = facts.alias,
        status = reason.status(),
        sentence = reason.sentence(),
        now = facts.now.to_rfc5322(),
    )
}

/// The original header as a part: as it is where it is ASCII, otherwise encoded, so that no relay has to touch it.
fn returned_header(block: &HeaderBlock, message: &[u8]) -> SinglePart {
    let mut returned = Vec::new();
    for field in block.fields() {
        let raw = field.raw(message);
        if returned.len() + raw.len() > RETURNED_BYTES {
            break;
        }
        returned.extend_from_slice(raw);
    }
    let part = SinglePart::builder().header(content_type("text/rfc822-headers"));
    match String::from_utf8(returned) {
        Ok(text) => part.body(text),
        Err(bytes) => part.body(bytes.into_bytes()),
    }
}

/// The original's Message-ID, if it is one that can be copied into a field: `<…>` of visible ASCII.
fn original_message_id<'m>(block: &HeaderBlock, message: &'m [u8]) -> Option<&'m str> {
    let field = block.fields().iter().find(|field| field.is(message, "Message-ID"))?;
    let id = std::str::from_utf8(field.value(message).trim_ascii()).ok()?;
    let inner = id.strip_prefix('<')?.strip_suffix('>')?;
    let is_plain = inner.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'));
    (is_plain && !inner.is_empty() && id.len() <= MESSAGE_ID_BYTES).then_some(id)
}

/// A content type that is printed as given, so that building a notification has no error to handle.
fn content_type(value: &str) -> RawContentType {
    RawContentType(value.to_owned())
}

#[derive(Clone)]
struct RawContentType(String);

impl Header for RawContentType {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Type")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::dangerous_new_pre_encoded(Self::name(), self.0.clone(), self.0.clone())
    }
}

#[cfg(test)]
mod tests;
