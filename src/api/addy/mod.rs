//! The API of addy.io under `/api/v1` and `/api/auth`, as its browser extension, its Android app and Bitwarden use it.
//!
//! Words that differ: a recipient is a mailbox, a deleted alias a killed one, a description the note, a "from name" the
//! display name. What does not exist here (rules, catch-all, shared user names) has empty lists, so that clients work, and
//! refuses to be made with a reason (403).

pub mod account;
pub mod alias;
pub mod alias_act;
pub mod alias_bulk;
pub mod alias_new;
pub mod alias_switch;
pub mod auth;
pub mod blocklist;
pub mod caller;
pub mod chart;
pub mod domain;
pub mod error;
pub mod failed_delivery;
pub mod page;
pub mod recipient;
pub mod recipient_key;
pub mod request;
pub mod rule;
pub mod shape;
pub mod token;
pub mod username;

use axum::Router;
use axum::routing::{MethodRouter, any, delete, get, patch, post};

use crate::service::broker::Broker;

/// All routes.
pub fn router() -> Router<Broker> {
    let all = [alias_routes(), bulk_routes(), recipient_routes(), domain_routes(), username_routes(), other_routes()];
    let mut router = Router::new().route("/api/v1/{*rest}", any(error::no_endpoint));
    for (path, methods) in all.into_iter().flatten() {
        router = router.route(&format!("/api/v1{path}"), methods.fallback(error::not_allowed));
    }
    // `login` and `mfa` are in `api::sign_in`: another API has the same paths.
    router
        .route("/api/auth/logout", post(auth::logout).fallback(error::not_allowed))
        .route("/api/auth/delete-account", post(auth::delete_account).fallback(error::not_allowed))
}

type Routes = Vec<(&'static str, MethodRouter<Broker>)>;

fn alias_routes() -> Routes {
    vec![
        ("/aliases", get(alias::list).post(alias_new::create)),
        ("/aliases/{id}", get(alias::show).patch(alias::edit).delete(alias::delete)),
        ("/aliases/{id}/forget", delete(alias::forget)),
        ("/aliases/{id}/restore", patch(alias::restore)),
        ("/active-aliases", post(alias_switch::activate)),
        ("/active-aliases/{id}", delete(alias_switch::deactivate)),
        ("/pinned-aliases", post(alias_switch::pin)),
        ("/pinned-aliases/{id}", delete(alias_switch::unpin)),
        ("/attached-recipients-only", post(alias_switch::attach_only)),
        ("/attached-recipients-only/{id}", delete(alias_switch::attach_all)),
        ("/alias-recipients", post(alias_switch::set_recipients)),
    ]
}

fn bulk_routes() -> Routes {
    vec![
        ("/aliases/get/bulk", post(alias_bulk::get)),
        ("/aliases/activate/bulk", post(alias_bulk::activate)),
        ("/aliases/deactivate/bulk", post(alias_bulk::deactivate)),
        ("/aliases/pin/bulk", post(alias_bulk::pin)),
        ("/aliases/unpin/bulk", post(alias_bulk::unpin)),
        ("/aliases/delete/bulk", post(alias_bulk::delete)),
        ("/aliases/restore/bulk", post(alias_bulk::restore)),
        ("/aliases/forget/bulk", post(alias_bulk::forget)),
        ("/aliases/recipients/bulk", post(alias_bulk::recipients)),
    ]
}

fn recipient_routes() -> Routes {
    vec![
        ("/recipients", get(recipient::list).post(recipient::create)),
        ("/recipients/{id}", get(recipient::show).delete(recipient::delete)),
        ("/recipients/email/resend", post(recipient::resend)),
        ("/recipient-keys/{id}", patch(recipient_key::set).delete(recipient_key::remove)),
        ("/encrypted-recipients", post(recipient_key::encrypt)),
        ("/encrypted-recipients/{id}", delete(recipient_key::do_not_encrypt)),
        ("/protected-headers-recipients", post(recipient_key::hide_subject)),
        ("/protected-headers-recipients/{id}", delete(recipient_key::show_subject)),
        ("/allowed-recipients", post(recipient_key::allow)),
        ("/allowed-recipients/{id}", delete(recipient_key::forbid)),
        ("/inline-encrypted-recipients", post(recipient_key::not_done)),
        ("/inline-encrypted-recipients/{id}", delete(recipient_key::never_was)),
        ("/remove-pgp-keys-recipients", post(recipient_key::not_done)),
        ("/remove-pgp-keys-recipients/{id}", delete(recipient_key::never_was)),
        ("/remove-pgp-signatures-recipients", post(recipient_key::not_done)),
        ("/remove-pgp-signatures-recipients/{id}", delete(recipient_key::never_was)),
    ]
}

fn domain_routes() -> Routes {
    vec![
        ("/domain-options", get(domain::options)),
        ("/domains", get(domain::list).post(domain::create)),
        ("/domains/{id}", get(domain::show).patch(domain::change).delete(domain::delete)),
        ("/domains/{id}/default-recipient", patch(domain::change)),
        ("/active-domains", post(domain::activate)),
        ("/active-domains/{id}", delete(domain::change)),
        ("/catch-all-domains", post(domain::catch_all)),
        ("/catch-all-domains/{id}", delete(domain::no_catch_all)),
    ]
}

fn username_routes() -> Routes {
    vec![
        ("/usernames", get(username::list).post(username::create)),
        ("/usernames/{id}", get(username::show).patch(username::change).delete(username::change)),
        ("/usernames/{id}/default-recipient", patch(username::change)),
        ("/active-usernames", post(username::is_so)),
        ("/active-usernames/{id}", delete(username::change)),
        ("/catch-all-usernames", post(username::catch_all)),
        ("/catch-all-usernames/{id}", delete(username::no_catch_all)),
        ("/loginable-usernames", post(username::is_so)),
        ("/loginable-usernames/{id}", delete(username::change)),
    ]
}

fn other_routes() -> Routes {
    vec![
        ("/api-token-details", get(token::show)),
        ("/account-details", get(account::show)),
        ("/app-version", get(account::version)),
        ("/chart-data", get(chart::show)),
        ("/failed-deliveries", get(failed_delivery::list)),
        ("/failed-deliveries/{id}", get(failed_delivery::show).delete(failed_delivery::delete)),
        ("/failed-deliveries/{id}/download", get(failed_delivery::download)),
        ("/failed-deliveries/{id}/resend", post(failed_delivery::resend)),
        ("/blocklist", get(blocklist::list).post(blocklist::create)),
        ("/blocklist/{id}", delete(blocklist::delete)),
        ("/blocklist/store/bulk", post(blocklist::create_many)),
        ("/blocklist/delete/bulk", post(blocklist::delete_many)),
        ("/rules", get(rule::list).post(rule::create)),
        ("/rules/{id}", get(rule::unknown).patch(rule::unknown).delete(rule::unknown)),
        ("/active-rules", post(rule::activate)),
        ("/active-rules/{id}", delete(rule::unknown)),
        ("/reorder-rules", post(rule::reorder)),
    ]
}
