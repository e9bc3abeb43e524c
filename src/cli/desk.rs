//! The database a command works on, and on whose behalf.

use tokio_util::task::TaskTracker;

use crate::app::{self, Environment};
use crate::config::Config;
use crate::model::Address;
use crate::model::user::User;
use crate::service::Desk;
use crate::service::user::{self, ResolveError};
use crate::storage::{self, ErrorKind};

use super::failure::Failure;

/// Runs `work` with the configured database open, and closes it whatever came of it.
pub fn with<T>(config: &Config, work: impl AsyncFnOnce(&Desk) -> Result<T, Failure>) -> Result<T, Failure> {
    runtime()?.block_on(async {
        let tasks = TaskTracker::new();
        let desk = app::open_desk(config, &Environment::system(), &tasks).await?;
        let done = work(&desk).await;
        desk.storage.close().await;
        tasks.close();
        tasks.wait().await;
        done
    })
}

/// The runtime of one command.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("threads can't be started: {error}"), "check the limits on processes and memory"))
}

/// Who is meant: the named user, or the only one.
pub async fn user(desk: &Desk, named: Option<&Address>) -> Result<User, Failure> {
    user::resolve(desk, named).await.map_err(|error| match error {
        ResolveError::Unknown => Failure::new("there is no user with this address", "see `postern user list`"),
        ResolveError::Nobody => Failure::new("there is no user yet", "make one: `postern user add you@inbox.example --verified`"),
        ResolveError::Several => Failure::new("there are several users", "say whose with --user EMAIL; see `postern user list`"),
        ResolveError::Storage(error) => error.into(),
    })
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::Unavailable => "is it running, and not overloaded? try again",
            ErrorKind::InUse => "stop all nodes, then start this version",
            ErrorKind::Full => "free some space on its disk",
            ErrorKind::Corrupt | ErrorKind::Disk => "check the disk; restore the latest backup if the data are damaged",
            ErrorKind::Taken | ErrorKind::Reference => "somebody else changed the same thing just now; try again",
            ErrorKind::Other => "see the message; does this version of Postern fit the database?",
        };
        Self::new(format!("the database failed: {error}"), hint)
    }
}
