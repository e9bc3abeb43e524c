//! Erased rows leave room inside a SQLite file, and that room counts.

use postern::storage::{Tx, secret, space};

use super::fixtures::{commit, read};
use crate::support::database::{on_postgres, on_sqlite};

#[tokio::test]
async fn what_was_erased_is_room_again_in_a_sqlite_file() {
    on_sqlite(async |database| {
        let now = database.now();
        let before = read!(database, tx => space::reusable(tx));
        commit!(database, tx => async { secret::get_or_create(tx, "large", &[7; 1_000_000], now).await }).unwrap();
        commit!(database, tx => async {
            let Tx::Sqlite(connection) = tx else { return Ok(()) };
            sqlx::query("DELETE FROM secrets").execute(&mut **connection).await.map_err(postern::storage::Error::from)?;
            Ok::<_, postern::storage::Error>(())
        })
        .unwrap();
        let after = read!(database, tx => space::reusable(tx));
        assert!(after >= 1_000_000 && after > before, "{before} bytes before, {after} after");
    })
    .await;
}

#[tokio::test]
async fn postgres_looks_after_its_own_space() {
    on_postgres(async |database| {
        assert_eq!(read!(database, tx => space::reusable(tx)), 0);
    })
    .await;
}
