//! Errors of our own API as problem+json (RFC 9457).

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::service::{StorageError, StorageErrorKind};

/// One error for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// A problem of this status: what is wrong in general, and in this case with the fix.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into() }
    }

    /// No token, or none that is in force.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "send a token in force: Authorization: Bearer addy_io_…")
    }

    /// The token's scopes do not go so far.
    pub fn forbidden(scope: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", format!("this needs a token with the scope {scope}"))
    }

    /// Not there, or somebody else's: the two are never told apart.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", "there is no such thing, or it is not yours")
    }

    /// A value that can't be: names the field and the fix.
    pub fn invalid(field: &str, fix: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid value", format!("{field}: {fix}"))
    }
}

/// A fault of the database is temporary for a client, whatever it is.
impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
        let detail = match error.kind() {
            StorageErrorKind::Full => "there is no room left; tell the operator",
            _ => "the database did not do its part; try again",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not now", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = serde_json::json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, content_type)], document.to_string()).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
