//! Health and pages over HTTP: the router, the headers every answer carries, the answer for what is not there.
//!
//! `/healthz` says that the process is up, `/readyz` that mail would be taken ([`health::Readiness`]). Metrics are a
//! router of their own for a listener of their own ([`metrics::router`]). [`link`] serves what the links in mail lead to.
//! Who may see a page is an argument of its handler ([`session`]), and so is a form that was checked ([`form`]).
//! A page is a template in `templates/` on `base.html`, in the look of `static/postern.css`; it works without scripts.

pub mod access;
pub mod activity;
pub mod admin;
pub mod alias;
pub mod alias_words;
pub mod aliases;
pub mod blocks;
pub mod chart;
pub mod chrome;
pub mod confirm;
pub mod dns_records;
pub mod docs;
pub mod domains;
pub mod factor;
pub mod failure;
pub mod failures;
pub mod form;
pub mod headers;
pub mod health;
pub mod holds;
pub mod id;
pub mod link;
pub mod mailbox;
pub mod mailbox_move;
pub mod mailboxes;
pub mod metrics;
pub mod onboarding;
pub mod pages;
pub mod passkey;
pub mod problem;
pub mod reset;
pub mod security;
pub mod session;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod transfer;
pub mod undelivered;
mod upload;
pub mod verify;
pub mod webhook;
pub mod when;

use axum::Router;
use axum::middleware;
use axum::routing::get;

use crate::service::broker::Broker;
use health::Readiness;

/// All routes of the listener `http.listen`; `api` is the document of our own API.
pub fn site(readiness: Readiness, broker: Broker, api: &serde_json::Value) -> Router {
    let people = Router::new()
        .merge(sign_in::routes())
        .merge(webhook::routes())
        .merge(sign_up::routes())
        .merge(reset::routes())
        .merge(setup::routes())
        .merge(admin::routes(readiness.clone()))
        .merge(aliases::routes())
        .merge(alias::routes())
        .merge(activity::routes())
        .merge(failures::routes())
        .merge(holds::routes())
        .merge(blocks::routes())
        .merge(access::routes())
        .merge(onboarding::routes())
        .merge(factor::routes())
        .merge(passkey::routes())
        .merge(confirm::routes())
        .merge(security::routes())
        .merge(transfer::routes())
        .merge(mailboxes::routes())
        .merge(mailbox::routes())
        .merge(mailbox_move::routes())
        .merge(verify::routes())
        .merge(domains::routes())
        .with_state(broker.clone());
    let links = link::routes(broker.clone());
    let all = health_routes(readiness).merge(links).merge(people).merge(pages::files()).merge(docs::routes(api));
    finish(all, Some(broker))
}

/// Health alone.
pub fn router(readiness: Readiness) -> Router {
    finish(health_routes(readiness), None)
}

fn health_routes(readiness: Readiness) -> Router {
    Router::new().route("/healthz", get(health::healthz)).route("/readyz", get(health::readyz)).with_state(readiness)
}

fn finish(routes: Router, broker: Option<Broker>) -> Router {
    let routes = routes.fallback(problem::not_found).method_not_allowed_fallback(problem::method_not_allowed);
    let routes = match broker {
        Some(broker) => routes.layer(middleware::from_fn_with_state(broker, failure::framed)),
        None => routes,
    };
    routes.layer(middleware::map_response(headers::secure))
}
