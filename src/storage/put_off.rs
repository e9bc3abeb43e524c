//! Deliveries that wait because of ourselves: a resting site, no free connection. Why they waited before is worth more.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::delivery::Failure;
use crate::model::id::DeliveryId;

use super::{Error, Tx, changed};

/// Not now, because we put it off ourselves: like [`super::delivery::retry_at`], but what the last real hand-off was answered stays. False
/// when the lease was lost.
pub async fn put_off(
    tx: &mut Tx,
    id: DeliveryId,
    token: Uuid,
    at: Timestamp,
    failure: &Failure,
    site: Option<&str>,
) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE deliveries SET next_attempt_at = $3, last_code = CASE WHEN last_status IS NULL THEN $4 ELSE last_code END, \
             last_detail = CASE WHEN last_status IS NULL THEN $6 ELSE last_detail END, last_status = COALESCE(last_status, $5), \
             site = COALESCE($7, site), asked_again = FALSE, lease_owner = NULL, lease_token = NULL, lease_until = NULL \
             WHERE id = $1 AND lease_token = $2 AND state = 'waiting'"
        )
        .bind(id.0)
        .bind(token)
        .bind(at.as_micros())
        .bind(failure.code.map(i32::from))
        .bind(&failure.status)
        .bind(failure.detail.reveal())
        .bind(site)
    )?;
    Ok(changed == 1)
}
