//! Users: who has an account here.

use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::user::{OnQuarantine, User};
use crate::model::{Address, Timestamp};
use crate::storage::{self, Tx};

use super::Desk;

/// What a new account is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The address they sign in with, and their first mailbox.
    pub email: Address,
    /// Whether they administer the instance.
    pub is_admin: bool,
    /// Whether the operator vouches that they read that mailbox.
    pub verified: bool,
}

/// Why an account can't be made.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Someone signs in with it.
    #[error("there is a user with this address already")]
    Taken,
    /// Mail would come back to us for ever.
    #[error("this address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why it is not clear who is meant.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nobody signs in with that address.
    #[error("there is no user with this address")]
    Unknown,
    /// There is no user at all.
    #[error("there is no user yet")]
    Nobody,
    /// There are several, so one must be named.
    #[error("there are several users; say which one")]
    Several,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why an account can't be changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Makes an account with its first mailbox, the default one.
pub async fn add(desk: &Desk, new: NewUser) -> Result<(User, Mailbox), AddError> {
    let desk_ = desk.clone();
    desk.storage.write(move |tx| Box::pin(async move { add_in(tx, &desk_, new).await })).await
}

/// The same inside the transaction of how the account came about. The link that makes the first one is void from then on.
pub(super) async fn add_in(tx: &mut Tx, desk: &Desk, new: NewUser) -> Result<(User, Mailbox), AddError> {
    let now = desk.clock.now();
    if storage::domain::find_by_name(tx, new.email.domain()).await?.is_some() {
        return Err(AddError::OwnDomain);
    }
    let user = storage::user::NewUser { uuid: desk.uuid(), email: new.email.clone(), is_admin: new.is_admin, created_at: now };
    let user = storage::user::create(tx, &user).await.map_err(|error| match error {
        error if error.is_taken() => AddError::Taken,
        error => error.into(),
    })?;
    let mailbox = storage::mailbox::NewMailbox {
        uuid: desk.uuid(),
        user_id: user.id,
        address: new.email,
        verified_at: new.verified.then_some(now),
        is_default: true,
        created_at: now,
    };
    let mailbox = storage::mailbox::create(tx, &mailbox).await?;
    storage::secret::delete(tx, super::setup::SECRET).await?;
    Ok((user, mailbox))
}

/// One page of users, oldest first, after that one.
pub async fn list(desk: &Desk, after: Option<UserId>, limit: u32) -> Result<Vec<User>, storage::Error> {
    storage::user::list(&mut desk.storage.read().await?, after, limit).await
}

/// The user who signs in with that address, in any case.
pub async fn find_by_email(desk: &Desk, email: &Address) -> Result<Option<User>, storage::Error> {
    storage::user::find_by_email(&mut desk.storage.read().await?, &email.folded()).await
}

/// The named user, or the only one when none is named.
pub async fn resolve(desk: &Desk, email: Option<&Address>) -> Result<User, ResolveError> {
    if let Some(email) = email {
        return find_by_email(desk, email).await?.ok_or(ResolveError::Unknown);
    }
    let mut users = list(desk, None, 2).await?.into_iter();
    match (users.next(), users.next()) {
        (Some(user), None) => Ok(user),
        (None, _) => Err(ResolveError::Nobody),
        (Some(_), Some(_)) => Err(ResolveError::Several),
    }
}

/// What is changed of how a user's mail is treated; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// What happens to mail whose domain asks for quarantine.
    pub on_quarantine: Option<OnQuarantine>,
    /// Whether a mailbox address in a reply's text is replaced by the alias.
    pub replace_quoted: Option<bool>,
}

/// Changes how a user's mail is treated; the user as they are then. What is held already stays held.
pub async fn set(desk: &Desk, id: UserId, settings: Settings) -> Result<User, ChangeError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mut user = storage::user::find(tx, id).await?.ok_or(ChangeError::Unknown)?;
                user.on_quarantine = settings.on_quarantine.unwrap_or(user.on_quarantine);
                user.replace_quoted = settings.replace_quoted.unwrap_or(user.replace_quoted);
                storage::user::set_choices(tx, id, user.on_quarantine, user.replace_quoted).await?;
                Ok(user)
            })
        })
        .await
}

/// Removes an account with everything it has. Nobody is ever given one of its aliases' addresses; how many there were.
pub async fn remove(desk: &Desk, id: UserId) -> Result<u64, ChangeError> {
    let now = desk.clock.now();
    desk.storage.write(move |tx| Box::pin(async move { remove_in(tx, id, now).await?.ok_or(ChangeError::Unknown) })).await
}

/// The same in a transaction; `None` when there is no such user.
pub(super) async fn remove_in(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<Option<u64>, storage::Error> {
    if !storage::user::lock(tx, id).await? {
        return Ok(None);
    }
    // What waits for a mailbox and belongs to no alias (a notice) would be sent all the same.
    for mailbox in storage::mailbox::list(tx, id).await? {
        storage::delivery::cancel_waiting_of_mailbox(tx, mailbox.id, now).await?;
    }
    // Nor do letters whose link ends with the account belong to a mailbox. Warnings go their way: who removed the account may
    // not be whose it was.
    storage::mail_link::cancel_letters(tx, id, None, now).await?;
    let mut retired = 0;
    loop {
        let page = page_of_aliases(tx, id).await?;
        if page.is_empty() {
            break;
        }
        for alias in page {
            storage::alias::retire(tx, &alias, now).await?;
            retired += 1;
        }
    }
    storage::user::delete(tx, id).await?;
    Ok(Some(retired))
}

async fn page_of_aliases(tx: &mut Tx, user_id: UserId) -> Result<Vec<crate::model::alias::Alias>, storage::Error> {
    let filter = storage::alias::AliasFilter { user_id, site: None, state: None, before: None, limit: 500 };
    storage::alias::list(tx, &filter).await
}
