//! The only place with SQL: one file per noun, functions over a [`Tx`], one SQL text for both drivers.
//!
//! [`Storage`] holds the pools. [`Storage::read`] lends a connection for single statements; [`Storage::write`] runs a
//! piece of work in a transaction and returns only after the commit is durable. On SQLite all writes of the process go
//! through one writer that commits many pieces of work with one fsync (`writer.rs`); on PostgreSQL each is a
//! transaction of its own. Why an enum and a macro: `docs/decisions/0003-storage-shape.md`.

pub mod account_copy;
pub mod activity;
pub mod alias;
pub mod alias_change;
pub mod alias_count;
pub mod alias_details;
pub mod alias_export;
pub mod alias_glance;
pub mod alias_import;
pub mod alias_page;
pub mod alias_sort;
pub mod alias_tag;
pub mod api_token;
pub mod app_password;
pub mod block;
pub mod client_setting;
pub mod clock;
pub mod columns;
pub mod contact;
pub mod decoy;
pub mod delivery;
mod delivery_row;
pub mod dkim_key;
pub mod domain;
pub mod domain_claim;
pub mod error;
pub mod factor;
pub mod failed_delivery;
pub mod hold;
pub mod idempotency;
pub mod invite;
pub mod made_alias;
pub mod mail_link;
pub mod mailbox;
pub mod mailbox_move;
pub mod message;
pub mod message_id;
pub mod muted;
pub mod node;
pub mod notice;
mod open;
pub mod passkey;
pub mod passkey_ceremony;
pub mod password;
pub mod person;
pub mod pgp_key;
pub mod put_off;
pub mod queue;
pub mod recovery_code;
pub mod refusal;
pub mod secret;
pub mod session;
pub mod sighting;
pub mod sign_up_code;
pub mod site_backoff;
pub mod space;
pub mod totp;
pub mod undelivered;
pub mod upload;
pub mod user;
pub mod webhook;
mod writer;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::{Error, ErrorKind};
pub use open::Options;

/// A connection to work on: one for reading single statements, or one inside a write transaction.
pub enum Tx {
    /// SQLite, reading or inside the writer's transaction.
    Sqlite(PoolConnection<Sqlite>),
    /// PostgreSQL, single statements.
    PostgresRead(PoolConnection<Postgres>),
    /// PostgreSQL, inside a transaction.
    Postgres(PoolConnection<Postgres>),
}

/// The longest that anything waits for the database: for a connection, for a statement, for a transaction to begin, to
/// run, to commit. A server that fails over or a network that swallows packets answers nothing at all.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// How long a statement may take before its connection is given up: a little more than the server allows it
/// (`statement_timeout`), so that the server's own answer comes first where there is one.
const STATEMENT: Duration = Duration::from_secs(35);

/// The answer of a statement on PostgreSQL; `None` when none came. SQLite's file needs no such bound: its lock is waited
/// for by `busy_timeout`, and a system call that hangs can't be given up.
async fn in_time<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Option<Result<T, sqlx::Error>> {
    timeout(STATEMENT, statement).await.ok()
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database did not answer in time"))
}

/// A statement's answer in time, or the connection is closed when it is given back: its answer may still come.
macro_rules! patiently {
    ($connection:expr, $c:ident => $query:expr) => {{
        let answer = {
            let $c = &mut **$connection;
            $crate::storage::in_time($query).await
        };
        if answer.is_none() {
            $connection.close_on_drop();
        }
        answer.unwrap_or_else(|| Err($crate::storage::no_answer()))
    }};
}
pub(crate) use patiently;

/// Runs one reading statement (or one with `RETURNING`) on whichever driver the [`Tx`] has:
/// `on!(tx, c => sqlx::query_as("…").bind(id).fetch_optional(c))`.
macro_rules! on {
    ($tx:expr, $c:ident => $query:expr) => {
        match $tx {
            $crate::storage::Tx::Sqlite(t) => {
                let $c = &mut **t;
                $query.await
            }
            $crate::storage::Tx::PostgresRead(t) | $crate::storage::Tx::Postgres(t) => {
                $crate::storage::patiently!(t, $c => $query)
            }
        }
        .map_err($crate::storage::Error::from)
    };
}
pub(crate) use on;

/// Executes one statement and gives the number of rows it changed: `changed!(tx, sqlx::query("…").bind(id))`.
macro_rules! changed {
    ($tx:expr, $query:expr) => {
        match $tx {
            $crate::storage::Tx::Sqlite(t) => $query.execute(&mut **t).await.map(|done| done.rows_affected()),
            $crate::storage::Tx::PostgresRead(t) | $crate::storage::Tx::Postgres(t) => {
                $crate::storage::patiently!(t, c => $query.execute(c)).map(|done| done.rows_affected())
            }
        }
        .map_err($crate::storage::Error::from)
    };
}
pub(crate) use changed;

