//! Recovery codes, shown this once.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::need_proof;
use crate::model::Private;
use crate::service::broker::Broker;
use crate::service::recovery_code;
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::Checked;
use crate::web::pages;
use crate::web::session::SignedIn;

#[derive(Template)]
#[template(path = "codes.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    codes: Vec<Private<String>>,
}

impl Page {
    /// The codes, one on a line.
    fn lines(&self) -> String {
        self.codes.iter().map(|code| code.reveal().as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// More than are ever shown, and longer.
const MOST: usize = 20;
const LONGEST: usize = 64;

/// The codes that a page just showed, as a file. They come back with the form: here they are kept as hashes only.
pub(super) async fn text(State(broker): State<Broker>, Checked { fields, .. }: Checked) -> Response {
    let is_code = |text: &&str| text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let codes: Vec<&str> = fields.all("code").into_iter().filter(is_code).take(MOST).collect();
    let url = &broker.rules.public_url;
    let text = format!("Recovery codes for Postern at {url}\r\nEach works once.\r\n\r\n{}\r\n", codes.join("\r\n"));
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=postern-recovery-codes.txt"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

pub(super) async fn redraw(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security") {
        return Ok(first);
    }
    match recovery_code::redraw(&broker.desk, who.user_id()).await? {
        Some(codes) => Ok(show(&who, codes, "Your new recovery codes")),
        None => Ok(who.go("security")),
    }
}

/// The page that shows them.
pub(super) fn show(who: &SignedIn, codes: Vec<Private<String>>, title: &str) -> Response {
    pages::show(StatusCode::OK, &Page { chrome: who.chrome(title), codes })
}
