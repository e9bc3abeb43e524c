//! The proof that a user reads a mailbox: a link is mailed there, and whoever presses the button behind it reads it.
//!
//! Nothing else is sent to a mailbox before that. The link is looked at as often as mail scanners like; it is not used up
//! but has done its work, so that a second press can say so. It proves the address it went to and no other: a mailbox
//! that was given another one meanwhile is not verified by it.

use std::time::Duration;

use super::broker::Broker;
use super::idempotency::{self, Answer, Once, OnceError};
use super::mail_link::{self, NewLink};
use super::mailbox::{self, AddError};
use super::mailbox_move::{self, Moved};
use super::{Desk, letters, notice};
use crate::model::id::UserId;
use crate::model::mail_link::Purpose;
use crate::model::mailbox::Mailbox;
use crate::model::{Address, DomainName};
use crate::storage::{self, Tx};

/// Links that one user may have mailed within an hour, to whatever addresses: they may all be strangers'.
const AN_HOUR_A_USER: i64 = 20;

/// What became of the wish to have a link mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Mailed,
    /// There were enough of them within the last hour: nothing was sent.
    Enough,
    /// The mailbox is verified: there is nothing to prove.
    Needless,
}

/// Mails a link that verifies the mailbox, in a transaction of its own. Whoever has a broker rings its queue after that.
pub async fn send(desk: &Desk, domain: &DomainName, public_url: &str, mailbox: &Mailbox) -> Result<Sent, storage::Error> {
    let (desk_, domain, public_url, id) = (desk.clone(), domain.clone(), public_url.to_owned(), mailbox.id);
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let Some(mailbox) = storage::mailbox::find(tx, id).await? else { return Ok(Sent::Needless) };
                send_in(tx, &desk_, &domain, &public_url, &mailbox).await
            })
        })
        .await
}

/// The same inside the transaction that makes the mailbox.
pub async fn send_in(
    tx: &mut Tx,
    desk: &Desk,
    domain: &DomainName,
    public_url: &str,
    mailbox: &Mailbox,
) -> Result<Sent, storage::Error> {
    if mailbox.verified_at.is_some() {
        return Ok(Sent::Needless);
    }
    let since = desk.clock.now().minus(Duration::from_hours(1));
    // Of many that are asked for at once, each counts those before it. Whoever has the user's row for itself asks for these
    // locks later on, so they are not to be had before it.
    storage::user::lock_shared(tx, mailbox.user_id).await?;
    storage::mail_link::lock_user(tx, mailbox.user_id).await?;
    let of_user = storage::mail_link::count_of_user_since(tx, mailbox.user_id, Purpose::VerifyMailbox, since).await?;
    if of_user >= AN_HOUR_A_USER {
        return Ok(Sent::Enough);
    }
    let new = NewLink {
        purpose: Purpose::VerifyMailbox,
        address: mailbox.address.clone(),
        user_id: Some(mailbox.user_id),
        mailbox_id: Some(mailbox.id),
        invite_id: None,
    };
    let letter = |secret: &str| letters::verify_mailbox(&mailbox.address, &format!("{public_url}/verify/{secret}"));
    let mailed = mail_link::mail(tx, desk, domain, new, letter).await?;
    Ok(if mailed { Sent::Mailed } else { Sent::Enough })
}

/// Adds a mailbox and mails the link that verifies it.
pub async fn add(
    desk: &Desk,
    domain: &DomainName,
    public_url: &str,
    user: UserId,
    address: Address,
) -> Result<(Mailbox, Sent), AddError> {
    let (desk_, domain, public_url) = (desk.clone(), domain.clone(), public_url.to_owned());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let added = mailbox::add_in(tx, &desk_, user, address, false).await?;
                let sent = send_in(tx, &desk_, &domain, &public_url, &added).await?;
                Ok((added, sent))
            })
        })
        .await
}

/// The same with a running broker; without a domain to write from, nothing is mailed.
pub async fn add_with(broker: &Broker, user: UserId, address: Address) -> Result<(Mailbox, Sent), AddError> {
    let Some(domain) = broker.rules.domains.first() else {
        return Ok((mailbox::add(&broker.desk, user, address, false).await?, Sent::Enough));
    };
    let done = add(&broker.desk, domain, &broker.rules.public_url, user, address).await?;
    broker.queue.notify_one();
    Ok(done)
}

/// Mails a link once more, with a running broker.
pub async fn resend(broker: &Broker, mailbox: &Mailbox) -> Result<Sent, storage::Error> {
    let Some(domain) = broker.rules.domains.first() else { return Ok(Sent::Enough) };
    let sent = send(&broker.desk, domain, &broker.rules.public_url, mailbox).await?;
    broker.queue.notify_one();
    Ok(sent)
}

