//! `/aliases/{id}`: one alias, what happened to its mail, and everything its owner can do about it.

mod acts;
mod forms;
mod view;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::failure::Failure;
use super::form::Asked;
use super::id::Id;
use super::pages;
use super::session::SignedIn;
use crate::service::broker::Broker;

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/aliases/{id}", get(look))
        .route("/aliases/{id}/state", post(acts::state))
        .route("/aliases/{id}/settings", post(acts::settings))
        .route("/aliases/{id}/forget", post(acts::forget))
        .route("/aliases/{id}/contacts", post(acts::write_first))
        .route("/aliases/{id}/contacts/{contact}/block", post(acts::block))
        .route("/aliases/{id}/contacts/{contact}/unblock", post(acts::unblock))
        .route("/aliases/{id}/contacts/{contact}/hide", post(acts::hide))
}

async fn look(State(broker): State<Broker>, who: SignedIn, Id(uuid): Id, Asked(asked): Asked) -> Result<Response, Failure> {
    let page = view::Page::load(&broker, &who, uuid, &asked).await?;
    Ok(pages::show(StatusCode::OK, &page))
}
