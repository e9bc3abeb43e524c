//! Errors as its clients read them: always JSON, `{"error": "…"}`. 401 is for keys alone: on it clients forget theirs.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::service::StorageError;

/// One error for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    text: String,
}

impl ApiError {
    /// An error of this status.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// No key, or none in force.
    pub fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Wrong api key")
    }

    /// What can't be done like this.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// Not the caller's, or the key does not go so far.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden")
    }
}

/// A fault of the database is no fault of the key.
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error, please try again")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.text }))).into_response()
    }
}
