//! What a page says when it can't do what was asked: in plain words, with what to do; and the frame around that.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::chrome::Chrome;
use super::pages::{self, Message};
use super::session::Visitor;
use crate::service::broker::Broker;
use crate::service::import::gate::Busy;
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
    /// The form with its file did not arrive in time.
    #[error("the form was too slow")]
    Slow,
    /// Files are on their way in already.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What went wrong, kept with an answer for [`framed`].
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// In a few words.
    pub title: &'static str,
    /// What the reader can do.
    pub text: &'static str,
    /// Whether it is a page for whoever asks; otherwise only for who asks for one (`Accept: text/html`).
    pub is_page: bool,
    /// Whether it was the database: asking it who is there would only make the wait longer.
    pub is_storage: bool,
}

/// Puts the frame of whoever asks around what went wrong: the way to the other pages, and to the root, wherever that is.
pub async fn framed(State(broker): State<Broker>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    let Some(said) = response.extensions().get::<Said>().copied() else { return response };
    if !said.is_page && !wants_page(&asked.headers) {
        return response;
    }
    let who = if said.is_storage {
        None
    } else {
        Visitor::from_request_parts(&mut asked, &broker).await.ok().and_then(|visitor| visitor.signed_in)
    };
    let chrome = who.map_or_else(|| Chrome::open(asked.uri.path(), said.title), |who| who.chrome(said.title));
    pages::show(response.status(), &Message { chrome, text: said.text })
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains("text/html"))
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
            Self::Slow => (
                StatusCode::REQUEST_TIMEOUT,
                "That took too long",
                "Nothing was changed: the file did not arrive in time. Please go back and try again.",
            ),
            Self::Busy(Busy::User) => (
                StatusCode::CONFLICT,
                "A file of yours is on its way",
                "Nothing was changed. Wait until the other file has arrived, then go back and try again.",
            ),
            Self::Busy(Busy::Others) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Others send files just now",
                "Nothing was changed. Please go back and try again in a minute.",
            ),
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
        // The way to the root is known to `framed` only.
        let chrome = Chrome { root: "/".into(), title: title.into(), ..Chrome::default() };
        let mut response = pages::show(status, &Message { chrome, text });
        let is_storage = matches!(self, Self::Storage(_));
        response.extensions_mut().insert(Said { title, text, is_page: true, is_storage });
        response
    }
}
