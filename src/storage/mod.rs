//! The only place with SQL: one file per noun, functions over a [`Tx`], one SQL text for both drivers.
//!
//! [`Storage`] holds the pools. [`Storage::read`] lends a connection for single statements; [`Storage::write`] runs a
//! piece of work in a transaction and returns only after the commit is durable. On SQLite all writes of the process go
//! through one writer that commits many pieces of work with one fsync (`writer.rs`); on PostgreSQL each is a
//! transaction of its own. Why an enum and a macro: `docs/decisions/0003-storage-shape.md`.

pub mod activity;
pub mod alias;
pub mod clock;
pub mod columns;
pub mod contact;
pub mod delivery;
pub mod domain;
pub mod error;
pub mod mailbox;
pub mod message;
pub mod message_id;
pub mod node;
mod open;
pub mod queue;
pub mod secret;
pub mod site_backoff;
pub mod space;
pub mod user;
mod writer;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
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
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one reading statement (or one with `RETURNING`) on whichever driver the [`Tx`] has:
/// `on!(tx, c => sqlx::query_as("…").bind(id).fetch_optional(c))`.
macro_rules! on {
    ($tx:expr, $c:ident => $query:expr) => {
        match $tx {
            $crate::storage::Tx::Sqlite(t) => {
                let $c = &mut **t;
                $query.await
            }
            $crate::storage::Tx::PostgresRead(t) => {
                let $c = &mut **t;
                $query.await
            }
            $crate::storage::Tx::Postgres(t) => {
                let $c = &mut **t;
                $query.await
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
            $crate::storage::Tx::PostgresRead(t) => $query.execute(&mut **t).await.map(|done| done.rows_affected()),
            $crate::storage::Tx::Postgres(t) => $query.execute(&mut **t).await.map(|done| done.rows_affected()),
        }
        .map_err($crate::storage::Error::from)
    };
}
pub(crate) use changed;

enum Pools {
    Sqlite { readers: SqlitePool, writer: writer::Writer },
    Postgres { pool: PgPool, tasks: TaskTracker },
}

/// The database, cheap to clone.
#[derive(Clone)]
pub struct Storage(Arc<Pools>);

impl Storage {
    /// A connection for single read statements; no transaction is open on it.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match &*self.0 {
            Pools::Sqlite { readers, .. } => Tx::Sqlite(readers.acquire().await?),
            Pools::Postgres { pool, .. } => Tx::PostgresRead(pool.acquire().await?),
        })
    }

    /// Runs `work` in a write transaction. `Ok` means committed and durable; on any `Err` nothing of it is kept.
    ///
    /// The work runs to its end even if the caller stops waiting. It must not wait for the network.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        match &*self.0 {
            Pools::Sqlite { writer, .. } => writer.write(work).await,
            Pools::Postgres { pool, tasks } => {
                let transaction = pool.begin().await.map_err(Error::from)?;
                // A task of its own, so that a caller who stops waiting does not undo what was begun.
                tasks.spawn(in_transaction(transaction, work)).await.map_err(|error| {
                    E::from(Error::new(ErrorKind::Other, format!("the work in a transaction did not end: {error}")))
                })?
            }
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

async fn in_transaction<T, E, F>(transaction: Transaction<'static, Postgres>, work: F) -> Result<T, E>
where
    E: From<Error>,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
{
    let mut tx = Tx::Postgres(transaction);
    let value = work(&mut tx).await?;
    if let Tx::Postgres(transaction) = tx {
        transaction.commit().await.map_err(Error::from)?;
    }
    Ok(value)
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_shared() { "Storage(PostgreSQL)" } else { "Storage(SQLite)" })
    }
}
