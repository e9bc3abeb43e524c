//! Errors as its clients read them: `{"message": "…"}`, with a list for each field where a value is wrong. 401 is for
//! tokens alone: on it the Android app forgets everything.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::service::alias::{CreateError, GetError, StateError};
use crate::service::alias_change::ChangeError;
use crate::service::{StorageError, failed_delivery, mailbox, pgp_key};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// One error for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    field: Option<&'static str>,
    /// Seconds to wait, and how many requests there may be in that time, where that is a number.
    retry_after: Option<(u64, Option<u32>)>,
}

impl ApiError {
    /// An error of this status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), field: None, retry_after: None }
    }

    /// No token, or none in force.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthenticated.")
    }

    /// The token's scopes do not go so far.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "This token may not do that.")
    }

    /// What is not done here, with the reason.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// Too much in too little time.
    pub fn too_many(wait: Duration, limit: Option<u32>) -> Self {
        // Rounded up: who comes back a moment early is refused again.
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        Self { retry_after: Some((seconds, limit)), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Attempts.") }
    }

    /// Not there, or somebody else's.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found.")
    }

    /// A value that can't be.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }
}

/// A fault of the database is no fault of the token.
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again.")
    }
}

impl From<GetError> for ApiError {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Unknown => Self::not_found(),
            GetError::Storage(error) => error.into(),
        }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Unknown => Self::not_found(),
            StateError::Role => Self::refused(error.to_string()),
            StateError::Storage(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown => Self::not_found(),
            ChangeError::Note => Self::invalid("description", error.to_string()),
            ChangeError::DisplayName(_) => Self::invalid("from_name", error.to_string()),
            ChangeError::NoMailbox | ChangeError::UnknownMailbox | ChangeError::UnverifiedMailbox => {
                Self::invalid("recipient_ids", error.to_string())
            }
            // Nobody changes these here.
            ChangeError::InThePast => Self::invalid("expires_at", error.to_string()),
            ChangeError::TooManyTags => Self::invalid("tags", error.to_string()),
            ChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Name(_) | CreateError::Taken | CreateError::Exhausted => Self::invalid("local_part", error.to_string()),
            CreateError::NoDomain | CreateError::UnknownDomain => Self::invalid("domain", error.to_string()),
            CreateError::UnknownMailbox | CreateError::UnverifiedMailbox => Self::invalid("recipient_ids", error.to_string()),
            // Nothing of this API sets a date.
            CreateError::InThePast => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            CreateError::Storage(error) => error.into(),
        }
    }
}

impl From<crate::service::block::AddError> for ApiError {
    fn from(error: crate::service::block::AddError) -> Self {
        use crate::service::block::AddError;
        match error {
            AddError::TooMany => Self::invalid("value", error.to_string()),
            AddError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox::AddError> for ApiError {
    fn from(error: mailbox::AddError) -> Self {
        match error {
            mailbox::AddError::Taken | mailbox::AddError::OwnDomain | mailbox::AddError::TooMany => {
                Self::invalid("email", error.to_string())
            }
            mailbox::AddError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox::RemoveError> for ApiError {
    fn from(error: mailbox::RemoveError) -> Self {
        use mailbox::RemoveError;
        match error {
            RemoveError::Unknown => Self::not_found(),
            RemoveError::Default | RemoveError::SignsIn | RemoveError::OnlyOne(_) => Self::refused(error.to_string()),
            RemoveError::Storage(error) => error.into(),
        }
    }
}

impl From<pgp_key::SetError> for ApiError {
    fn from(error: pgp_key::SetError) -> Self {
        use pgp_key::SetError;
        match error {
            SetError::Unknown => Self::not_found(),
            SetError::Key(_) | SetError::Unsupported => Self::invalid("key_data", error.to_string()),
            SetError::Storage(error) => error.into(),
        }
    }
}

impl From<pgp_key::KeyOfError> for ApiError {
    fn from(error: pgp_key::KeyOfError) -> Self {
        use pgp_key::KeyOfError;
        match error {
            KeyOfError::Unknown => Self::not_found(),
            KeyOfError::NoKey => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            KeyOfError::Storage(error) => error.into(),
        }
    }
}

impl From<failed_delivery::GetError> for ApiError {
    fn from(error: failed_delivery::GetError) -> Self {
        match error {
            failed_delivery::GetError::Unknown => Self::not_found(),
            failed_delivery::GetError::Storage(error) => error.into(),
        }
    }
}

/// The answer for every path of this API that is not there.
pub async fn no_endpoint() -> ApiError {
    ApiError::not_found()
}

/// The answer for a path that is there, asked in a way it does not know.
pub async fn not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "The method is not supported for this route.")
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let document = match self.field {
            Some(field) => serde_json::json!({ "message": self.message, "errors": { field: [self.message] } }),
            None => serde_json::json!({ "message": self.message }),
        };
        let mut response = (self.status, Json(document)).into_response();
        if let Some((seconds, limit)) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            if let Some(limit) = limit {
                headers.insert(LIMIT, HeaderValue::from(limit));
                headers.insert(REMAINING, HeaderValue::from(0));
            }
        }
        response
    }
}
