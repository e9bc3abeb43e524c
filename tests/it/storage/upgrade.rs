//! A database as the last release left it, with mail in its queue, is brought up to date and loses nothing.

use std::fmt::Write;
use std::time::Duration;

use postern::model::Private;
use postern::model::delivery::{DeliveryKind, DeliveryState};
use postern::model::node::Node;
use postern::model::sign_up_code::{Chosen, CodeDigest, SignUpCode};
use postern::storage::delivery::NewFailure;
use postern::storage::{ErrorKind, Options, Storage, Tx, delivery, queue, sign_up_code};
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::fixtures::{commit, failure};
use crate::support::app::TestApp;
use crate::support::database::{Database, each_driver_after, on_postgres_after};

/// The last migration of an old release: every later one runs over its data.
const RELEASED: i64 = 3;
/// Where the tests' clock begins.
const NOW: i64 = 1_800_000_000_000_000;
const MINUTE: i64 = 60_000_000;

/// A connection that knows nothing of Postern.
enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    async fn open(options: &Options) -> Self {
        match options {
            Options::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
                Self::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Options::Postgres { url, .. } => Self::Postgres(PgConnection::connect(url.reveal()).await.unwrap()),
        }
    }

    /// Makes the schema of the last release.
    async fn install(&mut self) {
        let released = |all: Migrator| {
            let migrations = all.iter().filter(|migration| migration.version <= RELEASED).cloned().collect::<Vec<_>>().into();
            Migrator { migrations, ..Migrator::DEFAULT }
        };
        match self {
            Self::Sqlite(connection) => released(sqlx::migrate!("migrations/sqlite")).run(connection).await.unwrap(),
            Self::Postgres(connection) => released(sqlx::migrate!("migrations/postgres")).run(connection).await.unwrap(),
        }
    }

    async fn execute(&mut self, sql: String) {
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop).unwrap(),
            Self::Postgres(connection) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop).unwrap(),
        }
    }

    async fn texts(&mut self, sql: String) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap(),
            Self::Postgres(connection) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap(),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let mut digits = String::new();
        for byte in bytes {
            write!(digits, "{byte:02x}").unwrap();
        }
        match self {
            Self::Sqlite(_) => format!("x'{digits}'"),
            Self::Postgres(_) => format!("'\\x{digits}'::bytea"),
        }
    }

    fn uuid(&self, number: u128) -> String {
        let uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number << 16);
        match self {
            Self::Sqlite(_) => self.bytes(uuid.as_bytes()),
            Self::Postgres(_) => format!("'{uuid}'::uuid"),
        }
    }

    /// All rows of a table, whole.
    async fn rows(&mut self, table: &str, order: &str) -> Vec<String> {
        let row = match self {
            Self::Sqlite(_) => {
                let each = format!(
                    "SELECT group_concat('quote(' || name || ')', ' || '' '' || ') FROM pragma_table_info('{table}') \
                     WHERE name NOT IN ({ADDED})"
                );
                self.texts(each).await.remove(0)
            }
            Self::Postgres(_) => format!("(to_jsonb({table}) - ARRAY[{ADDED}])::text"),
        };
        self.texts(format!("SELECT {row} FROM {table} ORDER BY {order}")).await
    }

    /// The definitions of a table's indexes.
    async fn indexes(&mut self, table: &str) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => {
                format!(
                    "SELECT replace(sql, '\"', '') FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL ORDER BY 1"
                )
            }
            Self::Postgres(_) => format!("SELECT indexdef FROM pg_indexes WHERE tablename = '{table}' ORDER BY 1"),
        };
        self.texts(sql).await
    }

    async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

/// The columns that migrations since then gave to these tables.
const ADDED: &str = "'sealed', 'asked_again', 'cancelled_because'";

/// What must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    deliveries: Vec<String>,
    messages: Vec<String>,
    bodies: Vec<String>,
}

impl Content {
    async fn of(raw: &mut Raw) -> Self {
        Self {
            deliveries: raw.rows("deliveries", "id").await,
            messages: raw.rows("messages", "id").await,
            bodies: raw.rows("body_chunks", "message_id, seq").await,
        }
    }
}

fn body(number: u128) -> String {
    format!("\r\nOld mail number {number}\r\n")
}

