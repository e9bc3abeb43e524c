//! Health over HTTP now, pages and API later: the router, the headers every answer carries, the answer for what is
//! not there.
//!
//! `/healthz` says that the process is up, `/readyz` that mail would be taken ([`health::Readiness`]). Metrics are a
//! router of their own for a listener of their own ([`metrics::router`]).

pub mod headers;
pub mod health;
pub mod metrics;
pub mod problem;

use axum::Router;
use axum::middleware;
use axum::routing::get;

use health::Readiness;

/// All routes of the listener `http.listen`.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(readiness)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::map_response(headers::secure))
}
