//! Contacts of an alias, and the reverse addresses that stand for them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::alias::find;
use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Id, PAGE, Params};
use super::shape::ContactShape;
use crate::model::Address;
use crate::model::api_token::Scope;
use crate::model::id::{AliasId, ContactId};
use crate::service::broker::Broker;
use crate::service::contact_page;

/// `GET /api/aliases/:id/contacts`
pub async fn list(State(broker): State<Broker>, caller: Caller, Id(id): Id, params: Params) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let offset = params.offset("page_id")?;
    find(&broker, &caller, id).await?;
    let page = contact_page::list(&broker.desk, caller.user_id(), AliasId(id), offset, PAGE).await?;
    let shapes: Vec<ContactShape> = page.iter().map(ContactShape::of).collect();
    Ok(Json(json!({ "contacts": shapes })))
}

/// Whom the owner wants to write to.
#[derive(Debug, Deserialize)]
pub struct NewContact {
    contact: Option<String>,
}

/// `POST /api/aliases/:id/contacts`: 201, or 200 for one that is there.
pub async fn create(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    Body(new): Body<NewContact>,
) -> Result<(StatusCode, Json<ContactShape>), ApiError> {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    let text = new.contact.unwrap_or_default();
    let address = Address::parse(bare(&text)).map_err(|_| ApiError::bad_request("this is no e-mail address"))?;
    if !broker.tokens.may_create(caller.0.token.id, broker.now()) {
        return Err(ApiError::too_many());
    }
    let entry = contact_page::create(&broker.desk, caller.user_id(), AliasId(id), address).await?;
    let status = if entry.existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(ContactShape::of(&entry))))
}

/// The address in `First Last <a@b>` or `a@b`.
fn bare(text: &str) -> &str {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
    inner.unwrap_or(text).trim()
}

/// `DELETE /api/contacts/:id`
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    contact_page::hide(&broker.desk, caller.user_id(), ContactId(id)).await?;
    Ok(Json(json!({ "deleted": true })))
}

/// `POST /api/contacts/:id/toggle`
pub async fn toggle(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let is_blocked = contact_page::toggle_block(&broker.desk, caller.user_id(), ContactId(id)).await?;
    Ok(Json(json!({ "block_forward": is_blocked })))
}
