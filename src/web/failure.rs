//! What a page says when it can't do what was asked: in plain words, with what to do.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::chrome::Chrome;
use super::pages::{self, Message};
use crate::service::{StorageError, StorageErrorKind};

/// Why there is no page, or nothing was done. What a form can mend is not here: its page comes back with the words.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Not there, or somebody else's: the two are never told apart.
    #[error("there is no such page, or it is not yours")]
    NotFound,
    /// The form is not of this session.
    #[error("the form is too old")]
    Form,
    /// The form came from another site.
    #[error("the form came from another site")]
    Foreign,
    /// The form is larger than any of ours.
    #[error("the form is too large")]
    TooLarge,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, text) = match &self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "There is no such page",
                "It may have been removed, or the address was not copied whole. Please go back one page.",
            ),
            Self::Form => (
                StatusCode::FORBIDDEN,
                "This form is too old",
                "Nothing was changed. You signed in again after the page was opened. Please go back, load the page anew and try \
                 once more.",
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "This form is not ours",
                "Nothing was changed. The request came from another site. If you did not expect this, just close the page.",
            ),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "That was too much", "Nothing was changed. Please go back and write less.")
            }
            Self::Storage(error) => {
                tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
                let text = match error.kind() {
                    StorageErrorKind::Full => {
                        "Nothing was changed: there is no room left. Please tell whoever runs this Postern."
                    }
                    _ => "Nothing was changed. Please try again in a minute.",
                };
                (StatusCode::SERVICE_UNAVAILABLE, "That did not work", text)
            }
        };
        // No way to the root is known here, so the look is asked for by its full path.
        pages::show(status, &Message { chrome: Chrome { root: "/".into(), title: title.into(), ..Chrome::default() }, text })
    }
}
