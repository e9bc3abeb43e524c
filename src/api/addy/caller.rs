//! Who is asking: the bearer token of a request, which may make sixty of them in a minute.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::model::api_token::Scope;
use crate::model::id::UserId;
use crate::model::user::User;
use crate::service::broker::Broker;
use crate::service::{token, token_memory};

/// A caller with a token in force.
#[derive(Debug, Clone)]
pub struct Caller(pub token::Caller);

impl Caller {
    /// Whose things this is about.
    pub fn user_id(&self) -> UserId {
        self.0.user.id
    }

    /// The user.
    pub fn user(&self) -> &User {
        &self.0.user
    }

    /// Goes on only if the token's scopes allow it.
    pub fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.0.token.scopes.allow(scope) { Ok(()) } else { Err(ApiError::forbidden()) }
    }
}

impl FromRequestParts<Broker> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, ApiError> {
        let text = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, secret) = text.and_then(|text| text.split_once(' ')).ok_or_else(ApiError::unauthenticated)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::unauthenticated());
        }
        let caller = token::authenticate(&broker.desk, secret).await?.ok_or_else(ApiError::unauthenticated)?;
        broker
            .tokens
            .may_ask(caller.token.id, broker.now())
            .map_err(|wait| ApiError::too_many(wait, Some(token_memory::REQUESTS)))?;
        Ok(Self(caller))
    }
}
