//! Switches of one alias: active, pinned, who may answer, where it forwards to.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use super::alias::{find, one};
use super::alias_act::{Act, act};
use super::caller::Caller;
use super::error::ApiError;
use super::recipient;
use super::request::{Body, Data, Id, OneId, required};
use super::shape::AliasShape;
use crate::model::alias::AliasState;
use crate::model::api_token::Scope;
use crate::service::alias_change::{self, Change};
use crate::service::broker::Broker;

type Shown = Result<Json<Data<AliasShape>>, ApiError>;

async fn switch(broker: &Broker, caller: &Caller, id: Uuid, wanted: Act) -> Result<(), ApiError> {
    caller.need(Scope::Write)?;
    let listed = find(broker, caller, id).await?;
    if wanted == Act::Activate && listed.alias.state == AliasState::Killed {
        let reason = "You need to restore this alias before you can activate it.";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
    }
    act(broker, caller, &listed, wanted).await.map(drop)
}

/// `POST /api/v1/active-aliases`
pub async fn activate(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    let id = body.get()?;
    switch(&broker, &caller, id, Act::Activate).await?;
    one(&broker, &caller, id).await
}

/// `DELETE /api/v1/active-aliases/{id}`
pub async fn deactivate(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    switch(&broker, &caller, id, Act::Deactivate).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/pinned-aliases`
pub async fn pin(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    let id = body.get()?;
    switch(&broker, &caller, id, Act::Pin).await?;
    one(&broker, &caller, id).await
}

/// `DELETE /api/v1/pinned-aliases/{id}`
pub async fn unpin(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    switch(&broker, &caller, id, Act::Unpin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/attached-recipients-only`: it is always so.
pub async fn attach_only(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    one(&broker, &caller, body.get()?).await
}

/// `DELETE /api/v1/attached-recipients-only/{id}`
pub async fn attach_all(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    Err(ApiError::refused("Only the mailboxes an alias forwards to may answer from it."))
}

/// Where an alias is to forward to.
#[derive(Debug, Deserialize)]
pub struct Recipients {
    alias_id: Option<String>,
    recipient_ids: Option<Vec<String>>,
}

/// `POST /api/v1/alias-recipients`: none for the default one.
pub async fn set_recipients(State(broker): State<Broker>, caller: Caller, Body(body): Body<Recipients>) -> Shown {
    caller.need(Scope::Write)?;
    let text = body.alias_id.filter(|text| !text.is_empty()).ok_or_else(|| required("alias_id"))?;
    let id = Uuid::parse_str(&text).map_err(|_| ApiError::not_found())?;
    let listed = find(&broker, &caller, id).await?;
    let mailboxes = recipient::pick(&broker, &caller, body.recipient_ids.unwrap_or_default()).await?;
    let ids = mailboxes.iter().map(|mailbox| mailbox.id).collect();
    let change = Change { mailboxes: Some(ids), ..Change::default() };
    alias_change::change(&broker.desk, caller.user_id(), listed.alias.id, change).await?;
    one(&broker, &caller, id).await
}
