//! `[dns]`: name resolution.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Name resolution.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// `system`, or the `ip:port` of a resolver.
    pub resolver: String,
    /// A master file (RFC 1035 §5) that answers instead of the network; for tests and closed networks.
    pub zone_file: Option<PathBuf>,
}

impl Default for Dns {
    fn default() -> Self {
        Self { resolver: "system".into(), zone_file: None }
    }
}
