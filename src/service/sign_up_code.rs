//! Making an account from an app: address and password first, then a code of six digits from the letter that was mailed.
//!
//! A stranger learns nothing by it. Every address has the same answers after the same work: it signs up, gets its codes
//! (or seems to: who has an account is told so by a letter instead, as on the page), and takes five tries; also one that
//! nobody signed up with has its row then. Only the code shows who reads the mailbox, and only the right password that a
//! sign-up waits for its code.

use std::net::IpAddr;
use std::time::Duration;

use super::mail_link::{self, NewLink};
use super::password::{self, SetError};
use super::user::{self, AddError, NewUser};
use super::{Desk, account_letter as letters, broker::Broker};
use crate::auth::mailed_code;
use crate::auth::password::PasswordError;
use crate::config::instance::Registration;
use crate::model::id::UserId;
use crate::model::mail_link::Purpose;
use crate::model::sign_up_code::{Chosen, CodeDigest, SignUpCode, TRIES};
use crate::model::{Address, DomainName, Private, Timestamp};
use crate::storage::{self, Tx};
use crate::transform::key::SecretKey;

/// How long a code works.
const CODE_LASTS: Duration = Duration::from_hours(1);
/// How long a sign-up waits for another code.
const LASTS: Duration = Duration::from_hours(24);
/// Keeps the digest of a code from serving for anything else.
const PURPOSE: &str = "postern sign-up code 1";

/// Why nobody signs up.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// This takes an invitation, or the operator, or an operator who has an account first.
    #[error("accounts are not made like this here")]
    NotOpen,
    /// It is none.
    #[error("this is no mail address")]
    Address,
    /// Mail would come back to us for ever.
    #[error("this address is on a domain of this instance; a mailbox must be elsewhere")]
    OwnDomain,
    /// Too many letters were asked for from there.
    #[error("too many letters were asked for")]
    TooMany,
    /// There is no domain to write from.
    #[error("this instance has no domain to write from")]
    NoDomain,
    /// The password won't do.
    #[error(transparent)]
    Password(#[from] SetError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why no other code is sent, or seems to be.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// Accounts are not made like this here.
    #[error("accounts are not made like this here")]
    NotOpen,
    /// Too many letters were asked for from there.
    #[error("too many letters were asked for")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a code makes no account.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// Accounts are not made like this here.
    #[error("accounts are not made like this here")]
    NotOpen,
    /// It is not the code of that address, or not any more.
    #[error("this is not the code, or it does not work any more")]
    Wrong,
    /// There were too many wrong ones: another code is needed.
    #[error("there were too many wrong codes")]
    UsedUp,
    /// The client failed too often; it has to wait.
    #[error("too many attempts")]
    TooMany,
    /// An account was made meanwhile. Only who knows the code is told.
    #[error("there is an account with this address already")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// What came of a right code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activated {
    /// The password of the sign-up opens the account.
    Ready,
    /// Two passwords were given for the address: a letter with a link to choose one is on its way.
    WithoutPassword,
    /// The same, but the address had so many links within the last hour that none was sent: it has to be asked for.
    WithoutLetter,
}

/// What letters about a sign-up are written with.
#[derive(Clone)]
struct Post {
    desk: Desk,
    key: SecretKey,
    domain: DomainName,
    url: String,
}

impl Post {
    fn of(broker: &Broker) -> Option<Self> {
        let domain = broker.rules.domains.first().cloned()?;
        Some(Self { desk: broker.desk.clone(), key: broker.keys.link.clone(), domain, url: broker.rules.public_url.clone() })
    }

    /// Mails another code for a sign-up, or news of an account, or seems to. An address that had enough letters keeps the
    /// code it has. `is_real`: whether anything may be sent to that address.
    async fn send(&self, tx: &mut Tx, mut sign_up: SignUpCode, is_real: bool) -> Result<(), storage::Error> {
        let (address, now) = (sign_up.address.clone(), self.desk.clock.now());
        let has_account = storage::user::find_by_email(tx, &address.folded()).await?.is_some();
        let is_real = is_real && sign_up.chosen != Chosen::Nothing;
        let mut drawn = None;
        // The link that comes with it is nobody's: it is what letters to strangers are counted by.
        let new = NewLink { purpose: Purpose::SignUp, address, user_id: None, mailbox_id: None, invite_id: None };
        let letter = |_: &str| {
            let code = mailed_code::draw(&self.desk.chance);
            let letter = if has_account { letters::has_account(&self.url) } else { letters::sign_up_code(&self.url, &code) };
            drawn = Some(code);
            letter
        };
        mail_link::mail_or_seem_to(tx, &self.desk, &self.domain, new, is_real, letter).await?;
        if let Some(code) = drawn {
            let is_known = is_real && !has_account;
            sign_up.code = is_known.then(|| self.digest(&sign_up.address, &code, now.plus(CODE_LASTS)));
            sign_up.tries = 0;
            sign_up.expires_at = now.plus(LASTS);
        }
        storage::sign_up_code::put(tx, &sign_up).await
    }

