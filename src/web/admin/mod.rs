//! `/admin/…`: accounts, invitations, the queue, the instance's domains, its health. For everybody who does not administer
//! the instance there are no such pages.

mod domains;
mod health;
mod invites;
mod queue;
mod rescue;
mod users;

use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::health::Readiness;
use super::session::Admin;
use crate::model::Timestamp;
use crate::service::broker::Broker;

/// The routes.
pub fn routes(readiness: Readiness) -> Router<Broker> {
    Router::new()
        .route("/admin", get(async |Admin(who): Admin| -> Response { who.go("admin/users") }))
        .route("/admin/users", get(users::list))
        .route("/admin/users/{uuid}", get(users::show))
        .route("/admin/users/{uuid}/admin", post(users::set_admin))
        .route("/admin/users/{uuid}/factors", post(rescue::take_factors))
        .route("/admin/users/{uuid}/link", post(rescue::send_link))
        .route("/admin/users/{uuid}/remove", post(users::remove))
        .route("/admin/invites", get(invites::list).post(invites::create))
        .route("/admin/invites/{uuid}/revoke", post(invites::revoke))
        .route("/admin/queue", get(queue::list))
        .route("/admin/queue/retry", post(queue::retry_all))
        .route("/admin/queue/{id}", get(queue::show))
        .route("/admin/queue/{id}/retry", post(queue::retry))
        .route("/admin/queue/{id}/drop", post(queue::give_up))
        .route("/admin/domains", get(domains::list))
        .route("/admin/health", get(health::show))
        .layer(Extension(readiness))
}

/// Rows of a page.
const PAGE: u32 = 50;

/// A moment for people: to the minute, in UTC.
fn moment(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    let minute: String = text.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect();
    format!("{minute} UTC")
}

/// A day for people.
fn day(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_short() {
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!((moment(at).as_str(), day(at).as_str()), ("2023-11-14 22:13 UTC", "2023-11-14"));
    }
}
