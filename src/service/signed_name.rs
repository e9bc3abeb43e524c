//! Names that a user signs without network: the key for it, and whose key signed a name.
//!
//! On a shared domain every key may be the one, so all are compared, whatever the first ones say; they are read at most
//! every ten seconds, however many names are guessed.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use parking_lot::Mutex;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::Desk;
use crate::model::domain::Domain;
use crate::model::id::UserId;
use crate::model::{Address, DomainName, Private, Timestamp};
use crate::storage::{self, made_alias};
use crate::transform::signed_name::{self, KEY_LENGTH};

pub use crate::transform::signed_name::SitePartError;

/// How old the keys of a shared domain may be.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// Keys that are compared at the most.
const MOST_KEYS: u32 = 4096;

/// The key a user signs names with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameKey(Private<Vec<u8>>);

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has 32 letters and digits (base32), as `postern user name-key` shows it")]
pub struct NameKeyError;

impl NameKey {
    /// From what [`NameKey::shown`] gave, in any case, with any white space in it.
    pub fn parse(text: &str) -> Result<Self, NameKeyError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| NameKeyError)?;
        if bytes.len() == KEY_LENGTH { Ok(Self(Private::new(bytes))) } else { Err(NameKeyError) }
    }

    /// From where it is kept.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Private::new(bytes))
    }

    /// As it is kept.
    pub(super) fn reveal(&self) -> &[u8] {
        self.0.reveal()
    }

    /// For its owner's eyes: 32 characters of base32.
    pub fn shown(&self) -> String {
        BASE32_NOPAD.encode(self.0.reveal())
    }

    /// The address for a site on a domain. It exists from its first message on.
    pub fn address(&self, site: &str, domain: &DomainName) -> Result<Address, SitePartError> {
        let site = signed_name::site_part(site)?;
        Address::from_parts(&signed_name::local_part(self.0.reveal(), &site, domain), domain.clone()).map_err(|_| SitePartError)
    }
}

/// Why a key can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// The user's key; `None` when they sign no names.
pub async fn key(desk: &Desk, user: UserId) -> Result<Option<NameKey>, storage::Error> {
    let key = made_alias::name_key(&mut desk.storage.read().await?, user).await?;
    Ok(key.map(|key| NameKey(Private::new(key))))
}

/// Draws a key. Names that the one before signed are unknown from now on, unless they had mail already.
pub async fn renew_key(desk: &Desk, user: UserId) -> Result<NameKey, KeyChangeError> {
    let key = desk.chance.bytes::<KEY_LENGTH>().to_vec();
    set(desk, user, Some(key.clone())).await?;
    Ok(NameKey(Private::new(key)))
}

/// Signs no names any more: those that had no mail yet are unknown from now on.
pub async fn remove_key(desk: &Desk, user: UserId) -> Result<(), KeyChangeError> {
    set(desk, user, None).await
}

async fn set(desk: &Desk, user: UserId, key: Option<Vec<u8>>) -> Result<(), KeyChangeError> {
    let changed = desk.storage.write(move |tx| Box::pin(async move { made_alias::set_name_key(tx, user, key.as_deref()).await }));
    if changed.await? { Ok(()) } else { Err(KeyChangeError::Unknown) }
}

type Keys = Arc<Vec<(UserId, Vec<u8>)>>;

/// The keys that count on shared domains, as they were lately.
#[derive(Default)]
pub struct NameKeys(Mutex<Option<(Timestamp, Keys)>>);

impl std::fmt::Debug for NameKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameKeys([private])")
    }
}

impl NameKeys {
    /// Reads them anew the next time: one was changed here.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }

    async fn shared(&self, desk: &Desk) -> Result<Keys, storage::Error> {
        let now = desk.clock.now();
        if let Some((read_at, keys)) = &*self.0.lock()
            && *read_at <= now
            && now.since(*read_at) < FRESH_FOR
        {
            return Ok(Arc::clone(keys));
        }
        let keys: Keys = Arc::new(made_alias::name_keys(&mut desk.storage.read().await?, MOST_KEYS).await?);
        *self.0.lock() = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// Whose name this is, and the site in it; `None` when nobody signed it.
    pub(super) async fn owner_of(
        &self,
        desk: &Desk,
        domain: &Domain,
        local: &str,
    ) -> Result<Option<(UserId, String)>, storage::Error> {
        let Some((site, symbols)) = signed_name::split(local) else { return Ok(None) };
        let keys = match domain.user_id {
            Some(owner) => {
                let key = made_alias::name_key(&mut desk.storage.read().await?, owner).await?;
                Arc::new(key.into_iter().map(|key| (owner, key)).collect())
            }
            None => self.shared(desk).await?,
        };
        // No early end: how long it takes does not say whose key fits. Where two fit the older account has it.
        let mut found = 0_i64;
        for (user, key) in keys.iter() {
            let fits = Choice::from(u8::from(signed_name::is_signed(key, site, symbols, &domain.name)));
            found.conditional_assign(&user.0, fits & found.ct_eq(&0));
        }
        Ok((found != 0).then(|| (UserId(found), site.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_shown() {
        let key = NameKey(Private::new((0..20).collect()));
        assert_eq!(key.shown(), "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT");
        assert_eq!(NameKey::parse(" aaaq eaye audaocajbifqydiob4ibceqt\n").as_ref(), Ok(&key));
        assert_eq!(NameKey::parse("AAAQEAYE"), Err(NameKeyError));
        assert_eq!(NameKey::parse("1AAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT"), Err(NameKeyError));
        let you = DomainName::parse("you.example").unwrap();
        assert_eq!(key.address("LG.com", &you).unwrap().to_string(), "lg.com.wmnhs2@you.example");
        assert!(key.address("l g", &you).is_err());
    }
}