    /// The database alone must not give codes away: of a plain hash, salted or slow, a million candidates are soon tried.
    /// The key is the instance's. A thief who has the whole database has that too, for the hour that a code lives, and wins
    /// an account that does not exist yet.
    fn digest(&self, address: &Address, code: &Private<String>, expires_at: Timestamp) -> CodeDigest {
        let salt = self.desk.chance.bytes::<16>().to_vec();
        let tag = self.key.long_tag(PURPOSE, &signed(&salt, address, code)).to_vec();
        CodeDigest { salt: Private::new(salt), tag: Private::new(tag), expires_at }
    }
}

/// Salt and code have one length each, so that no two triples look the same.
fn signed(salt: &[u8], address: &Address, code: &Private<String>) -> Vec<u8> {
    [salt, code.reveal().as_bytes(), address.folded().as_bytes()].concat()
}

fn fresh(address: Address, now: Timestamp) -> SignUpCode {
    SignUpCode { address, chosen: Chosen::Nothing, code: None, tries: 0, expires_at: now.plus(LASTS) }
}

async fn find(tx: &mut Tx, address: &Address, now: Timestamp) -> Result<SignUpCode, storage::Error> {
    let found = storage::sign_up_code::find(tx, address, now).await?;
    Ok(found.unwrap_or_else(|| fresh(address.clone(), now)))
}

/// Keeps the wish for an account and mails a code, or the news that there is one already.
pub async fn register(broker: &Broker, ip: IpAddr, email: &str, password: &Private<String>) -> Result<(), RegisterError> {
    if broker.rules.registration != Registration::Open {
        return Err(RegisterError::NotOpen);
    }
    let address = Address::parse(email.trim()).map_err(|_| RegisterError::Address)?;
    let post = Post::of(broker).ok_or(RegisterError::NoDomain)?;
    // Before a letter is counted: who tries one password after the other until one will do asked for none yet.
    if let Some(fault) = password::faults(password.reveal(), &password::public_names(broker, email)).into_iter().next() {
        return Err(fault.into());
    }
    broker.logins.letters.begin(ip, false, email, broker.now()).ok_or(RegisterError::TooMany)?;
    let hash = password::hash(&broker.desk, &broker.logins.passwords, password).await?;
    let known = fitting(broker, &address, password).await.map_err(|error| match error {
        WaitsError::Password(error) => SetError::from(error).into(),
        WaitsError::Storage(error) => RegisterError::Storage(error),
    })?;
    let now = broker.now();
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                // The first account is the operator's: who comes before that must not shut the door behind them.
                if !storage::user::is_any(tx).await? {
                    return Err(RegisterError::NotOpen);
                }
                let theirs = storage::domain::find_by_name(tx, address.domain()).await?;
                if theirs.as_ref().is_some_and(|domain| domain.user_id.is_none()) {
                    return Err(RegisterError::OwnDomain);
                }
                storage::mail_link::lock(tx, &address).await?;
                let mut sign_up = find(tx, &address, now).await?;
                sign_up.chosen = sign_up.chosen.joined_by(hash, known.as_ref());
                // Which domains users brought along is nobody's business: all is as usual, and nothing is sent.
                Ok(post.send(tx, sign_up, theirs.is_none()).await?)
            })
        })
        .await?;
    broker.queue.notify_one();
    Ok(())
}

/// Mails another code to an address that somebody signed up with.
pub async fn renew(broker: &Broker, ip: IpAddr, email: &str) -> Result<(), RenewError> {
    if broker.rules.registration != Registration::Open {
        return Err(RenewError::NotOpen);
    }
    broker.logins.letters.begin(ip, false, email, broker.now()).ok_or(RenewError::TooMany)?;
    // What is no address is nobody's, and an instance that can't write mail does not say so here.
    let (Ok(address), Some(post)) = (Address::parse(email.trim()), Post::of(broker)) else { return Ok(()) };
    let now = broker.now();
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let theirs = storage::domain::find_by_name(tx, address.domain()).await?;
                storage::mail_link::lock(tx, &address).await?;
                let sign_up = find(tx, &address, now).await?;
                post.send(tx, sign_up, theirs.is_none()).await
            })
        })
        .await?;
    broker.queue.notify_one();
    Ok(())
}

