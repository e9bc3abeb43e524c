//! The first run: whoever starts the instance makes the first account on its pages, by a link that is printed at the start.
//!
//! The link holds a secret that is drawn anew at every start without users; only its digest is kept. It is void once
//! there is a user, however that one was made.

use subtle::ConstantTimeEq;

use super::broker::Broker;
use super::mailbox_test::{self, TestError, Tested};
use super::password::{self, SetError};
use super::user::{self, AddError, NewUser};
use super::{Desk, verification};
use crate::auth::opaque;
use crate::model::mailbox::Mailbox;
use crate::model::user::User;
use crate::model::{Address, Private};
use crate::storage::{self, secret};

/// What the digest is kept under.
pub(super) const SECRET: &str = "setup";

/// Why the first account can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is a user already, or the link is of an earlier start.
    #[error("the link does not work any more")]
    Closed,
    /// It is none.
    #[error("this is no mail address")]
    Address,
    /// Mail would come back to us for ever.
    #[error("this address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
    /// The password won't do.
    #[error(transparent)]
    Password(#[from] SetError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Draws the secret of this start while there is no user; `None` when there is one.
pub async fn open(desk: &Desk) -> Result<Option<Private<String>>, storage::Error> {
    if is_done(desk).await? {
        return Ok(None);
    }
    let (drawn, now) = (opaque::draw(&desk.chance), desk.clock.now());
    let hash = opaque::hash(drawn.reveal()).unwrap_or_else(|| unreachable!("what was drawn is a secret"));
    desk.storage.write(move |tx| Box::pin(async move { secret::put(tx, SECRET, &hash, now).await })).await?;
    Ok(Some(drawn))
}

/// Says in the log where the first account is made: whoever reads that runs the instance, and nobody else is to make it.
pub fn announce(link: &Private<String>) {
    tracing::warn!("there is no account yet; make the first one here: {}", link.reveal());
}

/// The same as at a start, once the last user is gone: whoever runs the instance is not to have to start it again. Whether
/// nobody is left.
pub async fn reopen(broker: &Broker) -> Result<bool, storage::Error> {
    let secret = open(&broker.desk).await?;
    Ok(secret.inspect(|secret| announce(&Private::new(link(&broker.rules.public_url, secret)))).is_some())
}

/// Where the secret leads.
pub fn link(public_url: &str, secret: &Private<String>) -> String {
    format!("{public_url}/setup/{}", secret.reveal())
}

/// Whether there is a user.
pub async fn is_done(desk: &Desk) -> Result<bool, storage::Error> {
    storage::user::is_any(&mut desk.storage.read().await?).await
}

/// Whether this secret opens the first run.
pub async fn may(desk: &Desk, secret: &str) -> Result<bool, storage::Error> {
    let Some(hash) = opaque::hash(secret) else { return Ok(false) };
    let mut tx = desk.storage.read().await?;
    let kept = secret::find(&mut tx, SECRET).await?;
    let fits = kept.is_some_and(|kept| bool::from(kept.as_slice().ct_eq(&hash[..])));
    Ok(fits && !storage::user::is_any(&mut tx).await?)
}

/// Makes the first account, which administers the instance, and sends its mailbox a link that verifies it.
pub async fn begin(broker: &Broker, secret: &str, email: &str, password: &Private<String>) -> Result<User, SetupError> {
    let desk = broker.desk.clone();
    let hash = opaque::hash(secret).ok_or(SetupError::Closed)?;
    if !may(&desk, secret).await? {
        return Err(SetupError::Closed);
    }
    let email = Address::parse(email.trim()).map_err(|_| SetupError::Address)?;
    let names = password::public_names(broker, &email.to_string());
    let password = password::hash_chosen(&desk, &broker.logins.passwords, password, &names).await?;
    let made = broker.storage().write(move |tx| {
        Box::pin(async move {
            // Of two at once, one takes the secret; the other finds it gone.
            if !secret::take(tx, SECRET, &hash).await? || storage::user::is_any(tx).await? {
                return Err(SetupError::Closed);
            }
            let (user, mailbox) = user::add_in(tx, &desk, NewUser { email, is_admin: true, verified: false }).await?;
            storage::password::set(tx, user.id, &password).await?;
            Ok::<_, SetupError>((user, mailbox))
        })
    });
    let (user, mailbox) = made.await?;
    // The account is made: a letter that can't be written now is sent from one of the next pages.
    if let Err(error) = verification::resend(broker, &mailbox).await {
        tracing::warn!(%error, "the first link could not be mailed");
    }
    Ok(user)
}

impl From<AddError> for SetupError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken => Self::Closed,
            AddError::OwnDomain => Self::OwnDomain,
            AddError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Whether mail gets out at all: a test message to the mailbox of whoever sets the instance up. `None` when there is no
/// domain to write from.
pub async fn try_mail(broker: &Broker, mailbox: &Mailbox) -> Result<Option<Tested>, TestError> {
    match broker.bench() {
        Some(bench) => mailbox_test::first(&bench, mailbox).await.map(Some),
        None => Ok(None),
    }
}
