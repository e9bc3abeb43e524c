//! What whoever administers the instance may do to accounts. The last administrator stays one: nobody could make another.

use uuid::Uuid;

use super::Desk;
use super::broker::Broker;
use super::idempotency::{self, Answer, Once, OnceError};
use super::user::{self, AddError, NewUser};
use super::verification::{self, Sent};
use crate::model::Address;
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::person::Person;
use crate::model::user::User;
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

/// An account that was made.
#[derive(Debug, Clone)]
pub struct Added {
    /// Whose it is.
    pub person: Person,
    /// Their first mailbox.
    pub mailbox: Mailbox,
    /// What was done about the letter that verifies it.
    pub sent: Sent,
}

/// Makes an account, once for a key, and writes to its mailbox unless the administrator vouches for that. It has no password:
/// whoever reads the mailbox sets one by a link, and nobody else ever knows it.
pub async fn add_once(broker: &Broker, new: NewUser, once: Once<Added>) -> Result<Answer, OnceError<AddError>> {
    let (desk, now) = (broker.desk.clone(), broker.now());
    let (domain, public_url) = (broker.rules.domains.first().cloned(), broker.rules.public_url.clone());
    let write = broker.storage().write(move |tx| {
        Box::pin(async move {
            if let Some(answer) = idempotency::begin(tx, once.key.as_ref(), now).await? {
                return Ok(answer);
            }
            let (user, mailbox) = user::add_in(tx, &desk, new).await.map_err(OnceError::Failed)?;
            let sent = match &domain {
                Some(domain) => verification::send_in(tx, &desk, domain, &public_url, &mailbox).await?,
                None if mailbox.verified_at.is_some() => Sent::Needless,
                None => Sent::Enough,
            };
            let added = Added { person: fresh(&user, &mailbox), mailbox, sent };
            Ok(idempotency::finish(tx, once, &added).await?)
        })
    });
    let answer: Result<Answer, OnceError<AddError>> = write.await;
    broker.queue.notify_one();
    answer
}

/// The figures of an account that was just made.
fn fresh(user: &User, mailbox: &Mailbox) -> Person {
    Person {
        id: user.id,
        uuid: user.uuid,
        email: user.email.clone(),
        is_admin: user.is_admin,
        created_at: user.created_at,
        on_quarantine: user.on_quarantine,
        replace_quoted: user.replace_quoted,
        has_second_factor: false,
        passkeys: 0,
        mailboxes: 1,
        verified_mailboxes: i64::from(mailbox.verified_at.is_some()),
        aliases: 0,
    }
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
