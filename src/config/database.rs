//! `[database]`: where the data is kept.

use serde::{Deserialize, Serialize};

/// Where the data is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:FILE` (relative to `data_dir`) or `postgres://user:password@host/name`.
    pub url: String,
    /// A file that holds the URL instead, so that its password is in no settings file.
    pub url_file: Option<std::path::PathBuf>,
    /// PostgreSQL connections kept at the most.
    pub connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:postern.db".into(), url_file: None, connections: 16 }
    }
}
