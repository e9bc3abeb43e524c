//! `/docs`: the API for people, made of its document. The composition root hands the document over; nothing of it is
//! written here again.

mod reading;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::response::Html;
use axum::routing::get;
use serde_json::Value;

use super::chrome::Chrome;
use reading::{Noun, Shape};

/// The routes. The page is the same for everybody, signed in or not.
pub fn routes<S: Clone + Send + Sync + 'static>(document: &Value) -> Router<S> {
    let page = Page {
        chrome: Chrome::open("/docs", "The API"),
        about: reading::text(reading::at(document, "/info/description")),
        nouns: reading::nouns(document),
        shapes: reading::shapes(document),
    };
    let text = page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the page about the API could not be written");
        String::new()
    });
    let text = Bytes::from(text);
    Router::new().route("/docs", get(async move || Html(text.clone())))
}

#[derive(Debug, Template)]
#[template(path = "docs.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    about: String,
    nouns: Vec<Noun>,
    shapes: Vec<Shape>,
}

/// A text of the document as HTML, with what stands between backticks as code.
fn code(text: &str) -> String {
    let escaped = |part: &str| part.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = text.split('`').map(escaped).enumerate();
    parts.map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part }).collect()
}
