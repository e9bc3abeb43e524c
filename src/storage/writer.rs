//! SQLite's one writer: many pieces of work, one transaction, one fsync (group commit).
//!
//! Work arrives on a bounded channel. The writer opens `BEGIN IMMEDIATE`, runs everything that is waiting (each piece in
//! a savepoint, so that one bad row does not sink the batch), commits, and only then answers. While a commit waits for
//! the disk the next batch gathers by itself; at low load a batch is one piece and costs one fsync.
//!
//! After a failed write or fsync nothing is written any more: what the kernel holds of the file is unknown then, a second
//! fsync may say "done" about pages that were lost. The latch is never lifted; the process has to stop.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Error, ErrorKind, LONGEST, Tx};

/// Pieces of work that may wait; senders wait beyond that.
const CHANNEL: usize = 1024;
/// Pieces of work committed together at the most.
const BATCH: usize = 128;

/// The sending side; the writer ends when all of it is gone or closed.
pub(super) struct Writer {
    jobs: mpsc::Sender<Message>,
    failed: CancellationToken,
}

enum Message {
    Job(Box<dyn Job>),
    Checkpoint(oneshot::Sender<Result<bool, Error>>),
    Close(oneshot::Sender<()>),
}

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "the database writer has stopped")
}

fn late() -> Error {
    Error::new(ErrorKind::Unavailable, "the database writer is stuck")
}

impl Writer {
    /// Starts the writer on a connection of its own.
    pub(super) fn start(pool: SqlitePool, tasks: &TaskTracker) -> Self {
        let (jobs, inbox) = mpsc::channel(CHANNEL);
        let failed = CancellationToken::new();
        tasks.spawn(Inside::new(pool, inbox, failed.clone()).run());
        Self { jobs, failed }
    }

    /// Cancelled when the writer will never commit again although nobody closed it.
    pub(super) fn failed(&self) -> CancellationToken {
        self.failed.clone()
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        let job = Box::new(Pending { work: Some(work), result: None, reply, taken: Arc::clone(&taken) });
        timeout(LONGEST, self.jobs.send(Message::Job(job))).await.map_err(|_| late())?.map_err(|_| gone())?;
        if let Ok(answer) = timeout(LONGEST, &mut answer).await {
            return answer.map_err(|_| gone())?;
        }
        // Not begun: it never will be. Begun: it gets its time, too, and then nobody knows.
        if !taken.swap(true, Ordering::AcqRel) {
            return Err(late().into());
        }
        match timeout(LONGEST, answer).await {
            Ok(answer) => answer.map_err(|_| gone().with_open_end())?,
            Err(_) => Err(late().with_open_end().into()),
        }
    }

    /// Moves what is committed from the log into the file and empties the log; false when a reader was in the way.
    pub(super) async fn checkpoint(&self) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        timeout(LONGEST, self.jobs.send(Message::Checkpoint(reply))).await.map_err(|_| late())?.map_err(|_| gone())?;
        timeout(LONGEST, answer).await.map_err(|_| late())?.map_err(|_| gone())?
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Message::Close(done)).await.is_ok() {
            // The writer may have ended before: then there is nothing to wait for.
            closed.await.unwrap_or_default();
        }
    }
}

/// A piece of work with its types erased.
trait Job: Send {
    /// Runs the work; whether its changes are to be kept.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool>;
    /// Tells the caller: its own result, or why the commit failed.
    fn finish(self: Box<Self>, failure: Option<Error>);
}

struct Pending<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
    /// Set by whoever is first: the writer that begins it, or the caller that has waited too long.
    taken: Arc<AtomicBool>,
}

impl<T, E, F> Job for Pending<T, E, F>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if self.taken.swap(true, Ordering::AcqRel) {
                self.result = Some(Err(late().into()));
            } else if let Some(work) = self.work.take() {
                // A defect in one piece must not end the writing of all others.
                let done = AssertUnwindSafe(async { work(tx).await }).catch_unwind().await;
                self.result = Some(done.unwrap_or_else(|_| Err(panicked().into())));
            }
            matches!(self.result, Some(Ok(_)))
        })
    }

    fn finish(self: Box<Self>, failure: Option<Error>) {
        let result = match (self.result, failure) {
            // A piece that failed by itself keeps its own error.
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(failure.into()),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(Error::new(ErrorKind::Other, "work was not run").into()),
        };
        // The caller may have stopped waiting; the work stands all the same.
        drop(self.reply.send(result));
    }
}

/// The panic itself was reported by the panic hook.
pub(super) fn panicked() -> Error {
    Error::new(ErrorKind::Other, "the work in a transaction panicked")
}

