//! The PGP key of a mailbox: set, shown, removed by its owner, who is told before it expires.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Desk;
use super::broker::Broker;
use super::notice::{self, Telling};
use super::pausing::page_of;
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::notice::NoticeKind;
use crate::model::pgp_key::PgpKey;
use crate::model::{Address, Timestamp};
use crate::storage::{self, Tx};
use crate::transform::notice::Letter;
use crate::transform::openpgp::{KeyError, MAX_KEY_SIZE, PublicKey, encrypt};

/// The largest file that is read.
pub const MAX_FILE: u64 = MAX_KEY_SIZE as u64;

/// How long before a key expires its owner is told.
const WARN_BEFORE: Duration = Duration::from_hours(14 * 24);
/// Longer than a warning stays true: nobody is told twice.
const QUIET_FOR: Duration = Duration::from_hours(30 * 24);

/// Why a key can't be set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// Something is wrong with it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It looks good, but a trial failed.
    #[error("the key's algorithm is not supported: encrypting to it failed")]
    Unsupported,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a key can't be shown or removed.
#[derive(Debug, thiserror::Error)]
pub enum KeyOfError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// It has no key.
    #[error("this mailbox has no key")]
    NoKey,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// A key and whether it can be used now.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The key.
    pub key: PgpKey,
    /// How many user ids it names; 0 when it can't be read.
    pub user_ids: usize,
    /// What keeps it from being used: mail waits at its senders.
    pub problem: Option<KeyError>,
}

/// Why a key could not be set, as far as that does not depend on the mailbox.
pub fn check(desk: &Desk, file: &[u8]) -> Result<(), SetError> {
    read(desk, file).map(drop)
}

fn read(desk: &Desk, file: &[u8]) -> Result<PublicKey, SetError> {
    let key = PublicKey::read(file, desk.clock.now())?;
    // Some algorithms can be read and not be encrypted to: better found out here than when mail comes.
    let mut rng = StdRng::from_seed(desk.chance.bytes());
    encrypt(&key, &mut rng, "trial", &b"\r\n"[..], &mut std::io::sink()).map_err(|_| SetError::Unsupported)?;
    Ok(key)
}

/// Gives a mailbox a key, armored or not, in place of one it had. What is forwarded there from now on is encrypted.
pub async fn set(desk: &Desk, user_id: UserId, address: &Address, file: &[u8], hide_subject: bool) -> Result<Shown, SetError> {
    let (key, now) = (read(desk, file)?, desk.clock.now());
    let user_ids = key.user_ids();
    let (address, public_key) = (address.clone(), key.as_bytes().to_vec());
    let (fingerprint, expires_at) = (key.fingerprint().to_owned(), key.expires_at());
    let written = desk.storage.write(move |tx| {
        Box::pin(async move {
            let mailbox = mailbox(tx, user_id, &address).await?.ok_or(SetError::Unknown)?;
            let key = PgpKey { mailbox_id: mailbox.id, public_key, fingerprint, expires_at, hide_subject, created_at: now };
            storage::pgp_key::set(tx, &key).await?;
            Ok::<_, SetError>(key)
        })
    });
    Ok(Shown { key: written.await?, user_ids, problem: None })
}

/// The key of a mailbox.
pub async fn find(desk: &Desk, user_id: UserId, address: &Address) -> Result<Shown, KeyOfError> {
    let mut tx = desk.storage.read().await?;
    let mailbox = mailbox(&mut tx, user_id, address).await?.ok_or(KeyOfError::Unknown)?;
    let key = storage::pgp_key::find(&mut tx, mailbox.id).await?.ok_or(KeyOfError::NoKey)?;
    drop(tx);
    let (user_ids, problem) = match PublicKey::read(&key.public_key, desk.clock.now()) {
        Ok(read) => (read.user_ids(), None),
        Err(problem) => (0, Some(problem)),
    };
    Ok(Shown { key, user_ids, problem })
}

/// The keys of a user's mailboxes.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<PgpKey>, storage::Error> {
    storage::pgp_key::list(&mut desk.storage.read().await?, user).await
}

/// Takes a mailbox's key away: what is forwarded there from now on is not encrypted by us.
pub async fn remove(desk: &Desk, user_id: UserId, address: &Address) -> Result<(), KeyOfError> {
    let address = address.clone();
    let written = desk.storage.write(move |tx| {
        Box::pin(async move {
            let mailbox = mailbox(tx, user_id, &address).await?.ok_or(KeyOfError::Unknown)?;
            if storage::pgp_key::remove(tx, mailbox.id).await? { Ok(()) } else { Err(KeyOfError::NoKey) }
        })
    });
    written.await
}

async fn mailbox(tx: &mut Tx, user_id: UserId, address: &Address) -> Result<Option<Mailbox>, storage::Error> {
    storage::mailbox::find_by_address(tx, user_id, &address.folded()).await
}

/// Tells the owners of keys that expire soon, each once.
pub async fn warn_expiring(broker: &Broker) -> Result<(), storage::Error> {
    let Some(domain) = broker.rules.domains.first() else { return Ok(()) };
    let now = broker.now();
    let mut tx = broker.storage().read().await?;
    let expiring = storage::pgp_key::list_expiring(&mut tx, now, now.plus(WARN_BEFORE)).await?;
    drop(tx);
    for key in expiring {
        let telling = Telling {
            user_id: key.user_id,
            kind: NoticeKind::KeyExpires,
            about: format!("{} {}", key.mailbox, key.fingerprint),
            quiet_for: QUIET_FOR,
            letter: expiry_letter(
                &key.address,
                &key.fingerprint,
                key.expires_at,
                &page_of(key.mailbox, &broker.rules.public_url),
            ),
            except: None,
        };
        if notice::tell(&broker.desk, domain, telling).await? {
            broker.queue.notify_one();
        }
    }
    Ok(())
}

/// Some days before. `page`: of the mailbox.
pub(super) fn expiry_letter(address: &Address, fingerprint: &str, expires_at: Timestamp, page: &str) -> Letter {
    let day: String = expires_at.to_rfc3339().chars().take(10).collect();
    Letter {
        subject: "The PGP key of a mailbox expires soon".into(),
        paragraphs: vec![
            format!("Mail for {address} is encrypted with the PGP key {fingerprint}, which expires on {day}."),
            "From then on nothing can be encrypted with it and nothing is forwarded there in clear: senders will be asked to \
             try again later."
                .into(),
            "Extend the key with your OpenPGP program, export it once more, and paste it on the page of the mailbox in place of \
             the old one."
                .into(),
        ],
        action: Some(("Give this mailbox another key".into(), page.to_owned())),
    }
}
