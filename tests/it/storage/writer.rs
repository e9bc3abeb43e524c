//! What `Storage::write` promises: durable when it says so, nothing kept when it fails, one bad piece sinks no other.

use postern::storage::{ErrorKind, Tx, secret};
use sqlx::Executor;

use super::fixtures::{commit, read};
use crate::support::database::{each_driver, on_sqlite};

#[tokio::test]
async fn two_hundred_concurrent_writes_are_all_there_after_reopening() {
    each_driver(async |database| {
        let now = database.now();
        let writes = (0..200).map(|number| {
            let name = format!("key {number}");
            async { commit!(database, tx => async { secret::get_or_create(tx, &name, name.as_bytes(), now).await }).unwrap() }
        });
        futures_util::future::join_all(writes).await;
        let again = database.reopen().await;
        let mut tx = again.read().await.unwrap();
        for number in 0..200 {
            let name = format!("key {number}");
            assert_eq!(secret::get_or_create(&mut tx, &name, b"fresh", now).await.unwrap(), name.as_bytes());
        }
        drop(tx);
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_piece_that_fails_leaves_nothing_and_sinks_no_other() {
    each_driver(async |database| {
        let now = database.now();
        let writes = (0..60).map(|number| {
            let name = format!("key {number}");
            let database = &database;
            async move {
                commit!(*database, tx => async {
                    secret::get_or_create(tx, &name, b"x", now).await?;
                    if number % 3 == 0 {
                        return Err(postern::storage::Error::new(ErrorKind::Other, "on purpose"));
                    }
                    Ok(())
                })
                .is_ok()
            }
        });
        let done = futures_util::future::join_all(writes).await;
        assert_eq!(done.iter().filter(|ok| **ok).count(), 40);
        for (number, ok) in done.iter().enumerate() {
            let fresh = if *ok { &b"x"[..] } else { b"made now" };
            let name = format!("key {number}");
            let stored = commit!(database, tx => async { secret::get_or_create(tx, &name, b"made now", now).await });
            assert_eq!(stored.unwrap(), fresh, "{number}");
        }
    })
    .await;
}

#[tokio::test]
async fn work_goes_on_to_its_end_when_its_caller_stops_waiting() {
    each_driver(async |database| {
        let now = database.now();
        let (started, wait) = tokio::sync::oneshot::channel();
        let (go, gate) = tokio::sync::oneshot::channel::<()>();
        let work = database.storage.write::<_, postern::storage::Error, _>(move |tx| {
            Box::pin(async move {
                started.send(()).unwrap();
                gate.await.unwrap();
                secret::get_or_create(tx, "abandoned", b"kept", now).await
            })
        });
        tokio::select! {
            _ = work => panic!("it waits for the gate"),
            started = wait => started.unwrap(),
        }
        go.send(()).unwrap();
        // Closing waits for what is under way.
        database.storage.close().await;
        let again = database.reopen().await;
        let mut tx = again.read().await.unwrap();
        assert_eq!(secret::get_or_create(&mut tx, "abandoned", b"fresh", now).await.unwrap(), b"kept");
        drop(tx);
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_full_database_says_so_keeps_what_it_had_and_goes_on_when_there_is_room() {
    on_sqlite(async |database| {
        let now = database.now();
        let limit = async |pages: &'static str| {
            commit!(database, tx => async {
                if let Tx::Sqlite(t) = tx {
                    (&mut **t).execute(pages).await?;
                }
                Ok(())
            })
            .unwrap();
        };
        commit!(database, tx => secret::get_or_create(tx, "before", b"x", now)).unwrap();
        limit("PRAGMA max_page_count = 1").await;
        let large = vec![7; 4 << 20];
        let refused = commit!(database, tx => async { secret::get_or_create(tx, "large", &large, now).await });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Full);
        limit("PRAGMA max_page_count = 1000000").await;
        assert_eq!(commit!(database, tx => secret::get_or_create(tx, "large", b"small", now)).unwrap(), b"small");
        assert_eq!(read!(database, tx => secret::get_or_create(tx, "before", b"y", now)), b"x");
    })
    .await;
}

#[tokio::test]
async fn a_piece_that_panics_fails_alone_and_the_next_is_written() {
    each_driver(async |database| {
        let now = database.now();
        let writes = (0..30).map(|number| {
            let name = format!("key {number}");
            let database = &database;
            async move {
                commit!(*database, tx => async {
                    secret::get_or_create(tx, &name, b"x", now).await?;
                    assert!(number % 3 != 0, "on purpose");
                    Ok(())
                })
            }
        });
        for (number, done) in futures_util::future::join_all(writes).await.into_iter().enumerate() {
            match done {
                Ok(()) => assert_ne!(number % 3, 0),
                Err(error) => assert_eq!((number % 3, error.kind()), (0, ErrorKind::Other), "{error}"),
            }
            let fresh = if number % 3 == 0 { &b"made now"[..] } else { b"x" };
            let name = format!("key {number}");
            let stored = commit!(database, tx => async { secret::get_or_create(tx, &name, b"made now", now).await });
            assert_eq!(stored.unwrap(), fresh, "{number}");
        }
        assert!(!database.storage.watch_failure().is_cancelled());
    })
    .await;
}