/// Adds a mailbox and writes to it, once for a key.
pub async fn add_once(
    broker: &Broker,
    user: UserId,
    address: Address,
    once: Once<(Mailbox, Sent)>,
) -> Result<Answer, OnceError<AddError>> {
    let (desk, now) = (broker.desk.clone(), broker.now());
    let (domain, public_url) = (broker.rules.domains.first().cloned(), broker.rules.public_url.clone());
    let write = broker.storage().write(move |tx| {
        Box::pin(async move {
            if let Some(answer) = idempotency::begin(tx, once.key.as_ref(), now).await? {
                return Ok(answer);
            }
            let mailbox = mailbox::add_in(tx, &desk, user, address, false).await.map_err(OnceError::Failed)?;
            let sent = match &domain {
                Some(domain) => send_in(tx, &desk, domain, &public_url, &mailbox).await?,
                None => Sent::Enough,
            };
            Ok(idempotency::finish(tx, once, &(mailbox, sent)).await?)
        })
    });
    let answer: Result<Answer, OnceError<AddError>> = write.await;
    broker.queue.notify_one();
    answer
}

/// What a link would do.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The mailbox it verifies.
    pub mailbox: Mailbox,
    /// The address whose place it takes then.
    pub replaces: Option<Address>,
}

/// Shows what a link would do and changes nothing; `None` when it does not work (any more).
pub async fn look(desk: &Desk, secret: &str) -> Result<Option<Asked>, storage::Error> {
    let mut tx = desk.storage.read().await?;
    asked(&mut tx, desk, secret).await
}

async fn asked(tx: &mut Tx, desk: &Desk, secret: &str) -> Result<Option<Asked>, storage::Error> {
    let Some(link) = mail_link::look_in(tx, secret, Purpose::VerifyMailbox, desk.clock.now()).await? else { return Ok(None) };
    let Some(id) = link.mailbox_id else { return Ok(None) };
    let Some(mailbox) = storage::mailbox::find(tx, id).await? else { return Ok(None) };
    if mailbox.address.folded() != link.address.folded() {
        return Ok(None);
    }
    let replaces = mailbox_move::replaced(tx, &mailbox).await?.map(|old| old.address);
    Ok(Some(Asked { mailbox, replaces }))
}

/// What a press did.
#[derive(Debug, Clone)]
pub enum Confirmed {
    /// Mail is forwarded to this mailbox from now on.
    Verified(Mailbox),
    /// It was before.
    Already(Mailbox),
    /// It is verified, and is to take the place of another one: that waits for its owner to sign in.
    MoveWaits(Mailbox),
    /// It has taken the place of another one as well.
    Moved(Moved),
}

/// Does what a link is for; `None` when it does not work (any more). `who` is whoever is signed in where it was followed:
/// a link proves that somebody reads an address, not that it was typed right, and so a move waits for its owner.
/// What waited for a mailbox that was moved goes out at once.
pub async fn confirm(broker: &Broker, secret: &str, who: Option<UserId>) -> Result<Option<Confirmed>, storage::Error> {
    let (desk, secret, domain) = (broker.desk.clone(), secret.to_owned(), broker.rules.domains.first().cloned());
    let url = broker.rules.public_url.clone();
    let confirmed = broker
        .storage()
        .write(move |tx| Box::pin(async move { confirm_in(tx, &desk, (domain.as_ref(), &url), &secret, who).await }))
        .await?;
    broker.queue.notify_one();
    Ok(confirmed)
}

async fn confirm_in(
    tx: &mut Tx,
    desk: &Desk,
    from: (Option<&DomainName>, &str),
    secret: &str,
    who: Option<UserId>,
) -> Result<Option<Confirmed>, storage::Error> {
    let now = desk.clock.now();
    let Some(first) = asked(tx, desk, secret).await? else { return Ok(None) };
    // Of two presses at once, one verifies; and nobody cancels the move meanwhile.
    storage::user::lock(tx, first.mailbox.user_id).await?;
    let Some(Asked { mailbox, replaces }) = asked(tx, desk, secret).await? else { return Ok(None) };
    let is_first = storage::mailbox::verify(tx, mailbox.id, now).await?;
    if is_first && replaces.is_none() {
        tell_default(tx, desk, from, &mailbox).await?;
    }
    let mailbox = Mailbox { verified_at: mailbox.verified_at.or(Some(now)), ..mailbox };
    if replaces.is_some() && who != Some(mailbox.user_id) {
        return Ok(Some(Confirmed::MoveWaits(mailbox)));
    }
    Ok(Some(match mailbox_move::finish(tx, desk, &mailbox).await? {
        Some(moved) => Confirmed::Moved(moved),
        None if is_first => Confirmed::Verified(mailbox),
        None => Confirmed::Already(mailbox),
    }))
}

/// Tells the default mailbox that mail may go to another one from now on: whoever added it may not be the owner.
async fn tell_default(
    tx: &mut Tx,
    desk: &Desk,
    (domain, url): (Option<&DomainName>, &str),
    new: &Mailbox,
) -> Result<(), storage::Error> {
    let Some(domain) = domain else { return Ok(()) };
    let all = storage::mailbox::list(tx, new.user_id).await?;
    let fit = |one: &&Mailbox| one.is_default && one.verified_at.is_some() && one.id != new.id;
    let Some(default) = all.iter().find(fit) else { return Ok(()) };
    notice::send(tx, desk, domain, &default.address, None, &letters::mailbox_added(&new.address, url)).await.map(drop)
}
