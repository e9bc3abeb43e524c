//! `/sign-in/factor`: the second step of signing in, by a code or a passkey.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, HalfChecked};
use super::passkey::{REFUSED, offered, origin};
use super::session::{HalfSignedIn, SignedIn, Visitor, clear_cookie, set_cookie};
use super::sign_in::{TOO_MANY, after};
use super::{pages, passkey as page};
use crate::model::Private;
use crate::model::factor::Factors;
use crate::service::broker::Broker;
use crate::service::factor::{self, FactorError, Used};
use crate::service::{passkey, session};

/// What is said of a code that is not accepted.
pub const WRONG_CODE: &str = "This code is not right, or it was used before. A program shows a new one every half minute.";

/// Where a recovery code leads to.
const RESCUED: &str = "/security?said=recovery";

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/sign-in/factor", get(look).post(enter))
        .route("/sign-in/factor/options", post(offer))
        .route("/sign-in/factor/passkey", post(prove))
}

#[derive(Debug, Template)]
#[template(path = "factor.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    next: String,
    /// Whether an authenticator program makes codes.
    totp: bool,
    /// Where passkeys belong, when one may be used.
    passkeys: Option<String>,
}

impl Page {
    fn new(broker: &Broker, who: &SignedIn, factors: &Factors, next: &str) -> Self {
        // Nobody is signed in yet: no address, no links.
        let chrome = Chrome { email: None, is_admin: false, ..who.chrome("One more step") };
        let passkeys = origin(broker).filter(|_| factors.asks_passkey(passkey::BUILT));
        Self { chrome, next: next.to_owned(), totp: factors.totp, passkeys }
    }
}

async fn look(State(broker): State<Broker>, HalfSignedIn(who): HalfSignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let next = asked.raw("next");
    if !who.session.needs_factor {
        return Ok(who.go(after(next)));
    }
    let factors = factor::find(&broker.desk, who.user_id()).await?;
    if !factor::are_asked(&factors) {
        // They were taken away meanwhile: the password alone will do, from the beginning.
        session::end(&broker.desk, who.user_id(), who.session.uuid).await?;
        return Ok(([clear_cookie(&broker)], who.go("sign-in")).into_response());
    }
    Ok(pages::show(StatusCode::OK, &Page::new(&broker, &who, &factors, next)))
}

async fn enter(
    State(broker): State<Broker>,
    visitor: Visitor,
    HalfChecked { who, fields }: HalfChecked,
) -> Result<Response, Failure> {
    if !who.session.needs_factor {
        return Ok(who.go(after(fields.raw("next"))));
    }
    let (ip, code) = (visitor.browser.ip, fields.raw("code"));
    let entered = factor::enter(&broker.desk, &broker.logins, ip, &who.user, &who.session, code).await;
    // Whoever needed a recovery code has something to put right before anything else.
    let is_rescued = matches!(entered, Ok((_, Used::RecoveryCode)));
    let next = if is_rescued { RESCUED } else { fields.raw("next") };
    settle(&broker, &who, next, entered.map(|(secret, _)| secret), WRONG_CODE).await
}

async fn offer(State(broker): State<Broker>, HalfChecked { who, .. }: HalfChecked) -> Response {
    offered(match passkey::place(&broker.rules.public_url) {
        Ok(place) => passkey::offer_proving(&broker.desk, &place, &who.user).await,
        Err(unfit) => Err(unfit.into()),
    })
}

async fn prove(
    State(broker): State<Broker>,
    visitor: Visitor,
    HalfChecked { who, fields }: HalfChecked,
) -> Result<Response, Failure> {
    if !who.session.needs_factor {
        return Ok(who.go(after(fields.raw("next"))));
    }
    let Ok(place) = passkey::place(&broker.rules.public_url) else { return Err(Failure::NotFound) };
    let from = (visitor.browser.ip, &place);
    let answer = page::answer(&fields);
    let entered = passkey::enter(&broker.desk, &broker.logins, from, &who.user, &who.session, answer).await;
    settle(&broker, &who, fields.raw("next"), entered, REFUSED).await
}

/// On with another cookie, or the page again with what went wrong.
async fn settle(
    broker: &Broker,
    who: &SignedIn,
    next: &str,
    entered: Result<Private<String>, FactorError>,
    refused: &str,
) -> Result<Response, Failure> {
    let (status, wrong) = match entered {
        Ok(secret) => return Ok(([set_cookie(broker, secret.reveal())], who.go(after(next))).into_response()),
        Err(FactorError::Wrong) => (StatusCode::FORBIDDEN, refused),
        Err(FactorError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(FactorError::Storage(error)) => return Err(error.into()),
    };
    factor::warn(broker, &who.user).await;
    let factors = factor::find(&broker.desk, who.user_id()).await?;
    let mut page = Page::new(broker, who, &factors, next);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(status, &page))
}
