//! Sites in trouble.

use std::time::Duration;

use postern::storage::site_backoff;

use super::fixtures::{commit, read};
use crate::support::database::each_driver;

#[tokio::test]
async fn failures_count_up_until_the_site_answers() {
    each_driver(async |database| {
        let now = database.now();
        let later = now.plus(Duration::from_mins(1));
        assert_eq!(commit!(database, tx => site_backoff::record(tx, "mx", later)).unwrap(), 1);
        assert_eq!(commit!(database, tx => site_backoff::record(tx, "mx", now)).unwrap(), 2, "a shorter wait shortens nothing");
        assert_eq!(read!(database, tx => site_backoff::find(tx, "mx")), Some((later, 2)));
        assert!(commit!(database, tx => site_backoff::clear(tx, "mx")).unwrap());
        assert!(!commit!(database, tx => site_backoff::clear(tx, "mx")).unwrap());
        assert_eq!(commit!(database, tx => site_backoff::record(tx, "mx", later)).unwrap(), 1);
        assert_eq!(commit!(database, tx => site_backoff::forget(tx, later)).unwrap(), 0);
        let past = later.plus(Duration::from_micros(1));
        assert_eq!(commit!(database, tx => site_backoff::forget(tx, past)).unwrap(), 1);
    })
    .await;
}
