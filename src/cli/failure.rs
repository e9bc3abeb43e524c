//! Why a command failed: one line, and a hint what to do about it.

use std::io;

use crate::app::StartError;
use crate::config::ConfigError;

/// A failed command.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Failure {
    problem: String,
    hint: Option<String>,
    /// Whoever read our output has gone: there is nobody to tell.
    silent: bool,
    /// The command line asks for what can't be.
    misuse: bool,
}

impl Failure {
    /// What went wrong, and what to do.
    pub fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: Some(hint.into()), silent: false, misuse: false }
    }

    /// The same when the command line asks for what can't be.
    pub fn misuse(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { misuse: true, ..Self::new(problem, hint) }
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        if self.misuse { 2 } else { 1 }
    }

    /// Writes `error: …` and `hint: …`.
    pub fn print(&self, to: &mut dyn io::Write) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(to, "error: {}", line(&self.problem))?;
        self.hint.as_ref().map_or(Ok(()), |hint| writeln!(to, "hint: {}", line(hint)))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(error.problem(), error.remedy())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.to_string(), error.hint())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self { problem: format!("the output can't be written: {error}"), hint: None, silent, misuse: false }
    }
}
