//! `/v1/account`: who the token belongs to.

use axum::Json;
use serde::Serialize;

use super::caller::Reader;

/// The account of a token.
#[derive(Debug, Serialize)]
pub struct Account {
    /// Its id.
    id: String,
    /// The address it signs in with.
    email: String,
    /// Whether it may administer the instance.
    is_admin: bool,
    /// When it was made.
    created_at: String,
    /// What the token may do.
    scopes: String,
}

/// `GET /v1/account`
pub async fn show(reader: Reader) -> Json<Account> {
    let user = &reader.0.user;
    Json(Account {
        id: user.uuid.to_string(),
        email: user.email.to_string(),
        is_admin: user.is_admin,
        created_at: user.created_at.to_rfc3339(),
        scopes: reader.0.token.scopes.to_string(),
    })
}
