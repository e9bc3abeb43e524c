//! An authenticator program: its secret is drawn, shown, confirmed by a first code, and forgotten.

use std::net::IpAddr;

use super::app_password::{LoginError, Logins};
use super::factor::{FactorError, Limit, use_code};
use super::letters::security;
use super::{Desk, account_notice, password, recovery_code};
use crate::auth::totp;
use crate::model::id::UserId;
use crate::model::session::Session;
use crate::model::user::User;
use crate::model::{DomainName, Private};
use crate::storage::{self, Tx};

/// What an authenticator program needs, for the eyes of its owner.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The secret as one types it.
    pub text: Private<String>,
    /// The address that a picture of it holds.
    pub address: Private<String>,
}

/// Why codes can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// They are set up already.
    #[error("codes of an authenticator program are on already")]
    AlreadyOn,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why codes are not turned on.
#[derive(Debug, thiserror::Error)]
pub enum TurnOnError {
    /// No secret waits to be confirmed: none was drawn, or it was confirmed since.
    #[error("no secret waits for its first code")]
    NoDraft,
    /// Not a code of that secret.
    #[error("this code is not right")]
    Wrong,
    /// Too many were wrong; one has to wait.
    #[error("too many wrong codes")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why codes are not turned off.
#[derive(Debug, thiserror::Error)]
pub enum OffError {
    /// Neither a code of theirs nor their password.
    #[error("this is neither a code of yours nor your password")]
    Wrong,
    /// Too many were wrong.
    #[error("too many attempts")]
    TooMany,
    /// It can't be found out now.
    #[error("too many passwords are being checked")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// A fresh secret to set a program up with: nobody who saw an earlier one makes codes that count.
pub async fn begin(desk: &Desk, user: &User, here: &DomainName) -> Result<Setup, SetupError> {
    draft(desk, user, here, false).await
}

/// The secret that waits to be confirmed, after a code that was not right; a fresh one when there is none.
pub async fn again(desk: &Desk, user: &User, here: &DomainName) -> Result<Setup, SetupError> {
    draft(desk, user, here, true).await
}

async fn draft(desk: &Desk, user: &User, here: &DomainName, keeps: bool) -> Result<Setup, SetupError> {
    let (id, fresh) = (user.id, totp::draw(&desk.chance));
    let secret = desk.storage.write(move |tx| {
        Box::pin(async move {
            storage::user::lock(tx, id).await?;
            match storage::totp::find(tx, id).await? {
                Some(secret) if secret.is_confirmed => Err(SetupError::AlreadyOn),
                Some(secret) if keeps => Ok(secret.bytes),
                _ => {
                    storage::totp::draft(tx, id, &fresh).await?;
                    Ok(fresh)
                }
            }
        })
    });
    let secret = secret.await?;
    let address = totp::address(&secret, &user.email.to_string(), here.as_str());
    Ok(Setup { text: Private::new(totp::text(&secret)), address: Private::new(address.unwrap_or_default()) })
}

/// Turns codes on with a first one. Fresh recovery codes are given back this once. Where they are the first second factor, all
/// sessions end but the one it is done in, if it is done in one. Wrong codes are counted apart from those of a sign-in: they
/// keep the owner from nothing but this.
pub async fn confirm(
    desk: &Desk,
    logins: &Logins,
    user: &User,
    keep: Option<&Session>,
    code: &str,
) -> Result<Vec<Private<String>>, TurnOnError> {
    let keep = keep.map(|session| session.id);
    let (id, code, now) = (user.id, Private::new(code.to_owned()), desk.clock.now());
    let draft = storage::totp::find(&mut desk.storage.read().await?, id).await?;
    if draft.is_none_or(|secret| secret.is_confirmed) {
        return Err(TurnOnError::NoDraft);
    }
    if !logins.first_codes.begin(user.uuid, now) {
        return Err(TurnOnError::TooMany);
    }
    let codes = recovery_code::draw(desk);
    let (hashes, desk_) = (codes.hashes.clone(), desk.clone());
    let work = desk.storage.write(move |tx| {
        Box::pin(async move {
            storage::user::lock(tx, id).await?;
            let is_first = !storage::factor::find(tx, id).await?.are_asked();
            let secret = storage::totp::find(tx, id).await?.filter(|secret| !secret.is_confirmed);
            let step = secret.and_then(|secret| totp::step_of(&secret.bytes, code.reveal(), now));
            let Some(step) = step else { return Ok(None) };
            if !storage::totp::confirm(tx, id, step, now).await? {
                return Ok(None);
            }
            storage::recovery_code::replace(tx, id, &hashes, now).await?;
            if is_first {
                // They were opened by the password alone, which is not enough any more.
                storage::session::delete_others(tx, id, keep).await?;
            }
            account_notice::tell(tx, &desk_, id, &security::codes_on()).await?;
            Ok::<_, storage::Error>(Some(()))
        })
    });
    let confirmed = work.await;
    if !matches!(confirmed, Ok(None)) {
        logins.first_codes.take_back(user.uuid);
    }
    confirmed?.ok_or(TurnOnError::Wrong)?;
    tracing::info!(user.id = %user.id, "codes of an authenticator program were turned on");
    Ok(codes.texts)
}

/// Turns codes off, for who gives one of them, a recovery code or the password.
pub async fn turn_off(desk: &Desk, logins: &Logins, ip: IpAddr, user: &User, proof: &str) -> Result<(), OffError> {
    let (id, now) = (user.id, desk.clock.now());
    if totp::is_code(proof) || crate::auth::recovery_code::hash(proof).is_some() {
        let code = Private::new(proof.to_owned());
        let limit = Limit::begin(logins, ip, user, now).ok_or(OffError::TooMany)?;
        let desk_ = desk.clone();
        let work = desk.storage.write(move |tx| {
            Box::pin(async move {
                let used = use_code(tx, id, code.reveal(), now).await?;
                if used.is_some() {
                    forget(tx, &desk_, id).await?;
                }
                Ok(used)
            })
        });
        match limit.settle(work.await) {
            Ok(_) => {}
            Err(FactorError::Wrong) => return Err(OffError::Wrong),
            Err(FactorError::TooMany) => return Err(OffError::TooMany),
            Err(FactorError::Storage(error)) => return Err(error.into()),
        }
    } else {
        let text = Private::new(proof.to_owned());
        password::check(desk, logins, ip, &user.email.to_string(), &text).await.map_err(|error| match error {
            LoginError::Wrong => OffError::Wrong,
            LoginError::TooMany => OffError::TooMany,
            LoginError::Password(_) => OffError::Busy,
            LoginError::Storage(error) => error.into(),
        })?;
        let desk_ = desk.clone();
        desk.storage.write(move |tx| Box::pin(async move { forget(tx, &desk_, id).await })).await?;
    }
    tracing::info!(user.id = %user.id, "codes of an authenticator program were turned off");
    Ok(())
}

/// Whether codes are on.
pub async fn is_on(desk: &Desk, user: UserId) -> Result<bool, storage::Error> {
    Ok(storage::totp::find(&mut desk.storage.read().await?, user).await?.is_some_and(|secret| secret.is_confirmed))
}

/// Turns codes off for a user who proved who they are; false when they were not on.
pub async fn turn_off_proved(desk: &Desk, user: UserId) -> Result<bool, storage::Error> {
    let desk_ = desk.clone();
    let work = desk.storage.write(move |tx| {
        Box::pin(async move {
            storage::user::lock(tx, user).await?;
            if !storage::totp::find(tx, user).await?.is_some_and(|secret| secret.is_confirmed) {
                return Ok::<_, storage::Error>(false);
            }
            forget(tx, &desk_, user).await?;
            Ok(true)
        })
    });
    let were_on = work.await?;
    if were_on {
        tracing::info!(%user, "codes of an authenticator program were turned off");
    }
    Ok(were_on)
}

/// Forgets the secret, and the recovery codes when there is nothing left that they stand in for; tells its owner if codes
/// were on.
async fn forget(tx: &mut Tx, desk: &Desk, id: UserId) -> Result<(), storage::Error> {
    let were_on = storage::totp::find(tx, id).await?.is_some_and(|secret| secret.is_confirmed);
    storage::totp::clear(tx, id).await?;
    if were_on {
        account_notice::tell(tx, desk, id, &security::codes_off()).await?;
    }
    recovery_code::forget_if_idle(tx, id).await
}

/// Takes all second factors away from a user who is locked out; for the operator. The user is told.
pub async fn reset(desk: &Desk, user: UserId) -> Result<(), storage::Error> {
    let desk_ = desk.clone();
    let reset = desk.storage.write(move |tx| {
        Box::pin(async move {
            if storage::factor::find(tx, user).await?.are_asked() {
                account_notice::tell(tx, &desk_, user, &security::factors_taken()).await?;
            }
            storage::totp::clear(tx, user).await?;
            storage::passkey::clear(tx, user).await?;
            storage::recovery_code::clear(tx, user).await?;
            // Whoever took the account over may have set them up, and be signed in.
            storage::session::delete_others(tx, user, None).await.map(drop)
        })
    });
    reset.await?;
    tracing::info!(user.id = %user, "the second factors were taken away by the operator");
    Ok(())
}
