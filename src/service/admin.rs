//! What whoever administers the instance may do to accounts. The last administrator stays one: nobody could make another.

use uuid::Uuid;

use super::Desk;
use super::user;
use crate::model::Address;
use crate::model::id::UserId;
use crate::model::person::Person;
use crate::storage::{self, Tx, person};

/// Why an account can't be changed by an administrator.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// Nobody else administers the instance.
    #[error("this is the only administrator; make somebody else one first")]
    Last,
    /// What was typed to be sure is another address.
    #[error("the address is not that of the account")]
    OtherAddress,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// One page of users with their figures, oldest first, after that one.
pub async fn list(desk: &Desk, after: Option<UserId>, limit: u32) -> Result<Vec<Person>, storage::Error> {
    person::list(&mut desk.storage.read().await?, None, after, limit).await
}

/// One user with their figures.
pub async fn find(desk: &Desk, uuid: Uuid) -> Result<Option<Person>, storage::Error> {
    find_in(&mut desk.storage.read().await?, uuid).await
}

async fn find_in(tx: &mut Tx, uuid: Uuid) -> Result<Option<Person>, storage::Error> {
    Ok(person::list(tx, Some(uuid), None, 1).await?.into_iter().next())
}

/// Makes a user an administrator, or no longer one.
pub async fn set_admin(desk: &Desk, uuid: Uuid, is_admin: bool) -> Result<Person, AdminError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let person = find_in(tx, uuid).await?.ok_or(AdminError::Unknown)?;
                if !is_admin {
                    refuse_last(tx, person.id).await?;
                }
                storage::user::set_admin(tx, person.id, is_admin).await?;
                Ok(Person { is_admin, ..person })
            })
        })
        .await
}

/// Removes an account with everything it has; `typed` is its address once more, to be sure. Nobody is ever given one of its
/// aliases' addresses; how many there were.
pub async fn remove(desk: &Desk, uuid: Uuid, typed: &str) -> Result<u64, AdminError> {
    let (now, typed) = (desk.clock.now(), Address::parse(typed.trim()).map(|address| address.folded()));
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let person = find_in(tx, uuid).await?.ok_or(AdminError::Unknown)?;
                if typed.ok().as_ref() != Some(&person.email.folded()) {
                    return Err(AdminError::OtherAddress);
                }
                refuse_last(tx, person.id).await?;
                user::remove_in(tx, person.id, now).await?.ok_or(AdminError::Unknown)
            })
        })
        .await
}

/// Locks who administers the instance, and refuses when that is this user alone.
async fn refuse_last(tx: &mut Tx, id: UserId) -> Result<(), AdminError> {
    let admins = storage::user::lock_admins(tx).await?;
    let is_last = admins.len() == 1 && admins.iter().all(|admin| admin.id == id);
    if is_last { Err(AdminError::Last) } else { Ok(()) }
}
