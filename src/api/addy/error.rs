//! Errors as its clients read them: `{"message": "…"}`, with a list for each field where a value is wrong. 401 is for
//! tokens alone: on it the Android app forgets everything.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::service::StorageError;

/// One error for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    field: Option<&'static str>,
}

impl ApiError {
    /// An error of this status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), field: None }
    }

    /// No token, or none in force.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthenticated.")
    }

    /// The token's scopes do not go so far.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "This token may not do that.")
    }

    /// Not there, or somebody else's.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found.")
    }

    /// A value that can't be.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.into(), field: Some(field) }
    }
}

/// A fault of the database is no fault of the token.
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again.")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let document = match self.field {
            Some(field) => serde_json::json!({ "message": self.message, "errors": { field: [self.message] } }),
            None => serde_json::json!({ "message": self.message }),
        };
        (self.status, Json(document)).into_response()
    }
}
