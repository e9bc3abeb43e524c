//! The letters Postern writes to its users, as samples: each one's subject, its text, and its HTML in a frame of its own.
//!
//! A letter's HTML carries its style with it, so it can't be part of a page whose policy forbids that. It is served by
//! itself, may use inline style and nothing else, and only our own page may frame it.

use askama::Template;
use axum::extract::Path;
use axum::http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::Html;

use super::Failure;
use crate::service::letters::samples::{self, Sample};

/// The page frames the letters; it has no script and no form.
const PAGE: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'none'; \
                    base-uri 'none'; frame-ancestors 'none'";

/// A letter in its frame.
const FRAMED: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; \
                      frame-ancestors 'self'; sandbox";

/// A header field that stands in place of the guard's own.
type Field = (HeaderName, &'static str);

/// The page.
#[derive(Debug, Template)]
#[template(path = "letters.html", config = "src/sandbox/askama.toml")]
struct Letters {
    samples: Vec<Shown>,
}

#[derive(Debug)]
struct Shown {
    /// Counted from 1.
    number: usize,
    name: &'static str,
    subject: String,
    text: String,
}

impl Shown {
    fn new((index, sample): (usize, Sample)) -> Self {
        let Sample { name, letter, .. } = sample;
        let text = letter.text().replace('\r', "");
        Self { number: index + 1, name, text, subject: letter.subject }
    }
}

/// All of them, one below the other.
pub(super) async fn page() -> Result<([Field; 1], Html<String>), Failure> {
    let page = Letters { samples: samples::all().into_iter().enumerate().map(Shown::new).collect() };
    let html = page.render().map_err(|error| Failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(CONTENT_SECURITY_POLICY, PAGE)], Html(html)))
}

/// One letter's HTML, as it is mailed.
pub(super) async fn html(Path(number): Path<usize>) -> Result<([Field; 2], Html<String>), Failure> {
    let sample = number.checked_sub(1).and_then(|index| samples::all().into_iter().nth(index));
    let sample = sample.ok_or_else(|| Failure(StatusCode::NOT_FOUND, "There is no such letter here.".into()))?;
    Ok(([(CONTENT_SECURITY_POLICY, FRAMED), (X_FRAME_OPTIONS, "SAMEORIGIN")], Html(sample.letter.html())))
}
