//! The nodes on this database: who is running, who has fallen silent.

use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::node::Node;

use super::{Error, Tx, changed, on};

/// A node as the others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which node, which start of it.
    pub node: Node,
    /// The host it runs on.
    pub hostname: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it last said that it is alive.
    pub heartbeat_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct NodeRow {
    id: Uuid,
    boot: Uuid,
    hostname: String,
    started_at: i64,
    heartbeat_at: i64,
}

impl From<NodeRow> for NodeStatus {
    fn from(row: NodeRow) -> Self {
        Self {
            node: Node { id: row.id, boot: row.boot },
            hostname: row.hostname,
            started_at: Timestamp::from_micros(row.started_at),
            heartbeat_at: Timestamp::from_micros(row.heartbeat_at),
        }
    }
}

/// Says that this node has started.
pub async fn register(tx: &mut Tx, node: &Node, hostname: &str, now: Timestamp) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO nodes (id, boot, hostname, started_at, heartbeat_at) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (id) DO UPDATE SET boot = excluded.boot, hostname = excluded.hostname, \
             started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at"
        )
        .bind(node.id)
        .bind(node.boot)
        .bind(hostname)
        .bind(now.as_micros())
    )
    .map(drop)
}

/// Says that this node is alive; false when a later boot of it has registered (or it was removed): two processes must
/// not be one node.
pub async fn heartbeat(tx: &mut Tx, node: &Node, now: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE nodes SET heartbeat_at = $3 WHERE id = $1 AND boot = $2")
            .bind(node.id)
            .bind(node.boot)
            .bind(now.as_micros())
    )?;
    Ok(changed == 1)
}

/// All nodes, by start.
pub async fn list(tx: &mut Tx) -> Result<Vec<NodeStatus>, Error> {
    let rows: Vec<NodeRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, boot, hostname, started_at, heartbeat_at FROM nodes ORDER BY started_at, id",
    ).fetch_all(c))?;
    Ok(rows.into_iter().map(NodeStatus::from).collect())
}

/// Nodes that have said nothing since `since`.
pub async fn list_silent(tx: &mut Tx, since: Timestamp) -> Result<Vec<NodeStatus>, Error> {
    let rows: Vec<NodeRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, boot, hostname, started_at, heartbeat_at FROM nodes WHERE heartbeat_at < $1 ORDER BY started_at, id",
    ).bind(since.as_micros()).fetch_all(c))?;
    Ok(rows.into_iter().map(NodeStatus::from).collect())
}

/// Forgets a node that stopped for good; false when a later boot of it has registered.
pub async fn remove(tx: &mut Tx, node: &Node) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM nodes WHERE id = $1 AND boot = $2").bind(node.id).bind(node.boot))? == 1)
}
