//! A node: one running `postern serve`.

use uuid::Uuid;

/// Which node this is and which start of it. Leases of earlier boots of the same node are void at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Stays the same over restarts (kept in the data directory).
    pub id: Uuid,
    /// New at every start.
    pub boot: Uuid,
}

impl Node {
    /// The lease owner: `node/boot`.
    pub fn owner(&self) -> String {
        format!("{}/{}", self.id, self.boot)
    }
}
