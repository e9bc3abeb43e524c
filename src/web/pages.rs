//! What all pages share: how a template becomes an answer, the page that only says something, the files of the look.

use askama::Template;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::chrome::Chrome;

/// The look: a stylesheet and an icon, the same for every page; and the one script there is. Addresses of pages are relative, so that a reverse proxy
/// may put them under a path.
pub fn files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/static/postern.css", get(async || file("text/css; charset=utf-8", include_str!("static/postern.css"))))
        .route("/static/aliases.js", get(async || file("text/javascript; charset=utf-8", include_str!("static/aliases.js"))))
        .route(
            "/static/postern.webmanifest",
            get(async || file("application/manifest+json", include_str!("static/postern.webmanifest"))),
        )
        .route("/static/copy.js", get(async || file("text/javascript; charset=utf-8", include_str!("static/copy.js"))))
        .route("/static/extension.js", get(async || file("text/javascript; charset=utf-8", include_str!("static/extension.js"))))
        .route("/static/passkey.js", get(async || file("text/javascript; charset=utf-8", include_str!("static/passkey.js"))))
        .route("/static/icon.svg", get(async || file("image/svg+xml", include_str!("static/icon.svg"))))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    // Short enough that an upgrade is seen at once, long enough for somebody who looks at a few pages.
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), text)
}

/// A page as the answer.
pub fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says one thing and offers nothing.
#[derive(Debug, Template)]
#[template(path = "message.html", config = "src/web/askama.toml")]
pub struct Message {
    /// What it is about.
    pub chrome: Chrome,
    /// What the reader can do.
    pub text: &'static str,
}
