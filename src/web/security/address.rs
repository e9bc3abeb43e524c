//! The address one signs in with: another verified mailbox of one's own.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{again, need_proof};
use crate::service::account::{self, EmailError};
use crate::service::broker::Broker;
use crate::service::mailbox;
use crate::web::failure::Failure;
use crate::web::form::{Checked, MENDABLE};

pub(super) async fn change(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security") {
        return Ok(first);
    }
    let mailboxes = mailbox::list(&broker.desk, who.user_id()).await?;
    let chosen = mailboxes.iter().find(|mailbox| mailbox.uuid.to_string() == fields.text("mailbox"));
    let Some(chosen) = chosen else { return Err(Failure::NotFound) };
    let wrong = match account::change_email(&broker, &who.user, &chosen.address).await {
        Ok(()) => return Ok(who.go("security?said=address")),
        Err(EmailError::Unknown) => return Err(Failure::NotFound),
        Err(EmailError::Unverified) => {
            (MENDABLE, "This mailbox is not verified yet. Follow the link that was mailed to it first.")
        }
        Err(EmailError::Taken) => (StatusCode::CONFLICT, "This address can't be used to sign in. Please choose another one."),
        Err(EmailError::Storage(error)) => return Err(error.into()),
    };
    again(&broker, &who, wrong).await
}
