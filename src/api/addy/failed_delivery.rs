//! What could not be delivered. The content of a message is erased when it is given up: nothing can be downloaded or sent
//! again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::caller::Caller;
use super::error::ApiError;
use super::page::Wanted;
use super::request::{Data, Id, Params};
use super::token::moment;
use crate::model::api_token::Scope;
use crate::model::delivery::DeliveryKind;
use crate::model::user::User;
use crate::service::broker::Broker;
use crate::service::failed_delivery::{self, Failed};

/// A message that was given up.
#[derive(Debug, Serialize)]
pub struct FailedShape {
    id: String,
    user_id: String,
    recipient_id: Option<String>,
    recipient_email: Option<String>,
    alias_id: Option<String>,
    alias_email: Option<String>,
    /// Empty, not null, when it is not known; so are the next three.
    bounce_type: &'static str,
    remote_mta: &'static str,
    status: String,
    code: String,
    sender: Option<String>,
    destination: String,
    ir_dedupe_key: Option<String>,
    r#type: &'static str,
    email_type: &'static str,
    email_type_text: &'static str,
    is_stored: bool,
    quarantined: bool,
    resent: bool,
    attempted_at: String,
    created_at: String,
    updated_at: String,
}

impl FailedShape {
    fn of(failed: &Failed, user: &User) -> Self {
        let Failed { delivery, alias, mailbox } = failed;
        let failure = delivery.last_failure.as_ref();
        let (kind, letter, text) = match delivery.kind {
            DeliveryKind::Reply => ("outbound", "R", "Reply"),
            DeliveryKind::Forward | DeliveryKind::Dsn | DeliveryKind::Notice => ("inbound", "F", "Forward"),
        };
        let settled = moment(delivery.settled_at.unwrap_or(delivery.queued_at));
        Self {
            id: delivery.uuid.to_string(),
            user_id: user.uuid.to_string(),
            recipient_id: mailbox.as_ref().map(|mailbox| mailbox.uuid.to_string()),
            recipient_email: mailbox.as_ref().map(|mailbox| mailbox.address.to_string()),
            alias_id: alias.as_ref().map(|alias| alias.uuid.to_string()),
            alias_email: alias.as_ref().map(|alias| alias.address.to_string()),
            bounce_type: match failure.and_then(|failure| failure.code) {
                Some(500..) => "hard",
                Some(_) => "soft",
                None => "",
            },
            remote_mta: "",
            status: failure.map(|failure| failure.status.clone()).unwrap_or_default(),
            // The owner's to see: it may name the mailbox.
            code: failure.map(|failure| failure.detail.reveal().clone()).unwrap_or_default(),
            sender: delivery.sender.as_ref().map(ToString::to_string),
            destination: delivery.recipient.to_string(),
            ir_dedupe_key: None,
            r#type: kind,
            email_type: letter,
            email_type_text: text,
            is_stored: false,
            quarantined: false,
            resent: false,
            attempted_at: settled.clone(),
            created_at: moment(delivery.queued_at),
            updated_at: settled,
        }
    }
}

/// `GET /api/v1/failed-deliveries`
pub async fn list(State(broker): State<Broker>, caller: Caller, params: Params) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let wanted = Wanted::of(&params)?;
    let kind = match params.get("filter[email_type]") {
        None => None,
        Some("inbound") => Some(DeliveryKind::Forward),
        Some("outbound") => Some(DeliveryKind::Reply),
        // What lies in quarantine has not failed: none of it is a notice, or ever listed here.
        Some("inbound_quarantined") => Some(DeliveryKind::Notice),
        Some(_) => return Err(ApiError::invalid("filter.email_type", "The selected filter.email_type is invalid.")),
    };
    let (page, total) = failed_delivery::list(&broker.desk, caller.user_id(), kind, wanted.offset(), wanted.size).await?;
    let shapes: Vec<FailedShape> = page.iter().map(|failed| FailedShape::of(failed, caller.user())).collect();
    let base = format!("{}/api/v1/failed-deliveries", broker.rules.public_url);
    Ok(Json(wanted.envelope(&shapes, total, &base, &params)))
}

/// `GET /api/v1/failed-deliveries/{id}`
pub async fn show(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Data<FailedShape>>, ApiError> {
    caller.need(Scope::Read)?;
    let failed = failed_delivery::get(&broker.desk, caller.user_id(), id).await?;
    Ok(Json(Data { data: FailedShape::of(&failed, caller.user()) }))
}

/// `GET /api/v1/failed-deliveries/{id}/download`
pub async fn download(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Read)?;
    failed_delivery::get(&broker.desk, caller.user_id(), id).await?;
    Err(ApiError::new(StatusCode::NOT_FOUND, "The message was erased when it was given up."))
}

/// `POST /api/v1/failed-deliveries/{id}/resend`
pub async fn resend(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    failed_delivery::get(&broker.desk, caller.user_id(), id).await?;
    Err(ApiError::refused("The message was erased when it was given up."))
}

/// `DELETE /api/v1/failed-deliveries/{id}`
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    failed_delivery::forget(&broker.desk, caller.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
