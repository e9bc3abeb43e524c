//! Domains on which aliases live.

use std::collections::HashSet;

use crate::model::DomainName;
use crate::model::catch_all::CatchAll;
use crate::model::domain::Domain;
use crate::model::id::{DomainId, UserId};
use crate::storage;

use super::Desk;

/// Why the instance's domains can't be taken from the settings.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// A user brought this one.
    #[error("{0} is a user's own domain; it can't be shared by everybody")]
    Owned(DomainName),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a domain can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It is there, perhaps someone else's.
    #[error("the domain is in use on this instance already")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Adds the domains of the settings that are not there yet, in their order; how many. Safe when several nodes start at
/// once. One that has left the settings stays: its aliases live on.
pub async fn ensure_instance_domains(desk: &Desk, names: &[DomainName]) -> Result<u64, EnsureError> {
    // Every command of the command line comes by here, also on a full disk: nothing is written when nothing is missing.
    let domains = missing(desk, names).await?;
    if domains.is_empty() {
        return Ok(0);
    }
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mut added = 0;
                for new in domains {
                    match storage::domain::create(tx, &new).await {
                        Ok(_) => added += 1,
                        Err(error) if error.is_taken() => {
                            let there = storage::domain::find_by_name(tx, &new.name).await?;
                            if there.is_some_and(|domain| domain.user_id.is_some()) {
                                return Err(EnsureError::Owned(new.name));
                            }
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(added)
            })
        })
        .await
}

/// Rows for those that are not there yet.
async fn missing(desk: &Desk, names: &[DomainName]) -> Result<Vec<storage::domain::NewDomain>, EnsureError> {
    let mut tx = desk.storage.read().await?;
    let mut missing = Vec::new();
    for name in names {
        match storage::domain::find_by_name(&mut tx, name).await? {
            Some(domain) if domain.user_id.is_some() => return Err(EnsureError::Owned(name.clone())),
            Some(_) => {}
            None => missing.push(new_domain(desk, name.clone(), None)),
        }
    }
    Ok(missing)
}

/// Adds a domain: for everybody, or a user's own. Who runs the instance says so, and nothing has to be proven.
pub async fn add(desk: &Desk, name: DomainName, owner: Option<UserId>) -> Result<Domain, AddError> {
    let new = new_domain(desk, name, owner);
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let added = storage::domain::create(tx, &new).await.map_err(|error| match error {
                    error if error.is_taken() => AddError::Taken,
                    error => AddError::Storage(error),
                })?;
                storage::domain_claim::delete_all(tx, &added.name).await?;
                Ok(added)
            })
        })
        .await
}

/// All domains of the instance, oldest first.
pub async fn list(desk: &Desk) -> Result<Vec<Domain>, storage::Error> {
    storage::domain::list(&mut desk.storage.read().await?).await
}

/// The domains this user may make aliases on; the first is the default.
pub async fn list_usable(desk: &Desk, user: UserId) -> Result<Vec<Domain>, storage::Error> {
    storage::domain::list_usable(&mut desk.storage.read().await?, user).await
}

/// Those of a user's own domains that somebody's mailbox is at, whose mail would come to us instead.
pub async fn list_inhabited(desk: &Desk, user: UserId) -> Result<HashSet<DomainId>, storage::Error> {
    let ids = storage::domain::list_inhabited(&mut desk.storage.read().await?, user).await?;
    Ok(ids.into_iter().collect())
}

/// Why a domain can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such domain, or not this user's own: a shared one has no owner who could allow anything.
    #[error("there is no such domain of this user's own")]
    NotOwned,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Says whether mail that a domain's owner hands in may make an alias of it that does not exist yet.
pub async fn set_submission_creates(desk: &Desk, user: UserId, name: DomainName, creates: bool) -> Result<(), ChangeError> {
    let write = desk
        .storage
        .write(move |tx| Box::pin(async move { storage::domain::set_submission_creates(tx, user, &name, creates).await }));
    if write.await? { Ok(()) } else { Err(ChangeError::NotOwned) }
}

/// Says for which names of a domain the first message makes the alias.
pub async fn set_catch_all(desk: &Desk, user: UserId, name: DomainName, catch_all: CatchAll) -> Result<(), ChangeError> {
    let write =
        desk.storage.write(move |tx| Box::pin(async move { storage::domain::set_catch_all(tx, user, &name, &catch_all).await }));
    if write.await? { Ok(()) } else { Err(ChangeError::NotOwned) }
}

/// What to change of a domain; what is left out stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// For which names the first message makes the alias.
    pub catch_all: Option<CatchAll>,
    /// Whether mail that its owner hands in may make an alias that does not exist yet.
    pub submission_creates: Option<bool>,
}

/// Says what a user's own domain does with mail, all at once; the domain as it is then.
pub async fn change(desk: &Desk, user: UserId, name: DomainName, change: Change) -> Result<Domain, ChangeError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if let Some(catch_all) = &change.catch_all {
                    storage::domain::set_catch_all(tx, user, &name, catch_all).await?;
                }
                if let Some(creates) = change.submission_creates {
                    storage::domain::set_submission_creates(tx, user, &name, creates).await?;
                }
                let found = storage::domain::find_by_name(tx, &name).await?;
                found.filter(|domain| domain.user_id == Some(user)).ok_or(ChangeError::NotOwned)
            })
        })
        .await
}

/// Why a domain can't be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// No such domain, or not this user's own.
    #[error("there is no such domain of this user's own")]
    NotOwned,
    /// Somebody may still write to them.
    #[error("aliases on this domain are still alive ({0}); kill them first")]
    HasAliases(i64),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Removes a user's own domain on which no alias is alive. The killed ones go with it; nobody is ever given one of their
/// addresses, whoever brings the domain later.
pub async fn remove(desk: &Desk, user: UserId, name: DomainName) -> Result<(), RemoveError> {
    let now = desk.clock.now();
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let found = storage::domain::find_by_name(tx, &name).await?;
                let id = found.filter(|domain| domain.user_id == Some(user)).ok_or(RemoveError::NotOwned)?.id;
                if !storage::domain::lock(tx, id).await? {
                    return Err(RemoveError::NotOwned);
                }
                let alive = storage::domain::count_alive(tx, id).await?;
                if alive > 0 {
                    return Err(RemoveError::HasAliases(alive));
                }
                loop {
                    let dead = storage::domain::list_killed(tx, id, 500).await?;
                    if dead.is_empty() {
                        break;
                    }
                    for alias in dead {
                        if let Some(alias) = storage::alias::find(tx, alias).await? {
                            storage::alias::retire(tx, &alias, now).await?;
                        }
                    }
                }
                storage::domain::delete(tx, id).await?;
                Ok(())
            })
        })
        .await
}

fn new_domain(desk: &Desk, name: DomainName, user_id: Option<UserId>) -> storage::domain::NewDomain {
    storage::domain::NewDomain { uuid: desk.uuid(), name, user_id, created_at: desk.clock.now() }
}
