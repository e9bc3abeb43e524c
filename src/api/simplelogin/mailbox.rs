//! Mailboxes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Id};
use crate::model::Address;
use crate::model::api_token::Scope;
use crate::model::mailbox::Mailbox;
use crate::service::broker::Broker;
use crate::service::mailbox_move::{self, CancelError, Plan};
use crate::service::{mailbox, overview, verification};

/// A mailbox.
#[derive(Debug, Serialize)]
pub struct MailboxShape {
    id: i64,
    email: String,
    verified: bool,
    default: bool,
    creation_timestamp: i64,
    nb_alias: i64,
}

impl MailboxShape {
    fn of(mailbox: &Mailbox, aliases: i64) -> Self {
        Self {
            id: mailbox.id.0,
            email: mailbox.address.to_string(),
            verified: mailbox.verified_at.is_some(),
            default: mailbox.is_default,
            creation_timestamp: mailbox.created_at.as_seconds(),
            nb_alias: aliases,
        }
    }
}

/// `GET /api/mailboxes`: those that take mail.
pub async fn list_verified(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    list(&broker, &caller, true).await
}

/// `GET /api/v2/mailboxes`: all.
pub async fn list_all(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    list(&broker, &caller, false).await
}

async fn list(broker: &Broker, caller: &Caller, only_verified: bool) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let counts = overview::aliases_by_mailbox(&broker.desk, caller.user_id()).await?;
    let all = mailbox::list(&broker.desk, caller.user_id()).await?;
    let wanted = all.iter().filter(|mailbox| !only_verified || mailbox.verified_at.is_some());
    let shapes: Vec<MailboxShape> =
        wanted.map(|mailbox| MailboxShape::of(mailbox, counts.get(&mailbox.id).copied().unwrap_or(0))).collect();
    Ok(Json(json!({ "mailboxes": shapes })))
}

/// The address of a new one.
#[derive(Debug, Deserialize)]
pub struct NewMailbox {
    email: Option<String>,
}

/// `POST /api/mailboxes`: takes mail once its owner followed the link that is mailed there.
pub async fn create(
    State(broker): State<Broker>,
    caller: Caller,
    Body(new): Body<NewMailbox>,
) -> Result<(StatusCode, Json<MailboxShape>), ApiError> {
    caller.need(Scope::Write)?;
    let text = new.email.unwrap_or_default();
    let address = Address::parse(text.trim()).map_err(|_| ApiError::bad_request("this is no e-mail address"))?;
    let (made, _) = verification::add_with(&broker, caller.user_id(), address).await?;
    Ok((StatusCode::CREATED, Json(MailboxShape::of(&made, 0))))
}

/// What is changed of one.
#[derive(Debug, Deserialize)]
pub struct Edit {
    default: Option<bool>,
    email: Option<String>,
    cancel_email_change: Option<bool>,
}

/// `PUT /api/mailboxes/:id`. Another address takes the place of this mailbox once its link is followed; until then
/// nothing changes, and the change can be cancelled.
pub async fn edit(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    Body(edit): Body<Edit>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, id).await?;
    if edit.cancel_email_change == Some(true) {
        match mailbox_move::cancel(&broker.desk, caller.user_id(), &mailbox.address).await {
            Ok(()) | Err(CancelError::NoMove) => {}
            Err(CancelError::Unknown) => return Err(ApiError::forbidden()),
            Err(CancelError::Storage(error)) => return Err(error.into()),
        }
    }
    if edit.default == Some(true) {
        mailbox::make_default(&broker.desk, caller.user_id(), &mailbox.address).await?;
    }
    if let Some(email) = edit.email.filter(|email| !email.trim().eq_ignore_ascii_case(&mailbox.address.to_string())) {
        change_address(&broker, &caller, mailbox, email.trim()).await?;
    }
    Ok(Json(json!({ "updated": true })))
}

async fn change_address(broker: &Broker, caller: &Caller, mailbox: Mailbox, email: &str) -> Result<(), ApiError> {
    let new = Address::parse(email).map_err(|_| ApiError::bad_request("this is no e-mail address"))?;
    // A mailbox that is there would take the place at once, which nobody expects of a change of an address.
    if mailbox::find(&broker.desk, caller.user_id(), &new).await?.is_some() {
        return Err(ApiError::bad_request("this is a mailbox already; delete this one in favour of it"));
    }
    let domain = broker.rules.domains.first().ok_or_else(|| ApiError::bad_request("no letter can be written now"))?;
    let plan = Plan { user: caller.user_id(), old: mailbox.address, new, moves_sign_in: false };
    mailbox_move::begin(&broker.desk, domain, &broker.rules.public_url, plan).await?;
    broker.queue.notify_one();
    Ok(())
}

/// Which mailbox takes the aliases over.
#[derive(Debug, Deserialize)]
pub struct Removal {
    transfer_aliases_to: Option<i64>,
}

/// `DELETE /api/mailboxes/:id`. Without an heir, aliases that have no other mailbox stand in the way: nothing is deleted
/// along with it.
pub async fn delete(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    Body(removal): Body<Removal>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, id).await?;
    match removal.transfer_aliases_to.filter(|heir| *heir >= 0) {
        None => mailbox::remove(&broker.desk, caller.user_id(), &mailbox.address).await?,
        Some(heir) if heir == id => return Err(ApiError::bad_request("a mailbox can't take over from itself")),
        Some(heir) => {
            let heir = find(&broker, &caller, heir).await?;
            mailbox_move::transfer(&broker, caller.user_id(), &mailbox.address, &heir.address).await?;
        }
    }
    Ok(Json(json!({ "deleted": true })))
}

async fn find(broker: &Broker, caller: &Caller, id: i64) -> Result<Mailbox, ApiError> {
    let all = mailbox::list(&broker.desk, caller.user_id()).await?;
    all.into_iter().find(|mailbox| mailbox.id.0 == id).ok_or_else(ApiError::forbidden)
}
