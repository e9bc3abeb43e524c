//! `[database]`: where the data is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::Private;

use super::{Config, ConfigError};

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

/// Where the database is, in words that name no driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL, and how many connections to keep at the most.
    Postgres {
        /// With user and password.
        url: Private<String>,
        /// Connections at the most.
        connections: u32,
    },
}

impl Config {
    /// Where the database is: a SQLite file relative to `instance.data_dir`, or PostgreSQL.
    pub fn database_location(&self) -> Result<Location, ConfigError> {
        let url = self.database.url.as_str();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Location::Postgres { url: Private::new(url.to_owned()), connections: self.database.connections });
        }
        // The URL is not shown: it may hold a password.
        let wrong = |problem: &str| {
            ConfigError::new(
                format!("database.url {problem}"),
                "write for example \"sqlite:postern.db\" or \"postgres://user:password@host/name\"",
            )
        };
        let file = url.strip_prefix("sqlite:").ok_or_else(|| wrong("begins neither with sqlite: nor with postgres://"))?;
        let file = file.strip_prefix("//").unwrap_or(file);
        if file.is_empty() || file.contains(":memory:") || file.contains('?') {
            return Err(wrong("names no database file (memory and parameters are not supported)"));
        }
        Ok(Location::Sqlite(self.instance.data_dir.join(file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Result<Location, ConfigError> {
        let mut config = Config::default();
        config.instance.data_dir = "/var/lib/postern".into();
        config.database.url = url.into();
        config.database_location()
    }

    #[test]
    fn a_file_is_relative_to_the_data_folder() {
        assert_eq!(location("sqlite:a.db").unwrap(), Location::Sqlite("/var/lib/postern/a.db".into()));
        assert_eq!(location("sqlite:///srv/a.db").unwrap(), Location::Sqlite("/srv/a.db".into()));
        assert!(matches!(location("postgres://u:p@h/d").unwrap(), Location::Postgres { connections: 16, .. }));
    }

    #[test]
    fn what_would_lose_mail_or_is_unknown_is_refused() {
        for url in ["", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=memory", "mysql://h/d", "a.db"] {
            assert!(location(url).unwrap_err().problem().starts_with("database.url "), "{url}");
        }
    }
}
