//! How the instance is doing, for whoever administers it.

use std::time::Duration;

use super::broker::Broker;
use super::{dkim_key, domain, queue};
use crate::model::dkim_key::DkimKey;
use crate::model::{DomainName, Timestamp};
use crate::storage::node::NodeStatus;
use crate::storage::queue::Counts;
use crate::storage::{self, node, site_backoff, space};

/// What there is to know.
#[derive(Debug)]
pub struct Health {
    /// Whether several nodes may share the database (PostgreSQL), or it is a file (SQLite).
    pub is_shared: bool,
    /// Bytes the database takes.
    pub database_size: u64,
    /// Bytes free in the data folder, and in the database file.
    pub free_space: u64,
    /// What must stay free.
    pub reserve: u64,
    /// The running nodes.
    pub nodes: Vec<NodeStatus>,
    /// Next hops in trouble, and until when they are left alone.
    pub resting: Vec<(String, Timestamp)>,
    /// The keys of each domain.
    pub keys: Vec<(DomainName, Vec<DkimKey>)>,
    /// The queue.
    pub queue: Counts,
    /// When this node's last sweep ended.
    pub last_sweep: Option<Timestamp>,
}

/// A node that said nothing for this long is not running, most likely: they say something every ten seconds.
const SILENT: Duration = Duration::from_mins(1);

impl Health {
    /// Whether free space gets short: below the reserve no new mail is taken.
    pub fn is_short(&self) -> bool {
        self.free_space < self.reserve.saturating_mul(2)
    }
}

/// Whether nothing was heard of a node for too long.
pub fn is_silent(node: &NodeStatus, now: Timestamp) -> bool {
    now.since(node.heartbeat_at) > SILENT
}

/// Asks for all of it.
pub async fn report(broker: &Broker) -> Result<Health, storage::Error> {
    let desk = &broker.desk;
    let now = broker.now();
    let mut keys = Vec::new();
    for domain in domain::list(desk).await? {
        // A domain that was removed since has none.
        keys.push((domain.name.clone(), dkim_key::list(desk, &domain.name).await.unwrap_or_default()));
    }
    let queue = queue::counts(desk).await?;
    let tx = &mut desk.storage.read().await?;
    Ok(Health {
        is_shared: desk.storage.is_shared(),
        database_size: space::size(tx).await?,
        free_space: broker.free_space(),
        reserve: broker.rules.min_free_space,
        nodes: node::list(tx).await?,
        resting: site_backoff::list(tx, now).await?,
        keys,
        queue,
        last_sweep: broker.last_sweep(),
    })
}
