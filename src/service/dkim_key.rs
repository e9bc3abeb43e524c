//! Keys departing mail is signed with: made by us for every domain, replaced in three steps.
//!
//! A rotation never leaves mail unverifiable: [`rotate`] makes keys that do not sign yet, so that their records can be
//! published first; [`activate`] lets them take over; the records of those they replaced stay until the last signature
//! made with them has expired, which is when [`remove_retired`] forgets them.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;

use super::Desk;
use crate::model::dkim_key::{Algorithm, DkimKey, KeyState};
use crate::model::domain::Domain;
use crate::model::id::DomainId;
use crate::model::{Chance, DomainName, Private, alias_name};
use crate::storage::dkim_key::NewDkimKey;
use crate::storage::{self, dkim_key};
use crate::transform::dkim::{self, DkimError, SigningKey};

/// How much longer a signature is valid than a message may wait in the queue.
const BEYOND_THE_QUEUE: Duration = Duration::from_hours(48);

/// Why keys could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such domain here.
    #[error("the domain is not on this instance")]
    UnknownDomain,
    /// `activate` without `rotate` before it.
    #[error("no keys wait to take over")]
    NothingWaits,
    /// The cryptography failed.
    #[error("a key could not be made: {0}")]
    Generate(#[from] DkimError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// How long a signature is valid: a message that was delivered at the last attempt can still be checked. What was not
/// even tried waits twice as long as the rest (see `settle`).
pub fn signature_lifetime(expire: Duration) -> Duration {
    expire.saturating_mul(2).saturating_add(BEYOND_THE_QUEUE)
}

/// Makes the signing keys that are missing, for every domain and each of these algorithms; how many. Safe when several
/// nodes do it at once.
pub async fn ensure(desk: &Desk, algorithms: &[Algorithm]) -> Result<u64, KeyError> {
    let mut made = 0;
    for algorithm in algorithms {
        let missing = dkim_key::domains_without(&mut desk.storage.read().await?, *algorithm).await?;
        for (domain, _) in missing {
            let new = new_key(desk, domain, *algorithm, KeyState::Active).await?;
            made += u64::from(create(desk, new).await?);
        }
    }
    Ok(made)
}

/// The TXT record that publishes a key, in one piece.
pub fn record(key: &DkimKey) -> String {
    dkim::record(key.algorithm, &key.public_key)
}

/// The same as it stands in a zone file.
pub fn zone_data(key: &DkimKey) -> String {
    dkim::zone_data(&record(key))
}

/// All keys of a domain, oldest first.
pub async fn list(desk: &Desk, name: &DomainName) -> Result<Vec<DkimKey>, KeyError> {
    let domain = find(desk, name).await?;
    Ok(dkim_key::list(&mut desk.storage.read().await?, domain.id).await?)
}

/// Makes the keys that will follow those in use, unless they wait already; all that wait.
pub async fn rotate(desk: &Desk, name: &DomainName, algorithms: &[Algorithm]) -> Result<Vec<DkimKey>, KeyError> {
    let domain = find(desk, name).await?;
    let mut waiting = waiting(desk, domain.id).await?;
    for algorithm in algorithms {
        if waiting.iter().all(|key| key.algorithm != *algorithm) {
            let new = new_key(desk, domain.id, *algorithm, KeyState::Next).await?;
            create(desk, new).await?;
        }
    }
    if waiting.len() < algorithms.len() {
        waiting = self::waiting(desk, domain.id).await?;
    }
    Ok(waiting)
}

/// Lets the keys that wait sign from now on; every node follows within seconds.
pub async fn activate(desk: &Desk, name: &DomainName) -> Result<(), KeyError> {
    let (domain, now) = (find(desk, name).await?.id, desk.clock.now());
    let changed = desk.storage.write(move |tx| Box::pin(async move { dkim_key::activate_next(tx, domain, now).await }));
    if changed.await.map_err(|error: storage::Error| error)? == 0 {
        return Err(KeyError::NothingWaits);
    }
    Ok(())
}

/// Forgets the retired keys whose last signatures have expired; their selectors, whose records may be removed.
pub async fn remove_retired(desk: &Desk, name: &DomainName, lifetime: Duration) -> Result<Vec<String>, KeyError> {
    let (domain, before) = (find(desk, name).await?.id, desk.clock.now().minus(lifetime));
    let removed = desk.storage.write(move |tx| Box::pin(async move { dkim_key::remove_retired(tx, domain, before).await }));
    Ok(removed.await.map_err(|error: storage::Error| error)?)
}

async fn find(desk: &Desk, name: &DomainName) -> Result<Domain, KeyError> {
    let found = storage::domain::find_by_name(&mut desk.storage.read().await?, name).await?;
    found.ok_or(KeyError::UnknownDomain)
}

async fn waiting(desk: &Desk, domain: DomainId) -> Result<Vec<DkimKey>, storage::Error> {
    let mut keys = dkim_key::list(&mut desk.storage.read().await?, domain).await?;
    keys.retain(|key| key.state == KeyState::Next);
    Ok(keys)
}

async fn create(desk: &Desk, new: NewDkimKey) -> Result<bool, storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { dkim_key::create(tx, &new).await })).await
}

