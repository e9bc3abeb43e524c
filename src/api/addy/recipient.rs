//! Recipients: the user's mailboxes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Data, Id, Params, filled, required};
use super::shape::RecipientShape;
use crate::model::Address;
use crate::model::api_token::Scope;
use crate::model::mailbox::Mailbox;
use crate::service::broker::Broker;
use crate::service::verification::{self, Sent};
use crate::service::{mailbox, overview, pgp_key};

/// The caller's mailbox of that id.
pub(super) async fn find(broker: &Broker, caller: &Caller, id: Uuid) -> Result<Mailbox, ApiError> {
    let all = mailbox::list(&broker.desk, caller.user_id()).await?;
    all.into_iter().find(|mailbox| mailbox.uuid == id).ok_or_else(ApiError::not_found)
}

/// The caller's mailboxes of those ids; the default one for none.
pub(super) async fn pick(broker: &Broker, caller: &Caller, texts: Vec<String>) -> Result<Vec<Mailbox>, ApiError> {
    let all = mailbox::list(&broker.desk, caller.user_id()).await?;
    if texts.is_empty() {
        return Ok(all.into_iter().filter(|mailbox| mailbox.is_default).collect());
    }
    let find = |text: &String| {
        let id = Uuid::parse_str(text).ok()?;
        all.iter().find(|mailbox| mailbox.uuid == id).cloned()
    };
    let picked: Option<Vec<Mailbox>> = texts.iter().map(find).collect();
    picked.ok_or_else(|| ApiError::invalid("recipient_ids", "One of the recipients is not there."))
}

/// These mailboxes as clients see them.
async fn shapes(broker: &Broker, caller: &Caller, mailboxes: &[Mailbox]) -> Result<Vec<RecipientShape>, ApiError> {
    let keys = pgp_key::list(&broker.desk, caller.user_id()).await?;
    let counts = overview::aliases_by_mailbox(&broker.desk, caller.user_id()).await?;
    let shape = |mailbox: &Mailbox| {
        let key = keys.iter().find(|key| key.mailbox_id == mailbox.id);
        RecipientShape::of(mailbox, caller.user(), key, Some(counts.get(&mailbox.id).copied().unwrap_or(0)))
    };
    Ok(mailboxes.iter().map(shape).collect())
}

/// The answer that shows one mailbox as it is now.
pub(super) async fn one(broker: &Broker, caller: &Caller, id: Uuid) -> Result<Json<Data<RecipientShape>>, ApiError> {
    let mailbox = find(broker, caller, id).await?;
    let data = shapes(broker, caller, &[mailbox]).await?.pop().ok_or_else(ApiError::not_found)?;
    Ok(Json(Data { data }))
}

/// `GET /api/v1/recipients`
pub async fn list(
    State(broker): State<Broker>,
    caller: Caller,
    params: Params,
) -> Result<Json<Data<Vec<RecipientShape>>>, ApiError> {
    caller.need(Scope::Read)?;
    let verified = params.flag("filter[verified]")?;
    let mut all = mailbox::list(&broker.desk, caller.user_id()).await?;
    all.retain(|mailbox| verified.is_none_or(|wanted| mailbox.verified_at.is_some() == wanted));
    Ok(Json(Data { data: shapes(&broker, &caller, &all).await? }))
}

/// `GET /api/v1/recipients/{id}`
pub async fn show(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Data<RecipientShape>>, ApiError> {
    caller.need(Scope::Read)?;
    one(&broker, &caller, id).await
}

/// The address of a new one.
#[derive(Debug, Deserialize)]
pub struct New {
    #[serde(default, deserialize_with = "filled")]
    email: Option<String>,
}

/// `POST /api/v1/recipients`: takes mail once the link that is mailed there was followed.
pub async fn create(
    State(broker): State<Broker>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Data<RecipientShape>>), ApiError> {
    caller.need(Scope::Write)?;
    let text = new.email.ok_or_else(|| required("email"))?;
    let address =
        Address::parse(&text).map_err(|_| ApiError::invalid("email", "The email field must be a valid email address."))?;
    let (made, _) = verification::add_with(&broker, caller.user_id(), address).await?;
    Ok((StatusCode::CREATED, one(&broker, &caller, made.uuid).await?))
}

/// `DELETE /api/v1/recipients/{id}`: not the default one, and none that is the only one of an alias.
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, id).await?;
    mailbox::remove(&broker.desk, caller.user_id(), &mailbox.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which one shall be proven once more.
#[derive(Debug, Deserialize)]
pub struct Resend {
    #[serde(default, deserialize_with = "filled")]
    recipient_id: Option<String>,
}

/// `POST /api/v1/recipients/email/resend`: the link that verifies it, once more.
pub async fn resend(State(broker): State<Broker>, caller: Caller, Body(resend): Body<Resend>) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    let text = resend.recipient_id.ok_or_else(|| required("recipient_id"))?;
    let mailbox = find(&broker, &caller, Uuid::parse_str(&text).map_err(|_| ApiError::not_found())?).await?;
    match verification::resend(&broker, &mailbox).await? {
        Sent::Mailed => Ok(StatusCode::OK),
        Sent::Enough => Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Enough letters went there within the last hour. Please look into the spam folder, or try again later.",
        )),
        Sent::Needless => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "This recipient is verified already.")),
    }
}
