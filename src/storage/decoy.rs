//! Mail that is only written so that the answer takes as long as if it were sent: whoever asks for a letter to somebody's
//! address must not learn from the time whether there is such an account.

use crate::model::id::DeliveryId;

use super::{Error, Tx, changed};

/// Takes a delivery out again with its message, in the transaction that wrote it; a real one stays, after the same
/// statements.
pub async fn settle(tx: &mut Tx, id: DeliveryId, is_real: bool) -> Result<(), Error> {
    let message = "DELETE FROM messages WHERE NOT $2 AND id = (SELECT d.message_id FROM deliveries d WHERE d.id = $1)";
    changed!(tx, sqlx::query(message).bind(id.0).bind(is_real))?;
    changed!(tx, sqlx::query("DELETE FROM deliveries WHERE NOT $2 AND id = $1").bind(id.0).bind(is_real)).map(drop)
}
