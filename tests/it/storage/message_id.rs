//! Pairs of message ids.

use std::time::Duration;

use postern::storage::message_id;

use super::fixtures::{commit, house, read};
use crate::support::database::each_driver;

#[tokio::test]
async fn pairs_are_found_for_their_alias_until_they_are_old() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (alias, now) = (house.alias.id, database.now());
        let later = now.plus(Duration::from_secs(10));
        commit!(database, tx => message_id::record(tx, alias, "a@you.example", "1@client", now)).unwrap();
        commit!(database, tx => message_id::record(tx, alias, "b@you.example", "2@client", now)).unwrap();
        // Said again: it counts as new.
        commit!(database, tx => message_id::record(tx, alias, "b@you.example", "2@client", later)).unwrap();
        assert_eq!(read!(database, tx => message_id::recorded_at(tx, alias, "b@you.example")), Some(later));
        assert_eq!(read!(database, tx => message_id::recorded_at(tx, alias, "c@you.example")), None);
        let wanted = ["a@you.example".to_owned(), "b@you.example".into(), "c@you.example".into()];
        let mut found = read!(database, tx => message_id::find_many(tx, alias, &wanted));
        found.sort();
        let pair = |ours: &str, theirs: &str| (ours.to_owned(), theirs.to_owned());
        assert_eq!(found, [pair("a@you.example", "1@client"), pair("b@you.example", "2@client")]);
        let other = postern::model::id::AliasId(alias.0 + 1);
        assert!(read!(database, tx => message_id::find_many(tx, other, &wanted)).is_empty());
        assert!(read!(database, tx => message_id::find_many(tx, alias, &[])).is_empty());
        assert_eq!(commit!(database, tx => message_id::expire(tx, later)).unwrap(), 1);
        assert_eq!(read!(database, tx => message_id::find_many(tx, alias, &wanted)), [pair("b@you.example", "2@client")]);
    })
    .await;
}
