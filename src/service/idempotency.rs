//! Doing a thing once although it is asked for twice (draft-ietf-httpapi-idempotency-key-header).
//!
//! A client that never heard the answer asks again under the same key and is given the answer it missed. The key is taken
//! in the transaction that does the thing: a crash leaves both or neither, and who asks at the same moment waits. Only what
//! was done is kept; after an error the key is free.

use std::time::Duration;

use crate::model::Timestamp;
use crate::model::id::UserId;
use crate::storage::{self, Tx, idempotency};

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24);

/// The key of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Whose: keys of two users have nothing to do with each other.
    pub user: UserId,
    /// What the client made up.
    pub text: String,
    /// SHA-256 of all that was asked.
    pub request: [u8; 32],
}

/// What a client is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it is an answer to an earlier request.
    pub replayed: bool,
}

/// How what was done becomes an answer: its status and its body.
pub type Render<T> = Box<dyn FnOnce(&T) -> (u16, Vec<u8>) + Send>;

/// A thing to do once: under which key, if the client sent one, and what is said about it.
pub struct Once<T> {
    /// The key.
    pub key: Option<Key>,
    /// The answer.
    pub render: Render<T>,
}

impl<T> std::fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Once").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Why a thing was not done, nor had been.
#[derive(Debug, thiserror::Error)]
pub enum OnceError<E> {
    /// The key belongs to another request.
    #[error("this key was used for another request")]
    OtherRequest,
    /// It can't be done.
    #[error(transparent)]
    Failed(E),
}

impl<E: From<storage::Error>> From<storage::Error> for OnceError<E> {
    fn from(error: storage::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes the key; the earlier answer when there is one. Nothing happens without a key.
pub(super) async fn begin<E>(tx: &mut Tx, key: Option<&Key>, now: Timestamp) -> Result<Option<Answer>, OnceError<E>>
where
    E: From<storage::Error>,
{
    let Some(key) = key else { return Ok(None) };
    if idempotency::take(tx, key.user, &key.text, &key.request, now, now.minus(KEPT_FOR)).await? {
        return Ok(None);
    }
    // Gone only if its user is, or the sweep came by: then it is new.
    let Some(kept) = idempotency::find(tx, key.user, &key.text).await? else { return Ok(None) };
    if kept.request_hash != key.request {
        return Err(OnceError::OtherRequest);
    }
    Ok(Some(Answer { status: u16::try_from(kept.status).unwrap_or(200), body: kept.body, replayed: true }))
}

/// The answer to what was done, kept under the key.
pub(super) async fn finish<T>(tx: &mut Tx, once: Once<T>, done: &T) -> Result<Answer, storage::Error> {
    let (status, body) = (once.render)(done);
    if let Some(key) = &once.key {
        idempotency::keep(tx, key.user, &key.text, status, &body).await?;
    }
    Ok(Answer { status, body, replayed: false })
}
