//! Messages that had to be kept: what the next hop did not take at once. The body lies in pieces beside the row, is
//! checked against its digest when it is read, and everything is erased with the last delivery.

use std::io;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::id::MessageId;
use crate::model::{Address, Timestamp};
use crate::spool::{CollectError, Collector, Content};

use super::{Error, ErrorKind, Tx, changed, columns, on, patiently};

/// Size of a piece of a body: large enough to be few, small enough for any row.
pub const CHUNK: usize = 256 * 1024;

/// What a message to be kept is made of; the body follows with [`insert_body`] or [`insert_chunk`].
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Id for the outside.
    pub uuid: Uuid,
    /// When its last byte arrived.
    pub received_at: Timestamp,
    /// The sender's envelope address; `None` is the null reverse-path.
    pub sender: Option<Address>,
    /// Who handed it in.
    pub client_ip: IpAddr,
    /// The name that client gave.
    pub helo: String,
    /// The header block as it arrived.
    pub header: Vec<u8>,
    /// Length of the body in bytes.
    pub body_length: u64,
    /// Digest of the body (see [`digest`]).
    pub body_sha256: [u8; 32],
    /// Whether it holds bytes above 127.
    pub eight_bit: bool,
    /// Whether it needs SMTPUTF8.
    pub smtputf8: bool,
}

/// A kept message, without its body.
#[derive(Debug, Clone)]
pub struct Message {
    /// Row key.
    pub id: MessageId,
    /// The rest, as it was kept.
    pub kept: NewMessage,
}

/// Why a kept body can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The database failed; with [`ErrorKind::Corrupt`] it could not make sense of its own file or of a row.
    #[error(transparent)]
    Storage(#[from] Error),
    /// What was read is not what was kept: the length or the digest is another.
    #[error("the kept body is damaged")]
    Damaged,
    /// No memory or disk left for it now.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

#[derive(sqlx::FromRow)]
struct MessageRow {
    id: i64,
    uuid: Uuid,
    received_at: i64,
    sender: Option<String>,
    client_ip: String,
    helo: String,
    header: Vec<u8>,
    body_length: i64,
    body_sha256: Vec<u8>,
    eight_bit: bool,
    smtputf8: bool,
}

impl TryFrom<MessageRow> for Message {
    type Error = Error;
    fn try_from(row: MessageRow) -> Result<Self, Error> {
        let corrupt = |column| Error::corrupt("messages", column, row.id);
        Ok(Self {
            id: MessageId(row.id),
            kept: NewMessage {
                uuid: row.uuid,
                received_at: Timestamp::from_micros(row.received_at),
                sender: columns::optional_address("messages", "sender", row.id, row.sender.as_deref())?,
                client_ip: columns::word("messages", "client_ip", row.id, &row.client_ip)?,
                helo: row.helo,
                header: row.header,
                body_length: u64::try_from(row.body_length).map_err(|_| corrupt("body_length"))?,
                body_sha256: row.body_sha256.try_into().map_err(|_| corrupt("body_sha256"))?,
                eight_bit: row.eight_bit,
                smtputf8: row.smtputf8,
            },
        })
    }
}

/// The digest a body is kept with.
pub async fn digest(body: &Content) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut offset = 0;
    while offset < body.len() {
        let piece = body.read(offset, CHUNK).await?;
        hasher.update(&piece);
        offset += piece.len() as u64;
    }
    Ok(hasher.finalize().into())
}

/// Keeps a message, without its body.
pub async fn insert(tx: &mut Tx, new: &NewMessage) -> Result<MessageId, Error> {
    let length = i64::try_from(new.body_length).map_err(|_| Error::new(ErrorKind::Other, "the body is too long"))?;
    let id: i64 = on!(tx, c => sqlx::query_scalar(
        "INSERT INTO messages (uuid, received_at, sender, client_ip, helo, header, body_length, body_sha256, eight_bit, \
         smtputf8) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(new.uuid)
    .bind(new.received_at.as_micros())
    .bind(new.sender.as_ref().map(Address::to_string))
    .bind(new.client_ip.to_string())
    .bind(&new.helo)
    .bind(&new.header)
    .bind(length)
    .bind(&new.body_sha256[..])
    .bind(new.eight_bit)
    .bind(new.smtputf8)
    .fetch_one(c))?;
    Ok(MessageId(id))
}

/// Keeps one piece of a body; pieces count from 0.
pub async fn insert_chunk(tx: &mut Tx, id: MessageId, seq: i64, data: &[u8]) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("INSERT INTO body_chunks (message_id, seq, data) VALUES ($1, $2, $3)").bind(id.0).bind(seq).bind(data)
    )
    .map(drop)
}

/// Keeps a whole body in pieces.
pub async fn insert_body(tx: &mut Tx, id: MessageId, body: &Content) -> Result<(), Error> {
    let mut offset = 0;
    let mut seq = 0;
    while offset < body.len() {
        let piece = body.read(offset, CHUNK).await.map_err(|error| Error::from(sqlx::Error::Io(error)))?;
        insert_chunk(tx, id, seq, &piece).await?;
        offset += piece.len() as u64;
        seq += 1;
    }
    Ok(())
}

/// The kept message with that key, without its body.
pub async fn find(tx: &mut Tx, id: MessageId) -> Result<Option<Message>, Error> {
    let row: Option<MessageRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, received_at, sender, client_ip, helo, header, body_length, body_sha256, eight_bit, smtputf8 \
         FROM messages WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    row.map(Message::try_from).transpose()
}

/// One piece of a body; `None` past the last.
pub async fn find_chunk(tx: &mut Tx, id: MessageId, seq: i64) -> Result<Option<Vec<u8>>, Error> {
    on!(tx, c => sqlx::query_scalar("SELECT data FROM body_chunks WHERE message_id = $1 AND seq = $2")
        .bind(id.0).bind(seq).fetch_optional(c))
}

/// Reads a whole body back, under the budget of `collector`. A torn or damaged one is [`BodyError::Damaged`]: it
/// is never sent.
pub async fn read_body(tx: &mut Tx, message: &Message, mut collector: Collector) -> Result<Content, BodyError> {
    let mut hasher = Sha256::new();
    let mut seq = 0;
    while let Some(piece) = find_chunk(tx, message.id, seq).await? {
        hasher.update(&piece);
        collector.push(&piece)?;
        seq += 1;
    }
    if collector.len() != message.kept.body_length || hasher.finalize()[..] != message.kept.body_sha256 {
        return Err(BodyError::Damaged);
    }
    Ok(collector.finish())
}

/// Erases a message and its body when no delivery that waits, is held or lies in quarantine refers to it; whether it did.
pub async fn erase_if_done(tx: &mut Tx, id: MessageId) -> Result<bool, Error> {
    // Two nodes may settle the last two deliveries at once, each seeing the other's as waiting. Whoever gets this
    // lock second looks again. SQLite has one writer.
    if let Tx::Postgres(t) = tx {
        patiently!(t, c => sqlx::query("SELECT id FROM messages WHERE id = $1 FOR UPDATE").bind(id.0).fetch_optional(c))?;
    }
    let changed = changed!(
        tx,
        sqlx::query(
            "DELETE FROM messages WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message_id = $1 AND (state IN ('waiting', 'held') OR quarantined))"
        )
        .bind(id.0)
    )?;
    Ok(changed == 1)
}
