//! Domains that users bring: claimed, proven by a TXT record, only then in use.
//!
//! A claim is in nobody's way: several users may claim the same name, none of them gets anything by it, and whoever
//! publishes what was drawn for them has the domain from then on. So there is nothing to take over and nobody to lock out.
//! The record is asked for once; whoever loses the domain later can't be asked by us, so it stays until it is removed here.

use super::domain_check::{self, Record, Status, Surroundings};
use super::idempotency::{self, Answer, Once, OnceError};
use super::{Desk, domain};
use crate::model::domain::{Domain, DomainClaim};
use crate::model::id::UserId;
use crate::model::site::Site;
use crate::model::{DomainName, alias_name};
use crate::storage::{self, Tx, domain_claim};

/// Claims of one user at once.
const MOST: usize = 20;

/// Why a domain can't be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Nobody can own it.
    #[error("this is no domain that somebody can own: give the name you registered, or a name below it")]
    PublicSuffix,
    /// It is the instance's.
    #[error("this name belongs to a domain of this instance")]
    Instance,
    /// Somebody has proven it.
    #[error("the domain is in use on this instance already")]
    Taken,
    /// Too many are open.
    #[error("you have 20 domains that are not proven; prove or remove one first")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a claim can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// This user has made none of that name.
    #[error("there is no such domain")]
    Unknown,
    /// Somebody else was the first to prove it.
    #[error("somebody else on this instance has proven this domain")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// What a look at DNS came to.
#[derive(Debug, Clone)]
pub struct Look {
    /// The domain, when the record was seen: it is the user's from now on.
    pub domain: Option<Domain>,
    /// What has to be published, the proof first.
    pub records: Vec<Record>,
}

/// Claims a domain for a user; the claim that is there already, if there is one.
pub async fn claim(desk: &Desk, hostname: &DomainName, user: UserId, name: DomainName) -> Result<DomainClaim, ClaimError> {
    let (new, hostname) = (draw(desk, user, name)?, hostname.clone());
    desk.storage.write(move |tx| Box::pin(async move { claim_in(tx, new, &hostname).await })).await
}

/// The same, once for a key; besides, whether mailboxes of the user are at the domain.
pub async fn claim_once(
    desk: &Desk,
    hostname: &DomainName,
    user: UserId,
    name: DomainName,
    once: Once<(DomainClaim, bool)>,
) -> Result<Answer, OnceError<ClaimError>> {
    let (new, now, hostname) = (draw(desk, user, name), desk.clock.now(), hostname.clone());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if let Some(answer) = idempotency::begin(tx, once.key.as_ref(), now).await? {
                    return Ok(answer);
                }
                let new = new.map_err(OnceError::Failed)?;
                let claim = claim_in(tx, new, &hostname).await.map_err(OnceError::Failed)?;
                let is_inhabited = storage::domain::has_mailboxes(tx, &claim.name, Some(user)).await?;
                Ok(idempotency::finish(tx, once, &(claim, is_inhabited)).await?)
            })
        })
        .await
}

/// A claim as it would be.
fn draw(desk: &Desk, user: UserId, name: DomainName) -> Result<DomainClaim, ClaimError> {
    if Site::of(&name).is_none() {
        return Err(ClaimError::PublicSuffix);
    }
    let proof = desk.chance.bytes::<20>().iter().map(|byte| alias_name::symbol(byte & 31)).collect();
    Ok(DomainClaim { uuid: desk.uuid(), user_id: user, name, proof, created_at: desk.clock.now() })
}

async fn claim_in(tx: &mut Tx, new: DomainClaim, hostname: &DomainName) -> Result<DomainClaim, ClaimError> {
    let user = new.user_id;
    let mut shared = storage::domain::list_usable(tx, user).await?;
    shared.retain(|domain| domain.user_id.is_none());
    if new.name == *hostname || shared.iter().any(|domain| new.name.is_within(&domain.name)) {
        return Err(ClaimError::Instance);
    }
    if storage::domain::find_by_name(tx, &new.name).await?.is_some() {
        return Err(ClaimError::Taken);
    }
    if let Some(there) = domain_claim::find(tx, user, &new.name).await? {
        return Ok(there);
    }
    if domain_claim::list(tx, user).await?.len() >= MOST {
        return Err(ClaimError::TooMany);
    }
    domain_claim::create(tx, &new).await?;
    Ok(domain_claim::find(tx, user, &new.name).await?.unwrap_or(new))
}

