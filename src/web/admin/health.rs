//! How the instance is doing.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{day, moment};
use crate::model::dkim_key::{Algorithm, KeyState};
use crate::service::broker::Broker;
use crate::service::health::{self, Health};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::health::{Readiness, Report};
use crate::web::pages;
use crate::web::session::Admin;

#[derive(Debug)]
struct Node {
    hostname: String,
    started: String,
    heard: String,
    is_silent: bool,
}

#[derive(Debug)]
struct Key {
    domain: String,
    selector: String,
    algorithm: &'static str,
    state: &'static str,
    since: String,
}

#[derive(Debug, Template)]
#[template(path = "admin/health.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    section: &'static str,
    report: Report,
    version: &'static str,
    database: &'static str,
    size: String,
    free: String,
    is_short: bool,
    waiting: i64,
    last_sweep: Option<String>,
    nodes: Vec<Node>,
    resting: Vec<(String, String)>,
    keys: Vec<Key>,
}

pub(super) async fn show(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Extension(readiness): Extension<Readiness>,
) -> Result<Response, Failure> {
    let report = readiness.report().await;
    let found = health::report(&broker).await?;
    let now = broker.now();
    let nodes = found.nodes.iter().map(|node| Node {
        hostname: node.hostname.clone(),
        started: moment(node.started_at),
        heard: moment(node.heartbeat_at),
        is_silent: health::is_silent(node, now),
    });
    let page = Page {
        chrome: who.chrome("Health"),
        section: "health",
        report,
        version: env!("CARGO_PKG_VERSION"),
        database: if found.is_shared { "PostgreSQL" } else { "SQLite" },
        size: size(found.database_size),
        free: size(found.free_space),
        is_short: found.is_short(),
        waiting: found.queue.waiting,
        last_sweep: found.last_sweep.map(moment),
        nodes: nodes.collect(),
        resting: found.resting.iter().map(|(site, until)| (site.clone(), moment(*until))).collect(),
        keys: keys(&found),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

fn keys(health: &Health) -> Vec<Key> {
    let all = health.keys.iter().flat_map(|(domain, keys)| keys.iter().map(move |key| (domain, key)));
    all.map(|(domain, key)| Key {
        domain: domain.to_string(),
        selector: key.selector.clone(),
        algorithm: match key.algorithm {
            Algorithm::Rsa => "RSA",
            Algorithm::Ed25519 => "Ed25519",
        },
        state: match key.state {
            KeyState::Active => "signs",
            KeyState::Next => "will sign",
            KeyState::Retired => "signed before",
        },
        since: day(key.state_changed_at),
    })
    .collect()
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut whole, mut tenths, mut unit) = (bytes, 0, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        tenths = whole % 1000 / 100;
        whole /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || whole >= 100 { format!("{whole} {name}") } else { format!("{whole}.{tenths} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_two_or_three_digits() {
        for (bytes, text) in
            [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (u64::MAX, "18446744 TB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