/// An account with an alias, and five messages for it: waiting, leased by another node, in quarantine, waiting and muted,
/// and one that is gone.
async fn fill(raw: &mut Raw) {
    let [user, mailbox, domain, alias] = [1, 2, 3, 4].map(|number| raw.uuid(number));
    raw.execute(format!(
        "INSERT INTO users (uuid, email, is_admin, created_at) VALUES ({user}, 'ann@inbox.example', TRUE, {NOW});
         INSERT INTO mailboxes (uuid, user_id, address, address_key, verified_at, is_default, created_at)
         VALUES ({mailbox}, 1, 'Ann@inbox.example', 'ann@inbox.example', {NOW}, TRUE, {NOW});
         INSERT INTO domains (uuid, name, created_at) VALUES ({domain}, 'you.example', {NOW});
         INSERT INTO aliases (uuid, user_id, domain_id, address, state, note, created_at, state_changed_at)
         VALUES ({alias}, 1, 1, 'old@you.example', 'active', '', {NOW}, {NOW});
         INSERT INTO alias_mailboxes (alias_id, mailbox_id) VALUES (1, 1);"
    ))
    .await;
    let lease = format!("'other/boot', {}, {}", raw.uuid(90), NOW + MINUTE);
    let rows = [
        ("waiting", "NULL, NULL, NULL", "FALSE", "FALSE"),
        ("waiting", lease.as_str(), "FALSE", "FALSE"),
        ("failed", "NULL, NULL, NULL", "TRUE", "FALSE"),
        ("waiting", "NULL, NULL, NULL", "FALSE", "TRUE"),
        ("waiting", "NULL, NULL, NULL", "FALSE", "FALSE"),
    ];
    for ((state, lease, quarantined, muted), number) in rows.into_iter().zip(1_u128..) {
        let (message, delivery, body) = (raw.uuid(10 + number), raw.uuid(20 + number), body(number));
        let (digest, header) = (raw.bytes(&Sha256::digest(&body)), raw.bytes(b"Subject: old\r\n"));
        let (length, body) = (body.len(), raw.bytes(body.as_bytes()));
        raw.execute(format!(
            "INSERT INTO messages (uuid, received_at, sender, client_ip, helo, header, body_length, body_sha256, eight_bit, smtputf8)
             VALUES ({message}, {NOW}, 'news@lg.example', '192.0.2.1', 'mail.lg.example', {header}, {length}, {digest}, FALSE, FALSE);
             INSERT INTO body_chunks (message_id, seq, data) VALUES ({number}, 0, {body});
             INSERT INTO deliveries (uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, header, state, queued_at,
             next_attempt_at, attempts, expires_at, site, lease_owner, lease_token, lease_until, quarantined, muted, last_code,
             last_status, last_detail, settled_at)
             VALUES ({delivery}, {number}, 'forward', 1, 1, 'bounce+x@you.example', 'Ann@inbox.example', {header}, '{state}', {NOW},
             {NOW}, 1, {}, NULL, {lease}, {quarantined}, {muted}, 451, '4.3.0', 'later', NULL);",
            NOW + 7200 * MINUTE
        ))
        .await;
    }
    raw.execute("DELETE FROM deliveries WHERE id = 5; DELETE FROM messages WHERE id = 5;".into()).await;
}

async fn raw_of(storage: &Storage, options: &Options) -> Raw {
    // What is committed is seen by everybody.
    storage.checkpoint().await.unwrap();
    Raw::open(options).await
}

/// The id of the next delivery that is made.
async fn next_id(database: &Database) -> i64 {
    let new = NewFailure {
        uuid: database.uuid(),
        kind: DeliveryKind::Forward,
        alias_id: None,
        mailbox_id: None,
        sender: None,
        recipient: crate::support::database::address("x@inbox.example"),
        failure: failure(),
        at: database.now(),
    };
    let uuid = new.uuid;
    commit!(*database, tx => delivery::insert_failed(tx, &new)).unwrap();
    let mut tx = database.storage.read().await.unwrap();
    queue::find_by_uuid(&mut tx, uuid).await.unwrap().unwrap().id.0
}

#[tokio::test]
async fn the_queue_of_the_last_release_is_taken_over_and_delivered() {
    let before = std::cell::RefCell::new(None);
    let prepare = async |options: &Options| {
        let mut raw = Raw::open(options).await;
        raw.install().await;
        fill(&mut raw).await;
        let content = Content::of(&mut raw).await;
        assert_eq!((content.deliveries.len(), content.messages.len(), content.bodies.len()), (4, 4, 4));
        *before.borrow_mut() = Some((content, raw.indexes("deliveries").await));
        raw.close().await;
    };
    each_driver_after(prepare, async |database| {
        let (content, indexes) = before.borrow_mut().take().unwrap();
        let mut raw = raw_of(&database.storage, &database.options).await;
        assert_eq!(Content::of(&mut raw).await, content);
        let now = raw.indexes("deliveries").await;
        assert!(indexes.iter().all(|index| now.contains(index)), "{indexes:#?} in {now:#?}");
        raw.close().await;

        let app = TestApp::start(&database).await;
        let done = async |app: &TestApp, times: usize| app.sink.messages().len() == times && app.queue().await.len() == 4 - times;
        app.running.broker.queue.notify_one();
        app.wait_until(async |app| done(app, 2).await).await;
        // The other node's lease has to lapse first.
        app.clock.advance(Duration::from_mins(2));
        app.running.broker.queue.notify_one();
        app.wait_until(async |app| done(app, 3).await).await;
        for number in [1, 2, 4] {
            let is_this = |content: &[u8]| content.ends_with(body(number).as_bytes());
            assert_eq!(app.sink.messages().iter().filter(|message| is_this(&message.content)).count(), 1, "number {number}");
        }
        let row = app.queue().await.remove(0);
        assert_eq!((row.id.0, row.state, row.message_id.map(|id| id.0)), (3, DeliveryState::Failed, Some(3)));
        app.finish().await;
        assert_eq!(next_id(&database).await, 6, "the id of what was deleted before is not given again");
    })
    .await;
}

