//! What strangers can make of an alias's sightings has an end.

use std::time::Duration;

use postern::model::Timestamp;
use postern::model::id::AliasId;
use postern::model::sighting::{Proof, Seen, SightingKey};
use postern::storage::sighting;

use super::fixtures::{commit, house, read};
use crate::support::database::each_driver;

const DAY: Duration = Duration::from_hours(24);

fn seen(alias_id: AliasId, numbers: std::ops::Range<u32>, proof: Proof, now: Timestamp) -> Vec<(SightingKey, Seen)> {
    let key = |number| SightingKey { alias_id, organisation: format!("s{number:04}.example"), proof, signer: String::new() };
    numbers.map(|number| (key(number), Seen::once(now))).collect()
}

#[tokio::test]
async fn who_finds_no_room_is_counted_among_the_others() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (alias, now) = (house.alias.id, database.now());
        for (numbers, proof) in
            [(0..250, Proof::None), (0..250, Proof::None), (300..302, Proof::Dkim), (400..410, Proof::Unasked)]
        {
            let all = seen(alias, numbers, proof, now);
            commit!(database, tx => sighting::add(tx, &all)).unwrap();
        }
        let rows = read!(database, tx => sighting::of_alias(tx, alias, 1000));
        assert_eq!(rows.len(), 200 + 2 + 2, "those known before, the proven, two rows of others");
        let others: Vec<_> = rows.iter().filter(|(key, _)| key.organisation.is_empty()).collect();
        assert_eq!(
            others.iter().map(|(key, seen)| (key.proof, seen.messages)).collect::<Vec<_>>(),
            [(Proof::None, 100), (Proof::Unasked, 10)]
        );
        assert!(
            rows.iter()
                .filter(|(key, _)| key.proof == Proof::None && !key.organisation.is_empty())
                .all(|(_, seen)| seen.messages == 2)
        );

        let all = seen(alias, 0..1200, Proof::Spf, now);
        commit!(database, tx => sighting::add(tx, &all)).unwrap();
        let rows = read!(database, tx => sighting::of_alias(tx, alias, 2000));
        assert_eq!(rows.len(), 1000 + 1, "nor do the proven go on for ever");
    })
    .await;
}

#[tokio::test]
async fn single_messages_that_nothing_proves_are_forgotten() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (alias, now) = (house.alias.id, database.now());
        let mut all = seen(alias, 0..2, Proof::None, now);
        all.extend(seen(alias, 2..3, Proof::Unasked, now));
        all.extend(seen(alias, 3..4, Proof::Dkim, now));
        all[1].1.messages = 2;
        commit!(database, tx => sighting::add(tx, &all)).unwrap();
        assert_eq!(commit!(database, tx => sighting::forget_single(tx, now)).unwrap(), 0);
        assert_eq!(commit!(database, tx => sighting::forget_single(tx, now.plus(DAY))).unwrap(), 2);
        let rows = read!(database, tx => sighting::of_alias(tx, alias, 10));
        assert_eq!(rows.iter().map(|(key, _)| key.organisation.as_str()).collect::<Vec<_>>(), ["s0001.example", "s0003.example"]);
    })
    .await;
}
