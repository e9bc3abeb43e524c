//! `/v1/admin/health`: how the instance is doing, for programs that watch it.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::invite::RegistrationShape;
use super::queue::QueueTotals;
use crate::api::native::caller::Admin;
use crate::api::native::problem::Problem;
use crate::api::native::request::{Nothing, Params};
use crate::api::native::routes::{Access, Routes};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::dkim_key::{Algorithm, KeyState};
use crate::service::broker::Broker;
use crate::service::health::{self, Health};
use crate::service::readiness::{Readiness, Report};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    routes.noun("Health", "How the instance is doing.").on::<__path_show, _, _>(Access::Needs(Scope::Admin), show)
}

/// Which database.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// A file of one node.
    Sqlite,
    /// Shared by as many nodes as there are.
    Postgresql,
}

/// The database and the room there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatabaseHealth {
    /// Which.
    kind: DatabaseKind,
    /// Whether it answers.
    answers: bool,
    /// Bytes it takes.
    size: u64,
    /// Bytes free in the data folder.
    free_space: u64,
    /// Bytes that must stay free: below this no new mail is taken.
    reserve: u64,
    /// Whether that is near.
    is_short: bool,
}

/// A running node.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHealth {
    /// Its host.
    #[schema(example = "gate.you.example")]
    hostname: String,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it last said that it is alive.
    #[schema(format = DateTime)]
    heard_at: String,
    /// Whether it said nothing for so long that it is not running, most likely.
    is_silent: bool,
}

/// A mail server in trouble.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestingSite {
    /// Which.
    #[schema(example = "inbox.example")]
    site: String,
    /// When it is tried again.
    #[schema(format = DateTime)]
    until: String,
}

/// What signatures are made with.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyAlgorithm {
    /// RSA (RFC 6376).
    Rsa,
    /// Ed25519 (RFC 8463).
    Ed25519,
}

/// What a key does.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStanding {
    /// It signs.
    Active,
    /// It will sign once it was activated.
    Next,
    /// It signed before.
    Retired,
}

/// A key that mail of a domain is signed with (DKIM).
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningKey {
    /// Whose mail.
    #[schema(example = "you.example")]
    domain: String,
    /// Its name in DNS.
    selector: String,
    /// What it is.
    algorithm: KeyAlgorithm,
    /// What it does.
    state: KeyStanding,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
}

/// How the instance is doing.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstanceHealth {
    /// Whether mail is taken: what `/readyz` says to everybody.
    ready: bool,
    /// Whether every listener is open.
    listeners: bool,
    /// Whether shutdown has not begun.
    running: bool,
    /// Which Postern this is.
    version: &'static str,
    /// Who may make an account.
    registration: RegistrationShape,
    /// The database and the room there is.
    database: DatabaseHealth,
    /// The queue.
    queue: QueueTotals,
    /// When this node last tidied up; it does once a minute.
    #[schema(format = DateTime)]
    last_sweep_at: Option<String>,
    /// The nodes.
    nodes: Vec<NodeHealth>,
    /// Mail servers in trouble; empty while every one that mail goes to answers.
    resting: Vec<RestingSite>,
    /// The keys of all domains.
    keys: Vec<SigningKey>,
}

impl InstanceHealth {
    fn of(broker: &Broker, report: Report, health: &Health) -> Self {
        let now = broker.now();
        let nodes = health.nodes.iter().map(|node| NodeHealth {
            hostname: node.hostname.clone(),
            started_at: node.started_at.to_rfc3339(),
            heard_at: node.heartbeat_at.to_rfc3339(),
            is_silent: health::is_silent(node, now),
        });
        let resting = |(site, until): &(String, Timestamp)| RestingSite { site: site.clone(), until: until.to_rfc3339() };
        Self {
            ready: report.ready,
            listeners: report.listeners,
            running: report.running,
            version: env!("CARGO_PKG_VERSION"),
            registration: broker.rules.registration.into(),
            database: DatabaseHealth {
                kind: if health.is_shared { DatabaseKind::Postgresql } else { DatabaseKind::Sqlite },
                answers: report.database,
                size: health.database_size,
                free_space: health.free_space,
                reserve: health.reserve,
                is_short: health.is_short(),
            },
            queue: QueueTotals::of(health.queue),
            last_sweep_at: health.last_sweep.map(Timestamp::to_rfc3339),
            nodes: nodes.collect(),
            resting: health.resting.iter().map(resting).collect(),
            keys: keys(health),
        }
    }
}

/// Shows how the instance is doing.
#[utoipa::path(get, path = "/v1/admin/health", responses((status = 200, description = "How it is.", body = InstanceHealth)))]
pub async fn show(
    State(broker): State<Broker>,
    _: Admin,
    Extension(readiness): Extension<Readiness>,
    _: Params<Nothing>,
) -> Result<Json<InstanceHealth>, Problem> {
    let report = readiness.report().await;
    let health = health::report(&broker).await?;
    Ok(Json(InstanceHealth::of(&broker, report, &health)))
}

fn keys(health: &Health) -> Vec<SigningKey> {
    let all = health.keys.iter().flat_map(|(domain, keys)| keys.iter().map(move |key| (domain, key)));
    all.map(|(domain, key)| SigningKey {
        domain: domain.to_string(),
        selector: key.selector.clone(),
        algorithm: match key.algorithm {
            Algorithm::Rsa => KeyAlgorithm::Rsa,
            Algorithm::Ed25519 => KeyAlgorithm::Ed25519,
        },
        state: match key.state {
            KeyState::Active => KeyStanding::Active,
            KeyState::Next => KeyStanding::Next,
            KeyState::Retired => KeyStanding::Retired,
        },
        since: key.state_changed_at.to_rfc3339(),
    })
    .collect()
}
