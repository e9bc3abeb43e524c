//! The two statements that every message runs use indexes, on both databases.

use postern::storage::alias::FIND_ROUTE;
use postern::storage::delivery::{CLAIM_POSTGRES, CLAIM_SQLITE};
use postern::storage::{Storage, Tx};
use sqlx::{AssertSqlSafe, Row};

use super::fixtures::commit;
use crate::support::database::{Database, each_driver, on_postgres, on_sqlite};

/// Runs a statement that is no part of Postern.
pub async fn execute(database: &Database, sql: String) {
    commit!(database, tx => async {
        match tx {
            Tx::Sqlite(t) => sqlx::query(AssertSqlSafe(sql)).execute(&mut **t).await.map(drop),
            Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query(AssertSqlSafe(sql)).execute(&mut **t).await.map(drop),
        }?;
        Ok(())
    })
    .unwrap();
}

pub async fn sqlite_plan(storage: &Storage, sql: &str) -> String {
    let Tx::Sqlite(mut connection) = storage.read().await.unwrap() else { unreachable!("not SQLite") };
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut *connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

/// A queue of 20,000, known to the planner.
const LONG_QUEUE: &str = "INSERT INTO deliveries (uuid, kind, recipient, header, state, queued_at, next_attempt_at, attempts, \
     expires_at) SELECT gen_random_uuid(), 'forward', 'x@inbox.example', '', 'waiting', 0, n, 0, 0 \
     FROM generate_series(1, 20000) n";

/// The plan PostgreSQL takes, with sequential scans made expensive where tables are small.
pub async fn postgres_plan(storage: &Storage, types: &str, sql: &str, values: &str) -> String {
    let Tx::PostgresRead(mut connection) = storage.read().await.unwrap() else { unreachable!("not PostgreSQL") };
    for statement in ["SET enable_seqscan = off".into(), format!("PREPARE plan {types} AS {sql}")] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
    let rows = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN EXECUTE plan({values})"))).fetch_all(&mut *connection).await.unwrap();
    sqlx::raw_sql("DEALLOCATE plan").execute(&mut *connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn sqlite_finds_routes_and_claims_by_index() {
    on_sqlite(async |database| {
        let route = sqlite_plan(&database.storage, FIND_ROUTE).await;
        assert!(route.contains("SEARCH a USING INDEX sqlite_autoindex_aliases_2 (address=?)"), "{route}");
        assert!(!route.contains("SCAN"), "{route}");
        assert!(route.contains("USING COVERING INDEX sqlite_autoindex_blocks_2 (user_id=?)"), "{route}");
        assert!(route.contains("contacts_blocked (alias_id=?)"), "{route}");
        let claim = sqlite_plan(&database.storage, CLAIM_SQLITE).await;
        assert!(claim.contains("SEARCH d USING INDEX deliveries_due (next_attempt_at<?)"), "{claim}");
        assert!(claim.contains("SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)"), "{claim}");
        assert!(!claim.contains("TEMP B-TREE FOR ORDER BY"), "{claim}");
    })
    .await;
}

#[tokio::test]
async fn postgres_finds_routes_and_claims_by_index() {
    on_postgres(async |database| {
        execute(&database, LONG_QUEUE.into()).await;
        execute(&database, "ANALYZE deliveries".into()).await;
        let route = postgres_plan(&database.storage, "", FIND_ROUTE, "'x'").await;
        assert!(route.contains("aliases_address_key") && !route.contains("Seq Scan"), "{route}");
        assert!(route.contains("blocks_user_id_sender_key") && route.contains("contacts_blocked"), "{route}");
        let claim = "'o', gen_random_uuid(), 9, 15000, 5";
        let claim = postgres_plan(&database.storage, "", CLAIM_POSTGRES, claim).await;
        assert!(claim.contains("Index Scan using deliveries_due"), "{claim}");
        assert!(claim.contains("deliveries_pkey") && !claim.contains("Seq Scan"), "{claim}");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named_and_not_trusted() {
    each_driver(async |database| {
        let house = super::fixtures::house(&database).await;
        execute(&database, format!("UPDATE aliases SET address = 'no address' WHERE id = {}", house.alias.id)).await;
        let mut tx = database.storage.read().await.unwrap();
        let error = postern::storage::alias::find(&mut tx, house.alias.id).await.unwrap_err();
        assert_eq!(error.kind(), postern::storage::ErrorKind::Corrupt);
        assert_eq!(error.to_string(), format!("aliases.address of row {} makes no sense", house.alias.id));
    })
    .await;
}
