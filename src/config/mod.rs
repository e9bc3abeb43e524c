//! Settings by section, read once, turned into valid types or refused.
//!
//! TOML, every key overridable as `POSTERN__SECTION__KEY`; unknown keys are errors; secrets may come from files.
//! Each section is a file; `deploy/example.toml` holds every setting with its default, and a test compares them.

use serde::{Deserialize, Serialize};

pub mod check;
pub mod database;
pub mod dns;
pub mod duration;
mod error;
pub mod http;
pub mod instance;
mod load;
pub mod log;
mod mask;
pub mod outbound;
pub mod sender_auth;
pub mod smarthost;
pub mod smtp;

pub use check::Checked;
pub use error::ConfigError;
pub use load::default_path;

/// All settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who this instance is.
    pub instance: instance::Instance,
    /// Where its data is kept.
    pub database: database::Database,
    /// Mail in.
    pub smtp: smtp::Smtp,
    /// Pages, API, health.
    pub http: http::Http,
    /// Mail out.
    pub outbound: outbound::Outbound,
    /// Name resolution.
    pub dns: dns::Dns,
    /// Authentication of arriving mail.
    pub sender_auth: sender_auth::SenderAuth,
    /// Logs.
    pub log: log::Log,
    /// Metrics.
    pub metrics: log::Metrics,
}
