//! One test, both drivers: SQLite in a folder of its own always, PostgreSQL in a database of its own when
//! `POSTERN_TEST_POSTGRES` names a server to make databases on (a superuser's URL; `tests/run` starts one).

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use futures_util::FutureExt;
use postern::model::{Address, Chance, Clock, Private, Timestamp};
use postern::storage::{Options, Storage};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio_util::task::TaskTracker;

/// A fresh database, with the time and chance to fill it.
#[derive(Clone)]
pub struct Database {
    pub storage: Storage,
    pub options: Options,
    pub tasks: TaskTracker,
    pub clock: Arc<HandClock>,
    pub chance: Chance,
}

impl Database {
    async fn open(options: Options) -> Self {
        let tasks = TaskTracker::new();
        let storage = Storage::open(&options, &tasks).await.unwrap();
        let chance = Chance::new(StdRng::seed_from_u64(42));
        Self { storage, options, tasks, clock: Arc::new(HandClock::new()), chance }
    }

    /// Opens the same database once more, as another process (or the next) would.
    pub async fn reopen(&self) -> Storage {
        Storage::open(&self.options, &self.tasks).await.unwrap()
    }

    pub fn uuid(&self) -> uuid::Uuid {
        postern::model::id::uuid_v7(self.clock.now(), &self.chance)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A clock moved by hand.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn new() -> Self {
        Self(AtomicI64::new(1_800_000_000_000_000))
    }

    /// Goes on to the machine's time, unless it is past that.
    #[expect(clippy::disallowed_methods, reason = "for a library under test that reads the machine's clock itself")]
    pub fn catch_up(&self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.0.fetch_max(i64::try_from(now.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub fn advance(&self, by: std::time::Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Runs a test on every driver there is.
pub async fn each_driver(test: impl AsyncFn(Database)) {
    on_sqlite(&test).await;
    on_postgres(&test).await;
}

/// Runs a test on every driver there is, on a database that is not empty when it is opened first: `prepare` was there before.
pub async fn each_driver_after(prepare: impl AsyncFn(&Options), test: impl AsyncFn(Database)) {
    let folder = tempfile::tempdir().unwrap();
    sqlite_in(folder.path(), &prepare, &test).await;
    on_postgres_after(&prepare, &test).await;
}

/// Runs a test on SQLite.
pub async fn on_sqlite(test: impl AsyncFn(Database)) {
    let folder = tempfile::tempdir().unwrap();
    sqlite_in(folder.path(), async |_: &Options| {}, test).await;
}

async fn sqlite_in(folder: &Path, prepare: impl AsyncFn(&Options), test: impl AsyncFn(Database)) {
    let options = Options::Sqlite(folder.join("postern.db"));
    named("SQLite", prepare(&options)).await;
    let database = Database::open(options).await;
    let storage = database.storage.clone();
    named("SQLite", test(database)).await;
    storage.close().await;
}

/// Runs a test on PostgreSQL if there is one; `POSTERN_TEST_REQUIRE_POSTGRES=1` makes its absence a failure.
pub async fn on_postgres(test: impl AsyncFn(Database)) {
    on_postgres_after(async |_: &Options| {}, test).await;
}

/// The same on a database that is not empty when it is opened first.
#[expect(clippy::print_stdout, reason = "who runs the tests must see what was left out")]
pub async fn on_postgres_after(prepare: impl AsyncFn(&Options), test: impl AsyncFn(Database)) {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let Some(server) = variable("POSTERN_TEST_POSTGRES") else {
        assert!(variable("POSTERN_TEST_REQUIRE_POSTGRES").is_none_or(|value| value != "1"), "POSTERN_TEST_POSTGRES is not set");
        println!("skipped on PostgreSQL: POSTERN_TEST_POSTGRES is not set");
        return;
    };
    // One process per test and server: no other test has this name now.
    let name = format!("test_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::SeqCst));
    let mut admin = PgConnection::connect(&server).await.unwrap();
    execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    execute(&mut admin, format!("CREATE DATABASE {name}")).await;
    let result = AssertUnwindSafe(async {
        let url = Private::new(with_database(&server, &name));
        let options = Options::Postgres { url, connections: 10 };
        named("PostgreSQL", prepare(&options)).await;
        let database = Database::open(options).await;
        let storage = database.storage.clone();
        named("PostgreSQL", test(database)).await;
        storage.close().await;
    })
    .catch_unwind()
    .await;
    execute(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Says on which driver a test failed.
#[expect(clippy::print_stdout, reason = "a panic message alone does not say which")]
async fn named(driver: &str, test: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(test).catch_unwind().await {
        println!("failed on {driver}");
        std::panic::resume_unwind(panic);
    }
}

async fn execute(admin: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(admin).await.unwrap();
}

/// `postgres://user@host:port/other?options` with another database name.
fn with_database(server: &str, name: &str) -> String {
    let (base, options) = server.split_once('?').map_or((server, None), |(base, options)| (base, Some(options)));
    let (scheme, rest) = base.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    options.map_or_else(|| format!("{scheme}://{authority}/{name}"), |options| format!("{scheme}://{authority}/{name}?{options}"))
}

#[expect(clippy::disallowed_methods, reason = "the harness is told by its environment where PostgreSQL is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
