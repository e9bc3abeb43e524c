//! Passkeys: added by their owner, proving who sits there as a second factor, once more, or as the only thing needed.
//!
//! A ceremony has two requests, which may meet two nodes: what is remembered in between is in the database under the digest
//! of a secret that the browser sends back with its answer. It is taken once and lasts five minutes.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::app_password::Logins;
use super::factor::{FactorError, Limit};
use super::letters::security;
use super::session::{self, Browser, Fresh};
use super::{Desk, account_notice, recovery_code};
use crate::auth::opaque;
use crate::auth::passkey::{self, Begun, CeremonyError, Place, Proved};
use crate::model::id::UserId;
use crate::model::passkey::{LONGEST_NAME, Passkey};
use crate::model::session::Session;
use crate::model::user::User;
use crate::model::{Private, Timestamp};
use crate::storage::passkey::NewPasskey;
use crate::storage::passkey_ceremony::Ceremony;
use crate::storage::{self, Tx};

pub use crate::auth::passkey::{BUILT, Unfit};

/// How long one may take to touch a key or look into a camera.
const LASTS: Duration = Duration::from_mins(5);
/// Passkeys of one user at the most.
const MOST: usize = 50;

/// A ceremony that has begun, for the browser.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What comes back with the answer.
    pub ceremony: Private<String>,
    /// What `navigator.credentials` takes.
    pub options: Value,
}

/// Why no ceremony begins.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// No browser would do it here.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// There is no passkey to be proved by, or there are too many already.
    #[error("there is no passkey, or there are too many")]
    None,
    /// Too many were begun from there.
    #[error("too many attempts")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a passkey is not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// No name, an endless one, or one with control characters.
    #[error("the name of a passkey has 1 to {LONGEST_NAME} characters and no control characters")]
    Name,
    /// The answer belongs to no ceremony of theirs, or is not right.
    #[error("this took too long, or the browser's answer is not right")]
    Refused,
    /// It is there already.
    #[error("this passkey was added before")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Where passkeys of this instance belong, or why there can't be any.
pub fn place(public_url: &str) -> Result<Place, Unfit> {
    passkey::place(public_url)
}

/// A user's passkeys, oldest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<Passkey>, storage::Error> {
    storage::passkey::list(&mut desk.storage.read().await?, user).await
}

/// Removes one; false when the user has none with this id.
pub async fn remove(desk: &Desk, user: UserId, uuid: Uuid) -> Result<bool, storage::Error> {
    let desk_ = desk.clone();
    let removed = desk.storage.write(move |tx| {
        Box::pin(async move {
            let known = storage::passkey::list(tx, user).await?;
            let removed = storage::passkey::delete(tx, user, uuid).await?;
            if let Some(passkey) = known.iter().find(|passkey| removed && passkey.uuid == uuid) {
                account_notice::tell(tx, &desk_, user, &security::passkey_removed(&passkey.name)).await?;
            }
            recovery_code::forget_if_idle(tx, user).await?;
            Ok::<_, storage::Error>(removed)
        })
    });
    let removed = removed.await?;
    if removed {
        tracing::info!(user.id = %user, "a passkey was removed");
    }
    Ok(removed)
}

/// Begins to add one.
pub async fn offer_adding(desk: &Desk, place: &Place, user: &User) -> Result<Offer, OfferError> {
    let known = list(desk, user.id).await?;
    if known.len() >= MOST {
        return Err(OfferError::None);
    }
    let begun = passkey::begin_adding(place, user.uuid, &user.email.to_string(), &credentials(&known));
    keep(desk, Some(user.id), begun).await
}

