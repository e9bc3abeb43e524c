//! Keys made where they are missing, and replaced without a gap.

use std::time::Duration;

use postern::model::dkim_key::{Algorithm, KeyState};
use postern::service::dkim_key::{self, KeyError};
use postern::service::domain;

use super::{desk, name};
use crate::support::database::each_driver;

const BOTH: [Algorithm; 2] = [Algorithm::Rsa, Algorithm::Ed25519];
const SMALL: [Algorithm; 1] = [Algorithm::Ed25519];

#[tokio::test]
async fn missing_keys_are_made_once_even_by_several_nodes() {
    each_driver(async |database| {
        let desk = desk(&database);
        domain::ensure_instance_domains(&desk, &[name("a.example")]).await.unwrap();
        let starts = (0..3).map(|_| dkim_key::ensure(&desk, &BOTH));
        let made: u64 = futures_util::future::join_all(starts).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(made, 2);
        let keys = dkim_key::list(&desk, &name("a.example")).await.unwrap();
        let kinds: Vec<_> = keys.iter().map(|key| (key.algorithm, key.state)).collect();
        assert_eq!(kinds, [(Algorithm::Rsa, KeyState::Active), (Algorithm::Ed25519, KeyState::Active)]);
        assert!(dkim_key::record(&keys[0]).starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkq"));
        assert!(dkim_key::record(&keys[1]).starts_with("v=DKIM1; k=ed25519; p="));
        assert!(format!("{keys:?}").contains("private_key: Some([private])"), "a key is not shown by accident");
    })
    .await;
}

#[tokio::test]
async fn a_rotation_has_three_steps() {
    each_driver(async |database| {
        let desk = desk(&database);
        let domain = name("a.example");
        domain::ensure_instance_domains(&desk, std::slice::from_ref(&domain)).await.unwrap();
        dkim_key::ensure(&desk, &SMALL).await.unwrap();
        assert!(matches!(dkim_key::activate(&desk, &domain).await, Err(KeyError::NothingWaits)));
        assert!(matches!(dkim_key::rotate(&desk, &name("b.example"), &SMALL).await, Err(KeyError::UnknownDomain)));
        let next = dkim_key::rotate(&desk, &domain, &SMALL).await.unwrap();
        let again = dkim_key::rotate(&desk, &domain, &SMALL).await.unwrap();
        assert_eq!((next.len(), &next[0].selector), (1, &again[0].selector), "what waits is not replaced");
        dkim_key::activate(&desk, &domain).await.unwrap();
        let keys = dkim_key::list(&desk, &domain).await.unwrap();
        let states: Vec<_> = keys.iter().map(|key| key.state).collect();
        assert_eq!(states, [KeyState::Retired, KeyState::Active]);
        assert_eq!(keys[1].selector, next[0].selector);
        let lifetime = dkim_key::signature_lifetime(Duration::from_hours(120));
        assert_eq!(lifetime, Duration::from_hours(288), "two days longer than anything can wait");
        assert!(dkim_key::remove_retired(&desk, &domain, lifetime).await.unwrap().is_empty(), "its signatures are still good");
        database.clock.advance(lifetime);
        assert_eq!(dkim_key::remove_retired(&desk, &domain, lifetime).await.unwrap(), [keys[0].selector.clone()]);
    })
    .await;
}
