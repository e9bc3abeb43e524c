//! Recovery codes, shown this once.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

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

pub(super) async fn redraw(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    if let Err(first) = need_proof(&broker, &who, "/security") {
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