/// Adds the one the browser made. The first second factor of somebody comes with recovery codes, given back this once.
pub async fn add(
    desk: &Desk,
    place: &Place,
    user: &User,
    keep: &Session,
    (name, answer): (&str, Answer<'_>),
) -> Result<(Passkey, Option<Vec<Private<String>>>), AddError> {
    let name = crate::model::passkey::name(name).ok_or(AddError::Name)?;
    let now = desk.clock.now();
    let state = take(desk, Some(user.id), answer.ceremony).await?.ok_or(AddError::Refused)?;
    let made = passkey::add(place, &state, answer.text).map_err(|_| AddError::Refused)?;
    let new = NewPasskey {
        uuid: desk.uuid(),
        user_id: user.id,
        name,
        credential_id: made.credential_id,
        credential: made.credential,
        created_at: now,
    };
    let drawn = recovery_code::draw(desk);
    let (hashes, keep, desk_) = (drawn.hashes, keep.id, desk.clone());
    let written = desk.storage.write(move |tx| {
        Box::pin(async move {
            storage::user::lock(tx, new.user_id).await?;
            let before = storage::factor::find(tx, new.user_id).await?;
            let passkey = storage::passkey::create(tx, &new).await.map_err(|error| match error {
                error if error.is_taken() => AddError::Taken,
                error => error.into(),
            })?;
            let is_first = !super::factor::are_asked(&before);
            if is_first {
                // They were opened by the password alone, which is not enough any more.
                storage::session::delete_others(tx, new.user_id, Some(keep)).await?;
            }
            let is_first = is_first && before.recovery_codes == 0;
            if is_first {
                storage::recovery_code::replace(tx, new.user_id, &hashes, now).await?;
            }
            account_notice::tell(tx, &desk_, new.user_id, &security::passkey_added(&passkey.name)).await?;
            Ok::<_, AddError>((passkey, is_first))
        })
    });
    let (passkey, is_first) = written.await?;
    tracing::info!(user.id = %user.id, "a passkey was added");
    Ok((passkey, is_first.then_some(drawn.texts)))
}

/// Begins to prove a user by one of theirs.
pub async fn offer_proving(desk: &Desk, place: &Place, user: &User) -> Result<Offer, OfferError> {
    let known = list(desk, user.id).await?;
    if known.is_empty() {
        return Err(OfferError::None);
    }
    keep(desk, Some(user.id), passkey::begin_proving(place, &credentials(&known))).await
}

/// Who wants an offer before anybody said who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Somebody who pressed the button.
    Person,
    /// The sign-in page, so that the browser can suggest a passkey where the address is typed.
    Page,
}

/// Begins to prove somebody whose passkey will say who they are. Strangers may begin some, not any number.
pub async fn offer_naming(desk: &Desk, logins: &Logins, ip: IpAddr, place: &Place, asker: Asker) -> Result<Offer, OfferError> {
    let offers = match asker {
        Asker::Person => &logins.offers,
        Asker::Page => &logins.quiet_offers,
    };
    // Each counts for its client alone, and not among what this client fails at.
    let account = format!("passkey {}", desk.uuid());
    offers.begin(ip, false, &account, desk.clock.now()).ok_or(OfferError::TooMany)?;
    keep(desk, None, passkey::begin_naming(place)).await
}

/// What a browser sends back.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The secret of the ceremony.
    pub ceremony: &'a str,
    /// What the passkey said.
    pub text: &'a str,
}

/// Makes half a session a whole one; what its cookie holds now is given back this once.
pub async fn enter(
    desk: &Desk,
    logins: &Logins,
    from: (IpAddr, &Place),
    user: &User,
    half: &Session,
    answer: Answer<'_>,
) -> Result<Private<String>, FactorError> {
    let (session, fresh) = (half.clone(), Fresh::draw(desk));
    let secret = fresh.secret.clone();
    prove(desk, logins, from, user, answer, Opens::Session(session, fresh)).await?;
    tracing::info!(user.id = %user.id, "signed in with a passkey as second factor");
    Ok(secret)
}

/// Opens what is dangerous in this session for a quarter of an hour.
pub async fn confirm(
    desk: &Desk,
    logins: &Logins,
    from: (IpAddr, &Place),
    user: &User,
    session: &Session,
    answer: Answer<'_>,
) -> Result<(), FactorError> {
    prove(desk, logins, from, user, answer, Opens::Danger(session.clone())).await
}

/// Signs in whoever the passkey says and proves they are; what the cookie holds is given back this once.
pub async fn sign_in(
    desk: &Desk,
    logins: &Logins,
    place: &Place,
    answer: Answer<'_>,
    browser: Browser,
) -> Result<Private<String>, FactorError> {
    let now = desk.clock.now();
    let claim = passkey::who(answer.text).ok();
    let account = claim.as_ref().map_or_else(|| "passkey".to_owned(), |(user, _)| format!("passkey {user}"));
    let attempt = logins.attempts.begin(browser.ip, false, &account, now).ok_or(FactorError::TooMany)?;
    let named = match claim {
        Some(claim) => name(desk, place, answer, claim).await,
        None => Ok(None),
    };
    match named {
        Ok(Some(user)) => {
            logins.attempts.succeeded(attempt, now);
            let (_, secret) = session::open(desk, user, false, browser).await?;
            tracing::info!(user.id = %user, "signed in with a passkey");
            Ok(secret)
        }
        Ok(None) => Err(FactorError::Wrong),
        Err(error) => {
            logins.attempts.take_back(&attempt);
            Err(error.into())
        }
    }
}

