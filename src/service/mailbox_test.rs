//! The test of a mailbox, and its resumption: one small message of our own, straight to its server, no queue between.
//!
//! A paused mailbox is resumed only by a 2xx to the final dot. What its server says otherwise goes to whoever asked: the
//! owner or the operator; nobody asked for the daily test of `probing`.

use std::time::Duration;

use bytes::Bytes;

use super::Desk;
use super::pausing;
use super::signing::{Signing, SigningError};
use crate::model::DomainName;
use crate::model::delivery::Failure;
use crate::model::mailbox::Mailbox;
use crate::outbound::{HandOff, Outbound, Outcome};
use crate::spool::Content;
use crate::storage;
use crate::transform::notice::{Letter, NoticeFacts, build};

/// How long a test may take: somebody waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why a test comes, as its message says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    /// Somebody asked for it.
    Asked,
    /// Somebody sets the instance up.
    SetUp,
    /// The mailbox is paused.
    Paused,
}

/// What a test takes.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// Database, clock, chance.
    pub desk: &'a Desk,
    /// The way out.
    pub outbound: &'a Outbound,
    /// What departing mail is signed with.
    pub signing: &'a Signing,
    /// The domain the message comes from.
    pub domain: &'a DomainName,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// The mailbox's server has the message.
    Taken {
        /// Whether the mailbox was paused, and is no more.
        resumed: bool,
        /// How many waiting deliveries became due.
        due: u64,
    },
    /// Its server refuses it; a paused mailbox stays paused.
    Refused(Failure),
    /// It could not be found out now; a paused mailbox stays paused.
    Unanswered(Failure),
}

/// Why a mailbox can't be tested.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// Nothing is sent to a mailbox before its owner proved to read it.
    #[error("this mailbox is not verified")]
    Unverified,
    /// The message can't be signed.
    #[error(transparent)]
    Unsigned(#[from] SigningError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Hands a test message to the mailbox's server, and resumes the mailbox when it is taken. Whoever has a broker rings its
/// queue after that.
pub async fn test(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<Tested, TestError> {
    is_verified(mailbox)?;
    hand_over(bench, mailbox, Why::Asked).await
}

/// The same for whoever sets the instance up and wants to know whether mail gets out at all: their mailbox is not verified
/// yet, because no mail got there.
pub async fn first(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<Tested, TestError> {
    hand_over(bench, mailbox, Why::SetUp).await
}

/// The same when nobody asked: the daily test of a paused mailbox.
pub(super) async fn probe(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<Tested, TestError> {
    is_verified(mailbox)?;
    hand_over(bench, mailbox, Why::Paused).await
}

fn is_verified(mailbox: &Mailbox) -> Result<(), TestError> {
    if mailbox.verified_at.is_some() { Ok(()) } else { Err(TestError::Unverified) }
}

async fn hand_over(bench: &Bench<'_>, mailbox: &Mailbox, why: Why) -> Result<Tested, TestError> {
    let hand_off = message(bench, mailbox, why).await?;
    let report = tokio::time::timeout(PATIENCE, bench.outbound.hand_off(&hand_off)).await;
    match report.map(|report| report.outcome) {
        Ok(Outcome::Delivered) => {
            let (resumed, due) = pausing::resume(bench.desk, bench.domain, mailbox.id).await?;
            Ok(Tested::Taken { resumed, due })
        }
        Ok(Outcome::Refused(failure)) => Ok(Tested::Refused(failure)),
        Ok(Outcome::Deferred(failure)) => Ok(Tested::Unanswered(failure)),
        Ok(Outcome::Withdrawn) | Err(_) => Ok(Tested::Unanswered(silence())),
    }
}

fn silence() -> Failure {
    let detail = "the mailbox's server did not answer in time".to_owned();
    Failure { code: None, status: "4.4.2".into(), detail: crate::model::Private::new(detail) }
}

pub(super) fn letter(why: Why) -> Letter {
    let why = match why {
        Why::Asked => "Somebody, most likely you, asked for this test.",
        Why::SetUp => "Somebody, most likely you, set up a Postern for this mailbox and asked for this test.",
        Why::Paused => "Forwarding to this mailbox is paused, because its server refused it; so it is tested once a day.",
    };
    Letter {
        subject: "A test of your mailbox".into(),
        paragraphs: vec![format!(
            "{why} That you can read it shows that mail gets here; if forwarding to this mailbox was paused, it goes on now."
        )],
        action: None,
    }
}

async fn message(bench: &Bench<'_>, mailbox: &Mailbox, why: Why) -> Result<HandOff, SigningError> {
    let desk = bench.desk;
    let facts = NoticeFacts { domain: bench.domain, to: &mailbox.address, now: desk.clock.now(), random: desk.chance.bytes() };
    let built = build(&facts, &letter(why));
    let body = Content::from_bytes(Bytes::from(built.body));
    let hash = bench.signing.hash(&body).await?;
    let header = bench.signing.sign(desk, bench.domain, built.header, hash.as_ref()).await?;
    let eight_bit = !mailbox.address.is_ascii();
    // Somebody asked whether mail gets there now, so a rest is no answer.
    let insists = !matches!(why, Why::Paused);
    let recipient = mailbox.address.clone();
    Ok(HandOff { sender: None, recipient, header, body, eight_bit, smtputf8: eight_bit, permit: None, insists })
}
