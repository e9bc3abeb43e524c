//! Names that a user signs without network: the key for it, and whose key signed a name.
//!
//! On a shared domain every key may be the one, so all are compared, whatever the first ones say; they are read at most
//! once a second, however many names are guessed, and an hour has room for so many wrong guesses.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use parking_lot::Mutex;
use subtle::{Choice, ConditionallySelectable};

use super::Desk;
use crate::model::domain::Domain;
use crate::model::id::UserId;
use crate::model::site::Site;
use crate::model::{Address, DomainName, Private, Timestamp};
use crate::storage::{self, Tx, made_alias};
use crate::transform::signed_name::{self, KEY_LENGTH};

pub use crate::transform::signed_name::SitePartError;

/// How old the keys of a shared domain may be.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// How old they are at least before they are read again for a name that none of them signed.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Keys that are compared at the most.
const MOST_KEYS: u32 = 4096;
/// Names of this form on shared domains that nobody signed, in an hour and on one node: beyond it the others are put off.
const MOST_WRONG: u32 = 1_000;
const HOUR: Duration = Duration::from_hours(1);

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
    /// Each key is one more that a guess may hit, and one more to compare.
    #[error("as many users of this instance as can already sign names; one of them has to end it first")]
    Full,
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

/// Why a name can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// There is nothing to sign it with.
    #[error("this user signs no names")]
    NoKey,
    /// There is no domain it could be on.
    #[error("there is no domain yet; add one")]
    NoDomain,
    /// Not a domain this user may use.
    #[error("there is no such domain, or it is someone else's")]
    UnknownDomain,
    /// The site does not fit into a name.
    #[error(transparent)]
    Site(#[from] SitePartError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// The address for a site on a domain the user may make aliases on, the default one unless it is named. Nothing is made.
pub async fn sign(desk: &Desk, user: UserId, site: &Site, domain: Option<&DomainName>) -> Result<Address, SignError> {
    let tx = &mut desk.storage.read().await?;
    let key = made_alias::name_key(tx, user).await?.map(NameKey::of).ok_or(SignError::NoKey)?;
    let usable = storage::domain::list_usable(tx, user).await?;
    let found = match domain {
        Some(name) => usable.iter().find(|domain| domain.name == *name).ok_or(SignError::UnknownDomain)?,
        None => usable.first().ok_or(SignError::NoDomain)?,
    };
    Ok(key.address(site.as_str(), &found.name)?)
}

async fn set(desk: &Desk, user: UserId, key: Option<Vec<u8>>) -> Result<(), KeyChangeError> {
    let changed = desk.storage.write(move |tx| {
        Box::pin(async move {
            if key.is_some() && made_alias::count_other_keys(tx, user).await? >= i64::from(MOST_KEYS) {
                return Err(KeyChangeError::Full);
            }
            Ok(made_alias::set_name_key(tx, user, key.as_deref()).await?)
        })
    });
    if changed.await? { Ok(()) } else { Err(KeyChangeError::Unknown) }
}

/// Whether the key this user has now signed the name.
pub(super) async fn is_by(tx: &mut Tx, user: UserId, local: &str, domain: &DomainName) -> Result<bool, storage::Error> {
    let Some((site, symbols)) = signed_name::split(local) else { return Ok(false) };
    let key = made_alias::name_key(tx, user).await?;
    Ok(key.is_some_and(|key| signed_name::is_signed(&key, site, symbols, domain)))
}

/// Who signed a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signer {
    /// This user, for that site.
    Is(UserId, String),
    /// Nobody, or it can't be told who of two.
    Nobody,
    /// Not to be answered now.
    NotNow,
}

type Keys = Arc<Vec<(UserId, Vec<u8>)>>;

/// The keys that count on shared domains, as they were lately.
#[derive(Default)]
pub struct NameKeys {
    read: Mutex<Option<(Timestamp, Keys)>>,
    /// Since when wrong names are counted, and how many there were.
    wrong: Mutex<(Timestamp, u32)>,
}

impl std::fmt::Debug for NameKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameKeys([private])")
    }
}

impl NameKeys {
    /// Reads them anew the next time: one was changed here.
    pub fn forget(&self) {
        *self.read.lock() = None;
    }

