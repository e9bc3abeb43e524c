//! `/reset`, `/reset/…`: a forgotten password. The answer to the first form is the same for every address; the link in the
//! mail leads to the second one and is used up by its form, never by looking.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Anonymous, Asked, MENDABLE};
use super::id::Word;
use super::pages;
use super::session::{Visitor, go};
use super::sign_up::{AddressPage, NO_ADDRESS, NO_DOMAIN, PasswordPage, TOO_MANY, choose_again, is_sent, not_set, stale, twice};
use crate::service::broker::Broker;
use crate::service::reset::{self, AskError, FinishError};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/reset", get(look).post(ask)).route("/reset/{secret}", get(open).post(finish))
}

fn page(visitor: &Visitor, is_sent: bool) -> AddressPage {
    AddressPage {
        chrome: Chrome::open(&visitor.path, if is_sent { "Look into your inbox" } else { "I forgot my password" }),
        is_sent,
        why: "Give the address you sign in with. We send a link there by which you choose a new password.",
        path: "reset",
        button: "Send me the link",
        email: String::new(),
        invite: String::new(),
    }
}

async fn look(visitor: Visitor, Asked(asked): Asked) -> Response {
    pages::show(StatusCode::OK, &page(&visitor, is_sent(&asked)))
}

async fn ask(State(broker): State<Broker>, visitor: Visitor, Anonymous(fields): Anonymous) -> Result<Response, Failure> {
    let email = fields.text("email");
    let (status, wrong) = match reset::ask(&broker, visitor.browser.ip, email).await {
        Ok(()) => return Ok(go(&visitor.path, "reset?said=sent")),
        Err(AskError::Address) => (MENDABLE, NO_ADDRESS),
        Err(AskError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(AskError::NoDomain) => (StatusCode::SERVICE_UNAVAILABLE, NO_DOMAIN),
        Err(AskError::Storage(error)) => return Err(error.into()),
    };
    let mut page = AddressPage { email: email.to_owned(), ..page(&visitor, false) };
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(status, &page))
}

fn choose(visitor: &Visitor, email: String) -> PasswordPage {
    PasswordPage {
        chrome: Chrome::open(&visitor.path, "Choose a new password"),
        email,
        why: "All browsers that are signed in are signed out. Sign in with the new password after that.",
        button: "Set the password",
    }
}

fn gone(visitor: &Visitor) -> Response {
    let text = "A link works once, within 24 hours. If you set a new password by it, sign in with that; otherwise have another one sent.";
    stale(visitor, text, ("reset", "I forgot my password"))
}

async fn open(State(broker): State<Broker>, visitor: Visitor, Word(secret): Word) -> Result<Response, Failure> {
    Ok(match reset::look(&broker.desk, &secret).await? {
        Some(link) => pages::show(StatusCode::OK, &choose(&visitor, link.address.to_string())),
        None => gone(&visitor),
    })
}

async fn finish(
    State(broker): State<Broker>,
    visitor: Visitor,
    Word(secret): Word,
    Anonymous(fields): Anonymous,
) -> Result<Response, Failure> {
    let Some(link) = reset::look(&broker.desk, &secret).await? else { return Ok(gone(&visitor)) };
    let wrong = match twice(&broker, &fields, &link.address.to_string()) {
        Err(wrong) => (MENDABLE, wrong),
        Ok(password) => match reset::finish(&broker, &secret, &password).await {
            Ok(()) => return Ok(go(&visitor.path, "sign-in?said=password")),
            Err(FinishError::Gone) => return Ok(gone(&visitor)),
            Err(FinishError::Password(error)) => not_set(error)?,
            Err(FinishError::Storage(error)) => return Err(error.into()),
        },
    };
    Ok(choose_again(choose(&visitor, link.address.to_string()), wrong))
}
