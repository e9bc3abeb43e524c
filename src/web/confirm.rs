//! `/confirm`: proving once more who sits there, before something dangerous.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked};
use super::passkey::{REFUSED, offered, origin};
use super::session::{SignedIn, Visitor};
use super::sign_in::{BUSY, TOO_MANY, after};
use super::{pages, passkey as page};
use crate::model::Private;
use crate::model::factor::Factors;
use crate::service::broker::Broker;
use crate::service::confirm::{self, ConfirmError};
use crate::service::factor::{self, FactorError};
use crate::service::passkey;

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/confirm", get(look).post(prove))
        .route("/confirm/options", post(offer))
        .route("/confirm/passkey", post(prove_by_passkey))
}

#[derive(Debug, Template)]
#[template(path = "confirm.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    next: String,
    /// Whether a code has to come with the password.
    needs_code: bool,
    /// Where passkeys belong, when one may be used.
    passkeys: Option<String>,
}

impl Page {
    fn new(broker: &Broker, who: &SignedIn, factors: &Factors, next: &str) -> Self {
        let passkeys = origin(broker).filter(|_| factors.asks_passkey(passkey::BUILT));
        let needs_code = factor::are_asked(factors);
        Self { chrome: who.chrome("Is it you?"), next: next.to_owned(), needs_code, passkeys }
    }
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let factors = factor::find(&broker.desk, who.user_id()).await?;
    Ok(pages::show(StatusCode::OK, &Page::new(&broker, &who, &factors, asked.raw("next"))))
}

async fn prove(State(broker): State<Broker>, visitor: Visitor, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let password = Private::new(fields.raw("password").to_owned());
    let given = (&password, fields.raw("code"));
    let ip = visitor.browser.ip;
    let confirmed = confirm::with_password(&broker.desk, &broker.logins, ip, &who.user, &who.session, given).await;
    settle(&broker, &who, fields.raw("next"), confirmed, "This is not right. Please look at what you typed and try again.").await
}

async fn offer(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Response {
    offered(match passkey::place(&broker.rules.public_url) {
        Ok(place) => passkey::offer_proving(&broker.desk, &place, &who.user).await,
        Err(unfit) => Err(unfit.into()),
    })
}

async fn prove_by_passkey(
    State(broker): State<Broker>,
    visitor: Visitor,
    Checked { who, fields }: Checked,
) -> Result<Response, Failure> {
    let Ok(place) = passkey::place(&broker.rules.public_url) else { return Err(Failure::NotFound) };
    let from = (visitor.browser.ip, &place);
    let answer = page::answer(&fields);
    let proved = passkey::confirm(&broker.desk, &broker.logins, from, &who.user, &who.session, answer).await;
    settle(&broker, &who, fields.raw("next"), proved.map_err(ConfirmError::Factor), REFUSED).await
}

/// Back to where one was going, or the page again with what went wrong.
async fn settle(
    broker: &Broker,
    who: &SignedIn,
    next: &str,
    confirmed: Result<(), ConfirmError>,
    refused: &str,
) -> Result<Response, Failure> {
    let (status, wrong) = match confirmed {
        Ok(()) => return Ok(who.go(after(next))),
        Err(ConfirmError::Wrong | ConfirmError::Factor(FactorError::Wrong)) => (StatusCode::FORBIDDEN, refused),
        Err(ConfirmError::TooMany | ConfirmError::Factor(FactorError::TooMany)) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(ConfirmError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(ConfirmError::Storage(error) | ConfirmError::Factor(FactorError::Storage(error))) => return Err(error.into()),
    };
    factor::warn(broker, &who.user).await;
    let factors = factor::find(&broker.desk, who.user_id()).await?;
    let mut page = Page::new(broker, who, &factors, next);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(status, &page))
}