    /// The keys, not older than that; one more than are compared when there are too many.
    async fn shared(&self, desk: &Desk, fresh_for: Duration) -> Result<Keys, storage::Error> {
        let now = desk.clock.now();
        if let Some((read_at, keys)) = &*self.read.lock()
            && *read_at <= now
            && now.since(*read_at) < fresh_for
        {
            return Ok(Arc::clone(keys));
        }
        let keys: Keys = Arc::new(made_alias::name_keys(&mut desk.storage.read().await?, MOST_KEYS + 1).await?);
        *self.read.lock() = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// Whose name this is, and the site in it.
    pub(super) async fn owner_of(&self, desk: &Desk, domain: &Domain, local: &str) -> Result<Signer, storage::Error> {
        let Some((site, symbols)) = signed_name::split(local) else { return Ok(Signer::Nobody) };
        if let Some(owner) = domain.user_id {
            let is_owners = is_by(&mut desk.storage.read().await?, owner, local, &domain.name).await?;
            return Ok(if is_owners { Signer::Is(owner, site.to_owned()) } else { Signer::Nobody });
        }
        let now = desk.clock.now();
        if !self.has_room(now) {
            return Ok(Signer::NotNow);
        }
        let mut keys = self.shared(desk, FRESH_FOR).await?;
        let mut found = compare(&keys, site, symbols, &domain.name);
        if found == Fit::None {
            // One that was drawn a moment ago by another process is good at once.
            let again = self.shared(desk, READ_AGAIN_AFTER).await?;
            if !Arc::ptr_eq(&keys, &again) {
                (found, keys) = (compare(&again, site, symbols, &domain.name), again);
            }
        }
        Ok(match found {
            Fit::One(user) => Signer::Is(user, site.to_owned()),
            Fit::Many => Signer::Nobody,
            // Where nobody signs names there is nothing to guess.
            Fit::None if keys.is_empty() => Signer::Nobody,
            Fit::None => {
                self.count_wrong(now);
                let is_cut = keys.len() > usize::try_from(MOST_KEYS).unwrap_or(usize::MAX);
                if is_cut { Signer::NotNow } else { Signer::Nobody }
            }
        })
    }

    fn has_room(&self, now: Timestamp) -> bool {
        let (began, count) = *self.wrong.lock();
        is_over(began, now) || count < MOST_WRONG
    }

    fn count_wrong(&self, now: Timestamp) {
        let mut wrong = self.wrong.lock();
        if is_over(wrong.0, now) {
            *wrong = (now, 0);
        }
        wrong.1 = wrong.1.saturating_add(1);
    }
}

/// Whether an hour has passed. A clock that jumped back puts nobody off.
fn is_over(began: Timestamp, now: Timestamp) -> bool {
    now < began || now.since(began) >= HOUR
}

/// How many keys signed a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    None,
    One(UserId),
    /// Whose it is can't be told: whoever of them had it would get the other's mail.
    Many,
}

/// No early end: how long it takes does not say whose key fits.
fn compare(keys: &[(UserId, Vec<u8>)], site: &str, symbols: &str, domain: &DomainName) -> Fit {
    let (mut found, mut fitting) = (0_i64, 0_u32);
    for (user, key) in keys {
        let fits = Choice::from(u8::from(signed_name::is_signed(key, site, symbols, domain)));
        found.conditional_assign(&user.0, fits);
        fitting = fitting.saturating_add(u32::from(fits.unwrap_u8()));
    }
    match fitting {
        0 => Fit::None,
        1 => Fit::One(UserId(found)),
        _ => Fit::Many,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_room_for_so_many_wrong_names() {
        let (keys, now) = (NameKeys::default(), Timestamp::from_micros(7_200_000_000));
        for _ in 0..MOST_WRONG {
            assert!(keys.has_room(now));
            keys.count_wrong(now);
        }
        let shortly_before = now.plus(HOUR.checked_sub(Duration::from_secs(1)).unwrap());
        assert!(!keys.has_room(now) && !keys.has_room(shortly_before));
        keys.count_wrong(shortly_before);
        assert!(keys.has_room(now.plus(HOUR)), "the hour is over");
        assert!(keys.has_room(Timestamp::from_micros(0)), "the clock jumped back");
        keys.count_wrong(now.plus(HOUR));
        assert!(keys.has_room(now.plus(HOUR)));
    }

    #[test]
    fn a_name_that_two_keys_sign_is_nobodys() {
        let you = DomainName::parse("you.example").unwrap();
        let (one, other) = (vec![7; KEY_LENGTH], vec![8; KEY_LENGTH]);
        let local = signed_name::local_part(&one, "lg.com", &you);
        let (site, symbols) = signed_name::split(&local).unwrap();
        let fit = |keys: &[(UserId, Vec<u8>)]| compare(keys, site, symbols, &you);
        assert_eq!(fit(&[(UserId(1), other.clone())]), Fit::None);
        assert_eq!(fit(&[(UserId(1), other.clone()), (UserId(2), one.clone())]), Fit::One(UserId(2)));
        assert_eq!(fit(&[(UserId(1), one.clone()), (UserId(2), other), (UserId(3), one)]), Fit::Many);
    }

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
