//! Errors of our own API as problem+json (RFC 9457).

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{StorageError, StorageErrorKind};

/// One error for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    field: Option<String>,
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemShape<'a> {
    /// `about:blank`: the status says what kind of problem it is.
    #[schema(example = "about:blank")]
    r#type: &'a str,
    /// What is wrong in general.
    #[schema(example = "Invalid value")]
    title: &'a str,
    /// The status of the answer.
    #[schema(example = 422)]
    status: u16,
    /// What is wrong in this case, and the fix.
    #[schema(example = "site: not a site: give a web address or a domain, for example shop.example.com")]
    detail: &'a str,
    /// The field of the body that is meant; left out when it is not one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "site")]
    field: Option<&'a str>,
}

impl Problem {
    /// A problem of this status: what is wrong in general, and in this case with the fix.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), field: None }
    }

    /// What is wrong in this case.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// No token, or none that is in force.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "send a token in force: Authorization: Bearer addy_io_…")
    }

    /// The token's scopes do not go so far.
    pub fn forbidden(scope: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", format!("this needs a token with the scope {scope}"))
    }

    /// The token may, its user may not any more.
    pub fn not_admin() -> Self {
        let fix = "the user of this token does not administer the instance; ask an administrator to make them one";
        Self::new(StatusCode::FORBIDDEN, "Forbidden", fix)
    }

    /// Tried too often.
    pub fn too_many(fix: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many attempts", fix)
    }

    /// Not there, or somebody else's: the two are never told apart.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", "there is no such thing, or it is not yours")
    }

    /// A value that can't be: names the field and the fix.
    pub fn invalid(field: &str, fix: impl std::fmt::Display) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid value", format!("{field}: {fix}"));
        Self { field: Some(field.to_owned()), ..problem }
    }

    /// A query that can't be: names the parameter and the fix.
    pub fn bad_query(fix: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad query", fix)
    }

    /// A fault of ours that passes.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not now", detail)
    }

    /// It can't be done as things stand.
    pub fn conflict(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, "Not as things stand", why.to_string())
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
        let shape = ProblemShape {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
        };
        let document = serde_json::to_vec(&shape).unwrap_or_default();
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, content_type)], document).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
