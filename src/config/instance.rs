//! `[instance]`: who this instance is.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Who this instance is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instance {
    /// The name it greets with; its reverse DNS should say the same. Must be set.
    pub hostname: String,
    /// Domains every user may make aliases on. Must be set.
    pub domains: Vec<String>,
    /// Where its pages are seen from outside, without a slash at the end.
    pub public_url: String,
    /// Folder for the database file, temporary files and the node's id.
    pub data_dir: PathBuf,
    /// Who may make an account: `closed`, `invite` or `open`.
    pub registration: Registration,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody; the operator adds users.
    #[default]
    Closed,
    /// Who was invited.
    Invite,
    /// Everybody.
    Open,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            hostname: String::new(),
            domains: Vec::new(),
            public_url: "http://127.0.0.1:8080".into(),
            data_dir: PathBuf::from("."),
            registration: Registration::Closed,
        }
    }
}