enum Pools {
    Sqlite { readers: SqlitePool, writer: writer::Writer },
    Postgres { pool: PgPool, tasks: TaskTracker, failed: CancellationToken },
}

/// The database, cheap to clone.
#[derive(Clone)]
pub struct Storage(Arc<Pools>);

impl Storage {
    /// A connection for single read statements; no transaction is open on it. There are few: do not hold it while waiting
    /// for anything but the database.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match &*self.0 {
            Pools::Sqlite { readers, .. } => Tx::Sqlite(readers.acquire().await?),
            Pools::Postgres { pool, .. } => Tx::PostgresRead(pool.acquire().await?),
        })
    }

    /// Runs `work` in a write transaction. `Ok` means committed and durable; on any `Err` nothing of it is kept.
    ///
    /// The work runs to its end even if the caller stops waiting. It must not wait for the network. A piece that panics
    /// fails alone. One that gets no answer in `LONGEST` fails as [`ErrorKind::Unavailable`]; whether it may be committed
    /// all the same says [`Error::may_be_committed`].
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        match &*self.0 {
            Pools::Sqlite { writer, .. } => writer.write(work).await,
            Pools::Postgres { pool, tasks, .. } => {
                let connection = pool.acquire().await.map_err(Error::from)?;
                // A task of its own, so that a caller who stops waiting does not undo what was begun.
                tasks.spawn(in_transaction(connection, work)).await.map_err(|error| {
                    E::from(Error::new(ErrorKind::Other, format!("the work in a transaction did not end: {error}")))
                })?
            }
        }
    }

    /// Cancelled when this database will never write again although nobody closed it: SQLite's disk failed, or its writer
    /// ended by a defect. The process has to stop then; what was promised is safe, nothing new can be.
    pub fn watch_failure(&self) -> CancellationToken {
        match &*self.0 {
            Pools::Sqlite { writer, .. } => writer.failed(),
            Pools::Postgres { failed, .. } => failed.clone(),
        }
    }

    /// Moves what is committed from SQLite's log into its file and empties the log, which holds copies of what was erased
    /// since. To be called now and then; false when a reader was in the way. PostgreSQL does this by itself.
    pub async fn checkpoint(&self) -> Result<bool, Error> {
        match &*self.0 {
            Pools::Sqlite { writer, .. } => writer.checkpoint().await,
            Pools::Postgres { .. } => Ok(true),
        }
    }

    /// Whether several nodes may share this database.
    pub fn is_shared(&self) -> bool {
        matches!(&*self.0, Pools::Postgres { .. })
    }

    /// Closes all connections; waits for those in use.
    pub async fn close(&self) {
        match &*self.0 {
            Pools::Sqlite { readers, writer } => {
                writer.close().await;
                readers.close().await;
            }
            Pools::Postgres { pool, .. } => pool.close().await,
        }
    }
}

async fn in_transaction<T, E, F>(mut connection: PoolConnection<Postgres>, work: F) -> Result<T, E>
where
    E: From<Error>,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
{
    if let Err(error) = statement(&mut connection, "BEGIN").await {
        drop(connection.detach());
        return Err(error.into());
    }
    let mut tx = Tx::Postgres(connection);
    let done = AssertUnwindSafe(timeout(LONGEST, async { work(&mut tx).await })).catch_unwind().await;
    let (Tx::Postgres(mut connection) | Tx::PostgresRead(mut connection)) = tx else {
        return Err(Error::new(ErrorKind::Other, "the transaction was taken away").into());
    };
    let (result, end) = match done {
        Ok(Ok(Ok(value))) => (Ok(value), statement(&mut connection, "COMMIT").await.map_err(open_end)),
        Ok(Ok(Err(error))) => (Err(error), statement(&mut connection, "ROLLBACK").await),
        Ok(Err(_)) => (Err(Error::from(no_answer()).into()), Err(no_answer().into())),
        Err(_) => (Err(writer::panicked().into()), Err(writer::panicked())),
    };
    match end {
        Ok(()) => result,
        // What is open on it goes with the connection: the server rolls back.
        Err(error) => {
            drop(connection.detach());
            result.and(Err(error.into()))
        }
    }
}

async fn statement(connection: &mut PoolConnection<Postgres>, sql: &'static str) -> Result<(), Error> {
    let done = timeout(LONGEST, sqlx::query(sql).execute(&mut **connection)).await;
    done.unwrap_or_else(|_| Err(no_answer())).map(drop).map_err(Error::from)
}

/// A commit whose answer was lost may have happened; one the server refused has not.
fn open_end(error: Error) -> Error {
    if error.is_answer() { error } else { error.with_open_end() }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_shared() { "Storage(PostgreSQL)" } else { "Storage(SQLite)" })
    }
}
