//! Letting somebody in again who is locked out: the second step off, a link for a new password. Both take the
//! administrator's own fresh proof, and the user is told by mail.

use axum::extract::State;
use axum::response::Response;

use super::users::{OnePage, find};
use crate::service::broker::Broker;
use crate::service::reset::{self, SendError};
use crate::service::totp;
use crate::web::failure::Failure;
use crate::web::form::{Checked, MENDABLE};
use crate::web::id::Word;
use crate::web::pages;
use crate::web::session::{Admin, Confirmed};

/// Takes all second factors of a user away.
pub(super) async fn take_factors(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Confirmed(_): Confirmed,
    Word(uuid): Word,
    Checked { .. }: Checked,
) -> Result<Response, Failure> {
    let person = find(&broker, &uuid).await?;
    totp::reset(&broker.desk, person.id).await?;
    broker.queue.notify_one();
    // All sessions of the user ended: of whoever did it to themselves, this one, too.
    let is_self = person.id == who.user_id();
    Ok(who.go(&if is_self { "sign-in".to_owned() } else { format!("admin/users/{uuid}?said=no-factors") }))
}

/// Mails a user the link by which they choose a new password.
pub(super) async fn send_link(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Confirmed(_): Confirmed,
    Word(uuid): Word,
    Checked { .. }: Checked,
) -> Result<Response, Failure> {
    let person = find(&broker, &uuid).await?;
    let wrong = match reset::send(&broker, person.id).await {
        Ok(()) => return Ok(who.go(&format!("admin/users/{uuid}?said=link"))),
        Err(SendError::Unknown) => return Err(Failure::NotFound),
        Err(SendError::Unread) => {
            "No link was sent: nobody proved to read the address of this account. Set a password for it on the command line: \
             postern user password."
        }
        Err(SendError::TooMany) => "No link was sent: this address got several within the last hour.",
        Err(SendError::NoDomain) => "No link was sent: this Postern has no domain to write from.",
        Err(SendError::Storage(error)) => return Err(error.into()),
    };
    Ok(pages::show(MENDABLE, &OnePage::new(&who, &person).but(wrong)))
}
