//! Proving once more who sits there, before something dangerous: the password, with a second factor where there is one.

use std::net::IpAddr;

use super::app_password::{LoginError, Logins};
use super::factor::FactorError;
use super::{Desk, factor, password, session};
use crate::model::Private;
use crate::model::session::Session;
use crate::model::user::User;
use crate::storage;

/// Why nobody is confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// The password is not right.
    #[error("this is not right")]
    Wrong,
    /// The password is right, and what follows it is not. Which of the two is not said to whoever asks: a borrowed session must
    /// not find out a password. The owner is told when it goes on.
    #[error("this is not right")]
    Factor(FactorError),
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany,
    /// It can't be found out now.
    #[error("too many passwords are being checked")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Opens what is dangerous in this session for a quarter of an hour.
pub async fn with_password(
    desk: &Desk,
    logins: &Logins,
    ip: IpAddr,
    user: &User,
    session: &Session,
    given: (&Private<String>, &str),
) -> Result<(), ConfirmError> {
    prove(desk, logins, ip, user, given).await?;
    if session::confirm(desk, session).await? { Ok(()) } else { Err(ConfirmError::Wrong) }
}

/// Whether these are the user's password and, where one is asked for, a code: for programs, which prove it with the act itself.
pub async fn prove(
    desk: &Desk,
    logins: &Logins,
    ip: IpAddr,
    user: &User,
    (text, code): (&Private<String>, &str),
) -> Result<(), ConfirmError> {
    let known = password::check(desk, logins, ip, &user.email.to_string(), text).await.map_err(|error| match error {
        LoginError::Wrong => ConfirmError::Wrong,
        LoginError::TooMany => ConfirmError::TooMany,
        LoginError::Password(_) => ConfirmError::Busy,
        LoginError::Storage(error) => error.into(),
    })?;
    if known.user.id != user.id {
        return Err(ConfirmError::Wrong);
    }
    if known.second_factor {
        factor::check(desk, logins, ip, user, code).await.map_err(ConfirmError::Factor)?;
    }
    Ok(())
}
