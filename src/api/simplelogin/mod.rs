//! The API of SimpleLogin under `/api`, as its browser extension, its apps and Bitwarden use it.

pub mod account;
pub mod caller;
pub mod error;

use axum::Router;
use axum::routing::get;

use crate::service::broker::Broker;

/// All routes.
pub fn router() -> Router<Broker> {
    Router::new().route("/api/user_info", get(account::user_info))
}
