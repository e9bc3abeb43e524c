//! The password a user signs in with: set by the user or the operator, checked at each sign-in.
//!
//! A stranger learns one thing only: whether an address and a password go together. An unknown address, one without a
//! password and a wrong password are the same answer after the same work.

use std::net::IpAddr;

use super::app_password::{LoginError, Logins};
use super::broker::Broker;
use super::{Desk, factor};
use crate::auth::easy_password;
pub use crate::auth::easy_password::Easy;
use crate::auth::password::{PasswordError, Passwords};
use crate::model::id::{SessionId, UserId};
use crate::model::mail_link::Purpose;
use crate::model::user::User;
use crate::model::{Address, Private, Timestamp};
use crate::storage::password::{self, Credentials};
use crate::storage::{self, Tx, user};

/// Characters of a password at the least.
const SHORTEST: usize = 8;
/// Octets at the most: hashing takes what it is given.
const LONGEST: usize = 1000;

/// Why a password can't be set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// Too short to be one, or too long to be hashed.
    #[error("a password has {SHORTEST} characters at the least and {LONGEST} octets at the most")]
    Length,
    /// Anybody would try it.
    #[error(transparent)]
    Easy(#[from] Easy),
    /// There is no such user.
    #[error("there is no such user")]
    Unknown,
    /// It could not be hashed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Who signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// Whether a second factor has to follow before anything is opened.
    pub second_factor: bool,
    /// Whether that may be a code of an authenticator program.
    pub totp: bool,
}

/// Sets the password a user signs in with, for the operator: whoever was signed in is not any more, and links to set another
/// one stop working. For somebody who may have lost the account to others.
pub async fn set(desk: &Desk, id: UserId, password: &Private<String>) -> Result<(), SetError> {
    let hash = hash(desk, &Passwords::default(), password).await?;
    let now = desk.clock.now();
    desk.storage.write(move |tx| Box::pin(async move { replace(tx, id, &hash, None, now).await })).await
}

/// Another password in place of the one before, and of everything that somebody who knew it may have prepared: all sessions
/// but one end, links to reset it stop working, a secret for codes that was drawn and not confirmed is forgotten.
pub(super) async fn replace(
    tx: &mut Tx,
    id: UserId,
    hash: &Private<String>,
    keep: Option<SessionId>,
    now: Timestamp,
) -> Result<(), SetError> {
    if !password::set(tx, id, hash).await? {
        return Err(SetError::Unknown);
    }
    storage::session::delete_others(tx, id, keep).await?;
    storage::mail_link::delete_of_user(tx, id, Purpose::ResetPassword, now).await?;
    Ok(storage::totp::forget_draft(tx, id).await?)
}

/// Names that are no secret and make a bad password: what stands before the `@`, and what the instance is called.
pub fn public_names(broker: &Broker, email: &str) -> Vec<String> {
    let own = email.rsplit_once('@').map_or(email, |(local, _)| local).to_owned();
    let hosts = std::iter::once(&broker.rules.hostname).chain(&broker.rules.domains);
    let labels = hosts.flat_map(|name| {
        let text = name.to_string();
        let labels: Vec<String> = text.rsplit('.').skip(1).map(str::to_owned).collect();
        labels
    });
    std::iter::once(own).chain(labels).chain(std::iter::once("postern".to_owned())).collect()
}

fn is_fit(text: &str) -> bool {
    text.chars().count() >= SHORTEST && text.len() <= LONGEST
}

/// Everything that is wrong with a password somebody chooses.
pub fn faults(text: &str, names: &[String]) -> Vec<SetError> {
    let is_fit = is_fit(text);
    let length = (!is_fit).then_some(SetError::Length);
    // Of what is too short it need not be said that it is easy as well.
    let easy = if is_fit { easy_password::judge(text, names).map(SetError::Easy) } else { None };
    length.into_iter().chain(easy).collect()
}

/// The hash of a password that somebody chooses for themselves: one that anybody would try is refused.
pub(super) async fn hash_chosen(
    desk: &Desk,
    passwords: &Passwords,
    password: &Private<String>,
    names: &[String],
) -> Result<Private<String>, SetError> {
    match faults(password.reveal(), names).into_iter().next() {
        Some(fault) => Err(fault),
        None => hash(desk, passwords, password).await,
    }
}

/// The hash of a new password; it is the transaction's business what becomes of it.
pub(super) async fn hash(desk: &Desk, passwords: &Passwords, password: &Private<String>) -> Result<Private<String>, SetError> {
    if !is_fit(password.reveal()) {
        return Err(SetError::Length);
    }
    Ok(Private::new(passwords.hash(password.reveal(), &desk.chance).await?))
}

/// Who signs in with this address and password.
pub async fn check(
    desk: &Desk,
    logins: &Logins,
    ip: IpAddr,
    email: &str,
    text: &Private<String>,
) -> Result<SignedIn, LoginError> {
    let now = desk.clock.now();
    // The networks that are trusted are trusted with mail.
    let attempt = logins.attempts.begin(ip, false, email, now).ok_or(LoginError::TooMany)?;
    match verify(desk, logins, email, text).await {
        Ok(Some(found)) => {
            logins.attempts.succeeded(attempt, now);
            let mut tx = desk.storage.read().await?;
            let user = user::find(&mut tx, found.user_id).await?.ok_or(LoginError::Wrong)?;
            let factors = storage::factor::find(&mut tx, user.id).await?;
            Ok(SignedIn { user, second_factor: factor::are_asked(&factors), totp: factors.totp })
        }
        Ok(None) => Err(LoginError::Wrong),
        Err(error) => {
            logins.attempts.take_back(&attempt);
            Err(error)
        }
    }
}

async fn verify(desk: &Desk, logins: &Logins, email: &str, text: &Private<String>) -> Result<Option<Credentials>, LoginError> {
    let email = Address::parse(email.trim()).map(|address| address.folded()).unwrap_or_default();
    let found = password::find(&mut desk.storage.read().await?, &email).await?;
    let hash = found.as_ref().and_then(|found| found.hash.as_ref()).map(|hash| hash.reveal().as_str());
    let fits = logins.passwords.verify(bounded(text), hash).await?;
    Ok(found.filter(|_| fits))
}

/// What is compared with a hash. No password is longer than they may be; the work is done all the same.
pub(super) fn bounded(text: &Private<String>) -> &str {
    if text.reveal().len() > LONGEST { "" } else { text.reveal() }
}
