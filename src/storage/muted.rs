//! Deliveries whose sender is not to be told what becomes of them: another mailbox of the same alias has the message.

use uuid::Uuid;

use crate::model::id::{AliasId, DeliveryId, MessageId};

use super::{Error, Tx, changed, on};

/// How many messages one arrival may be kept as: the last two bytes of their ids tell them apart.
const COPIES: u128 = 0xffff;

/// The id of the copy number `copy` of a message whose body is another for some mailboxes. [`mute`] takes all copies for
/// one message; the bits in front of the number are chance enough.
pub fn copy_of(message: Uuid, copy: u16) -> Uuid {
    let bits = message.as_u128();
    Uuid::from_u128(bits & !COPIES | bits.wrapping_add(copy.into()) & COPIES)
}

/// The ids of all copies of the message that this is one of: from the first to the last.
pub(super) fn copies_with(message: Uuid) -> (Uuid, Uuid) {
    (Uuid::from_u128(message.as_u128() & !COPIES), Uuid::from_u128(message.as_u128() | COPIES))
}

/// What all copies of a message have in common.
pub fn first_copy(message: Uuid) -> Uuid {
    copies_with(message).0
}

/// One mailbox of the alias has the message: what becomes of it at the others is their owner's business alone.
///
/// Others that are being settled at this moment are passed over: two that settle at once must not wait for each other.
pub async fn mute(tx: &mut Tx, message: MessageId, alias: AliasId) -> Result<(), Error> {
    let uuid: Option<Uuid> =
        on!(tx, c => sqlx::query_scalar("SELECT uuid FROM messages WHERE id = $1").bind(message.0).fetch_optional(c))?;
    let Some(uuid) = uuid else { return Ok(()) };
    let (first, last) = copies_with(uuid);
    let text = match tx {
        Tx::Sqlite(_) => {
            "UPDATE deliveries SET muted = TRUE WHERE alias_id = $1 \
             AND message_id IN (SELECT m.id FROM messages m WHERE m.uuid BETWEEN $2 AND $3)"
        }
        Tx::PostgresRead(_) | Tx::Postgres(_) => {
            "UPDATE deliveries SET muted = TRUE WHERE id IN (SELECT d.id FROM deliveries d \
             WHERE d.alias_id = $1 AND d.message_id IN (SELECT m.id FROM messages m WHERE m.uuid BETWEEN $2 AND $3) \
             ORDER BY d.id FOR UPDATE SKIP LOCKED)"
        }
    };
    changed!(tx, sqlx::query(text).bind(alias.0).bind(first).bind(last)).map(drop)
}

/// Whether the sender is not to be told what becomes of this delivery.
pub async fn is_muted(tx: &mut Tx, id: DeliveryId) -> Result<bool, Error> {
    let muted: Option<bool> =
        on!(tx, c => sqlx::query_scalar("SELECT muted FROM deliveries WHERE id = $1").bind(id.0).fetch_optional(c))?;
    Ok(muted.unwrap_or(true))
}
