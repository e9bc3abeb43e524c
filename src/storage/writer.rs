//! SQLite's one writer: many pieces of work, one transaction, one fsync (group commit).
//!
//! Work arrives on a bounded channel. The writer opens `BEGIN IMMEDIATE`, runs everything that is waiting (each piece in
//! a savepoint, so that one bad row does not sink the batch), commits, and only then answers. While a commit waits for
//! the disk the next batch gathers by itself; at low load a batch is one piece and costs one fsync.

use futures_util::future::BoxFuture;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{Error, ErrorKind, Tx};

/// Pieces of work that may wait; senders wait beyond that.
const CHANNEL: usize = 1024;
/// Pieces of work committed together at the most.
const BATCH: usize = 128;

/// The sending side; the writer ends when all of it is gone or closed.
pub(super) struct Writer {
    jobs: mpsc::Sender<Message>,
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the writer on a connection of its own.
    pub(super) fn start(pool: SqlitePool, tasks: &TaskTracker) -> Self {
        let (jobs, inbox) = mpsc::channel(CHANNEL);
        tasks.spawn(run(pool, inbox));
        Self { jobs }
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), result: None, reply });
        let gone = || E::from(Error::new(ErrorKind::Unavailable, "the database writer has stopped"));
        self.jobs.send(Message::Job(job)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
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
}

impl<T, E, F> Job for Pending<T, E, F>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.result = Some(work(tx).await);
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

async fn run(pool: SqlitePool, mut inbox: mpsc::Receiver<Message>) {
    let mut connection: Option<Tx> = None;
    // Whoever closes is answered by these being dropped, after everything sent before is committed.
    let mut closing = Vec::new();
    while let Some(message) = inbox.recv().await {
        let first = match message {
            Message::Job(job) => job,
            Message::Close(done) => {
                inbox.close();
                closing.push(done);
                continue;
            }
        };
        let tx = match connection.take() {
            Some(tx) => Ok(tx),
            None => pool.acquire().await.map(Tx::Sqlite).map_err(Error::from),
        };
        match tx {
            Ok(mut tx) => {
                // After a failed commit the connection's state is unknown: a fresh one is opened.
                if batch(&mut tx, first, &mut inbox, &mut closing).await {
                    connection = Some(tx);
                } else if let Tx::Sqlite(broken) = tx {
                    drop(broken.detach());
                }
            }
            Err(error) => first.finish(Some(error)),
        }
    }
    drop(connection);
    pool.close().await;
}

/// One transaction; whether the connection is still good.
async fn batch(
    tx: &mut Tx,
    first: Box<dyn Job>,
    inbox: &mut mpsc::Receiver<Message>,
    closing: &mut Vec<oneshot::Sender<()>>,
) -> bool {
    if let Err(error) = execute(tx, "BEGIN IMMEDIATE").await {
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
        next = match inbox.try_recv() {
            Ok(Message::Job(job)) => Some(job),
            Ok(Message::Close(done)) => {
                inbox.close();
                closing.push(done);
                None
            }
            Err(_) => None,
        };
    }
    if failure.is_none() {
        failure = execute(tx, "COMMIT").await.err();
    }
    let good = failure.is_none();
    if let Some(error) = &failure {
        tracing::error!(kind = ?error.kind(), %error, "a database commit failed");
        // After most disk errors SQLite has rolled back by itself; then this fails and changes nothing.
        if let Err(error) = execute(tx, "ROLLBACK").await {
            tracing::debug!(%error, "nothing was left to roll back");
        }
    }
    for job in done {
        job.finish(failure.clone());
    }
    good
}

/// One piece of work in its savepoint. `Err` only when the whole transaction is lost.
async fn one(tx: &mut Tx, job: &mut dyn Job) -> Result<(), Error> {
    execute(tx, "SAVEPOINT piece").await?;
    if !job.run(tx).await {
        // Fails when the piece's own failure (a full disk) made SQLite give up the whole transaction: nothing of the
        // others is kept either, and they may try again.
        execute(tx, "ROLLBACK TO piece").await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("the transaction was lost with a failed piece: {error}"))
        })?;
    }
    execute(tx, "RELEASE piece").await
}

async fn execute(tx: &mut Tx, sql: &'static str) -> Result<(), Error> {
    match tx {
        Tx::Sqlite(connection) => sqlx::query(sql).execute(&mut **connection).await,
        Tx::PostgresRead(_) | Tx::Postgres(_) => return Err(Error::new(ErrorKind::Other, "the writer is SQLite's")),
    }
    .map(drop)
    .map_err(Error::from)
}
