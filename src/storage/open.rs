//! Opening the database: connect, check that it is as durable as promised, migrate.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::node::Node;

use super::writer::Writer;
use super::{Error, ErrorKind, LONGEST, Pools, Storage, no_answer};

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Options {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL, and how many connections to keep at the most.
    Postgres {
        /// With user and password; never logged.
        url: crate::model::Private<String>,
        /// Connections at the most.
        connections: u32,
    },
}

impl Storage {
    /// Connects, verifies durability settings and brings the schema up to date.
    pub async fn open(options: &Options, tasks: &TaskTracker) -> Result<Self, Error> {
        Self::open_as(options, None, tasks).await
    }

    /// The same for a node: an earlier start of it that crashed does not count as one that still runs.
    pub async fn open_as(options: &Options, own: Option<&Node>, tasks: &TaskTracker) -> Result<Self, Error> {
        match options {
            Options::Sqlite(path) => open_sqlite(path, tasks).await,
            Options::Postgres { url, connections } => open_postgres(url.reveal(), *connections, own, tasks.clone()).await,
        }
    }
}

async fn open_sqlite(path: &PathBuf, tasks: &TaskTracker) -> Result<Storage, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        // What is erased is overwritten, overflow pages as well (FAST leaves those as they are). The log keeps copies until
        // it is emptied: `Storage::checkpoint`.
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-4096");
    let pool = |connections| {
        SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false).idle_timeout(None).max_lifetime(None)
    };
    let writers = pool(1).connect_with(options.clone()).await?;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&writers).await?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&writers).await?;
    if journal != "wal" || synchronous != 2 {
        return Err(Error::new(
            ErrorKind::Other,
            format!(
                "SQLite runs with journal_mode={journal}, synchronous={synchronous}; Postern needs wal and 2 (FULL): is the file on a network file system?"
            ),
        ));
    }
    sqlx::migrate!("migrations/sqlite").run(&writers).await.map_err(migration)?;
    restrict(path)?;
    let readers = pool(4).connect_with(options.read_only(false)).await?;
    Ok(Storage(Arc::new(Pools::Sqlite { readers, writer: Writer::start(writers, tasks) })))
}

/// Only the owner may read the file: it holds mailbox addresses.
fn restrict(path: &PathBuf) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|error| Error::from(sqlx::Error::Io(error)))
}

async fn open_postgres(url: &str, connections: u32, own: Option<&Node>, tasks: TaskTracker) -> Result<Storage, Error> {
    let options = PgConnectOptions::from_str(url)?.application_name("postern");
    // Asked and migrated on a connection without deadlines: a migration may take as long as it needs.
    let mut first = timeout(LONGEST, PgConnection::connect_with(&options)).await.map_err(|_| no_answer())??;
    for (setting, allowed) in [("fsync", &["on"][..]), ("full_page_writes", &["on"]), (SYNCHRONOUS, DURABLE)] {
        let value = current(&mut first, setting).await?;
        if !allowed.contains(&value.as_str()) {
            return Err(Error::new(
                ErrorKind::Other,
                format!(
                    "PostgreSQL runs with {setting}={value}; Postern promises that accepted mail is safe and needs {setting}=on"
                ),
            ));
        }
    }
    let synchronous = current(&mut first, SYNCHRONOUS).await?;
    let migrator = sqlx::migrate!("migrations/postgres");
    check_alone(&mut first, &migrator, own).await?;
    migrator.run(&mut first).await.map_err(migration)?;
    first.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(LONGEST)
        .test_before_acquire(false)
        .connect_with(bound(options, &synchronous))
        .await?;
    Ok(Storage(Arc::new(Pools::Postgres { pool, tasks, failed: CancellationToken::new() })))
}

/// How long after its last sign of life a node may still run.
const ALIVE: Duration = Duration::from_mins(5);

/// A program that runs on a schema it does not know takes states it has never heard of for rubbish and erases what they
/// keep. So nothing is changed while other nodes run; one of an older version that starts later finds migrations it does
/// not know, and refuses. Nodes are looked for first: those of this version appear only after the last migration.
async fn check_alone(connection: &mut PgConnection, migrator: &Migrator, own: Option<&Node>) -> Result<(), Error> {
    let is_new: bool = sqlx::query_scalar("SELECT to_regclass('nodes') IS NULL OR to_regclass('_sqlx_migrations') IS NULL")
        .fetch_one(&mut *connection)
        .await?;
    if is_new {
        return Ok(());
    }
    let others: Vec<String> = sqlx::query_scalar(
        "SELECT hostname FROM nodes WHERE id IS DISTINCT FROM $1 \
         AND ABS(heartbeat_at - (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT) < $2 ORDER BY hostname",
    )
    .bind(own.map(|own| own.id))
    .bind(i64::try_from(ALIVE.as_micros()).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    let done: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&mut *connection).await?;
    let is_current = migrator.iter().all(|migration| done.contains(&migration.version));
    if others.is_empty() || is_current {
        return Ok(());
    }
    let names = others.join(", ");
    Err(Error::new(ErrorKind::InUse, format!("its schema is older than this version, and other nodes still run on it: {names}")))
}

const SYNCHRONOUS: &str = "synchronous_commit";
/// All but `off`: what is committed is on a disk when the commit returns.
const DURABLE: &[&str] = &["on", "remote_apply", "remote_write", "local"];

async fn current(connection: &mut PgConnection, setting: &str) -> Result<String, Error> {
    Ok(sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(connection).await?)
}

/// What every connection of the pool starts with. A session's own settings go before those of its role and database, so
/// nobody turns `synchronous_commit` off for us later. The server gives up what we have given up, and notices when we
/// are gone without a word.
fn bound(options: PgConnectOptions, synchronous: &str) -> PgConnectOptions {
    options.options([
        (SYNCHRONOUS, synchronous),
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "60s"),
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
    ])
}

fn migration(error: sqlx::migrate::MigrateError) -> Error {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => Error::new(ErrorKind::Other, format!("the schema could not be brought up to date: {other}")),
    }
}
