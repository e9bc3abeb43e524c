//! Passkeys on pages: what the script is offered, and `/sign-in/passkey`, where nothing else is needed.
//!
//! The script asks for an offer (JSON), has the browser answer it, and sends the answer as an ordinary form.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::failure::Failure;
use super::form::{Anonymous, Fields};
use super::session::{Visitor, go, set_cookie};
use super::sign_in::{self, TOO_MANY, after};
use crate::service::broker::Broker;
use crate::service::factor::FactorError;
use crate::service::passkey::{self, Answer, Asker, Offer, OfferError};

/// What is said of a passkey that proves nothing.
pub const REFUSED: &str = "This passkey was not accepted: it is not known here, or it took too long. Please try again.";

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/sign-in/passkey", post(enter)).route("/sign-in/passkey/options", post(offer))
}

/// The origin that pages with passkeys have; `None` when there can't be any.
pub fn origin(broker: &Broker) -> Option<String> {
    let place = passkey::place(&broker.rules.public_url).ok()?;
    Some(place.origin.origin().ascii_serialization())
}

/// What a form sends back.
pub fn answer(fields: &Fields) -> Answer<'_> {
    Answer { ceremony: fields.text("ceremony"), text: fields.raw("answer") }
}

/// An offer for the script, or the words it shows.
pub fn offered(offer: Result<Offer, OfferError>) -> Response {
    let (status, wrong) = match offer {
        Ok(offer) => {
            return Json(json!({ "ceremony": offer.ceremony.reveal(), "options": offer.options })).into_response();
        }
        Err(OfferError::Unfit(unfit)) => (StatusCode::CONFLICT, unfit.to_string()),
        Err(OfferError::None) => (StatusCode::CONFLICT, "There is no passkey for this, or you have too many.".to_owned()),
        Err(OfferError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY.to_owned()),
        Err(OfferError::Storage(error)) => {
            tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
            (StatusCode::SERVICE_UNAVAILABLE, "That did not work. Please try again in a minute.".to_owned())
        }
    };
    (status, Json(json!({ "wrong": wrong }))).into_response()
}

async fn offer(State(broker): State<Broker>, visitor: Visitor, Anonymous(fields): Anonymous) -> Response {
    let asker = if fields.text("asker") == "page" { Asker::Page } else { Asker::Person };
    let offer = match passkey::place(&broker.rules.public_url) {
        Ok(place) => passkey::offer_naming(&broker.desk, &broker.logins, visitor.browser.ip, &place, asker).await,
        Err(unfit) => Err(unfit.into()),
    };
    offered(offer)
}

async fn enter(State(broker): State<Broker>, visitor: Visitor, Anonymous(fields): Anonymous) -> Result<Response, Failure> {
    let next = fields.raw("next");
    let Ok(place) = passkey::place(&broker.rules.public_url) else { return Err(Failure::NotFound) };
    let browser = visitor.browser.clone();
    let wrong = match passkey::sign_in(&broker.desk, &broker.logins, &place, answer(&fields), browser).await {
        Ok(secret) => {
            visitor.leave(&broker).await;
            let cookie = set_cookie(&broker, secret.reveal());
            return Ok(([cookie], go(&visitor.path, after(next))).into_response());
        }
        Err(FactorError::Wrong) => (StatusCode::FORBIDDEN, REFUSED),
        Err(FactorError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(FactorError::Storage(error)) => return Err(error.into()),
    };
    Ok(sign_in::again(&broker, &visitor, "", next, wrong))
}
