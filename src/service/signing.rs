//! The signature on a departing message, and the keys it is made with, in memory on each node.
//!
//! The keys are read again when the database names others than those in memory (asked at every heartbeat) and when a
//! domain has none here. Mail that can't be signed waits: it never leaves unsigned, unless the operator wants it so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;

use super::dkim_key::{self, KeyError};
use super::{Desk, broker::Broker};
use crate::model::dkim_key::Algorithm;
use crate::model::id::DkimKeyId;
use crate::model::{DomainName, Reply, Timestamp};
use crate::spool::Content;
use crate::storage;
use crate::transform::arc::{self, Findings};
use crate::transform::dkim::{self, BodyHash, BodyHasher, DkimError, Signer, SigningKey};

/// Bytes of a body read at once.
const PIECE: usize = 64 * 1024;

/// Why a message could not be signed: always temporary, for everybody.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The domain has no key for an algorithm of the settings.
    #[error("the domain has no key to sign with")]
    NoKey,
    /// Reading the key or signing failed.
    #[error(transparent)]
    Dkim(#[from] DkimError),
    /// The body can't be read.
    #[error("the body can't be read")]
    Body(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// A key in memory.
type Loaded = (DkimKeyId, Arc<Signer>);

/// What mail is signed with.
#[derive(Debug, Default)]
pub struct Signing {
    algorithms: Vec<Algorithm>,
    /// From `t=` to `x=`.
    lifetime: Duration,
    keys: RwLock<HashMap<DomainName, Vec<Loaded>>>,
}

impl Signing {
    /// One signature for each algorithm; none at all without any. `expire` is how long the queue keeps trying.
    pub fn new(algorithms: Vec<Algorithm>, expire: Duration) -> Self {
        Self { algorithms, lifetime: dkim_key::signature_lifetime(expire), keys: RwLock::default() }
    }

    /// Whether mail is signed at all.
    pub fn is_on(&self) -> bool {
        !self.algorithms.is_empty()
    }

    /// The hash of a body (from its empty line on), computed once for all copies of a message. `None` when nothing is
    /// signed.
    pub async fn hash(&self, body: &Content) -> Result<Option<BodyHash>, SigningError> {
        if self.algorithms.is_empty() {
            return Ok(None);
        }
        let mut hasher = BodyHasher::default();
        // The empty line belongs to neither half; a message without it has no body.
        let start = body.read(0, 2).await?;
        let mut offset = if start.as_ref() == b"\r\n" { 2 } else { 0 };
        while offset < body.len() {
            let piece = body.read(offset, PIECE).await?;
            if piece.is_empty() {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            hasher.push(&piece);
            offset += piece.len() as u64;
        }
        Ok(Some(hasher.finish()))
    }

    /// Puts our signatures in front of a finished header block; nothing may be added in front of them that they cover.
    pub async fn sign(
        &self,
        desk: &Desk,
        domain: &DomainName,
        header: Vec<u8>,
        body: Option<&BodyHash>,
    ) -> Result<Bytes, SigningError> {
        let Some(body) = body else { return Ok(header.into()) };
        let now = desk.clock.now();
        let mut signed = Vec::with_capacity(header.len() + 2048);
        for signer in self.ready(desk, domain).await? {
            signed.extend(self.field(&signer, &header, body, now)?);
        }
        signed.extend_from_slice(&header);
        Ok(signed.into())
    }

    /// Puts an ARC set in front of a block that is not signed yet; the block as it is, where no set may be added.
    pub async fn seal_arc(
        &self,
        desk: &Desk,
        domain: &DomainName,
        header: Vec<u8>,
        body: Option<&BodyHash>,
        findings: Findings<'_>,
    ) -> Result<Vec<u8>, SigningError> {
        let Some(body) = body else { return Ok(header) };
        let signers = self.ready(desk, domain).await?;
        // The settings are checked for RSA.
        let signer = signers.iter().find(|signer| signer.key.algorithm() == Algorithm::Rsa).ok_or(SigningError::NoKey)?;
        let now = desk.clock.now();
        let set = arc::set(signer, &header, body, findings, now, now.plus(self.lifetime))?;
        Ok(match set {
            Some(set) => [set, header].concat(),
            None => header,
        })
    }

    /// The keys, read from the database where they are not in memory.
    async fn ready(&self, desk: &Desk, domain: &DomainName) -> Result<Vec<Arc<Signer>>, SigningError> {
        if let Some(signers) = self.signers(domain) {
            return Ok(signers);
        }
        self.refresh(desk).await?;
        self.signers(domain).ok_or(SigningError::NoKey)
    }

    fn field(&self, signer: &Signer, header: &[u8], body: &BodyHash, now: Timestamp) -> Result<Vec<u8>, DkimError> {
        dkim::sign(signer, header, body, now, now.plus(self.lifetime))
    }

    /// A key for each algorithm, or none: half a set of signatures would be one that was asked for and is missing.
    fn signers(&self, domain: &DomainName) -> Option<Vec<Arc<Signer>>> {
        let keys = self.keys.read();
        let keys = keys.get(domain)?;
        let of = |algorithm| keys.iter().find(|(_, signer)| signer.key.algorithm() == algorithm).map(|(_, key)| Arc::clone(key));
        self.algorithms.iter().map(|algorithm| of(*algorithm)).collect()
    }

    /// Makes keys that are missing and follows what was changed on other nodes or from the command line.
    pub async fn keep_up(&self, desk: &Desk) -> Result<(), KeyError> {
        let made = dkim_key::ensure(desk, &self.algorithms).await?;
        if made > 0 {
            tracing::info!(keys = made, "keys to sign mail with were made; `postern domain check` prints their records");
        }
        Ok(self.refresh(desk).await?)
    }

    /// Reads the keys anew if they are others than those in memory.
    async fn refresh(&self, desk: &Desk) -> Result<(), storage::Error> {
        if self.algorithms.is_empty() {
            return Ok(());
        }
        let mut tx = desk.storage.read().await?;
        let known = self.known();
        let mut ids: Vec<_> = known.keys().copied().collect();
        ids.sort_unstable();
        if storage::dkim_key::active_ids(&mut tx).await? == ids {
            return Ok(());
        }
        let mut keys: HashMap<DomainName, Vec<Loaded>> = HashMap::new();
        for key in storage::dkim_key::list_active(&mut tx).await? {
            let signer = match (known.get(&key.id), &key.private_key) {
                (Some(signer), _) => Arc::clone(signer),
                (None, Some(private)) => match SigningKey::from_pkcs8(key.algorithm, private.reveal()) {
                    Ok(pair) => Arc::new(Signer { domain: key.domain.clone(), selector: key.selector, key: pair }),
                    // Its domain's mail waits; the others go on.
                    Err(error) => {
                        tracing::error!(dkim_key.id = %key.id, %error, "a key in the database can't be used; rotate it");
                        continue;
                    }
                },
                (None, None) => continue,
            };
            keys.entry(key.domain).or_default().push((key.id, signer));
        }
        *self.keys.write() = keys;
        Ok(())
    }

    fn known(&self) -> HashMap<DkimKeyId, Arc<Signer>> {
        self.keys.read().values().flatten().map(|(id, signer)| (*id, Arc::clone(signer))).collect()
    }
}

/// The reply for a sender whose message can't be signed now.
pub(super) fn failed(broker: &Broker, error: &SigningError) -> Reply {
    match error {
        SigningError::Storage(error) => broker.storage_failed(error),
        SigningError::NoKey | SigningError::Dkim(_) | SigningError::Body(_) => {
            tracing::error!(%error, "a message could not be signed and has to wait");
            Reply::internal_error()
        }
    }
}
