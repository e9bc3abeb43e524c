//! Telling a user something, by a message of our own to one of their mailboxes, through the queue like all mail.
//!
//! Told inside the transaction of what it is about, so that neither happens without the other, and not again for a while.
//! Works with a [`Desk`] alone: the message is signed when it is handed off.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Desk;
use crate::model::delivery::DeliveryKind;
use crate::model::id::{DeliveryId, MailboxId, UserId};
use crate::model::mailbox::Mailbox;
use crate::model::notice::NoticeKind;
use crate::model::{Address, DomainName};
use crate::storage::delivery::NewDelivery;
use crate::storage::message::NewMessage;
use crate::storage::{self, Tx, delivery, mailbox, message, notice};
use crate::transform::notice::{Letter, NoticeFacts, build};

/// How long a notice is tried.
const EXPIRE: Duration = Duration::from_hours(5 * 24);

/// What somebody is told.
#[derive(Debug, Clone)]
pub struct Telling {
    /// Whom.
    pub user_id: UserId,
    /// What sort of thing.
    pub kind: NoticeKind,
    /// Which thing: the same one is not told again within `quiet_for`.
    pub about: String,
    /// How long nothing more is said about it.
    pub quiet_for: Duration,
    /// The words.
    pub letter: Letter,
    /// A mailbox that is no use: it is the trouble.
    pub except: Option<MailboxId>,
}

impl Telling {
    /// What it is recorded by: whoever tells of several things in one transaction does so in this order.
    pub fn key(&self) -> (UserId, &'static str, &str) {
        (self.user_id, self.kind.as_str(), &self.about)
    }
}

/// Tells a user, in a transaction of its own. False when they know already, or have no mailbox that could be told.
/// Whoever has a broker rings its queue after a true.
pub async fn tell(desk: &Desk, domain: &DomainName, telling: Telling) -> Result<bool, storage::Error> {
    let (desk_, domain) = (desk.clone(), domain.clone());
    desk.storage.write(move |tx| Box::pin(async move { tell_in(tx, &desk_, &domain, &telling).await })).await
}

/// The same inside the transaction of what it is about.
pub async fn tell_in(tx: &mut Tx, desk: &Desk, domain: &DomainName, telling: &Telling) -> Result<bool, storage::Error> {
    let mailboxes = mailbox::list(tx, telling.user_id).await?;
    let Some(to) = choose(&mailboxes, telling.except) else { return Ok(false) };
    let now = desk.clock.now();
    if !notice::record(tx, telling.user_id, telling.kind, &telling.about, now, telling.quiet_for).await? {
        return Ok(false);
    }
    send(tx, desk, domain, &to.address, Some(to.id), &telling.letter).await?;
    Ok(true)
}

/// The default mailbox when mail gets there, otherwise the first one where it does.
fn choose(mailboxes: &[Mailbox], except: Option<MailboxId>) -> Option<&Mailbox> {
    let mut fit = mailboxes
        .iter()
        .filter(|mailbox| mailbox.verified_at.is_some() && mailbox.paused.is_none() && Some(mailbox.id) != except);
    let first = fit.clone().next();
    fit.find(|mailbox| mailbox.is_default).or(first)
}

/// Puts a letter into the queue, in the transaction of what it is about, whoever reads that address: also one that is not
/// verified, or nobody's mailbox yet. Who calls this makes sure that nobody can have strangers flooded by it.
pub async fn send(
    tx: &mut Tx,
    desk: &Desk,
    domain: &DomainName,
    to: &Address,
    mailbox_id: Option<MailboxId>,
    letter: &Letter,
) -> Result<DeliveryId, storage::Error> {
    send_within(tx, desk, domain, (to, mailbox_id), letter, EXPIRE).await
}

/// The same for a letter that is worth nothing after a while.
pub async fn send_within(
    tx: &mut Tx,
    desk: &Desk,
    domain: &DomainName,
    (to, mailbox_id): (&Address, Option<MailboxId>),
    letter: &Letter,
    lasts: Duration,
) -> Result<DeliveryId, storage::Error> {
    let now = desk.clock.now();
    let facts = NoticeFacts { domain, to, now, random: desk.chance.bytes() };
    let built = build(&facts, letter);
    let body = Bytes::from(built.body);
    let kept = NewMessage {
        uuid: desk.uuid(),
        received_at: now,
        sender: None,
        client_ip: std::net::Ipv4Addr::LOCALHOST.into(),
        helo: domain.to_string(),
        header: Vec::new(),
        body_length: body.len() as u64,
        body_sha256: Sha256::digest(&body).into(),
        eight_bit: !body.is_ascii(),
        smtputf8: !to.is_ascii(),
    };
    let message_id = message::insert(tx, &kept).await?;
    message::insert_chunk(tx, message_id, 0, &body).await?;
    let row = NewDelivery {
        uuid: desk.uuid(),
        message_id,
        kind: DeliveryKind::Notice,
        alias_id: None,
        mailbox_id,
        sender: None,
        recipient: to.clone(),
        header: built.header,
        site: None,
        queued_at: now,
        next_attempt_at: now,
        attempts: 0,
        expires_at: now.plus(lasts),
        last_failure: None,
        held: false,
        sealed: false,
        lease: None,
    };
    delivery::insert(tx, &row).await
}
