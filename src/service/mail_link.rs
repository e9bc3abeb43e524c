//! Links that are mailed to an address, to prove that somebody reads it: issued with the message that carries them, looked
//! at as often as a mail program likes, taken once.

use std::time::Duration;

use super::{Desk, notice};
use crate::auth::opaque;
use crate::model::delivery::{Delivery, DeliveryKind};
use crate::model::id::{DeliveryId, InviteId, MailboxId, UserId};
use crate::model::mail_link::{MailLink, Purpose};
use crate::model::{Address, DomainName, Private, Timestamp};
use crate::storage::{self, Tx, decoy, mail_link};
use crate::transform::notice::Letter;

/// How long a link works.
pub const LASTS: Duration = Duration::from_hours(24);
/// Links of one purpose that go to one address within an hour: nobody is to be flooded with our mail.
const AN_HOUR: i64 = 5;

/// Letters to sign up that the whole instance sends within an hour: what strangers make us send must not ruin its name.
const AN_HOUR_IN_ALL: i64 = 200;

/// What a link is issued for.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// What following it proves something for.
    pub purpose: Purpose,
    /// Where it goes.
    pub address: Address,
    /// Whose it is; `None` for a sign-up.
    pub user_id: Option<UserId>,
    /// The mailbox it verifies.
    pub mailbox_id: Option<MailboxId>,
    /// The invitation a sign-up came by.
    pub invite_id: Option<InviteId>,
}

/// Issues a link and mails it, in the transaction of what it is about. `letter` writes the words around the link's secret.
/// False when the address had enough of them in the last hour: then nothing is sent.
pub async fn mail(
    tx: &mut Tx,
    desk: &Desk,
    domain: &DomainName,
    new: NewLink,
    letter: impl FnOnce(&str) -> Letter,
) -> Result<bool, storage::Error> {
    Ok(deliver(tx, desk, domain, &new, letter).await?.is_some())
}

/// The same where nobody may learn from the time it takes whether anything is sent: with `is_real` false all is written,
/// and the mail is taken out again. What stays is a link whose secret nobody has, which counts like any other.
pub async fn mail_or_seem_to(
    tx: &mut Tx,
    desk: &Desk,
    domain: &DomainName,
    new: NewLink,
    is_real: bool,
    letter: impl FnOnce(&str) -> Letter,
) -> Result<(), storage::Error> {
    match deliver(tx, desk, domain, &new, letter).await? {
        Some(delivery) => decoy::settle(tx, delivery, is_real).await,
        None => Ok(()),
    }
}

async fn deliver(
    tx: &mut Tx,
    desk: &Desk,
    domain: &DomainName,
    new: &NewLink,
    letter: impl FnOnce(&str) -> Letter,
) -> Result<Option<DeliveryId>, storage::Error> {
    let now = desk.clock.now();
    let since = now.minus(Duration::from_hours(1));
    // Of two that are asked for at once, the second one counts the first.
    mail_link::lock(tx, &new.address).await?;
    let is_enough = match new.purpose {
        // Strangers ask for these, for whomever they like: an address with a `+` in it is the inbox of the one without.
        Purpose::SignUp => {
            mail_link::lock_all(tx, new.purpose).await?;
            mail_link::count_of_inbox_since(tx, &new.address, new.purpose, since).await? >= AN_HOUR
                || mail_link::count_all_since(tx, new.purpose, since).await? >= AN_HOUR_IN_ALL
        }
        Purpose::ResetPassword | Purpose::VerifyMailbox => {
            mail_link::count_since(tx, &new.address, new.purpose, since).await? >= AN_HOUR
        }
    };
    if is_enough {
        return Ok(None);
    }
    let (secret, hash) = issue(tx, desk, new, now).await?;
    let letter = letter(secret.reveal());
    // To the address itself: a mailbox that is not verified, or paused, would keep the letter waiting.
    // After its link, it is not worth sending.
    let delivery = notice::send_within(tx, desk, domain, (&new.address, None), &letter, LASTS).await?;
    mail_link::note_letter(tx, &hash, delivery).await?;
    Ok(Some(delivery))
}

/// The secret of a new link, and its digest.
async fn issue(tx: &mut Tx, desk: &Desk, new: &NewLink, now: Timestamp) -> Result<(Private<String>, [u8; 32]), storage::Error> {
    let secret = opaque::draw(&desk.chance);
    let hash = opaque::hash(secret.reveal()).unwrap_or_else(|| unreachable!("what was drawn is a secret"));
    let link = MailLink {
        purpose: new.purpose,
        address: new.address.clone(),
        user_id: new.user_id,
        mailbox_id: new.mailbox_id,
        invite_id: new.invite_id,
        created_at: now,
        expires_at: now.plus(LASTS),
    };
    mail_link::create(tx, &hash, &link).await?;
    Ok((secret, hash))
}

/// Whether a delivery is a letter whose link does not work any more: no other notice is given up so soon.
pub fn is_too_late(delivery: &Delivery, now: Timestamp) -> bool {
    let is_of_link = delivery.expires_at.since(delivery.queued_at) <= LASTS;
    delivery.kind == DeliveryKind::Notice && is_of_link && now >= delivery.expires_at
}

/// What a link is for, without using it up; `None` when it does not work (any more).
pub async fn look(desk: &Desk, secret: &str, purpose: Purpose) -> Result<Option<MailLink>, storage::Error> {
    let Some(hash) = opaque::hash(secret) else { return Ok(None) };
    mail_link::find(&mut desk.storage.read().await?, &hash, purpose, desk.clock.now()).await
}

/// The same inside a transaction, for a link that may be followed again: what it opens is open then.
pub async fn look_in(tx: &mut Tx, secret: &str, purpose: Purpose, now: Timestamp) -> Result<Option<MailLink>, storage::Error> {
    let Some(hash) = opaque::hash(secret) else { return Ok(None) };
    mail_link::find(tx, &hash, purpose, now).await
}

/// Uses a link up in the transaction of what it opens; `None` when it does not work (any more).
pub async fn take(tx: &mut Tx, secret: &str, purpose: Purpose, now: Timestamp) -> Result<Option<MailLink>, storage::Error> {
    let Some(hash) = opaque::hash(secret) else { return Ok(None) };
    mail_link::take(tx, &hash, purpose, now).await
}
