//! Rules: there are none. What a rule would do is done by blocks, states of aliases and the filters of the mailbox.

use axum::Json;
use axum::http::StatusCode;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Data, Id};
use crate::model::api_token::Scope;

/// `GET /api/v1/rules`
pub async fn list(caller: Caller) -> Result<Json<Data<[(); 0]>>, ApiError> {
    caller.need(Scope::Read)?;
    Ok(Json(Data { data: [] }))
}

/// `POST /api/v1/rules`
pub async fn create(caller: Caller) -> Result<(), ApiError> {
    caller.need(Scope::Write)?;
    Err(ApiError::refused("There are no rules here: block senders, or filter in your mailbox."))
}

/// Whatever is done to one rule.
pub async fn unknown(caller: Caller, _: Id) -> Result<(), ApiError> {
    caller.need(Scope::Read)?;
    Err(ApiError::not_found())
}

/// `POST /api/v1/active-rules`
pub async fn activate(caller: Caller) -> Result<(), ApiError> {
    caller.need(Scope::Write)?;
    Err(ApiError::not_found())
}

/// `POST /api/v1/reorder-rules`: none are in any order.
pub async fn reorder(caller: Caller) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    Ok(StatusCode::OK)
}
