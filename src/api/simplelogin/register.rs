//! Accounts are made by the operator: what clients offer strangers is refused politely, and says nothing about who has one.

use axum::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::Body;

/// `POST /api/auth/register`, `activate` and `reactivate`
pub async fn closed() -> ApiError {
    ApiError::bad_request("Registration is closed: the operator of this instance makes the accounts")
}

/// Whose password is forgotten.
#[derive(Debug, Deserialize)]
pub struct Forgotten {
    email: Option<String>,
}

/// `POST /api/auth/forgot_password`: yes to every address, so that nobody learns which are known.
pub async fn forgot_password(Body(forgotten): Body<Forgotten>) -> Result<Json<Value>, ApiError> {
    if forgotten.email.is_none_or(|email| email.trim().is_empty()) {
        return Err(ApiError::bad_request("request body must contain email"));
    }
    Ok(Json(json!({ "ok": true })))
}
