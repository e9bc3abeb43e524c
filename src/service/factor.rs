//! The second factor: a code of an authenticator program, or a recovery code in its place. Either works once.
//!
//! Whoever is asked for one has proved to know the password, so that failures are counted for the account as well, from
//! wherever they come: that keeps out nobody but those who know the password, and six digits are few.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::app_password::Logins;
use super::broker::Broker;
use super::notice::Telling;
use super::{Desk, account_letter, notice, session};
use crate::auth::account_attempts::AccountAttempts;
use crate::auth::attempts::{Attempt, Attempts};
use crate::auth::{recovery_code, totp};
use crate::model::factor::{Factors, Standing};
use crate::model::id::UserId;
use crate::model::notice::NoticeKind;
use crate::model::session::Session;
use crate::model::user::User;
use crate::model::{Private, Timestamp};
use crate::storage::{self, Tx};

/// Why a second factor is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// It is not right, or it was used before.
    #[error("this code is not right, or it was used before")]
    Wrong,
    /// Too many were wrong; one has to wait.
    #[error("too many wrong codes")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// What was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// A code of an authenticator program.
    Code,
    /// A recovery code, which is gone now.
    RecoveryCode,
}

/// What a user proves who they are with besides the password.
pub async fn find(desk: &Desk, user: UserId) -> Result<Factors, storage::Error> {
    storage::factor::find(&mut desk.storage.read().await?, user).await
}

/// How a user signs in, and since when.
pub async fn standing(desk: &Desk, user: UserId) -> Result<Standing, storage::Error> {
    storage::factor::standing(&mut desk.storage.read().await?, user).await
}

/// Whether a second factor has to follow a user's password.
pub fn are_asked(factors: &Factors) -> bool {
    factors.are_asked()
}

/// The users who are asked for a second factor.
pub async fn list_users(desk: &Desk) -> Result<Vec<UserId>, storage::Error> {
    let (mut users, passkeys) = storage::factor::list_users(&mut desk.storage.read().await?).await?;
    users.extend(passkeys);
    Ok(users)
}

/// Accepts a code of a user.
pub async fn check(desk: &Desk, logins: &Logins, ip: IpAddr, user: &User, code: &str) -> Result<Used, FactorError> {
    let (id, code, now) = (user.id, Private::new(code.to_owned()), desk.clock.now());
    let limit = Limit::begin(logins, ip, user, now).ok_or(FactorError::TooMany)?;
    let desk_ = desk.clone();
    let work = desk.storage.write(move |tx| {
        Box::pin(async move {
            let used = use_code(tx, id, code.reveal(), now).await?;
            if used == Some(Used::RecoveryCode) {
                super::recovery_code::tell_used(tx, &desk_, id).await?;
            }
            Ok(used)
        })
    });
    let used = limit.settle(work.await)?;
    tracing::info!(user.id = %user.id, ?used, "a second factor was accepted");
    Ok(used)
}

/// Accepts the code that makes half a session a whole one, and says which it was. What the cookie held before is worth
/// nothing any more; what it holds now is given back this once.
pub async fn enter(
    desk: &Desk,
    logins: &Logins,
    ip: IpAddr,
    user: &User,
    half: &Session,
    code: &str,
) -> Result<(Private<String>, Used), FactorError> {
    let now = desk.clock.now();
    let (session, code, fresh) = (half.clone(), Private::new(code.to_owned()), session::Fresh::draw(desk));
    let (secret, desk_) = (fresh.secret.clone(), desk.clone());
    let limit = Limit::begin(logins, ip, user, now).ok_or(FactorError::TooMany)?;
    let work = desk.storage.write(move |tx| {
        Box::pin(async move {
            let used = use_code(tx, session.user_id, code.reveal(), now).await?;
            let Some(used) = used else { return Ok(None) };
            let entered = session::rotate_in(tx, &session, &fresh, now).await?.then_some(used);
            if entered == Some(Used::RecoveryCode) {
                super::recovery_code::tell_used(tx, &desk_, session.user_id).await?;
            }
            Ok(entered)
        })
    });
    let used = limit.settle(work.await)?;
    tracing::info!(user.id = %user.id, ?used, "signed in with a second factor");
    Ok((secret, used))
}

/// Uses a code up; `None` when it is not right. Only who is asked for a second factor has recovery codes that count.
pub(super) async fn use_code(tx: &mut Tx, user: UserId, code: &str, now: Timestamp) -> Result<Option<Used>, storage::Error> {
    if totp::is_code(code) {
        let secret = storage::totp::find(tx, user).await?.filter(|secret| secret.is_confirmed);
        let Some(step) = secret.and_then(|secret| totp::step_of(&secret.bytes, code, now)) else { return Ok(None) };
        return Ok(storage::totp::use_step(tx, user, step).await?.then_some(Used::Code));
    }
    let Some(hash) = recovery_code::hash(code) else { return Ok(None) };
    if !are_asked(&storage::factor::find(tx, user).await?) {
        return Ok(None);
    }
    Ok(storage::recovery_code::take(tx, user, &hash).await?.then_some(Used::RecoveryCode))
}

/// Tells an owner once a day that somebody knows their password, when so many codes were wrong that no more are taken now.
pub async fn warn(broker: &Broker, user: &User) {
    let Some(domain) = broker.rules.domains.first().filter(|_| broker.logins.codes.is_full(user.uuid, broker.now())) else {
        return;
    };
    let telling = Telling {
        user_id: user.id,
        kind: NoticeKind::CodesWrong,
        about: String::new(),
        quiet_for: Duration::from_hours(24),
        letter: account_letter::codes_wrong(&broker.rules.public_url),
        except: None,
    };
    match notice::tell(&broker.desk, domain, telling).await {
        Ok(true) => broker.queue.notify_one(),
        Ok(false) => {}
        // The answer to whoever is asking does not depend on it; the next wrong code tries again.
        Err(error) => tracing::warn!(%error, "an owner could not be told of wrong codes"),
    }
}

/// An attempt at a second factor: counted for its client at the account, and for the account wherever it comes from.
#[derive(Debug)]
pub(super) struct Limit<'a> {
    attempts: &'a Attempts,
    of_client: Attempt,
    codes: &'a AccountAttempts,
    account: Uuid,
    now: Timestamp,
}

impl<'a> Limit<'a> {
    /// Begins an attempt; `None` when one has to wait.
    pub(super) fn begin(logins: &'a Logins, ip: IpAddr, user: &User, now: Timestamp) -> Option<Self> {
        // No user name has a blank in it: these are not the counts of passwords.
        let account = format!("factor {}", user.uuid);
        let attempts = &logins.attempts;
        let of_client = attempts.begin(ip, false, &account, now)?;
        if !logins.codes.begin(user.uuid, now) {
            attempts.take_back(&of_client);
            return None;
        }
        Some(Self { attempts, of_client, codes: &logins.codes, account: user.uuid, now })
    }

    /// What came of it. A fault of ours is no failure of theirs.
    pub(super) fn settle<T>(self, result: Result<Option<T>, storage::Error>) -> Result<T, FactorError> {
        let Self { attempts, of_client, codes, account, now } = self;
        match result {
            Ok(Some(value)) => {
                attempts.succeeded(of_client, now);
                codes.take_back(account);
                Ok(value)
            }
            Ok(None) => Err(FactorError::Wrong),
            Err(error) => {
                attempts.take_back(&of_client);
                codes.take_back(account);
                Err(error.into())
            }
        }
    }
}
