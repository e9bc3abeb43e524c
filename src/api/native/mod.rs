//! Our own API at `/v1`: bearer token, problem+json (RFC 9457), pages by cursor, an OpenAPI document at `/openapi.json`.
//!
//! One file per noun; each has its `routes`, and a new noun is one line in `all`. A handler is described by
//! `#[utoipa::path]` above it, and [`routes::Routes`] makes both the route and the document of that.

pub mod account;
pub mod activity;
pub mod admin;
pub mod alias;
pub mod alias_new;
pub mod alias_unmake;
pub mod app_password;
pub mod block;
pub mod caller;
pub mod contact;
pub mod delivery;
pub mod dns_record;
pub mod document;
pub mod domain;
pub mod domain_claim;
pub mod error;
pub mod export;
pub mod hold;
pub mod import;
pub mod mailbox;
pub mod mailbox_key;
pub mod mailbox_move;
pub mod once;
pub mod option;
pub mod page;
pub mod passkey;
pub mod problem;
pub mod proof;
pub mod request;
pub mod routes;
pub mod second_factor;
pub mod session;
pub mod shape;
pub mod sign_in;
pub mod signed_name;
pub mod tag;
pub mod token;
pub mod webhook;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{any, get};

use crate::service::broker::Broker;
use problem::Problem;
use routes::Routes;

/// Every noun.
fn all() -> Routes {
    let nouns: &[fn(Routes) -> Routes] = &[
        account::routes,
        option::routes,
        alias::routes,
        tag::routes,
        activity::routes,
        contact::routes,
        block::routes,
        mailbox::routes,
        domain::routes,
        domain_claim::routes,
        signed_name::routes,
        delivery::routes,
        hold::routes,
        token::routes,
        app_password::routes,
        webhook::routes,
        export::routes,
        admin::user::routes,
        admin::invite::routes,
        admin::queue::routes,
        admin::domain::routes,
        admin::health::routes,
        sign_in::routes,
        second_factor::routes,
        passkey::routes,
        session::routes,
    ];
    nouns.iter().fold(Routes::new(), |routes, noun| noun(routes))
}

/// All routes of an instance that is seen from outside at this address.
pub fn router(public_url: &str) -> Router<Broker> {
    let (router, sketch) = all().finish();
    let document = Bytes::from(sketch.document(public_url).to_string());
    router
        .route("/v1", any(no_route))
        .route("/v1/{*rest}", any(no_route))
        .route("/openapi.json", get(async move || openapi(document.clone())))
        .method_not_allowed_fallback(not_allowed)
}

/// The OpenAPI document of an instance that is seen from outside at this address.
pub fn document(public_url: &str) -> serde_json::Value {
    all().finish().1.document(public_url)
}

fn openapi(document: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document)
}

async fn no_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Not found", format!("there is nothing at {}; see /docs for what there is", uri.path()))
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the header Allow says what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail)
}
