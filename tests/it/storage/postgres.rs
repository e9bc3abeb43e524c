//! What every PostgreSQL connection starts with, and a server that does not answer any more.

use std::sync::Arc;

use postern::model::Private;
use postern::storage::{Error, ErrorKind, Options, Storage, Tx, clock, secret};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::plans::execute;
use crate::support::database::{Database, on_postgres};

async fn shown(tx: &mut Tx, setting: &str) -> String {
    let Tx::PostgresRead(connection) = tx else { unreachable!("not PostgreSQL") };
    sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut **connection).await.unwrap()
}

#[tokio::test]
async fn nobody_turns_synchronous_commit_off_for_us() {
    on_postgres(async |database| {
        let mut first = database.storage.read().await.unwrap();
        let Tx::PostgresRead(connection) = &mut first else { unreachable!("not PostgreSQL") };
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut **connection).await.unwrap();
        execute(&database, format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
        let mut held = vec![first];
        // More than were open before: the later ones began after the change.
        for _ in 0..5 {
            held.push(database.storage.read().await.unwrap());
        }
        for tx in &mut held {
            assert_eq!(shown(tx, "synchronous_commit").await, "on");
            assert_eq!(shown(tx, "statement_timeout").await, "30s");
            assert_eq!(shown(tx, "lock_timeout").await, "10s");
            assert_eq!(shown(tx, "tcp_keepalives_idle").await, "30");
        }
        drop(held);
        let refused = Storage::open(&database.options, &database.tasks).await.unwrap_err();
        assert!(refused.to_string().contains("synchronous_commit=off"), "{refused}");
    })
    .await;
}

/// A way to the server that swallows everything from a moment on, as a network does that lost the other end.
struct Hole {
    swallow: Arc<watch::Sender<bool>>,
    storage: Storage,
    paths: tokio::task::JoinSet<()>,
}

async fn hole(database: &Database) -> Hole {
    let Options::Postgres { url, .. } = &database.options else { unreachable!("not PostgreSQL") };
    let (before, rest) = url.reveal().split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let (swallow, swallows) = watch::channel(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = Private::new(format!("{before}@{}/{name}", listener.local_addr().unwrap()));
    let server = server.to_owned();
    let mut paths = tokio::task::JoinSet::new();
    paths.spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let (server, mut swallows) = (server.clone(), swallows.clone());
            open.spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut far) => {}
                    () = async { drop(swallows.wait_for(|swallow| *swallow).await) } => std::future::pending().await,
                }
            });
        }
    });
    let storage = Storage::open(&Options::Postgres { url: near, connections: 4 }, &TaskTracker::new()).await.unwrap();
    Hole { swallow: Arc::new(swallow), storage, paths }
}

/// Takes as long as the bounds are, because they are real: half a minute, all three at once.
#[tokio::test]
async fn a_server_that_never_answers_fails_everything_in_time_and_an_unanswered_commit_says_that_it_may_have_happened() {
    on_postgres(async |database| {
        let now = database.now();
        let mut hole = hole(&database).await;
        let mut reading = hole.storage.read().await.unwrap();
        clock::now(&mut reading).await.unwrap();
        let others = (hole.storage.read().await.unwrap(), hole.storage.read().await.unwrap());
        drop(others);
        let swallow = Arc::clone(&hole.swallow);
        let commit = hole.storage.write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                secret::get_or_create(tx, "a", b"x", now).await?;
                swallow.send(true).unwrap();
                Ok(())
            })
        });
        let swallowed = async || drop(hole.swallow.subscribe().wait_for(|swallow| *swallow).await.unwrap());
        let read = async {
            swallowed().await;
            clock::now(&mut reading).await
        };
        let write = async {
            swallowed().await;
            let work = hole
                .storage
                .write::<_, Error, _>(move |tx| Box::pin(async move { secret::get_or_create(tx, "b", b"x", now).await }));
            work.await
        };
        let deadline = std::time::Duration::from_secs(50);
        let all = async { tokio::join!(commit, read, write) };
        let (commit, read, write) = tokio::time::timeout(deadline, all).await.expect("everything ends in time");
        for (error, may_be_committed) in [(commit.unwrap_err(), true), (read.unwrap_err(), false), (write.unwrap_err(), false)] {
            assert_eq!((error.kind(), error.may_be_committed()), (ErrorKind::Unavailable, may_be_committed), "{error}");
        }
        drop(reading);
        hole.paths.shutdown().await;
        hole.storage.close().await;
    })
    .await;
}
