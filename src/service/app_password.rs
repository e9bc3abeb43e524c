//! App passwords: made and revoked by their owner, checked when a device logs in.
//!
//! A stranger learns one thing only: whether a user name and a password go together. An unknown user, an unknown
//! password and a password of another user are the same answer after the same work.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::auth::account_attempts::AccountAttempts;
use crate::auth::app_password::AppPassword as Secret;
use crate::auth::attempts::Attempts;
use crate::auth::password::{PasswordError, Passwords};
use crate::model::api_token::ApiToken;
use crate::model::app_password::{AppPassword, Login};
use crate::model::id::{ApiTokenId, UserId};
use crate::model::{Address, Private};
use crate::storage::{self, app_password};

use super::letters::security;
use super::{Desk, account_notice};

/// How often a use is noted.
const NOTED: Duration = Duration::from_hours(1);
/// Passwords drawn before giving up: of a million selectors a few are in use.
const DRAWS: usize = 16;
/// The longest name of a device.
const LONGEST_NAME: usize = 100;
/// Looked up for what can't be one of ours: no selector has a hyphen.
const NO_SELECTOR: &str = "----";

/// What logins on one node share.
#[derive(Debug, Default)]
pub struct Logins {
    pub(super) attempts: Attempts,
    pub(super) passwords: Passwords,
    /// Second factors that were not right, by account.
    pub(super) codes: AccountAttempts,
    /// First codes of an authenticator program that were not right, by account. Whoever sets one up did not have to know the
    /// password just now, so they keep nobody from signing in.
    pub(super) first_codes: AccountAttempts,
    /// Offers of a passkey to whoever is not known yet: not failed, but not any number of them.
    pub(super) offers: Attempts,
    /// Offers that sign-in pages ask for by themselves: however many, the ones people ask for are still made.
    pub(super) quiet_offers: Attempts,
    /// Letters that strangers asked for, to whatever address: nobody is to make us send many.
    pub(super) letters: Attempts,
}

/// Why an app password can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No name, an endless one, or one with control characters.
    #[error("the name of an app password has 1 to {LONGEST_NAME} characters and no control characters")]
    Name,
    /// No free selector was drawn.
    #[error("no free app password was found; try again")]
    Exhausted,
    /// It could not be hashed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why an app password can't be revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// No such one, or not this user's.
    #[error("there is no such app password")]
    Unknown,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a device is not logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// User name and password do not go together.
    #[error("user name and password do not go together")]
    Wrong,
    /// The client failed too often; it has to wait.
    #[error("too many failed logins")]
    TooMany,
    /// It can't be found out now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Makes an app password for whoever runs the instance, by its command line. It is shown this once; only its hash is kept.
pub async fn create(desk: &Desk, user: UserId, name: &str) -> Result<(AppPassword, Secret), CreateError> {
    make(desk, (user, None), name, false).await
}

/// The same for a user who signed in. They are told by mail: whoever has it writes as they do.
pub async fn create_told(desk: &Desk, user: UserId, name: &str) -> Result<(AppPassword, Secret), CreateError> {
    make(desk, (user, None), name, true).await
}

/// The same for whoever asks by an API token: it ends with that one, whether that is revoked or expires. Its
/// owner is told.
pub async fn create_by(desk: &Desk, maker: &ApiToken, name: &str) -> Result<(AppPassword, Secret), CreateError> {
    make(desk, (maker.user_id, Some(maker.id)), name, true).await
}

async fn make(
    desk: &Desk,
    (user, made_by): (UserId, Option<ApiTokenId>),
    name: &str,
    is_told: bool,
) -> Result<(AppPassword, Secret), CreateError> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(CreateError::Name);
    }
    let passwords = Passwords::default();
    for _ in 0..DRAWS {
        let secret = Secret::draw(&desk.chance);
        let new = app_password::NewAppPassword {
            uuid: desk.uuid(),
            user_id: user,
            name: name.clone(),
            selector: secret.selector().to_owned(),
            hash: Private::new(passwords.hash(secret.secret(), &desk.chance).await?),
            created_at: desk.clock.now(),
            made_by,
        };
        let desk_ = desk.clone();
        let made = desk.storage.write(move |tx| {
            Box::pin(async move {
                let made = app_password::create(tx, &new).await?;
                if is_told {
                    account_notice::tell(tx, &desk_, user, &security::app_password_made(&made.name)).await?;
                }
                Ok::<_, storage::Error>(made)
            })
        });
        match made.await {
            Ok(made) => return Ok((made, secret)),
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CreateError::Exhausted)
}

/// A user's app passwords, oldest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<AppPassword>, storage::Error> {
    app_password::list(&mut desk.storage.read().await?, user, desk.clock.now()).await
}

/// Revokes one: nobody logs in with it any more, and who did is refused the next message.
pub async fn revoke(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), RevokeError> {
    let deleted = desk.storage.write(move |tx| Box::pin(async move { app_password::delete(tx, user, uuid).await }));
    if deleted.await? { Ok(()) } else { Err(RevokeError::Unknown) }
}

/// Whether a login still holds.
pub async fn holds(desk: &Desk, login: Login) -> Result<bool, storage::Error> {
    app_password::exists(&mut desk.storage.read().await?, login.app_password, desk.clock.now()).await
}

/// From where a device logs in.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its address, or that of a proxy.
    pub ip: IpAddr,
    /// Whether many may stand behind that address: failures are counted at each account only.
    pub is_trusted: bool,
}

/// Logs a device in: `name` is the address its user signs in with.
pub async fn check(desk: &Desk, logins: &Logins, origin: Origin, name: &str, password: &str) -> Result<Login, LoginError> {
    let now = desk.clock.now();
    let attempt = logins.attempts.begin(origin.ip, origin.is_trusted, name, now).ok_or(LoginError::TooMany)?;
    match verify(desk, logins, name, password).await {
        Ok(Some(found)) => {
            logins.attempts.succeeded(attempt, now);
            let is_due = found.last_used_at.is_none_or(|at| at > now || now.since(at) >= NOTED);
            if is_due {
                note_use(desk, &found).await;
            }
            Ok(Login { user_id: found.user_id, app_password: found.id })
        }
        Ok(None) => Err(LoginError::Wrong),
        Err(error) => {
            logins.attempts.take_back(&attempt);
            Err(error)
        }
    }
}

/// Every step is taken whatever the one before it found.
async fn verify(desk: &Desk, logins: &Logins, name: &str, password: &str) -> Result<Option<AppPassword>, LoginError> {
    let secret = Secret::parse(password);
    let selector = secret.as_ref().map_or(NO_SELECTOR, Secret::selector);
    let found = app_password::find_by_selector(&mut desk.storage.read().await?, selector, desk.clock.now()).await?;
    let hash = found.as_ref().map(|found| found.hash.reveal().as_str());
    let fits = logins.passwords.verify(secret.as_ref().map_or(password, Secret::secret), hash).await?;
    let name = Address::parse(name.trim()).map(|address| address.folded()).unwrap_or_default();
    // The slow part is behind us whatever came of it.
    let found = found.filter(|found| fits && found.email == name);
    Ok(found.map(|found| found.app_password))
}

/// What can't be noted now is noted with the next login.
async fn note_use(desk: &Desk, found: &AppPassword) {
    let (id, now) = (found.id, desk.clock.now());
    let noted = desk.storage.write(move |tx| Box::pin(async move { app_password::used(tx, id, now).await }));
    if let Err(error) = noted.await {
        tracing::debug!(%error, "the use of an app password could not be noted");
    }
}