#[tokio::test]
async fn a_sign_up_by_code_is_kept_on_a_database_of_the_last_release() {
    let prepare = async |options: &Options| {
        let mut raw = Raw::open(options).await;
        raw.install().await;
        fill(&mut raw).await;
        raw.close().await;
    };
    each_driver_after(prepare, async |database| {
        let now = database.now();
        let digest = CodeDigest { salt: Private::new(vec![0; 16]), tag: Private::new(vec![255; 16]), expires_at: now };
        let new = SignUpCode {
            address: crate::support::database::address("\"a b\"@inbox.example"),
            chosen: Chosen::Password(Private::new("$argon2id$x".into())),
            code: Some(digest),
            tries: 2,
            expires_at: now.plus(Duration::from_mins(1)),
        };
        let disputed = SignUpCode { chosen: Chosen::Disputed(Private::new("$argon2id$y".into())), code: None, ..new.clone() };
        for one in [&new, &disputed, &SignUpCode { chosen: Chosen::Nothing, ..disputed.clone() }] {
            let put = one.clone();
            commit!(database, tx => sign_up_code::put(tx, &put)).unwrap();
            let mut tx = database.storage.read().await.unwrap();
            assert_eq!(sign_up_code::find(&mut tx, &one.address, now).await.unwrap().as_ref(), Some(one));
            assert!(sign_up_code::find(&mut tx, &one.address, one.expires_at).await.unwrap().is_none());
        }
        let ends = new.expires_at;
        assert_eq!(commit!(database, tx => sign_up_code::delete_expired(tx, now)).unwrap(), 0);
        assert_eq!(commit!(database, tx => sign_up_code::delete_expired(tx, ends)).unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_empty_queue_goes_on_counting_where_it_was() {
    let prepare = async |options: &Options| {
        let mut raw = Raw::open(options).await;
        raw.install().await;
        fill(&mut raw).await;
        raw.execute("DELETE FROM deliveries".into()).await;
        raw.close().await;
    };
    each_driver_after(prepare, async |database| assert_eq!(next_id(&database).await, 6)).await;
}

#[tokio::test]
async fn the_schema_stays_as_it_is_while_other_nodes_run() {
    let [one, other] = [1, 2].map(|number| Node { id: Uuid::from_u128(number), boot: Uuid::from_u128(9) });
    let prepare = async |options: &Options| {
        let mut raw = Raw::open(options).await;
        raw.install().await;
        raw.execute(format!(
            "INSERT INTO nodes (id, boot, hostname, started_at, heartbeat_at) SELECT '{}', '{}', 'mx1.you.example', 0, \
             (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT - 4 * {MINUTE}",
            one.id, one.boot
        ))
        .await;
        let tasks = TaskTracker::new();
        for own in [None, Some(&other)] {
            let refused = Storage::open_as(options, own, &tasks).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InUse);
            assert!(refused.to_string().ends_with("other nodes still run on it: mx1.you.example"), "{refused}");
        }
        let versions = raw.texts("SELECT MAX(version)::TEXT FROM _sqlx_migrations".into()).await;
        assert_eq!(versions, [RELEASED.to_string()]);
        // It was this very node, which crashed a moment ago.
        let storage = Storage::open_as(options, Some(&one), &tasks).await.unwrap();
        storage.close().await;
        raw.close().await;
    };
    // Up to date it is opened whoever runs.
    on_postgres_after(prepare, async |database| assert!(matches!(database.storage.read().await, Ok(Tx::PostgresRead(_))))).await;
}

#[tokio::test]
async fn a_node_that_fell_silent_keeps_nobody_from_going_on() {
    let prepare = async |options: &Options| {
        let mut raw = Raw::open(options).await;
        raw.install().await;
        raw.execute(format!(
            "INSERT INTO nodes (id, boot, hostname, started_at, heartbeat_at) SELECT gen_random_uuid(), gen_random_uuid(), 'x', 0, \
             (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT - 6 * {MINUTE}"
        ))
        .await;
        raw.close().await;
    };
    on_postgres_after(prepare, async |database| assert!(database.storage.read().await.is_ok())).await;
}
