//! Idle connections per site, and how many a site may have in all.
//!
//! A hand-off first gets a permit, then an idle connection or a new one, so a site never has more connections than
//! permits. Idle ones are closed politely, in the background and under a deadline.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::classify::End;
use super::opening::Connection;

/// How long a server may take to answer QUIT.
const FAREWELL: Duration = Duration::from_secs(5);

/// All connections that are not in use.
pub(super) struct Pool {
    slots: Mutex<HashMap<Arc<str>, Arc<Slot>>>,
    per_site: usize,
    per_connection: u32,
    keep_alive: Duration,
    tasks: TaskTracker,
    sweeping: AtomicBool,
    closing: CancellationToken,
}

struct Slot {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// The right to use one connection to a site.
pub(super) struct Lease {
    pool: Arc<Pool>,
    site: Arc<str>,
    slot: Arc<Slot>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// An empty pool.
    pub(super) fn new(per_site: usize, per_connection: u32, keep_alive: Duration, tasks: TaskTracker) -> Self {
        Self {
            slots: Mutex::new(HashMap::new()),
            per_site: per_site.clamp(1, Semaphore::MAX_PERMITS),
            per_connection,
            keep_alive,
            tasks,
            sweeping: AtomicBool::new(false),
            closing: CancellationToken::new(),
        }
    }

    /// Waits for the right to use a connection; `None` if there is none in time.
    pub(super) async fn lease(self: &Arc<Self>, site: &Arc<str>, patience: Duration) -> Option<Lease> {
        let slot = {
            let mut slots = self.slots.lock();
            let new = || Arc::new(Slot { permits: Arc::new(Semaphore::new(self.per_site)), idle: Mutex::default() });
            Arc::clone(slots.entry(Arc::clone(site)).or_insert_with(new))
        };
        // Made before the wait, so that giving up cleans up too.
        let mut lease = Lease { pool: Arc::clone(self), site: Arc::clone(site), slot, permit: None };
        let permits = Arc::clone(&lease.slot.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(patience, permits.acquire_owned()).await.ok()?.ok()?,
        };
        lease.permit = Some(permit);
        Some(lease)
    }

    /// Closes all idle connections and keeps none from now on.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    fn farewell(&self, mut connection: Connection) {
        self.tasks.spawn(async move {
            // Whatever the answer is, the connection is dropped.
            drop(tokio::time::timeout(FAREWELL, connection.smtp.quit()).await);
        });
    }

    fn start_sweeping(self: &Arc<Self>) {
        if !self.sweeping.swap(true, Ordering::AcqRel) {
            let pool = Arc::clone(self);
            self.tasks.spawn(async move { pool.sweep().await });
        }
    }

    /// Closes idle connections as they age; ends when there are none.
    async fn sweep(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.keep_alive / 2) => {}
                () = self.closing.cancelled() => {}
            }
            if !self.sweep_once() {
                self.sweeping.store(false, Ordering::Release);
                // One may have come between the look and the store; its giver then saw the flag still set.
                let empty = self.slots.lock().values().all(|slot| slot.idle.lock().is_empty());
                if empty || self.sweeping.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        }
    }

    /// Whether any idle connection remains.
    fn sweep_once(&self) -> bool {
        let all = self.closing.is_cancelled();
        let mut remain = false;
        let mut old = Vec::new();
        self.slots.lock().retain(|_, slot| {
            let mut idle = slot.idle.lock();
            old.extend(idle.extract_if(.., |idle| all || idle.since.elapsed() >= self.keep_alive));
            remain |= !idle.is_empty();
            !idle.is_empty() || Arc::strong_count(slot) > 1
        });
        for idle in old {
            self.farewell(idle.connection);
        }
        remain
    }
}

impl Lease {
    /// An idle connection that looks healthy; the others are dropped.
    pub(super) fn idle(&self) -> Option<Connection> {
        let mut idle = self.slot.idle.lock();
        while let Some(Idle { connection, since }) = idle.pop() {
            if since.elapsed() < self.pool.keep_alive && connection.wire.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next hand-off, says good-bye, or just closes it.
    pub(super) fn put_down(&self, connection: Connection, end: &End) {
        if !end.reusable {
            return;
        }
        // Who goes on to the next host opens another connection under the same permit.
        let worn = end.next_host || connection.used >= self.pool.per_connection || self.pool.keep_alive.is_zero();
        if worn || self.pool.closing.is_cancelled() {
            self.pool.farewell(connection);
            return;
        }
        self.slot.idle.lock().push(Idle { connection, since: Instant::now() });
        self.pool.start_sweeping();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut slots = self.pool.slots.lock();
        self.permit = None;
        // The map and this lease: nobody else uses or waits for the slot.
        if Arc::strong_count(&self.slot) == 2 && self.slot.idle.lock().is_empty() {
            slots.remove(&self.site);
        }
    }
}
