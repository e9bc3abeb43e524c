//! Keys of domains: one signs, one may wait, the others are on their way out.

use std::time::Duration;

use postern::model::Private;
use postern::model::dkim_key::{Algorithm, KeyState};
use postern::model::id::DomainId;
use postern::storage::dkim_key::{self, NewDkimKey};
use postern::storage::domain;

use super::fixtures::{commit, new_domain, read};
use crate::support::database::{Database, each_driver};

fn new(database: &Database, domain_id: DomainId, algorithm: Algorithm, selector: &str, state: KeyState) -> NewDkimKey {
    NewDkimKey {
        domain_id,
        selector: selector.into(),
        algorithm,
        private_key: Private::new(selector.as_bytes().to_vec()),
        public_key: vec![1, 2, 255],
        state,
        created_at: database.now(),
    }
}

async fn create(database: &Database, new: NewDkimKey) -> bool {
    commit!(database, tx => dkim_key::create(tx, &new)).unwrap()
}

#[tokio::test]
async fn a_domain_has_one_signing_key_of_each_algorithm() {
    each_driver(async |database| {
        let [first, second] = [new_domain(&database, "a.example").await, new_domain(&database, "b.example").await];
        assert!(create(&database, new(&database, first.id, Algorithm::Rsa, "r1", KeyState::Active)).await);
        assert!(!create(&database, new(&database, first.id, Algorithm::Rsa, "r2", KeyState::Active)).await, "one signs");
        assert!(
            !create(&database, new(&database, first.id, Algorithm::Ed25519, "r1", KeyState::Active)).await,
            "a selector twice"
        );
        assert!(create(&database, new(&database, first.id, Algorithm::Ed25519, "e1", KeyState::Active)).await);
        assert!(create(&database, new(&database, second.id, Algorithm::Rsa, "r1", KeyState::Active)).await);
        let without = |algorithm| {
            let database = database.clone();
            async move { read!(database, tx => dkim_key::domains_without(tx, algorithm)) }
        };
        assert!(without(Algorithm::Rsa).await.is_empty());
        assert_eq!(without(Algorithm::Ed25519).await, [(second.id, second.name.clone())]);
        let active = read!(database, tx => dkim_key::list_active(tx));
        let shown: Vec<_> = active.iter().map(|key| (key.record_name(), key.algorithm, key.domain_id)).collect();
        assert_eq!(
            shown,
            [
                ("r1._domainkey.a.example".to_owned(), Algorithm::Rsa, first.id),
                ("e1._domainkey.a.example".to_owned(), Algorithm::Ed25519, first.id),
                ("r1._domainkey.b.example".to_owned(), Algorithm::Rsa, second.id),
            ]
        );
        assert_eq!(active[0].private_key.as_ref().unwrap().reveal(), b"r1");
        assert_eq!((&active[0].public_key[..], active[0].created_at), (&[1, 2, 255][..], database.now()));
        let ids: Vec<_> = active.iter().map(|key| key.id).collect();
        assert_eq!(read!(database, tx => dkim_key::active_ids(tx)), ids);
        assert!(read!(database, tx => domain::find_by_name(tx, &first.name)).is_some());
    })
    .await;
}

#[tokio::test]
async fn a_key_that_takes_over_retires_its_own_kind_only() {
    each_driver(async |database| {
        let domain = new_domain(&database, "a.example").await;
        let other = new_domain(&database, "b.example").await;
        create(&database, new(&database, domain.id, Algorithm::Rsa, "r1", KeyState::Active)).await;
        create(&database, new(&database, domain.id, Algorithm::Ed25519, "e1", KeyState::Active)).await;
        create(&database, new(&database, other.id, Algorithm::Rsa, "r1", KeyState::Active)).await;
        assert!(create(&database, new(&database, domain.id, Algorithm::Rsa, "r2", KeyState::Next)).await);
        assert!(!create(&database, new(&database, domain.id, Algorithm::Rsa, "r3", KeyState::Next)).await, "one waits");
        database.clock.advance(Duration::from_hours(1));
        let (id, now) = (domain.id, database.now());
        assert_eq!(commit!(database, tx => dkim_key::activate_next(tx, id, now)).unwrap(), 1);
        assert_eq!(commit!(database, tx => dkim_key::activate_next(tx, id, now)).unwrap(), 0, "nothing waits any more");
        let keys = read!(database, tx => dkim_key::list(tx, domain.id));
        let states: Vec<_> = keys.iter().map(|key| (key.selector.as_str(), key.state, key.private_key.is_some())).collect();
        assert_eq!(
            states,
            [("r1", KeyState::Retired, false), ("e1", KeyState::Active, true), ("r2", KeyState::Active, true)],
            "a retired private key is erased"
        );
        assert_eq!(keys[0].state_changed_at, now);
        assert_eq!(read!(database, tx => dkim_key::active_ids(tx)).len(), 3, "the other domain keeps its own");
        let early = now.minus(Duration::from_secs(1));
        assert!(commit!(database, tx => dkim_key::remove_retired(tx, id, early)).unwrap().is_empty());
        assert_eq!(commit!(database, tx => dkim_key::remove_retired(tx, id, now)).unwrap(), ["r1"]);
        assert_eq!(read!(database, tx => dkim_key::list(tx, domain.id)).len(), 2);
    })
    .await;
}
