//! Making an account by oneself: somebody names an address, a link goes there, whoever follows it chooses a password.
//!
//! The answer is the same whether there is an account with the address or not, and so is the work: a letter is written
//! and queued either way. Only who reads the mailbox learns which one it was.

use std::net::IpAddr;

use super::account_letter as letters;
use super::invite;
use super::mail_link::{self, NewLink};
use super::password::{self, SetError};
use super::user::{self, AddError, NewUser};
use super::{Desk, broker::Broker};
use crate::config::instance::Registration;
use crate::model::id::InviteId;
use crate::model::mail_link::{MailLink, Purpose};
use crate::model::user::User;
use crate::model::{Address, Private};
use crate::storage::{self, Tx};

/// Why no link is sent.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The operator makes the accounts, or did not make the first one yet.
    #[error("accounts are made by whoever runs this instance")]
    Closed,
    /// None, or one that does not work any more.
    #[error("this takes an invitation that still works")]
    NoInvite,
    /// It is none.
    #[error("this is no mail address")]
    Address,
    /// Mail would come back to us for ever.
    #[error("this address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
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

/// Why no account is made by a link.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// It was used, has expired, or never was.
    #[error("this link does not work any more")]
    Gone,
    /// Somebody else was faster with the invitation, or it was taken back.
    #[error("the invitation does not work any more")]
    Invite,
    /// An account was made meanwhile.
    #[error("there is an account with this address")]
    Taken,
    /// The domain became one of this instance meanwhile.
    #[error("this address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
    /// The password won't do.
    #[error(transparent)]
    Password(#[from] SetError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Sends a link to an address, or the news that there is an account. `invite` is what the link of an invitation holds.
pub async fn ask(broker: &Broker, ip: IpAddr, email: &str, invite: Option<&str>) -> Result<(), AskError> {
    let registration = broker.rules.registration;
    if registration == Registration::Closed {
        return Err(AskError::Closed);
    }
    let address = Address::parse(email.trim()).map_err(|_| AskError::Address)?;
    let domain = broker.rules.domains.first().cloned().ok_or(AskError::NoDomain)?;
    broker.logins.letters.begin(ip, false, email, broker.now()).ok_or(AskError::TooMany)?;
    let (desk, url) = (broker.desk.clone(), broker.rules.public_url.clone());
    let invite = invite.map(str::to_owned);
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                // The first account is the operator's: who comes before that must not shut the door behind them.
                if !storage::user::is_any(tx).await? {
                    return Err(AskError::Closed);
                }
                let invite_id = invitation(tx, &desk, registration, invite.as_deref()).await?;
                let theirs = storage::domain::find_by_name(tx, address.domain()).await?;
                if theirs.as_ref().is_some_and(|domain| domain.user_id.is_none()) {
                    return Err(AskError::OwnDomain);
                }
                // Which domains users brought along is nobody's business: all is as usual, and nothing is sent.
                let is_real = theirs.is_none();
                let has_account = storage::user::find_by_email(tx, &address.folded()).await?.is_some();
                let new = NewLink { purpose: Purpose::SignUp, address, user_id: None, mailbox_id: None, invite_id };
                let letter = |secret: &str| if has_account { letters::has_account(&url) } else { letters::sign_up(&url, secret) };
                // Whether the address had enough of them is nobody's business either.
                Ok(mail_link::mail_or_seem_to(tx, &desk, &domain, new, is_real, letter).await?)
            })
        })
        .await?;
    broker.queue.notify_one();
    Ok(())
}

async fn invitation(
    tx: &mut Tx,
    desk: &Desk,
    registration: Registration,
    secret: Option<&str>,
) -> Result<Option<InviteId>, AskError> {
    let found = match secret {
        Some(secret) => invite::find_open_in(tx, secret, desk.clock.now()).await?,
        None => None,
    };
    match (registration, found) {
        (Registration::Open, found) => Ok(found.map(|invite| invite.id)),
        (Registration::Invite, Some(invite)) => Ok(Some(invite.id)),
        (Registration::Invite, None) => Err(AskError::NoInvite),
        (Registration::Closed, _) => Err(AskError::Closed),
    }
}

/// What a link is for; `None` when it does not work (any more). It is not used up by looking.
pub async fn look(desk: &Desk, secret: &str) -> Result<Option<MailLink>, storage::Error> {
    mail_link::look(desk, secret, Purpose::SignUp).await
}

/// Makes the account of a link, with that password and the mailbox verified: following the link proved that.
pub async fn finish(broker: &Broker, secret: &str, password: &Private<String>) -> Result<User, FinishError> {
    let (desk, registration) = (broker.desk.clone(), broker.rules.registration);
    if registration == Registration::Closed {
        return Err(FinishError::Gone);
    }
    let link = look(&desk, secret).await?.ok_or(FinishError::Gone)?;
    let names = password::public_names(broker, &link.address.to_string());
    let hash = password::hash_chosen(&desk, &broker.logins.passwords, password, &names).await?;
    let (secret, now) = (secret.to_owned(), broker.now());
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let link = mail_link::take(tx, &secret, Purpose::SignUp, now).await?.ok_or(FinishError::Gone)?;
                if registration == Registration::Invite && link.invite_id.is_none() {
                    return Err(FinishError::Gone);
                }
                let new = NewUser { email: link.address, is_admin: false, verified: true };
                let (user, _) = user::add_in(tx, &desk, new).await.map_err(not_added)?;
                storage::password::set(tx, user.id, &hash).await?;
                match link.invite_id {
                    Some(invite) if !storage::invite::use_up(tx, invite, user.id, now).await? => Err(FinishError::Invite),
                    _ => Ok(user),
                }
            })
        })
        .await
}

fn not_added(error: AddError) -> FinishError {
    match error {
        AddError::Taken => FinishError::Taken,
        AddError::OwnDomain => FinishError::OwnDomain,
        AddError::Storage(error) => error.into(),
    }
}
