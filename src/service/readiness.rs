//! Whether this node would take mail: every expected listener is open, the database answers, shutdown has not begun.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;

/// How long the database may take to answer before the node counts as not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether this node would take mail; cheap to clone, all clones share one state.
#[derive(Clone)]
pub struct Readiness(Arc<Inner>);

struct Inner {
    /// Listeners that are not open yet.
    missing: AtomicUsize,
    stopping: AtomicBool,
    database: Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

impl Readiness {
    /// Not ready until [`Self::listening`] was called `listeners` times and `database` answers with `true`.
    pub fn new<F, A>(listeners: usize, database: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = bool> + Send + 'static,
    {
        Self(Arc::new(Inner {
            missing: AtomicUsize::new(listeners),
            stopping: AtomicBool::new(false),
            database: Box::new(move || database().boxed()),
        }))
    }

    /// One more listener is open.
    pub fn listening(&self) {
        // Stops at zero: one listener too many must not turn "none missing" into "very many missing".
        let fewer = |missing: usize| Some(missing.saturating_sub(1));
        if self.0.missing.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer).is_err() {
            unreachable!("the update always gives a value");
        }
    }

    /// Shutdown has begun: not ready from now on.
    pub fn stopping(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    /// Asks the database and looks at the listeners.
    pub async fn report(&self) -> Report {
        let database = tokio::time::timeout(CHECK_TIMEOUT, (self.0.database)()).await.unwrap_or(false);
        let listeners = self.0.missing.load(Ordering::Acquire) == 0;
        let running = !self.0.stopping.load(Ordering::Acquire);
        Report { ready: database && listeners && running, listeners, database, running }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("missing", &self.0.missing).field("stopping", &self.0.stopping).finish_non_exhaustive()
    }
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All of the others.
    pub ready: bool,
    /// Every listener is open.
    pub listeners: bool,
    /// The database answers.
    pub database: bool,
    /// Shutdown has not begun.
    pub running: bool,
}
