//! Deliveries whose sender is not to be told what becomes of them: another mailbox of the same alias has the message.

use crate::model::id::{AliasId, DeliveryId, MessageId};

use super::{Error, Tx, changed, on};

/// One mailbox of the alias has the message: what becomes of it at the others is their owner's business alone.
///
/// Others that are being settled at this moment are passed over: two that settle at once must not wait for each other.
pub async fn mute(tx: &mut Tx, message: MessageId, alias: AliasId) -> Result<(), Error> {
    let text = match tx {
        Tx::Sqlite(_) => "UPDATE deliveries SET muted = TRUE WHERE message_id = $1 AND alias_id = $2",
        Tx::PostgresRead(_) | Tx::Postgres(_) => {
            "UPDATE deliveries SET muted = TRUE WHERE id IN (SELECT d.id FROM deliveries d \
             WHERE d.message_id = $1 AND d.alias_id = $2 ORDER BY d.id FOR UPDATE SKIP LOCKED)"
        }
    };
    changed!(tx, sqlx::query(text).bind(message.0).bind(alias.0)).map(drop)
}

/// Whether the sender is not to be told what becomes of this delivery.
pub async fn is_muted(tx: &mut Tx, id: DeliveryId) -> Result<bool, Error> {
    let muted: Option<bool> =
        on!(tx, c => sqlx::query_scalar("SELECT muted FROM deliveries WHERE id = $1").bind(id.0).fetch_optional(c))?;
    Ok(muted.unwrap_or(true))
}