/// The writing side.
struct Inside {
    pool: SqlitePool,
    inbox: mpsc::Receiver<Message>,
    connection: Option<Tx>,
    /// The disk failed: every later piece of work fails with this.
    dead: Option<Error>,
    checkpoints: Vec<oneshot::Sender<Result<bool, Error>>>,
    /// Whoever closes is answered by these being dropped, after everything sent before is committed.
    closing: Vec<oneshot::Sender<()>>,
    failed: CancellationToken,
}

impl Inside {
    fn new(pool: SqlitePool, inbox: mpsc::Receiver<Message>, failed: CancellationToken) -> Self {
        Self { pool, inbox, connection: None, dead: None, checkpoints: Vec::new(), closing: Vec::new(), failed }
    }

    async fn run(mut self) {
        // However this task ends: who watches learns of it.
        let guard = self.failed.clone().drop_guard();
        while let Some(message) = self.inbox.recv().await {
            if let Some(job) = self.sort(message) {
                self.work(job).await;
            }
            self.checkpoint().await;
        }
        self.connection = None;
        self.pool.close().await;
        guard.disarm();
    }

    fn sort(&mut self, message: Message) -> Option<Box<dyn Job>> {
        match message {
            Message::Job(job) => return Some(job),
            Message::Checkpoint(reply) => self.checkpoints.push(reply),
            Message::Close(done) => {
                self.inbox.close();
                self.closing.push(done);
            }
        }
        None
    }

    /// Takes note of a failure; a disk's is for good.
    fn note(&mut self, error: &Error) {
        if error.kind() == ErrorKind::Disk && self.dead.is_none() {
            tracing::error!(%error, "the disk failed; nothing is written any more");
            self.dead = Some(error.clone());
            self.failed.cancel();
        }
    }

    async fn connect(&mut self) -> Result<Tx, Error> {
        match self.connection.take() {
            Some(tx) => Ok(tx),
            None => self.pool.acquire().await.map(Tx::Sqlite).map_err(Error::from),
        }
    }

    async fn work(&mut self, first: Box<dyn Job>) {
        if self.dead.is_some() {
            return first.finish(self.dead.clone());
        }
        let mut tx = match self.connect().await {
            Ok(tx) => tx,
            Err(error) => {
                self.note(&error);
                return first.finish(Some(error));
            }
        };
        if self.batch(&mut tx, first).await {
            self.connection = Some(tx);
        } else {
            discard(tx);
        }
    }

    /// One transaction; whether the connection is still good.
    async fn batch(&mut self, tx: &mut Tx, first: Box<dyn Job>) -> bool {
        if let Err(error) = execute(tx, "BEGIN IMMEDIATE").await {
            self.note(&error);
            first.finish(Some(error));
            return false;
        }
        let mut done = Vec::with_capacity(16);
        let mut next = Some(first);
        let mut failure = None;
        while let Some(mut job) = next.take() {
            failure = one(tx, job.as_mut()).await.err();
            done.push(job);
            if failure.is_some() || done.len() >= BATCH {
                break;
            }
            next = match self.inbox.try_recv() {
                Ok(message) => self.sort(message),
                Err(_) => None,
            };
        }
        if failure.is_none() {
            failure = execute(tx, "COMMIT").await.err().map(open_end_of_commit);
        }
        if let Some(error) = &failure {
            tracing::error!(kind = ?error.kind(), %error, "a database commit failed");
            self.note(error);
            // After most disk errors SQLite has rolled back by itself; then this fails and changes nothing.
            if let Err(error) = execute(tx, "ROLLBACK").await {
                tracing::debug!(%error, "nothing was left to roll back");
            }
        }
        for job in done {
            job.finish(failure.clone());
        }
        failure.is_none()
    }

