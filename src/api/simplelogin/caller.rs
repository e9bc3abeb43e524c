//! Who is asking: the header `Authentication` (not `Authorization`) with the bare key.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::model::api_token::Scope;
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::token;

const AUTHENTICATION: HeaderName = HeaderName::from_static("authentication");

/// A caller with a key in force.
#[derive(Debug, Clone)]
pub struct Caller(pub token::Caller);

impl Caller {
    /// Whose things this is about.
    pub fn user_id(&self) -> UserId {
        self.0.user.id
    }

    /// Goes on only if the key's scopes allow it.
    pub fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.0.token.scopes.allow(scope) { Ok(()) } else { Err(ApiError::forbidden()) }
    }
}

impl FromRequestParts<Broker> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, ApiError> {
        let key = parts.headers.get(AUTHENTICATION).and_then(|value| value.to_str().ok()).ok_or_else(ApiError::wrong_key)?;
        token::authenticate(&broker.desk, key).await?.map(Self).ok_or_else(ApiError::wrong_key)
    }
}
