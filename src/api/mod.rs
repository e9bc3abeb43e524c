//! JSON over HTTP: our own API at `/v1`, and the two APIs that password managers, browser extensions and phones already
//! speak. Each has its own wire types and its own shape of errors; all call the same use cases.
//!
//! Every API is open to pages of other origins (CORS): a token is sent by hand with each request and never by a browser
//! on its own, so another origin gains nothing that it was not given. The one request that a cookie opens, `POST /api/api_key`,
//! is safe as well: it takes a header that makes a browser ask first (preflight), and credentials are never allowed.

pub mod addy;
pub mod body;
pub mod native;
pub mod origin;
pub mod sign_in;
pub mod simplelogin;
pub mod two_step;

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, Method};
use axum::{Extension, Router};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::service::broker::Broker;
use crate::service::readiness::Readiness;

/// Largest request body, in bytes: the largest is an import through an API, the usual one a line.
const LARGEST_BODY: usize = 1024 * 1024;

/// All routes of the three APIs.
pub fn router(readiness: Readiness, broker: Broker) -> Router {
    Router::new()
        .merge(native::router(&broker.rules.public_url))
        .merge(simplelogin::router())
        .merge(addy::router())
        .merge(sign_in::router())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(Extension(readiness))
        .layer(cors())
        .with_state(broker)
}

fn cors() -> CorsLayer {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS, Method::PUT, Method::PATCH, Method::DELETE];
    let exposed = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "location", "idempotency-replayed"]
        .map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(exposed))
        .max_age(Duration::from_hours(1))
}