    /// Answers who asked for a checkpoint. Between transactions, on the writer's own connection: nobody is in its way but
    /// readers, and those are waited for a second only.
    async fn checkpoint(&mut self) {
        if self.checkpoints.is_empty() {
            return;
        }
        let done = match &self.dead {
            Some(error) => Err(error.clone()),
            None => match self.connect().await {
                Ok(mut tx) => {
                    let done = empty_log(&mut tx).await;
                    if done.is_ok() {
                        self.connection = Some(tx);
                    } else {
                        discard(tx);
                    }
                    done
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = &done {
            self.note(error);
        }
        for asked in self.checkpoints.drain(..) {
            // Who asked may have stopped waiting.
            drop(asked.send(done.clone()));
        }
    }
}

/// After a failure a connection's state is unknown: a fresh one is opened.
fn discard(tx: Tx) {
    if let Tx::Sqlite(broken) = tx {
        drop(broken.detach());
    }
}

/// When the fsync of a commit fails the commit may be in the log all the same, for the next start to find.
fn open_end_of_commit(error: Error) -> Error {
    if error.kind() == ErrorKind::Disk { error.with_open_end() } else { error }
}

async fn empty_log(tx: &mut Tx) -> Result<bool, Error> {
    let Tx::Sqlite(connection) = tx else { return Err(not_sqlite()) };
    sqlx::query("PRAGMA busy_timeout = 1000").execute(&mut **connection).await?;
    let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut **connection).await?;
    sqlx::query("PRAGMA busy_timeout = 10000").execute(&mut **connection).await?;
    Ok(busy == 0)
}

/// One piece of work in its savepoint. `Err` only when the whole transaction is lost.
async fn one(tx: &mut Tx, job: &mut dyn Job) -> Result<(), Error> {
    execute(tx, "SAVEPOINT piece").await?;
    if !job.run(tx).await {
        // Fails when the piece's own failure (a full disk) made SQLite give up the whole transaction: nothing of the
        // others is kept either, and they may try again.
        execute(tx, "ROLLBACK TO piece").await.map_err(|error| match error.kind() {
            ErrorKind::Disk => error,
            _ => Error::new(ErrorKind::Unavailable, format!("the transaction was lost with a failed piece: {error}")),
        })?;
    }
    execute(tx, "RELEASE piece").await
}

async fn execute(tx: &mut Tx, sql: &'static str) -> Result<(), Error> {
    let Tx::Sqlite(connection) = tx else { return Err(not_sqlite()) };
    sqlx::query(sql).execute(&mut **connection).await.map(drop).map_err(Error::from)
}

fn not_sqlite() -> Error {
    Error::new(ErrorKind::Other, "the writer is SQLite's")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(sql: &'static str) -> (Box<dyn Job>, oneshot::Receiver<Result<(), Error>>) {
        let (reply, answer) = oneshot::channel();
        let work = boxed(move |tx| Box::pin(async move { execute(tx, sql).await }));
        (Box::new(Pending { work: Some(work), result: None, reply, taken: Arc::default() }), answer)
    }

    /// Says the signature, which inference alone does not find.
    fn boxed<F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<(), Error>>>(work: F) -> F {
        work
    }

    async fn inside() -> (tempfile::TempDir, mpsc::Sender<Message>, Inside) {
        let folder = tempfile::tempdir().unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("x.db")).create_if_missing(true);
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let (jobs, inbox) = mpsc::channel(8);
        (folder, jobs, Inside::new(pool, inbox, CancellationToken::new()))
    }

    #[tokio::test]
    async fn after_a_disk_failure_nothing_is_written_any_more() {
        let (_folder, _jobs, mut writer) = inside().await;
        let (first, answer) = piece("CREATE TABLE a (x)");
        writer.work(first).await;
        answer.await.unwrap().unwrap();
        writer.note(&Error::new(ErrorKind::Full, "disk full"));
        assert!(!writer.failed.is_cancelled(), "a full disk can be emptied");
        writer.note(&Error::new(ErrorKind::Disk, "fsync failed"));
        assert!(writer.failed.is_cancelled());
        let (second, answer) = piece("CREATE TABLE b (x)");
        writer.work(second).await;
        assert_eq!(answer.await.unwrap().unwrap_err().kind(), ErrorKind::Disk);
        let (asked, answer) = oneshot::channel();
        writer.checkpoints.push(asked);
        writer.checkpoint().await;
        assert_eq!(answer.await.unwrap().unwrap_err().kind(), ErrorKind::Disk);
        let Tx::Sqlite(mut connection) = writer.connection.take().unwrap() else { panic!("SQLite") };
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema").fetch_all(&mut *connection).await.unwrap();
        assert_eq!(tables, ["a"]);
    }

    #[tokio::test]
    async fn a_writer_that_ends_unasked_is_noticed_and_one_that_was_closed_is_not() {
        let (_folder, jobs, writer) = inside().await;
        let failed = writer.failed.clone();
        let mut run = Box::pin(writer.run());
        assert!(futures_util::poll!(&mut run).is_pending());
        drop(run);
        assert!(failed.is_cancelled() && jobs.is_closed());
        let (_folder, jobs, writer) = inside().await;
        let failed = writer.failed.clone();
        drop(jobs);
        writer.run().await;
        assert!(!failed.is_cancelled());
    }

    #[tokio::test]
    async fn work_whose_caller_gave_up_before_it_began_is_not_run() {
        let (_folder, _jobs, mut writer) = inside().await;
        let (reply, answer) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(true));
        let work = boxed(|_| panic!("it must not be run"));
        writer.work(Box::new(Pending { work: Some(work), result: None, reply, taken })).await;
        let error: Error = answer.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.may_be_committed()), (ErrorKind::Unavailable, false));
    }
}
