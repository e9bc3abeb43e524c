//! The API of addy.io under `/api/v1` and `/api/auth`, as its browser extension, its Android app and Bitwarden use it.

pub mod caller;
pub mod error;
pub mod token;

use axum::Router;
use axum::routing::get;

use crate::service::broker::Broker;

/// All routes.
pub fn router() -> Router<Broker> {
    Router::new().route("/api/v1/api-token-details", get(token::show))
}
