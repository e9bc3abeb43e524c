//! Why the sandbox did not play to its end, and what to do about it.

use std::io;

use super::story::Broken;
use crate::app::StartError;

/// Why the sandbox did not play to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A port can't be opened, or the temporary folder can't be made.
    #[error("{what}: {error}")]
    Machine {
        /// What was tried.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// The owner's account or an alias could not be made or changed.
    #[error("{what}: {reason}")]
    Account {
        /// What was tried.
        what: &'static str,
        /// What the broker said.
        reason: String,
    },
    /// A step of the story did not hold.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The broker stopped by itself.
    #[error("the broker had to stop by itself")]
    Stopped,
    /// Ctrl-C before the story was at its end.
    #[error("interrupted before the story was at its end")]
    Interrupted,
    /// The terminal is gone.
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Start(error) => error.hint(),
            Self::Machine { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
                "choose another port with --smtp-port or --http-port; without them a free one is taken"
            }
            Self::Machine { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                "choose a port above 1023, and a temporary folder (TMPDIR) that may be written"
            }
            Self::Machine { .. } | Self::Account { .. } | Self::Output(_) => "see the message",
            Self::Broken(_) => "this should never happen: please report it with the lines above",
            Self::Interrupted => "let it play: it takes a second",
            Self::Stopped => "see the log for the failure before this line",
        }
    }

    pub(super) fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Machine { what, error }
    }

    pub(super) fn account<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Account { what, reason: error.to_string() }
    }
}
