//! Mailboxes: where a user's mail goes. Moving one is one action for all aliases, no account elsewhere to touch.

use crate::model::activity::{Activity, ActivityKey};
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::{Address, Timestamp};
use crate::storage::{self, Tx, delivery};

use super::Desk;

/// Mailboxes of one user.
pub const MOST: usize = 1_000;

/// Why a mailbox can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The user has it.
    #[error("this mailbox is there already")]
    Taken,
    /// Mail would come back to us for ever.
    #[error("this address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
    /// Enough is enough.
    #[error("there are {MOST} mailboxes already; remove one first")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a mailbox can't be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// New aliases forward here.
    #[error("this is the default mailbox; make another one the default first, or move it")]
    Default,
    /// Nobody could get at a forgotten password any more.
    #[error("you sign in with this address; choose another one first on the page Security")]
    SignsIn,
    /// Mail for these aliases would have nowhere to go.
    #[error("this is the only mailbox of {0} aliases; move it instead")]
    OnlyOne(i64),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a mailbox can't be made the default.
#[derive(Debug, thiserror::Error)]
pub enum DefaultError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// Nothing is forwarded to it yet.
    #[error("this mailbox is not verified")]
    Unverified,
    /// Nothing is forwarded to it now.
    #[error("this mailbox is paused, because its server refuses it; test it first: postern mailbox test")]
    Paused,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a mailbox can't be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// Mail would come back to us for ever.
    #[error("the new address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
    /// All its aliases would fall silent.
    #[error("the new address is a mailbox that is not verified yet")]
    Unverified,
    /// The same.
    #[error("the new address is a mailbox that is paused, because its server refuses it; test it first: postern mailbox test")]
    Paused,
    /// What was encrypted would go out in clear.
    #[error("the old mailbox has a PGP key and the new one has none; set a key for it first, or remove the key of the old one")]
    NoKey,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Adds a mailbox; `verified`: the operator vouches that the user reads it.
pub async fn add(desk: &Desk, user_id: UserId, address: Address, verified: bool) -> Result<Mailbox, AddError> {
    let desk_ = desk.clone();
    desk.storage.write(move |tx| Box::pin(async move { add_in(tx, &desk_, user_id, address, verified).await })).await
}

/// The same inside a transaction.
pub(super) async fn add_in(
    tx: &mut Tx,
    desk: &Desk,
    user_id: UserId,
    address: Address,
    verified: bool,
) -> Result<Mailbox, AddError> {
    if is_ours(tx, &address).await? {
        return Err(AddError::OwnDomain);
    }
    if storage::mailbox::list(tx, user_id).await?.len() >= MOST {
        return Err(AddError::TooMany);
    }
    let now = desk.clock.now();
    let new = storage::mailbox::NewMailbox {
        uuid: desk.uuid(),
        user_id,
        address,
        verified_at: verified.then_some(now),
        is_default: false,
        created_at: now,
    };
    storage::mailbox::create(tx, &new).await.map_err(|error| match error {
        error if error.is_taken() => AddError::Taken,
        error => error.into(),
    })
}

/// A user's mailboxes, oldest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<Mailbox>, storage::Error> {
    storage::mailbox::list(&mut desk.storage.read().await?, user).await
}

/// A user's mailbox by its address.
pub async fn find(desk: &Desk, user: UserId, address: &Address) -> Result<Option<Mailbox>, storage::Error> {
    storage::mailbox::find_by_address(&mut desk.storage.read().await?, user, &address.folded()).await
}

/// Records that the operator vouches for a mailbox, or that its owner proved to read it.
pub async fn verify(desk: &Desk, mailbox: &Mailbox) -> Result<bool, storage::Error> {
    let (id, now) = (mailbox.id, desk.clock.now());
    desk.storage.write(move |tx| Box::pin(async move { storage::mailbox::verify(tx, id, now).await })).await
}

/// Makes a mailbox the one that new aliases forward to.
pub async fn make_default(desk: &Desk, user: UserId, address: &Address) -> Result<(), DefaultError> {
    let key = address.folded();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mailbox = storage::mailbox::find_by_address(tx, user, &key).await?.ok_or(DefaultError::Unknown)?;
                if mailbox.verified_at.is_none() {
                    return Err(DefaultError::Unverified);
                }
                if mailbox.paused.is_some() {
                    return Err(DefaultError::Paused);
                }
                Ok(storage::mailbox::make_default(tx, user, mailbox.id).await?)
            })
        })
        .await
}

