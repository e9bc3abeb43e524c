//! What SimpleLogin's browser extension and apps open in a browser: the page on which the extension gets its key, and their
//! names for pages that have others here.
//!
//! The page asks the extension, which listens on pages of the instance it is set to, to fetch a key. The extension does so with
//! the cookie of this browser (`POST /api/api_key`), and that is why who sits here has to be proven first.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;

use super::chrome::Chrome;
use super::pages;
use super::session::{Confirmed, SignedIn, go};
use crate::service::broker::Broker;

/// Their names, and ours.
const NAMES: [(&str, &str); 10] = [
    ("/onboarding", "access"),
    ("/onboarding/setup_done", "onboarding/final"),
    ("/dashboard", "aliases"),
    ("/dashboard/", "aliases"),
    ("/dashboard/api_key", "access"),
    ("/dashboard/pricing", "aliases"),
    ("/dashboard/setting", "security"),
    ("/dashboard/setup_done", "onboarding/final"),
    ("/auth/login", "sign-in"),
    ("/auth/register", "sign-up"),
];

/// The routes.
pub fn routes() -> Router<Broker> {
    let own = Router::new().route("/onboarding/setup", get(connect)).route("/onboarding/final", get(connected));
    NAMES.iter().fold(own, |routes, (theirs, ours)| routes.route(theirs, get(async |uri: Uri| go(uri.path(), ours))))
}

#[derive(Debug, Template)]
#[template(path = "extension_setup.html", config = "src/web/askama.toml")]
struct Connect {
    chrome: Chrome,
    /// What the extension must be set to.
    url: String,
}

async fn connect(State(broker): State<Broker>, Confirmed(who): Confirmed) -> Response {
    let page = Connect { chrome: who.chrome("Connect the extension"), url: broker.rules.public_url.clone() };
    pages::show(StatusCode::OK, &page)
}

#[derive(Debug, Template)]
#[template(path = "extension_done.html", config = "src/web/askama.toml")]
struct Connected {
    chrome: Chrome,
}

async fn connected(who: SignedIn) -> Response {
    pages::show(StatusCode::OK, &Connected { chrome: who.chrome("The extension is connected") })
}
