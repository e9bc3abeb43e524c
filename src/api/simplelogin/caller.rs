//! Who is asking: the header `Authentication` (not `Authorization`) with the bare key.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::header::COOKIE;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::model::api_token::{ApiToken, Scope};
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::{factor, session, token};

const AUTHENTICATION: HeaderName = HeaderName::from_static("authentication");
/// No page of another site can send it along with a cookie: a header that is not among the usual ones makes the browser ask
/// first, and the answer allows no credentials.
const ALLOW_COOKIES: HeaderName = HeaderName::from_static("x-sl-allowcookies");

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

/// Goes on only if the password alone signs the user in. This API has no place for a code, and whoever has a key and the
/// password must not get further by it than at the sign-in. It is said before a password is asked for, which would be in vain.
pub async fn need_no_factor(broker: &Broker, caller: &Caller) -> Result<(), ApiError> {
    let factors = factor::find(&broker.desk, caller.user_id()).await?;
    if factor::are_asked(&factors) { Err(ApiError::only_on_pages(&broker.rules.public_url)) } else { Ok(()) }
}

/// Goes on only if the password was given with this key within the last minutes, and is all there is to give.
pub async fn need_sudo(broker: &Broker, caller: &Caller) -> Result<(), ApiError> {
    caller.need(Scope::Write)?;
    need_no_factor(broker, caller).await?;
    if broker.tokens.is_proven(caller.0.token.id, broker.now()) { Ok(()) } else { Err(ApiError::need_sudo()) }
}

/// Who may make a key: whoever has one and gave the password with it, or a browser that is signed in and proved lately who
/// sits there. By the second the browser extension gets its first key.
#[derive(Debug, Clone)]
pub enum KeyMaker {
    /// The holder of this key: what it makes ends with it.
    Key(ApiToken),
    /// A user with a browser.
    Browser(UserId),
}

impl FromRequestParts<Broker> for KeyMaker {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, ApiError> {
        if parts.headers.contains_key(AUTHENTICATION) {
            let caller = Caller::from_request_parts(parts, broker).await?;
            need_sudo(broker, &caller).await?;
            return Ok(Self::Key(caller.0.token));
        }
        if parts.headers.get(ALLOW_COOKIES).is_none_or(axum::http::HeaderValue::is_empty) {
            return Err(ApiError::wrong_key());
        }
        let fields = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let secret = session::in_cookie(fields, &broker.rules.public_url).ok_or_else(ApiError::wrong_key)?;
        let found = session::find(&broker.desk, secret).await?.filter(|found| !found.session.needs_factor);
        let found = found.ok_or_else(ApiError::wrong_key)?;
        if found.session.is_confirmed(broker.now()) { Ok(Self::Browser(found.user.id)) } else { Err(ApiError::need_sudo()) }
    }
}
