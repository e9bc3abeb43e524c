//! `[http]`: pages, API and health.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::smtp::Network;

/// Pages, API and health.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Reverse proxies in front: only what they say in `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Http {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1"];
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            trusted_proxies: loopback.iter().filter_map(|text| text.parse().ok()).collect(),
        }
    }
}
