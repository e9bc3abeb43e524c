//! The token itself.

use axum::Json;
use serde::Serialize;

use super::caller::Caller;
use crate::model::Timestamp;

/// What clients show of the token they use.
#[derive(Debug, Serialize)]
pub struct TokenDetails {
    name: String,
    created_at: String,
    expires_at: Option<String>,
}

/// A moment as this API writes it: UTC, to the second, without a zone.
pub fn moment(at: Timestamp) -> String {
    at.to_rfc3339().replace('T', " ").chars().take(19).collect()
}

/// `GET /api/v1/api-token-details`
pub async fn show(caller: Caller) -> Json<TokenDetails> {
    let token = &caller.0.token;
    Json(TokenDetails {
        name: token.name.clone(),
        created_at: moment(token.created_at),
        expires_at: token.expires_at.map(moment),
    })
}
