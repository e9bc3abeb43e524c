//! The copy for a mailbox with a PGP key: encrypted, then signed over exactly what leaves (RFC 3156 §4).
//!
//! It fails closed. A key that can't be used means 451 for the whole message, so that the sender keeps it, and a notice
//! to the owner; clear text is never an answer. What its sender encrypted goes on as it is. Which mailboxes have a key is
//! asked at the end of the data: RCPT may have been long ago. What was kept before there was a key is `late`'s.

use std::collections::HashMap;
use std::io::{self, Cursor, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::units::Arrival;
use crate::model::alias::Alias;
use crate::model::id::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::notice::NoticeKind;
use crate::model::pgp_key::PgpKey;
use crate::model::{Address, Reply};
use crate::service::broker::{Broker, NO_ROOM};
use crate::service::notice::{self, Telling};
use crate::service::pausing::page_of;
use crate::service::signing::{self, SigningError};
use crate::spool::{CollectError, Collector, Content};
use crate::storage::{self, alias::Route};
use crate::transform::dkim::BodyHash;
use crate::transform::header::{HeaderBlock, Limits};
use crate::transform::notice::Letter;
use crate::transform::openpgp::{EncryptError, KeyError, PublicKey, encrypt, entity};

/// Says nothing of mailboxes and keys to a stranger.
const NOT_NOW: Reply = Reply::new(451, 7, 0, "The message can't be processed securely now, please try again later");
/// The same for one recipient: the others of the message need not wait for it.
const NOT_FOR_THIS_ONE: Reply = Reply::new(450, 7, 0, "Mail for this address can't be processed securely now, try again later");
/// How long nothing more is said of a key that fails.
const QUIET_FOR: Duration = Duration::from_hours(7 * 24);
/// Up to this length a body is looked at for being one encrypted text.
const LOOK_AT: usize = 1024 * 1024;

/// A header block, signed, and the body it is signed over.
#[derive(Debug)]
pub struct Sealed {
    /// The block.
    pub header: Bytes,
    /// The body from its empty line on.
    pub body: Content,
    /// Which of the message's encrypted bodies this is.
    pub(super) place: usize,
}

/// The encrypted bodies of one message. Aliases that lead to the same mailbox share one, if what it says is the same.
pub(super) struct Sealer {
    /// One for all: what tells copies apart is in the header blocks anyway.
    boundary: String,
    bodies: Vec<SealedBody>,
    length: u64,
}

#[derive(Clone)]
struct SealedBody {
    mailbox_id: MailboxId,
    /// The fields of the entity within.
    inner: Vec<u8>,
    body: Content,
    hash: Option<BodyHash>,
}

/// For whom a copy is encrypted.
pub(super) struct For<'a> {
    pub alias: &'a Alias,
    pub mailbox: &'a Mailbox,
    pub key: &'a PgpKey,
}

