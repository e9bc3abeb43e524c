//! What users do with their own account: another password, another address to sign in with, the end of it.

use super::broker::Broker;
use super::password::{self, SetError};
use super::{Desk, notice, role, setup, user};
use crate::auth::password::PasswordError;
use crate::model::id::UserId;
use crate::model::session::Session;
use crate::model::user::User;
use crate::model::{Address, DomainName, Private};
use crate::storage::{self, Tx};
use crate::transform::notice::Letter;

/// Why a password is not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    /// Too short to be one, or too long to be hashed.
    #[error("a password has 8 characters at the least and 1000 octets at the most")]
    Length,
    /// The user is gone.
    #[error("there is no such user")]
    Unknown,
    /// It can't be hashed now.
    #[error(transparent)]
    Hash(PasswordError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why the address one signs in with is not changed.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    /// No mailbox of theirs.
    #[error("there is no such mailbox")]
    Unknown,
    /// Nobody proved to read it.
    #[error("this mailbox is not verified yet")]
    Unverified,
    /// Somebody signs in with it.
    #[error("somebody signs in with this address already")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why an account is not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Nobody would be left to administer the instance for the others.
    #[error("you are the only administrator, and there are other users; make another one an administrator first")]
    LastAdmin,
    /// The user is gone.
    #[error("there is no such user")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<SetError> for PasswordChangeError {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Length | SetError::Easy(_) => Self::Length,
            SetError::Unknown => Self::Unknown,
            SetError::Hash(error) => Self::Hash(error),
            SetError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Sets a new password for a user who proved who they are. All their sessions end but the one it is done in, if it is done in
/// one; links to reset the old one stop working, and they are told by mail where there is a domain to write from.
pub async fn change_password(
    broker: &Broker,
    user: &User,
    keep: Option<&Session>,
    text: &Private<String>,
) -> Result<(), PasswordChangeError> {
    let names = password::public_names(broker, &user.email.to_string());
    let hash = password::hash_chosen(&broker.desk, &broker.logins.passwords, text, &names).await?;
    let (desk, domain, user_) = (broker.desk.clone(), broker.rules.domains.first().cloned(), user.clone());
    let keep = keep.map(|session| session.id);
    let letter = password_letter(&broker.rules.public_url, keep.is_some());
    let changed = broker.storage().write(move |tx| {
        Box::pin(async move {
            password::replace(tx, user_.id, &hash, keep, desk.clock.now()).await?;
            tell(tx, &desk, domain.as_ref(), &user_, &letter).await?;
            Ok::<_, PasswordChangeError>(())
        })
    });
    changed.await?;
    broker.queue.notify_one();
    tracing::info!(user.id = %user.id, "a password was changed; all other sessions have ended");
    Ok(())
}

/// Signs a user in with the address of another verified mailbox of theirs from now on; the address they leave is told.
pub async fn change_email(broker: &Broker, user: &User, mailbox: &Address) -> Result<(), EmailError> {
    let (desk, domain) = (broker.desk.clone(), broker.rules.domains.first().cloned());
    let (user_, key) = (user.clone(), mailbox.folded());
    let changed = broker.storage().write(move |tx| {
        Box::pin(async move {
            let mailbox = storage::mailbox::find_by_address(tx, user_.id, &key).await?.ok_or(EmailError::Unknown)?;
            if mailbox.verified_at.is_none() {
                return Err(EmailError::Unverified);
            }
            storage::user::set_email(tx, user_.id, &key).await.map_err(|error| match error {
                error if error.is_taken() => EmailError::Taken,
                error => error.into(),
            })?;
            tell(tx, &desk, domain.as_ref(), &user_, &email_letter(&mailbox.address)).await?;
            Ok(())
        })
    });
    changed.await?;
    broker.queue.notify_one();
    tracing::info!(user.id = %user.id, "the address a user signs in with was changed");
    Ok(())
}

/// Tells a user about their account at the address they sign in with, if they proved to read it, or else at their default
/// mailbox.
pub(super) async fn tell(
    tx: &mut Tx,
    desk: &Desk,
    domain: Option<&DomainName>,
    user: &User,
    letter: &Letter,
) -> Result<(), storage::Error> {
    let Some(domain) = domain else { return Ok(()) };
    let mailboxes = storage::mailbox::list(tx, user.id).await?;
    let mut verified = mailboxes.iter().filter(|mailbox| mailbox.verified_at.is_some());
    let own = verified.clone().find(|mailbox| mailbox.address.folded() == user.email.folded());
    let Some(to) = own.or_else(|| verified.find(|mailbox| mailbox.is_default)) else { return Ok(()) };
    // To the address itself: a warning must not wait for a mailbox that is paused, nor go away with it.
    notice::send(tx, desk, domain, &to.address, None, letter).await.map(drop)
}

/// To a user who set a new password in a browser that stays signed in, or by a program.
pub(super) fn password_letter(url: &str, in_browser: bool) -> Letter {
    let browsers = if in_browser { "all other browsers" } else { "all browsers" };
    Letter {
        subject: "Your password was changed".into(),
        paragraphs: vec![
            format!("The password of your Postern account was changed, and {browsers} were signed out."),
            "If that was you, there is nothing to do. If it was not, somebody else is in your account: set a new password with \
             the link below, which asks for a letter to this address, or ask whoever runs this Postern for help."
                .into(),
        ],
        action: Some(("I did not change my password".into(), format!("{url}/reset"))),
    }
}

/// To the address that signed its user in until now.
pub(super) fn email_letter(new: &Address) -> Letter {
    Letter {
        subject: "You sign in with another address now".into(),
        paragraphs: vec![
            format!("The address you sign in to Postern with was changed to {new}. This address does not sign you in any more."),
            "If that was not you, somebody else is in your account: ask whoever runs this Postern for help.".into(),
        ],
        action: None,
    }
}

/// Removes an account with everything it has, for its owner. How many aliases are gone for good.
pub async fn remove(broker: &Broker, user: &User) -> Result<u64, RemoveError> {
    let (id, now) = (user.id, broker.now());
    let removed = broker.storage().write(move |tx| {
        Box::pin(async move {
            is_needed(tx, id).await?;
            user::remove_in(tx, id, now).await?.ok_or(RemoveError::Unknown)
        })
    });
    let retired = removed.await?;
    tracing::info!(user.id = %user.id, retired, "an account was removed by its owner");
    // The next administrator reads what is sent to the role addresses.
    if let Err(error) = role::ensure(&broker.desk, &broker.rules.domains).await {
        tracing::warn!(%error, "the role addresses could not be made; the next start makes them");
    }
    // Somebody has to be able to make the first account again.
    if let Err(error) = setup::reopen(broker).await {
        tracing::warn!(%error, "the link to make the first account could not be made; the next start makes it");
    }
    Ok(retired)
}

/// Whether nobody else has an account.
pub async fn is_only_one(desk: &Desk) -> Result<bool, storage::Error> {
    Ok(storage::user::list(&mut desk.storage.read().await?, None, 2).await?.len() <= 1)
}

/// Whether others would be left without an administrator.
async fn is_needed(tx: &mut Tx, id: UserId) -> Result<(), RemoveError> {
    let admins = storage::user::list_admins(tx).await?;
    // In one order, so that of two administrators who leave at once the second one sees that the first is gone.
    for admin in &admins {
        storage::user::lock(tx, admin.id).await?;
    }
    let admins = storage::user::list_admins(tx).await?;
    let is_last = admins.iter().any(|admin| admin.id == id) && admins.len() == 1;
    if is_last && storage::user::list(tx, None, 2).await?.len() > 1 {
        return Err(RemoveError::LastAdmin);
    }
    Ok(())
}
