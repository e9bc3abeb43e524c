//! Signing in with a password, on paths that two of the APIs have: which one is meant shows in the fields of the body.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;

use super::{LARGEST_BODY, addy, body, simplelogin};
use crate::service::broker::Broker;

/// Fields that only clients of addy.io send.
const OF_ADDY: [&str; 3] = ["username", "device_name", "otp"];

/// All routes, also with a slash at the end, as in the API that has them so.
pub fn router() -> Router<Broker> {
    let mut router = Router::new();
    for path in ["/api/auth/login", "/api/auth/login/"] {
        router = router.route(path, post(login).fallback(simplelogin::error::not_allowed));
    }
    for path in ["/api/auth/mfa", "/api/auth/mfa/"] {
        router = router.route(path, post(mfa).fallback(simplelogin::error::not_allowed));
    }
    router
}

async fn login(State(broker): State<Broker>, request: Request) -> Response {
    either(broker, request, addy::auth::login, simplelogin::auth::login).await
}

async fn mfa(State(broker): State<Broker>, request: Request) -> Response {
    either(broker, request, addy::auth::mfa, simplelogin::auth::mfa).await
}

async fn either<A, B>(
    broker: Broker,
    request: Request,
    addy: impl Handler<A, Broker>,
    simplelogin: impl Handler<B, Broker>,
) -> Response {
    let (parts, content) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(content, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let is_addy = is_addy(&bytes);
    let request = Request::from_parts(parts, Body::from(bytes));
    if is_addy { addy.call(request, broker).await } else { simplelogin.call(request, broker).await }
}

fn is_addy(bytes: &[u8]) -> bool {
    body::json::<Value>(bytes).is_some_and(|found| OF_ADDY.iter().any(|field| found.get(field).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_say_whose_client_it_is() {
        assert!(is_addy(b"{\"username\":\"jane\",\"password\":\"x\",\"device_name\":\"phone\"}"));
        assert!(is_addy(b"{\"mfa_key\":\"x\",\"otp\":\"123456\",\"device_name\":\"phone\"}"));
        assert!(!is_addy(b"{\"email\":\"jane\",\"password\":\"x\",\"device\":\"phone\"}"));
        assert!(!is_addy(b"") && !is_addy(b"[]") && !is_addy(b"username"));
    }
}