/// Why nothing could be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key can't be used, or the algorithm failed.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// No memory or disk left for it now.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The thread it was done on ended.
    #[error("encrypting ended before its time")]
    Died(#[from] tokio::task::JoinError),
    /// One message shall not fill the disk: senders choose how many recipients it has.
    #[error("the encrypted forms of the message are too long together")]
    TooMuch,
    /// The header block can't be taken apart.
    #[error("the header block can't be taken apart")]
    Header,
    /// The encrypted form can't be signed now.
    #[error(transparent)]
    Unsigned(#[from] SigningError),
}

impl From<KeyError> for SealError {
    fn from(error: KeyError) -> Self {
        Self::Encrypt(error.into())
    }
}

/// Whether the sender encrypted the message already.
pub(super) async fn is_encrypted(arrival: &Arrival<'_>) -> Result<bool, Reply> {
    let text = text(&arrival.body()).await.map_err(|_| Reply::internal_error())?;
    Ok(entity::is_encrypted(arrival.header, arrival.start, &text))
}

/// A body, or nothing when it is long: what is not seen to its end may end in clear.
pub(super) async fn text(body: &Content) -> io::Result<Bytes> {
    if body.len() > LOOK_AT as u64 { Ok(Bytes::new()) } else { body.read_all().await }
}

impl Sealer {
    pub fn new(broker: &Broker) -> Self {
        Self { boundary: entity::boundary(broker.desk.chance.bytes()), bodies: Vec::new(), length: 0 }
    }

    /// Encrypts and signs the copy for one mailbox. `header` is the rewritten block, not signed yet; what is held is signed
    /// when it is handed off. `body` is the same each time.
    pub async fn seal(
        &mut self,
        broker: &Broker,
        whom: &For<'_>,
        header: &[u8],
        body: &Content,
        is_signed: bool,
    ) -> Result<Sealed, SealError> {
        let block = HeaderBlock::parse(header, limits(header)).map_err(|_| SealError::Header)?;
        let parts = entity::split(&block, header, &self.boundary, whom.key.hide_subject);
        let is_it = |one: &SealedBody| one.mailbox_id == whom.mailbox.id && one.inner == parts.inner;
        let place = self.bodies.iter().position(is_it).unwrap_or(self.bodies.len());
        let sealed = match self.bodies.get(place) {
            Some(sealed) => sealed.clone(),
            None => self.encrypt(broker, whom, parts.inner, body).await?,
        };
        let hash = sealed.hash.filter(|_| is_signed);
        let header = broker.signing.sign(&broker.desk, whom.alias.address.domain(), parts.header, hash.as_ref()).await?;
        Ok(Sealed { header, body: sealed.body, place })
    }

    /// One more body. The first may be as long as it is: otherwise the message could never be taken.
    async fn encrypt(
        &mut self,
        broker: &Broker,
        whom: &For<'_>,
        inner: Vec<u8>,
        body: &Content,
    ) -> Result<SealedBody, SealError> {
        let expected = body.len().saturating_add(body.len() / 3);
        if !self.bodies.is_empty() && self.length.saturating_add(expected) > broker.rules.max_sealed {
            return Err(SealError::TooMuch);
        }
        let body = encrypted(broker, whom.key, self.boundary.clone(), inner.clone(), body).await?;
        let hash = broker.signing.hash(&body).await?;
        self.length = self.length.saturating_add(body.len());
        let sealed = SealedBody { mailbox_id: whom.mailbox.id, inner, body, hash };
        self.bodies.push(sealed.clone());
        Ok(sealed)
    }
}

/// Whether this recipient may be accepted as far as keys go. One mailbox whose key has expired puts off the alias alone, also
/// when it has other mailboxes: after RCPT it would put off the whole message, for the recipients of other users as well.
pub(super) async fn admit(broker: &Broker, route: &Route) -> Result<(), Reply> {
    let now = broker.now();
    if route.key_expires_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    let keys = keys(broker, std::slice::from_ref(route)).await?;
    let mut admitted = Ok(());
    for mailbox in &route.mailboxes {
        if let Some(key) = keys.get(&mailbox.id)
            && let Err(problem) = PublicKey::read(&key.public_key, now)
        {
            tell(broker, &For { alias: &route.alias, mailbox, key }, &problem.into()).await;
            admitted = Err(NOT_FOR_THIS_ONE);
        }
    }
    admitted
}

/// A block of our own was bounded when it was made.
pub(super) fn limits(header: &[u8]) -> Limits {
    Limits { max_size: header.len(), max_fields: usize::MAX, max_field_size: usize::MAX }
}

/// The keys of all mailboxes behind these aliases, now. One that was set since RCPT is used, one that was removed is not.
pub(super) async fn keys(broker: &Broker, routes: &[Route]) -> Result<HashMap<MailboxId, PgpKey>, Reply> {
    let mut ids: Vec<_> = routes.iter().flat_map(|route| &route.mailboxes).map(|mailbox| mailbox.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = async { storage::pgp_key::find_many(&mut broker.storage().read().await?, &ids).await };
    let found = found.await.map_err(|error| broker.storage_failed(&error))?;
    Ok(found.into_iter().map(|key| (key.mailbox_id, key)).collect())
}

/// The encrypted body. Done beside the runtime: it takes a while, and reads and writes files.
async fn encrypted(
    broker: &Broker,
    key: &PgpKey,
    boundary: String,
    inner: Vec<u8>,
    body: &Content,
) -> Result<Content, SealError> {
    // A message without a body has no empty line either.
    let end = if body.is_empty() { &b"\r\n"[..] } else { b"" };
    let clear = Cursor::new(inner).chain(body.reader()).chain(end);
    let mut out = Gathered { collector: broker.budget.collector(), failed: None };
    let (file, now) = (key.public_key.clone(), broker.now());
    let mut rng = StdRng::from_seed(broker.desk.chance.bytes());
    let work = broker.tasks.spawn_blocking(move || {
        let key = PublicKey::read(&file, now)?;
        let done = encrypt(&key, &mut rng, &boundary, clear, &mut out);
        match out.failed {
            Some(error) => Err(SealError::Collect(error)),
            None => done.map(|()| out.collector.finish()).map_err(SealError::Encrypt),
        }
    });
    work.await?
}

/// Gathers what is written, and keeps the reason when there is no room.
struct Gathered {
    collector: Collector,
    failed: Option<CollectError>,
}

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.collector.push(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("there is no room for the encrypted message"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The sender's reply. What only the owner can put right, the owner is told.
pub(super) async fn failed(broker: &Broker, whom: &For<'_>, error: &SealError) -> Reply {
    match error {
        SealError::Collect(CollectError::Budget) | SealError::TooMuch => return NO_ROOM,
        SealError::Collect(CollectError::Io(_)) => {
            tracing::error!(%error, "a message could not be encrypted and has to wait");
            return NO_ROOM;
        }
        SealError::Header => return Reply::internal_error(),
        SealError::Unsigned(error) => return signing::failed(broker, error),
        SealError::Encrypt(_) | SealError::Died(_) => {}
    }
    tracing::warn!(%error, "a message could not be encrypted to its mailbox's key and waits at its sender");
    tell(broker, whom, error).await;
    NOT_NOW
}

/// Tells the owner what only they can put right; anything else is nobody's to know.
pub(super) async fn tell(broker: &Broker, whom: &For<'_>, error: &SealError) {
    let For { alias, mailbox, key } = whom;
    let reason = match error {
        SealError::Encrypt(EncryptError::Key(error)) => error.to_string(),
        SealError::Encrypt(EncryptError::Failed(_)) | SealError::Died(_) => "encrypting to it failed".to_owned(),
        SealError::Collect(_) | SealError::TooMuch | SealError::Header | SealError::Unsigned(_) => return,
    };
    if let Some(domain) = broker.rules.domains.first() {
        let telling = Telling {
            user_id: alias.user_id,
            kind: NoticeKind::EncryptionFailed,
            about: format!("{} {}", mailbox.uuid, key.fingerprint),
            quiet_for: QUIET_FOR,
            letter: letter(&mailbox.address, &key.fingerprint, &reason, &page_of(mailbox.uuid, &broker.rules.public_url)),
            except: None,
        };
        match notice::tell(&broker.desk, domain, telling).await {
            Ok(true) => broker.queue.notify_one(),
            Ok(false) => {}
            Err(error) => drop(broker.storage_failed(&error)),
        }
    }
}

/// `reason`: what is wrong with the key, in our words. `page`: of the mailbox.
pub(in crate::service) fn letter(address: &Address, fingerprint: &str, reason: &str, page: &str) -> Letter {
    Letter {
        subject: "Mail waits: it could not be encrypted".into(),
        paragraphs: vec![
            format!("Mail for {address} is encrypted with the PGP key {fingerprint}. That was not possible now: {reason}."),
            "Nothing is forwarded there in clear. Senders are asked to try again, which most of them do for a few days; \
             after that they are told that their message was not delivered."
                .into(),
            "Give the mailbox another key on its page, or remove the key there if mail may arrive unencrypted.".into(),
        ],
        action: Some(("Change or remove the key".into(), page.to_owned())),
    }
}
