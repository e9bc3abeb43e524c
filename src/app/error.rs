//! Why the program can't start: one line that names the setting, and a hint what to do.

use crate::config::ConfigError;
use crate::storage::{self, ErrorKind};

/// Why the program can't start.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct StartError {
    problem: String,
    hint: String,
}

impl StartError {
    /// What is wrong, and what to do about it.
    pub fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// A database that can't be opened.
    pub(super) fn database(error: &storage::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::Unavailable => {
                "is it running, and may this user reach it? For SQLite: does the folder exist and may it be written?"
            }
            ErrorKind::InUse => "stop all nodes, then start this version; after a crash wait five minutes first",
            ErrorKind::Full => "free some space on its disk",
            ErrorKind::Corrupt | ErrorKind::Disk => "check the disk; restore the latest backup if the file is damaged",
            ErrorKind::Taken | ErrorKind::Reference | ErrorKind::Other => "see the message for what it says about the setting",
        };
        Self::new(format!("database.url: the database can't be opened: {error}"), hint)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::new(error.problem(), error.remedy())
    }
}
