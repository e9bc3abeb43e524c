//! Slow hashes of passwords: Argon2id (RFC 9106) with 19 MiB, two passes, one lane, in PHC format.
//!
//! A hash takes memory, so few are made at once and whoever comes then waits a moment. What there is no hash for is
//! compared with one that nothing fits, so that an unknown account takes as long as a wrong password.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::model::{Chance, Private};

/// Hashes at once.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// Memory in KiB, passes, lanes: what OWASP asks of Argon2id at the least.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// A hash of these costs that no password is known for.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$bm8gcGFzc3dvcmQgaXMga25vd24gZm9yIHRoaXMgaGE";

/// Why nothing can be said about a password now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait already.
    #[error("too many passwords are being checked")]
    Busy,
    /// The library failed.
    #[error("a password could not be hashed")]
    Failed,
}

/// Makes and checks hashes; clones share the turns.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// The hash of a password under a fresh salt.
    pub async fn hash(&self, password: &str, chance: &Chance) -> Result<String, PasswordError> {
        let (password, salt) = (Private::new(password.to_owned()), chance.bytes::<16>());
        self.in_turn(move || {
            let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordError::Failed)?;
            let hash = hasher()?.hash_password(password.reveal().as_bytes(), &salt).map_err(|_| PasswordError::Failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether a password fits a hash. Takes as long without one.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, PasswordError> {
        let (password, known) = (Private::new(password.to_owned()), hash.is_some());
        let hash = hash.unwrap_or(NOBODY).to_owned();
        self.in_turn(move || {
            let hash = PasswordHash::new(&hash).map_err(|_| PasswordError::Failed)?;
            // The costs are those the hash was made with. The comparison takes the same time wherever they differ.
            let fits = hasher()?.verify_password(password.reveal().as_bytes(), &hash).is_ok();
            Ok(fits && known)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Failed)?;
        let work = move || {
            // Kept to the end of the work, also when nobody waits for it any more.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Failed)?
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let (passwords, chance) = (Passwords::default(), Chance::new(StdRng::seed_from_u64(7)));
        let hash = passwords.hash("sesame", &chance).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("sesame", &chance).await.unwrap(), "each has a salt of its own");
        assert_eq!(passwords.verify("sesame", Some(&hash)).await, Ok(true));
        assert_eq!(passwords.verify("sesame ", Some(&hash)).await, Ok(false));
        assert_eq!(passwords.verify("sesame", Some("nonsense")).await, Err(PasswordError::Failed));
    }

    #[tokio::test]
    async fn what_nobody_has_costs_as_much_and_fits_nothing() {
        let params = Params::try_from(&PasswordHash::new(NOBODY).unwrap()).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), COST);
        assert_eq!(PasswordHash::new(NOBODY).unwrap().hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
        for password in ["", "sesame"] {
            assert_eq!(Passwords::default().verify(password, None).await, Ok(false));
        }
    }
}