async fn new_key(desk: &Desk, domain_id: DomainId, algorithm: Algorithm, state: KeyState) -> Result<NewDkimKey, KeyError> {
    let chance = desk.chance.clone();
    // An RSA key takes a good part of a second: too long for a thread that others wait on.
    let made = tokio::task::spawn_blocking(move || generate(algorithm, &chance)).await;
    let private_key = made.unwrap_or(Err(DkimError::Key))?;
    let public_key = SigningKey::from_pkcs8(algorithm, private_key.reveal())?.public_key()?;
    Ok(NewDkimKey {
        domain_id,
        selector: selector(algorithm, &desk.chance),
        algorithm,
        private_key,
        public_key,
        state,
        created_at: desk.clock.now(),
    })
}

/// A new private key as PKCS#8. The primes of an RSA key come from the library's own generator, which takes no other.
fn generate(algorithm: Algorithm, chance: &Chance) -> Result<Private<Vec<u8>>, DkimError> {
    let pkcs8 = match algorithm {
        Algorithm::Rsa => {
            let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| DkimError::Key)?;
            let der: Pkcs8V1Der = key.as_der().map_err(|_| DkimError::Key)?;
            der.as_ref().to_vec()
        }
        Algorithm::Ed25519 => {
            let key = Ed25519KeyPair::from_seed_unchecked(&chance.bytes::<32>()).map_err(|_| DkimError::Key)?;
            key.to_pkcs8().map_err(|_| DkimError::Key)?.as_ref().to_vec()
        }
    };
    Ok(Private::new(pkcs8))
}

/// The algorithm and six symbols: never used before, so that no cache still holds an older key under this name.
fn selector(algorithm: Algorithm, chance: &Chance) -> String {
    let symbols: String = chance.bytes::<6>().iter().map(|byte| alias_name::symbol(byte & 31)).collect();
    format!("{}-{symbols}", algorithm.as_str())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn keys_can_be_read_back_and_differ() {
        let chance = Chance::new(StdRng::seed_from_u64(1));
        for algorithm in [Algorithm::Rsa, Algorithm::Ed25519] {
            let public = || {
                let private = generate(algorithm, &chance).unwrap();
                SigningKey::from_pkcs8(algorithm, private.reveal()).unwrap().public_key().unwrap()
            };
            let first = public();
            assert_ne!(first, public());
            assert_eq!(first.len(), if algorithm == Algorithm::Rsa { 294 } else { 32 });
        }
        assert_eq!(SigningKey::from_pkcs8(Algorithm::Rsa, b"nonsense").unwrap_err(), DkimError::Key);
    }

    #[test]
    fn a_selector_is_one_label() {
        let chance = Chance::new(StdRng::seed_from_u64(1));
        let name = selector(Algorithm::Ed25519, &chance);
        assert!(name.starts_with("ed25519-") && name.len() == 14, "{name}");
        assert!(DomainName::parse(&format!("{name}.you.example")).is_ok());
    }
}
