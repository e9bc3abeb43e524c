//! Errors as problem+json (RFC 9457).

use axum::Extension;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::failure::Said;

/// One error for the client. The title is for strangers: it never holds what the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
}

impl Problem {
    /// A problem of this status.
    pub const fn new(status: StatusCode, title: &'static str) -> Self {
        Self { status, title }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = serde_json::json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
        });
        let content_type = HeaderValue::from_static("application/problem+json");
        (self.status, [(CONTENT_TYPE, content_type)], document.to_string()).into_response()
    }
}

/// The answer for every path that is not there; a page for who asks for one.
pub async fn not_found() -> Response {
    let text = "It may have been removed, or the address was not copied whole. Please go back one page.";
    let said = Said { title: "There is no such page", text, is_page: false, is_storage: false };
    (Extension(said), Problem::new(StatusCode::NOT_FOUND, "There is nothing here")).into_response()
}

/// The answer for a path that is there, asked in a way it does not know.
pub async fn method_not_allowed() -> Response {
    let text = "This is the address of a form, not of a page. Nothing was changed. Please go back one page.";
    let said = Said { title: "There is no page here", text, is_page: false, is_storage: false };
    (Extension(said), Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This can't be done here")).into_response()
}
