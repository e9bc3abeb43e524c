//! Counters per alias and day.

use postern::model::activity::{Activity, ActivityKey};
use postern::model::id::AliasId;
use postern::storage::activity;

use super::fixtures::{commit, house, read};
use crate::support::database::each_driver;

#[tokio::test]
async fn counts_add_up_per_day_and_those_of_gone_aliases_are_dropped() {
    each_driver(async |database| {
        let alias_id = house(&database).await.alias.id;
        let key = move |day| ActivityKey { alias_id, day };
        let gone = ActivityKey { alias_id: AliasId(9_999), day: 7 };
        let all = Activity { forwarded: 1, blocked: 2, refused: 3, failed: 4, cancelled: 5, replied: 6, unproven: 7, quoted: 8 };
        let first = [(key(8), Activity::FORWARDED), (gone, Activity::FORWARDED), (key(7), all)];
        commit!(database, tx => activity::add(tx, &first)).unwrap();
        let second = [(key(7), all), (key(7), Activity::BLOCKED)];
        commit!(database, tx => activity::add(tx, &second)).unwrap();
        let seven =
            Activity { forwarded: 2, blocked: 5, refused: 6, failed: 8, cancelled: 10, replied: 12, unproven: 14, quoted: 16 };
        let days = read!(database, tx => activity::of_alias(tx, alias_id, 7));
        assert_eq!(days, [(7, seven), (8, Activity::FORWARDED)]);
        assert_eq!(read!(database, tx => activity::of_alias(tx, alias_id, 8)), [(8, Activity::FORWARDED)]);
        assert_eq!(read!(database, tx => activity::total(tx, alias_id)).forwarded, 3);
        assert!(read!(database, tx => activity::of_alias(tx, gone.alias_id, 0)).is_empty());
    })
    .await;
}