/// Makes the account of a sign-up: the code shows that its mailbox is read.
pub async fn activate(broker: &Broker, ip: IpAddr, email: &str, code: &str) -> Result<Activated, ActivateError> {
    if broker.rules.registration != Registration::Open {
        return Err(ActivateError::NotOpen);
    }
    let now = broker.now();
    let attempt = broker.logins.attempts.begin(ip, false, email, now).ok_or(ActivateError::TooMany)?;
    let (Ok(address), Some(post)) = (Address::parse(email.trim()), Post::of(broker)) else { return Err(ActivateError::Wrong) };
    let code = mailed_code::read(code);
    let done = broker.storage().write(move |tx| Box::pin(async move { take(tx, &post, address, code, now).await })).await;
    match done {
        Ok(Some(activated)) => {
            broker.logins.attempts.succeeded(attempt, now);
            broker.queue.notify_one();
            Ok(activated)
        }
        Ok(None) => Err(ActivateError::Wrong),
        Err(error @ ActivateError::Storage(_)) => {
            broker.logins.attempts.take_back(&attempt);
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The account of a right code; `None` for a wrong one, which is counted in the same transaction. What is used up stays, as
/// what nobody signed up with: of two with the right code, one makes the account.
async fn take(
    tx: &mut Tx,
    post: &Post,
    address: Address,
    code: Option<Private<String>>,
    now: Timestamp,
) -> Result<Option<Activated>, ActivateError> {
    storage::mail_link::lock(tx, &address).await?;
    let mut sign_up = find(tx, &address, now).await?;
    if sign_up.tries >= TRIES {
        return Err(ActivateError::UsedUp);
    }
    let fits = sign_up.code.as_ref().zip(code).is_some_and(|(digest, code)| {
        let data = signed(digest.salt.reveal(), &sign_up.address, &code);
        digest.expires_at > now && post.key.is_long_tag(PURPOSE, &data, digest.tag.reveal())
    });
    if !fits {
        sign_up.tries += 1;
        storage::sign_up_code::put(tx, &sign_up).await?;
        return Ok(None);
    }
    let chosen = std::mem::replace(&mut sign_up.chosen, Chosen::Nothing);
    sign_up.code = None;
    storage::sign_up_code::put(tx, &sign_up).await?;
    let new = NewUser { email: sign_up.address, is_admin: false, verified: true };
    let (user, mailbox) = user::add_in(tx, &post.desk, new).await.map_err(|error| match error {
        // A domain that somebody brought along meanwhile is like an account: the reader has to sign up with another address.
        AddError::Taken | AddError::OwnDomain => ActivateError::Taken,
        AddError::Storage(error) => error.into(),
    })?;
    if let Chosen::Password(hash) = chosen {
        storage::password::set(tx, user.id, &hash).await?;
        return Ok(Some(Activated::Ready));
    }
    let is_mailed = ask_for_password(tx, post, user.id, mailbox.address).await?;
    Ok(Some(if is_mailed { Activated::WithoutPassword } else { Activated::WithoutLetter }))
}

/// Mails a link to choose a password; false when the address had enough of them.
async fn ask_for_password(tx: &mut Tx, post: &Post, user: UserId, address: Address) -> Result<bool, storage::Error> {
    let purpose = Purpose::ResetPassword;
    let new = NewLink { purpose, address, user_id: Some(user), mailbox_id: None, invite_id: None };
    let letter = |secret: &str| letters::choose_password(&post.url, secret);
    mail_link::mail(tx, &post.desk, &post.domain, new, letter).await
}

/// Why it is not known whether a sign-up waits.
#[derive(Debug, thiserror::Error)]
pub enum WaitsError {
    /// It can't be found out now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Whether a sign-up with this address and this very password waits for its code: what whoever knows both is told when they
/// sign in too early. Takes as long when there is none. The caller counts attempts.
pub async fn waits(broker: &Broker, email: &str, password: &Private<String>) -> Result<bool, WaitsError> {
    if broker.rules.registration != Registration::Open {
        return Ok(false);
    }
    let Ok(address) = Address::parse(email.trim()) else { return Ok(false) };
    Ok(fitting(broker, &address, password).await?.is_some())
}

/// The hash of a sign-up that this password fits.
async fn fitting(broker: &Broker, address: &Address, password: &Private<String>) -> Result<Option<Private<String>>, WaitsError> {
    let found = storage::sign_up_code::find(&mut broker.storage().read().await?, address, broker.now()).await?;
    let hash = match found.map(|found| found.chosen) {
        Some(Chosen::Password(hash) | Chosen::Disputed(hash)) => Some(hash),
        Some(Chosen::Nothing) | None => None,
    };
    let text = hash.as_ref().map(|hash| hash.reveal().as_str());
    let fits = broker.logins.passwords.verify(password::bounded(password), text).await?;
    Ok(hash.filter(|_| fits))
}
