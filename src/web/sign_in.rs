//! `/`, `/sign-in`, `/sign-out`: in with address and password, and out again.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Anonymous, Asked, HalfChecked, encode};
use super::session::{Visitor, clear_cookie, go, set_cookie};
use super::{pages, passkey};
use crate::config::instance::Registration;
use crate::model::Private;
use crate::service::app_password::LoginError;
use crate::service::broker::Broker;
use crate::service::{password, session, user};

/// What whoever failed too often can do.
pub const TOO_MANY: &str = "That were too many attempts. Please wait a quarter of an hour, then try again.";
/// What whoever came at a bad moment can do.
pub const BUSY: &str = "Too many people are signing in right now. Please try again in a minute.";

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/", get(home)).route("/sign-in", get(look).post(enter)).route("/sign-out", post(leave))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "sign_in.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    email: String,
    next: String,
    /// Whether somebody without an account can make one.
    may_sign_up: bool,
    /// Where passkeys belong, when there can be any.
    passkeys: Option<String>,
}

impl Page {
    fn new(broker: &Broker, visitor: &Visitor, next: &str) -> Self {
        Self {
            chrome: Chrome::open(&visitor.path, "Sign in"),
            email: String::new(),
            next: next.to_owned(),
            may_sign_up: broker.rules.registration == Registration::Open,
            passkeys: passkey::origin(broker),
        }
    }
}

/// Where to begin: with one's aliases, with signing in, or with making the first account.
async fn home(State(broker): State<Broker>, visitor: Visitor) -> Result<Response, Failure> {
    if visitor.signed_in.is_some() {
        return Ok(go(&visitor.path, "aliases"));
    }
    let is_new = user::list(&broker.desk, None, 1).await?.is_empty();
    Ok(go(&visitor.path, if is_new { "setup" } else { "sign-in" }))
}

async fn look(State(broker): State<Broker>, visitor: Visitor, Asked(asked): Asked) -> Response {
    if visitor.signed_in.is_some() {
        return go(&visitor.path, "aliases");
    }
    let mut page = Page::new(&broker, &visitor, asked.raw("next"));
    page.chrome = page.chrome.saying(
        asked.some("said"),
        &[
            ("out", "You are signed out."),
            ("password", "Your new password is set. Sign in with it."),
            ("gone", "Your account is gone."),
        ],
    );
    pages::show(StatusCode::OK, &page)
}

async fn enter(State(broker): State<Broker>, visitor: Visitor, Anonymous(fields): Anonymous) -> Result<Response, Failure> {
    let (email, next) = (fields.text("email"), fields.raw("next"));
    let password = Private::new(fields.raw("password").to_owned());
    let wrong = match password::check(&broker.desk, &broker.logins, visitor.browser.ip, email, &password).await {
        Ok(found) => {
            let opened = session::open(&broker.desk, found.user.id, found.second_factor, visitor.browser.clone()).await?;
            visitor.leave(&broker).await;
            let to = if found.second_factor {
                format!("sign-in/factor?{}", encode(&[("next", next)]))
            } else {
                after(next).to_owned()
            };
            return Ok(([set_cookie(&broker, opened.1.reveal())], go(&visitor.path, &to)).into_response());
        }
        Err(LoginError::Wrong) => (StatusCode::FORBIDDEN, "Address and password do not go together."),
        Err(LoginError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(LoginError::Password(_)) => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(LoginError::Storage(error)) => return Err(error.into()),
    };
    Ok(again(&broker, &visitor, email, next, wrong))
}

/// The page once more, with what went wrong.
pub fn again(broker: &Broker, visitor: &Visitor, email: &str, next: &str, (status, wrong): (StatusCode, &str)) -> Response {
    let mut page = Page { email: email.to_owned(), ..Page::new(broker, visitor, next) };
    page.chrome = page.chrome.but(wrong);
    pages::show(status, &page)
}

async fn leave(State(broker): State<Broker>, HalfChecked { who, .. }: HalfChecked) -> Result<Response, Failure> {
    session::end(&broker.desk, who.user_id(), who.session.uuid).await?;
    Ok(([clear_cookie(&broker)], who.go("sign-in?said=out")).into_response())
}

/// Where to go after signing in: a page of ours, whatever an address claims. Without the slash in front.
pub fn after(next: &str) -> &str {
    let path = next.strip_prefix('/').unwrap_or_default();
    let is_ours = !path.is_empty() && !path.starts_with(['/', '\\']) && path.bytes().all(|byte| byte.is_ascii_graphic());
    // What comes before a colon there would be a scheme, and the rest an address elsewhere.
    let has_scheme = path.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    if is_ours && !has_scheme && !path.contains('\\') { path } else { "aliases" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_one_stays_with_us() {
        assert_eq!(after("/aliases/x?said=y"), "aliases/x?said=y");
        assert_eq!(after("/aliases?said=y:z"), "aliases?said=y:z");
        for elsewhere in ["", "/", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\r\nb", "/ä"] {
            assert_eq!(after(elsewhere), "aliases", "{elsewhere}");
        }
        for elsewhere in ["/https://evil.example/x", "/javascript:x", "/https:evil.example", "/a:?b"] {
            assert_eq!(after(elsewhere), "aliases", "{elsewhere}");
        }
    }
}
