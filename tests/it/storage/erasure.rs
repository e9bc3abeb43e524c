//! What is erased is gone from the disk.

use std::fs;
use std::path::PathBuf;

use postern::storage::message::CHUNK;
use postern::storage::{Options, delivery, message};

use super::fixtures::{commit, delivery_of, enqueue, house, lease, new_message};
use crate::support::database::{Database, each_driver, on_sqlite};

const MARK: &[u8] = b"The secret of ann ";

/// How often the mark stands in the database's file, and in its log.
fn marks(database: &Database) -> (usize, usize) {
    let Options::Sqlite(path) = &database.options else { unreachable!("not SQLite") };
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let count = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        memchr::memmem::find_iter(&bytes, MARK).count()
    };
    (count(path), count(&log.into()))
}

#[tokio::test]
async fn an_erased_body_is_gone_from_the_file_and_its_log() {
    on_sqlite(async |database| {
        let house = house(&database).await;
        let body: &'static [u8] = MARK.repeat(2 * CHUNK / MARK.len()).leak();
        let kept = new_message(&database, body).await;
        let id = enqueue(&database, delivery_of(&database, &house, kept)).await;
        assert!(database.storage.checkpoint().await.unwrap());
        let (file, log) = marks(&database);
        assert!(file > 1000 && log == 0, "{file} {log}");
        let now = database.now();
        let held = lease(&database, "node/boot", now.plus(std::time::Duration::from_mins(1)));
        let token = held.token;
        assert_eq!(commit!(database, tx => delivery::claim(tx, &held, now, 1)).unwrap().len(), 1);
        assert!(commit!(database, tx => delivery::settle_delivered(tx, id, token)).unwrap());
        assert!(database.storage.checkpoint().await.unwrap());
        assert_eq!(marks(&database), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_passes_between_writes() {
    each_driver(async |database| {
        let writes = (0..50_u8).map(|_| new_message(&database, b"x"));
        let checkpoints = (0..10).map(|_| database.storage.checkpoint());
        let (ids, done) = tokio::join!(futures_util::future::join_all(writes), futures_util::future::join_all(checkpoints));
        assert!(done.into_iter().all(|done| done.unwrap()));
        let mut tx = database.storage.read().await.unwrap();
        for id in ids {
            assert!(message::find(&mut tx, id).await.unwrap().is_some());
        }
    })
    .await;
}
