//! `[log]` and `[metrics]`: what the operator sees.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: Format,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,postern::smtp=debug`.
    pub level: String,
    /// Whether addresses may stand in logs.
    pub addresses: bool,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: Format::Text, level: "info".into(), addresses: false }
    }
}

/// Metrics.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Address to serve Prometheus metrics on; nothing is served without one.
    pub listen: Option<SocketAddr>,
}
