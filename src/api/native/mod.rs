//! Our own API at `/v1`: bearer token, problem+json (RFC 9457).

pub mod account;
pub mod caller;
pub mod problem;

use axum::Router;
use axum::routing::get;

use crate::service::broker::Broker;

/// All routes.
pub fn router() -> Router<Broker> {
    Router::new().route("/v1/account", get(account::show))
}
