//! `/security`: everything by which one gets into an account, in one place; and the way out of it for good.
//!
//! What could lock somebody out or let somebody else in asks first for proof that it is they (`need_proof`).

mod address;
mod agent;
mod codes;
mod delete;
mod passkeys;
mod password;
mod sessions;
mod totp;
mod view;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::failure::Failure;
use super::form::Asked;
use super::pages;
use super::session::SignedIn;
use crate::service::broker::Broker;
use view::Page;

/// What a word in the address says.
const SAID: &[(&str, &str)] = &[
    ("password", "Your password is changed. All other browsers were signed out."),
    ("totp-off", "Codes are off. Your password alone signs you in now, unless you have a passkey."),
    ("passkey", "The passkey is added."),
    ("passkey-gone", "The passkey is removed. You may want to delete it on your device as well."),
    ("ended", "That browser is signed out."),
    ("others", "All other browsers are signed out."),
    ("address", "You sign in with the other address from now on."),
];

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/security", get(look))
        .route("/security/password", post(password::change))
        .route("/security/totp", get(totp::look).post(totp::confirm))
        .route("/security/totp/off", post(totp::turn_off))
        .route("/security/codes", post(codes::redraw))
        .route("/security/codes/text", post(codes::text))
        .route("/security/passkeys", post(passkeys::add))
        .route("/security/passkeys/options", post(passkeys::offer))
        .route("/security/passkeys/{id}/remove", post(passkeys::remove))
        .route("/security/sessions/end-others", post(sessions::end_others))
        .route("/security/sessions/{id}/end", post(sessions::end))
        .route("/security/address", post(address::change))
        .route("/security/delete", get(delete::look).post(delete::delete))
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut page = Page::of(&broker, &who).await?;
    page.chrome = page.chrome.saying(asked.some("said"), SAID);
    if asked.text("said") == "recovery" {
        page.chrome.said = page.rescued();
    }
    Ok(pages::show(StatusCode::OK, &page))
}

/// The page once more, with what went wrong.
async fn again(broker: &Broker, who: &SignedIn, (status, wrong): (StatusCode, &str)) -> Result<Response, Failure> {
    let mut page = Page::of(broker, who).await?;
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(status, &page))
}

/// Where whoever did not prove lately who they are is sent to do so, and then back to `page`.
fn need_proof(broker: &Broker, who: &SignedIn, page: &str) -> Option<Response> {
    who.need_proof(broker, page)
}
