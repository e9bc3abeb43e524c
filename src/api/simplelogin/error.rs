//! Errors as its clients read them: always JSON, `{"error": "…"}`. 401 is for keys alone: on it clients forget theirs.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::service::alias::{CreateError, GetError, StateError};
use crate::service::alias_change::ChangeError;
use crate::service::alias_options::EndingError;
use crate::service::contact::ContactError;
use crate::service::{StorageError, mailbox, mailbox_move};

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

    /// Not the caller's, not there (the two are never told apart), or the key does not go so far.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden")
    }

    /// There is no such path.
    pub fn no_endpoint() -> Self {
        Self::new(StatusCode::NOT_FOUND, "No such endpoint")
    }

    /// The password must be given once more: a status of this API's own.
    pub fn need_sudo() -> Self {
        Self::new(StatusCode::from_u16(440).unwrap_or(StatusCode::FORBIDDEN), "Need sudo")
    }

    /// What takes a second factor, for which there is no place here.
    pub fn only_on_pages(public_url: &str) -> Self {
        let text = format!("You sign in with a second step, which is not asked for here: do it on the pages of {public_url}");
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// Too much in too little time.
    pub fn too_many() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded")
    }
}

/// The answer for every path below `/api` that is not there.
pub async fn no_endpoint() -> ApiError {
    ApiError::no_endpoint()
}

/// The answer for a path that is there, asked in a way it does not know.
pub async fn not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
}

/// A fault of the database is no fault of the key.
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error, please try again")
    }
}

impl From<GetError> for ApiError {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Unknown => Self::forbidden(),
            GetError::Storage(error) => error.into(),
        }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Unknown => Self::forbidden(),
            StateError::Role => Self::bad_request(error.to_string()),
            StateError::Storage(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown => Self::forbidden(),
            ChangeError::Note
            | ChangeError::DisplayName(_)
            | ChangeError::NoMailbox
            | ChangeError::UnknownMailbox
            | ChangeError::UnverifiedMailbox
            | ChangeError::InThePast
            | ChangeError::TooManyTags => Self::bad_request(error.to_string()),
            ChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Taken => Self::new(StatusCode::CONFLICT, error.to_string()),
            CreateError::Name(_)
            | CreateError::Exhausted
            | CreateError::NoDomain
            | CreateError::UnknownDomain
            | CreateError::UnknownMailbox
            | CreateError::UnverifiedMailbox
            | CreateError::InThePast => Self::bad_request(error.to_string()),
            CreateError::Storage(error) => error.into(),
        }
    }
}

impl From<EndingError> for ApiError {
    fn from(error: EndingError) -> Self {
        match error {
            EndingError::Tampered => Self::bad_request("Tampered suffix"),
            EndingError::Expired => Self::new(StatusCode::PRECONDITION_FAILED, error.to_string()),
        }
    }
}

impl From<ContactError> for ApiError {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::UnknownAlias | ContactError::Unknown => Self::forbidden(),
            ContactError::NotSomebody | ContactError::Itself | ContactError::OwnMailbox => Self::bad_request(error.to_string()),
            ContactError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox_move::BeginError> for ApiError {
    fn from(error: mailbox_move::BeginError) -> Self {
        match error {
            mailbox_move::BeginError::Move(error) => error.into(),
            mailbox_move::BeginError::Same | mailbox_move::BeginError::Underway => Self::bad_request(error.to_string()),
            error @ mailbox_move::BeginError::Full => Self::bad_request(error.to_string()),
            mailbox_move::BeginError::TooMany => Self::too_many(),
            mailbox_move::BeginError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox::AddError> for ApiError {
    fn from(error: mailbox::AddError) -> Self {
        match error {
            mailbox::AddError::Taken | mailbox::AddError::OwnDomain | mailbox::AddError::TooMany => {
                Self::bad_request(error.to_string())
            }
            mailbox::AddError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox::RemoveError> for ApiError {
    fn from(error: mailbox::RemoveError) -> Self {
        use mailbox::RemoveError;
        match error {
            RemoveError::Unknown => Self::forbidden(),
            RemoveError::Default => Self::bad_request("this is the default mailbox; make another one the default first"),
            error @ RemoveError::SignsIn => Self::bad_request(error.to_string()),
            RemoveError::OnlyOne(count) => {
                Self::bad_request(format!("this is the only mailbox of {count} aliases; say which one takes them over"))
            }
            RemoveError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox_move::TransferError> for ApiError {
    fn from(error: mailbox_move::TransferError) -> Self {
        use mailbox_move::TransferError;
        match error {
            TransferError::Move(error) => error.into(),
            TransferError::Default | TransferError::SignsIn => Self::bad_request(error.to_string()),
            TransferError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox::DefaultError> for ApiError {
    fn from(error: mailbox::DefaultError) -> Self {
        match error {
            mailbox::DefaultError::Unknown => Self::forbidden(),
            mailbox::DefaultError::Unverified | mailbox::DefaultError::Paused => Self::bad_request(error.to_string()),
            mailbox::DefaultError::Storage(error) => error.into(),
        }
    }
}

impl From<mailbox::MoveError> for ApiError {
    fn from(error: mailbox::MoveError) -> Self {
        use mailbox::MoveError;
        match error {
            MoveError::Unknown => Self::forbidden(),
            MoveError::OwnDomain | MoveError::Unverified | MoveError::Paused | MoveError::NoKey => {
                Self::bad_request(error.to_string())
            }
            MoveError::Storage(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.text }))).into_response()
    }
}
