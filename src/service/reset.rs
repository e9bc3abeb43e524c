//! A forgotten password: a link goes to the address one signs in with, and whoever follows it chooses a new one.
//!
//! It goes there only while that address is a verified mailbox of the account. The answer is the same for every address,
//! and so is the work (`mail_link::mail_or_seem_to`). The second factor stays: reading a mailbox is one factor, not two.

use std::net::IpAddr;

use super::account_letter as letters;
use super::mail_link::{self, NewLink};
use super::password::{self, SetError};
use super::{Desk, broker::Broker, notice};
use crate::model::id::UserId;
use crate::model::mail_link::{MailLink, Purpose};
use crate::model::user::User;
use crate::model::{Address, DomainName, Private};
use crate::storage::{self, Tx};

/// Mailboxes that are told of a new password.
const TOLD: usize = 10;

/// Why no link is sent, or seems to be.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It is none.
    #[error("this is no mail address")]
    Address,
    /// Too many letters were asked for from there.
    #[error("too many letters were asked for")]
    TooMany,
    /// There is no domain to write from.
    #[error("this instance has no domain to write from")]
    NoDomain,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why no password is set by a link.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// It was used, has expired, or never was.
    #[error("this link does not work any more")]
    Gone,
    /// The password won't do.
    #[error(transparent)]
    Password(#[from] SetError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Sends a link to an address if somebody signs in with it and reads it.
pub async fn ask(broker: &Broker, ip: IpAddr, email: &str) -> Result<(), AskError> {
    let address = Address::parse(email.trim()).map_err(|_| AskError::Address)?;
    let domain = broker.rules.domains.first().cloned().ok_or(AskError::NoDomain)?;
    broker.logins.letters.begin(ip, false, email, broker.now()).ok_or(AskError::TooMany)?;
    let (desk, url) = (broker.desk.clone(), broker.rules.public_url.clone());
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let to = reader(tx, &address).await?;
                let (user_id, is_real) = (to.as_ref().map(|(user, _)| user.id), to.is_some());
                let address = to.map_or(address, |(_, written)| written);
                // Not through the mailbox: a paused one would keep the letter waiting.
                let new = NewLink { purpose: Purpose::ResetPassword, address, user_id, mailbox_id: None, invite_id: None };
                let letter = |secret: &str| letters::reset(&url, secret);
                mail_link::mail_or_seem_to(tx, &desk, &domain, new, is_real, letter).await
            })
        })
        .await?;
    broker.queue.notify_one();
    Ok(())
}

/// Why the administrator's link is not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// The address is no verified mailbox of theirs.
    #[error("nobody proved to read the address of this account")]
    Unread,
    /// The address had enough of them.
    #[error("enough links were mailed within the last hour")]
    TooMany,
    /// There is no domain to write from.
    #[error("this instance has no domain to write from")]
    NoDomain,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Sends a link to a user who is locked out, for whoever runs the instance: where [`ask`] sends it, and nowhere else.
pub async fn send(broker: &Broker, user: UserId) -> Result<(), SendError> {
    let domain = broker.rules.domains.first().cloned().ok_or(SendError::NoDomain)?;
    let (desk, url) = (broker.desk.clone(), broker.rules.public_url.clone());
    let sent = broker.storage().write(move |tx| {
        Box::pin(async move {
            let user = storage::user::find(tx, user).await?.ok_or(SendError::Unknown)?;
            let (user, address) = reader(tx, &user.email).await?.ok_or(SendError::Unread)?;
            let (user_id, mailbox_id, invite_id) = (Some(user.id), None, None);
            let new = NewLink { purpose: Purpose::ResetPassword, address, user_id, mailbox_id, invite_id };
            let is_sent = mail_link::mail(tx, &desk, &domain, new, |secret| letters::reset(&url, secret)).await?;
            if is_sent { Ok(()) } else { Err(SendError::TooMany) }
        })
    });
    sent.await?;
    broker.queue.notify_one();
    Ok(())
}

/// Who signs in with that address and reads it, and how they wrote it.
async fn reader(tx: &mut Tx, address: &Address) -> Result<Option<(User, Address)>, storage::Error> {
    let user = storage::user::find_by_email(tx, &address.folded()).await?;
    // Looked up also for nobody, who has none.
    let id = user.as_ref().map_or(UserId(0), |user| user.id);
    let mailbox = storage::mailbox::find_by_address(tx, id, &address.folded()).await?;
    let mailbox = mailbox.filter(|mailbox| mailbox.verified_at.is_some());
    Ok(user.zip(mailbox.map(|mailbox| mailbox.address)))
}

/// What a link is for; `None` when it does not work (any more). It is not used up by looking.
pub async fn look(desk: &Desk, secret: &str) -> Result<Option<MailLink>, storage::Error> {
    Ok(mail_link::look(desk, secret, Purpose::ResetPassword).await?.filter(|link| link.user_id.is_some()))
}

/// Sets the password of whoever a link was sent to, ends all their sessions and tells them.
pub async fn finish(broker: &Broker, secret: &str, password: &Private<String>) -> Result<(), FinishError> {
    let desk = broker.desk.clone();
    let link = look(&desk, secret).await?.ok_or(FinishError::Gone)?;
    let names = password::public_names(broker, &link.address.to_string());
    let hash = password::hash_chosen(&desk, &broker.logins.passwords, password, &names).await?;
    let (secret, now) = (secret.to_owned(), broker.now());
    let (domain, url) = (broker.rules.domains.first().cloned(), broker.rules.public_url.clone());
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let link = mail_link::take(tx, &secret, Purpose::ResetPassword, now).await?.ok_or(FinishError::Gone)?;
                let user = match link.user_id {
                    Some(id) => storage::user::find(tx, id).await?,
                    None => None,
                };
                // Whoever signs in with another address by now does not read this one any more, perhaps.
                let user = user.filter(|user| user.email.folded() == link.address.folded()).ok_or(FinishError::Gone)?;
                password::replace(tx, user.id, &hash, None, now).await?;
                if let Some(domain) = domain {
                    tell(tx, &desk, &domain, &url, user.id).await?;
                }
                Ok::<_, FinishError>(())
            })
        })
        .await?;
    broker.queue.notify_one();
    Ok(())
}

/// Every verified mailbox is told: who set the password may be the one who reads the first of them.
async fn tell(tx: &mut Tx, desk: &Desk, domain: &DomainName, url: &str, user: UserId) -> Result<(), storage::Error> {
    let mailboxes = storage::mailbox::list(tx, user).await?;
    for mailbox in mailboxes.iter().filter(|mailbox| mailbox.verified_at.is_some()).take(TOLD) {
        notice::send(tx, desk, domain, &mailbox.address, None, &letters::password_changed(url)).await?;
    }
    Ok(())
}