/// Removes a mailbox. What still waits for it is cancelled, counted and stays visible.
pub async fn remove(desk: &Desk, user: UserId, address: &Address) -> Result<(), RemoveError> {
    let (key, now) = (address.folded(), desk.clock.now());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                // No alias may get this mailbox as its only one meanwhile.
                storage::user::lock(tx, user).await?;
                let mailbox = storage::mailbox::find_by_address(tx, user, &key).await?.ok_or(RemoveError::Unknown)?;
                if mailbox.is_default {
                    return Err(RemoveError::Default);
                }
                if signs_in(tx, &mailbox).await? {
                    return Err(RemoveError::SignsIn);
                }
                let sole = storage::mailbox::count_sole_aliases(tx, mailbox.id).await?;
                if sole > 0 {
                    return Err(RemoveError::OnlyOne(sole));
                }
                for alias_id in delivery::cancel_waiting_of_mailbox(tx, mailbox.id, now).await? {
                    let key = ActivityKey { alias_id, day: now.day() };
                    storage::activity::add(tx, &[(key, Activity::CANCELLED)]).await?;
                }
                storage::mailbox::delete(tx, mailbox.id).await?;
                Ok(())
            })
        })
        .await
}

/// Puts another address behind every alias that forwards to `old`; what waits in the queue follows.
///
/// When `new` is a mailbox of the user already, it takes the place of `old`. Otherwise it counts as verified only if
/// `verified` says so: the aliases take nothing until it is. A key stays with a mailbox that gets another address; one that
/// takes the place of a mailbox with a key must have one as well.
pub async fn relocate(desk: &Desk, user: UserId, old: &Address, new: Address, verified: bool) -> Result<Mailbox, MoveError> {
    let (key, now) = (old.folded(), desk.clock.now());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                storage::user::lock(tx, user).await?;
                let mailbox = storage::mailbox::find_by_address(tx, user, &key).await?.ok_or(MoveError::Unknown)?;
                if is_ours(tx, &new).await? {
                    return Err(MoveError::OwnDomain);
                }
                match storage::mailbox::find_by_address(tx, user, &new.folded()).await? {
                    Some(there) if there.id != mailbox.id => replace(tx, &mailbox, there, verified, now).await,
                    Some(_) => rename(tx, &mailbox, &new, mailbox.verified_at.or(verified.then_some(now))).await,
                    None => rename(tx, &mailbox, &new, verified.then_some(now)).await,
                }
            })
        })
        .await
}

/// The same mailbox with another address.
async fn rename(tx: &mut Tx, mailbox: &Mailbox, new: &Address, verified_at: Option<Timestamp>) -> Result<Mailbox, MoveError> {
    storage::mailbox::set_address(tx, mailbox.id, new, verified_at).await?;
    delivery::redirect(tx, mailbox.id, mailbox.id, new).await?;
    Ok(Mailbox { address: new.clone(), verified_at, paused: None, ..mailbox.clone() })
}

/// Another mailbox of the same user in its place.
pub(super) async fn replace(
    tx: &mut Tx,
    mailbox: &Mailbox,
    mut there: Mailbox,
    verified: bool,
    now: Timestamp,
) -> Result<Mailbox, MoveError> {
    if there.paused.is_some() {
        return Err(MoveError::Paused);
    }
    // Whoever set a key wants nothing in clear: not to lose that is theirs to decide, not a side effect.
    let keys = storage::pgp_key::find_many(tx, &[mailbox.id, there.id]).await?;
    let has_key = |id| keys.iter().any(|key| key.mailbox_id == id);
    if has_key(mailbox.id) && !has_key(there.id) {
        return Err(MoveError::NoKey);
    }
    if there.verified_at.is_none() {
        if !verified {
            return Err(MoveError::Unverified);
        }
        storage::mailbox::verify(tx, there.id, now).await?;
        there.verified_at = Some(now);
    }
    storage::mailbox::copy_aliases(tx, mailbox.id, there.id).await?;
    delivery::redirect(tx, mailbox.id, there.id, &there.address).await?;
    if mailbox.is_default {
        storage::mailbox::make_default(tx, mailbox.user_id, there.id).await?;
        there.is_default = true;
    }
    storage::mailbox::delete(tx, mailbox.id).await?;
    Ok(there)
}

/// Whether its user signs in with the address of a mailbox. As long as they do it stays: letters about the account go there,
/// and the link for a forgotten password.
pub(super) async fn signs_in(tx: &mut Tx, mailbox: &Mailbox) -> Result<bool, storage::Error> {
    let user = storage::user::find(tx, mailbox.user_id).await?;
    Ok(user.is_some_and(|user| user.email.folded() == mailbox.address.folded()))
}

/// Whether an address is on one of the instance's domains.
pub(super) async fn is_ours(tx: &mut Tx, address: &Address) -> Result<bool, storage::Error> {
    Ok(storage::domain::find_by_name(tx, address.domain()).await?.is_some())
}

/// How many mailboxes, of whomever, are at a domain: one that becomes ours would have their mail go round in circles.
pub async fn count_at(desk: &Desk, domain: &crate::model::DomainName) -> Result<i64, storage::Error> {
    storage::mailbox_move::count_at(&mut desk.storage.read().await?, domain).await
}