/// A user's claims, oldest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<DomainClaim>, storage::Error> {
    domain_claim::list(&mut desk.storage.read().await?, user).await
}

/// The same, each with whether mailboxes of the user are at the domain.
pub async fn list_with_mailboxes(desk: &Desk, user: UserId) -> Result<Vec<(DomainClaim, bool)>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let inhabited = domain_claim::list_inhabited(tx, user).await?;
    let claims = domain_claim::list(tx, user).await?;
    let with = |claim: DomainClaim| {
        let is_inhabited = inhabited.contains(&claim.uuid);
        (claim, is_inhabited)
    };
    Ok(claims.into_iter().map(with).collect())
}

/// A user's claim of that name.
pub async fn find(desk: &Desk, user: UserId, name: &DomainName) -> Result<DomainClaim, FindError> {
    domain_claim::find(&mut desk.storage.read().await?, user, name).await?.ok_or(FindError::Unknown)
}

/// Takes a claim back.
pub async fn remove(desk: &Desk, user: UserId, name: DomainName) -> Result<(), FindError> {
    let removed = desk.storage.write(move |tx| Box::pin(async move { domain_claim::delete(tx, user, &name).await }));
    if removed.await.map_err(|error: storage::Error| error)? { Ok(()) } else { Err(FindError::Unknown) }
}

/// Whether mailboxes are at this domain, whose mail would come to us instead: the user's own, or anybody's once it is
/// proven whose domain it is.
pub async fn has_mailboxes(desk: &Desk, name: &DomainName, of: Option<UserId>) -> Result<bool, storage::Error> {
    storage::domain::has_mailboxes(&mut desk.storage.read().await?, name, of).await
}

/// Looks for the proof. What is seen is recorded: the domain is the user's from then on. The keys its mail is signed with
/// are made after that (`dkim_key::ensure`).
pub async fn check(desk: &Desk, around: &Surroundings, user: UserId, name: &DomainName) -> Result<Look, FindError> {
    let claim = find(desk, user, name).await?;
    let proof = domain_check::ownership(around, &claim).await;
    if proof.status == Status::Ok {
        let domain = prove(desk, claim).await?;
        return Ok(Look { domain: Some(domain), records: vec![proof] });
    }
    Ok(Look { domain: None, records: domain_check::of_claim(around, &claim).await })
}

/// The domain is the claimant's, and nobody else's claim of it holds any more.
async fn prove(desk: &Desk, claim: DomainClaim) -> Result<Domain, FindError> {
    let new = storage::domain::NewDomain {
        uuid: claim.uuid,
        name: claim.name,
        user_id: Some(claim.user_id),
        created_at: desk.clock.now(),
    };
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let there = match storage::domain::create(tx, &new).await {
                    Err(error) if error.is_taken() => storage::domain::find_by_name(tx, &new.name).await?,
                    made => Some(made?),
                };
                // Two looks at once find the same.
                let own = there.filter(|domain| domain.user_id == new.user_id).ok_or(FindError::Taken)?;
                domain_claim::delete_all(tx, &new.name).await?;
                Ok(own)
            })
        })
        .await
}

/// A user's domain or claim by its id for the outside.
#[derive(Debug, Clone)]
pub enum Theirs {
    /// Proven, or the operator's.
    Domain(Domain),
    /// Not proven yet.
    Claim(DomainClaim),
}

/// What this user may see under that id: a domain of their own, a claim of theirs; for administrators shared ones, too.
pub async fn find_by_uuid(desk: &Desk, user: UserId, is_admin: bool, uuid: uuid::Uuid) -> Result<Theirs, FindError> {
    let mut usable = domain::list_usable(desk, user).await?;
    usable.retain(|domain| domain.user_id.is_some() || is_admin);
    if let Some(domain) = usable.into_iter().find(|domain| domain.uuid == uuid) {
        return Ok(Theirs::Domain(domain));
    }
    let claim = list(desk, user).await?.into_iter().find(|claim| claim.uuid == uuid);
    claim.map(Theirs::Claim).ok_or(FindError::Unknown)
}