/// Whom the passkey proves; `None` when it proves nobody.
async fn name(desk: &Desk, place: &Place, answer: Answer<'_>, claim: (Uuid, Vec<u8>)) -> Result<Option<UserId>, storage::Error> {
    let (uuid, credential_id) = claim;
    let Some(state) = take(desk, None, answer.ceremony).await? else { return Ok(None) };
    let mut tx = desk.storage.read().await?;
    let Some(found) = storage::passkey::find_by_credential(&mut tx, &credential_id).await? else { return Ok(None) };
    let Some(user) = storage::user::find(&mut tx, found.user_id).await? else { return Ok(None) };
    drop(tx);
    // The passkey may have been registered for somebody else than its answer names.
    if user.uuid != uuid {
        return Ok(None);
    }
    let proved = passkey::prove_named(place, &state, answer.text, &found.credential).ok();
    let credential = proved.and_then(|proved| proved.update(&found.credential));
    let Some(credential) = credential else { return Ok(None) };
    let (id, now) = (found.id, desk.clock.now());
    let touched = desk.storage.write(move |tx| Box::pin(async move { storage::passkey::touch(tx, id, &credential, now).await }));
    Ok(touched.await?.then_some(user.id))
}

/// What is opened when a user is proved, in the same transaction.
enum Opens {
    /// Half a session becomes a whole one.
    Session(Session, Fresh),
    /// What is dangerous, for a while.
    Danger(Session),
}

async fn prove(
    desk: &Desk,
    logins: &Logins,
    (ip, place): (IpAddr, &Place),
    user: &User,
    answer: Answer<'_>,
    opens: Opens,
) -> Result<(), FactorError> {
    let now = desk.clock.now();
    let limit = Limit::begin(logins, ip, user, now).ok_or(FactorError::TooMany)?;
    let state = match take(desk, Some(user.id), answer.ceremony).await {
        Ok(Some(state)) => state,
        Ok(None) => return limit.settle(Ok(None)),
        Err(error) => return limit.settle(Err(error)),
    };
    let Ok(proved) = passkey::prove(place, &state, answer.text) else { return limit.settle(Ok(None)) };
    let id = user.id;
    let work = desk.storage.write(move |tx| {
        Box::pin(async move {
            if !use_passkey(tx, id, &proved, now).await? {
                return Ok(None);
            }
            let is_there = match &opens {
                Opens::Session(half, fresh) => session::rotate_in(tx, half, fresh, now).await?,
                Opens::Danger(session) => session::confirm_in(tx, session, now).await?,
            };
            Ok::<_, storage::Error>(is_there.then_some(()))
        })
    });
    limit.settle(work.await)
}

/// Records the use of a passkey; false when it is gone, or somebody else's.
async fn use_passkey(tx: &mut Tx, user: UserId, proved: &Proved, now: Timestamp) -> Result<bool, storage::Error> {
    let found = storage::passkey::find_by_credential(tx, proved.credential_id()).await?;
    let Some(found) = found.filter(|found| found.user_id == user) else { return Ok(false) };
    let Some(credential) = proved.update(&found.credential) else { return Ok(false) };
    storage::passkey::touch(tx, found.id, &credential, now).await
}

fn credentials(known: &[Passkey]) -> Vec<&str> {
    known.iter().map(|passkey| passkey.credential.as_str()).collect()
}

async fn keep(desk: &Desk, user_id: Option<UserId>, begun: Result<Begun, CeremonyError>) -> Result<Offer, OfferError> {
    let begun = begun.map_err(|error| match error {
        CeremonyError::Unfit(unfit) => unfit.into(),
        CeremonyError::Refused | CeremonyError::Damaged => {
            tracing::warn!(%error, "a ceremony of a passkey could not begin");
            OfferError::None
        }
    })?;
    let ceremony = opaque::draw(&desk.chance);
    let hash = opaque::hash(ceremony.reveal()).unwrap_or_else(|| unreachable!("what was drawn is a secret"));
    let (kept, ends) = (Ceremony { user_id, state: begun.state }, desk.clock.now().plus(LASTS));
    let write =
        desk.storage.write(move |tx| Box::pin(async move { storage::passkey_ceremony::create(tx, &hash, &kept, ends).await }));
    write.await?;
    Ok(Offer { ceremony, options: begun.options })
}

/// What was remembered of a ceremony of that user's, or of nobody's; `None` when there is none, or not any more.
async fn take(desk: &Desk, user_id: Option<UserId>, secret: &str) -> Result<Option<String>, storage::Error> {
    let Some(hash) = opaque::hash(secret) else { return Ok(None) };
    let now = desk.clock.now();
    let taken = desk.storage.write(move |tx| Box::pin(async move { storage::passkey_ceremony::take(tx, &hash, now).await }));
    Ok(taken.await?.filter(|ceremony| ceremony.user_id == user_id).map(|ceremony| ceremony.state))
}
