//! The API of SimpleLogin under `/api`, as its browser extension, its apps and Bitwarden use it.

pub mod account;
pub mod alias;
pub mod alias_new;
pub mod auth;
pub mod caller;
pub mod contact;
pub mod domain;
pub mod error;
pub mod export;
pub mod mailbox;
pub mod options;
pub mod register;
pub mod request;
pub mod setting;
pub mod shape;

use axum::Router;
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};

use crate::service::broker::Broker;

/// All routes.
pub fn router() -> Router<Broker> {
    let mut router = Router::new().route("/api/{*rest}", any(error::no_endpoint));
    let routes = account_routes().into_iter().chain(alias_routes());
    for (path, methods) in routes {
        // Clients and users put a slash at the end as they like.
        let methods = methods.fallback(error::not_allowed);
        router = router.route(&format!("{path}/"), methods.clone()).route(path, methods);
    }
    router
}

type Routes = Vec<(&'static str, MethodRouter<Broker>)>;

fn account_routes() -> Routes {
    vec![
        ("/health", get(account::health)),
        ("/api/user_info", get(account::user_info).patch(account::user_info)),
        ("/api/logout", get(account::logout)),
        ("/api/stats", get(account::stats)),
        ("/api/user/cookie_token", get(account::cookie_token)),
        ("/api/notifications", get(account::notifications)),
        ("/api/notifications/{id}/read", post(account::read_notification)),
        ("/api/api_key", post(auth::new_key)),
        ("/api/sudo", patch(auth::sudo)),
        ("/api/user", delete(auth::delete_user)),
        ("/api/auth/register", post(register::register)),
        ("/api/auth/activate", post(register::activate)),
        ("/api/auth/reactivate", post(register::reactivate)),
        ("/api/auth/forgot_password", post(register::forgot_password)),
        ("/api/setting", get(setting::show).patch(setting::edit)),
        ("/api/setting/domains", get(setting::domains)),
        ("/api/v2/setting/domains", get(setting::domains_v2)),
        ("/api/setting/unlink_proton_account", delete(account::unlink)),
        ("/api/custom_domains", get(domain::list)),
        ("/api/custom_domains/{id}", patch(domain::edit)),
        ("/api/custom_domains/{id}/trash", get(domain::trash)),
        ("/api/export/data", get(export::data)),
        ("/api/export/aliases", get(export::aliases)),
        ("/api/mailboxes", get(mailbox::list_verified).post(mailbox::create)),
        ("/api/v2/mailboxes", get(mailbox::list_all)),
        ("/api/mailboxes/{id}", put(mailbox::edit).delete(mailbox::delete)),
    ]
}

fn alias_routes() -> Routes {
    vec![
        ("/api/v4/alias/options", get(options::v4)),
        ("/api/v5/alias/options", get(options::v5)),
        ("/api/alias/random/new", post(alias_new::random)),
        ("/api/v2/alias/custom/new", post(alias_new::custom_v2)),
        ("/api/v3/alias/custom/new", post(alias_new::custom_v3)),
        ("/api/aliases", get(alias::list).post(alias::list)),
        ("/api/v2/aliases", get(alias::list).post(alias::list)),
        ("/api/aliases/{id}", get(alias::show).put(alias::edit).patch(alias::edit).delete(alias::delete)),
        ("/api/aliases/{id}/toggle", post(alias::toggle)),
        ("/api/aliases/{id}/activities", get(alias::activities)),
        ("/api/aliases/{id}/contacts", get(contact::list).post(contact::create)),
        ("/api/contacts/{id}", delete(contact::delete)),
        ("/api/contacts/{id}/toggle", post(contact::toggle)),
    ]
}
