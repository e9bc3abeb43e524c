//! The three APIs over real connections.

mod addy;
mod native;
mod simplelogin;
mod tokens;

use postern::model::api_token::{Scope, Scopes};
use postern::service::token;

use crate::support::app::TestApp;
use crate::support::http::{Answer, request};

/// A token of the app's user.
pub async fn draw_token(app: &TestApp, scopes: &[Scope]) -> String {
    let made = token::create(&app.running.broker.desk, app.user, "test", Scopes::new(scopes.to_vec()), None).await;
    made.unwrap().1.into_inner()
}

/// A request of our own API, or of addy.io's.
pub async fn with_bearer(app: &TestApp, token: &str, head: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    request(app.running.http, head, &headers, body).await
}

/// A request as SimpleLogin's clients make it.
pub async fn with_key(app: &TestApp, key: &str, head: &str, body: &str) -> Answer {
    request(app.running.http, head, &[("Authentication", key), ("Content-Type", "application/json")], body).await
}
