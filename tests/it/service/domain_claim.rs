//! Domains that users bring: claimed, proven by DNS, removed.

use std::io::Write;

use postern::config::dns::Dns;
use postern::dns::Resolver;
use postern::model::catch_all::CatchAll;
use postern::service::alias::{self, CreateError};
use postern::service::domain::{self, AddError, ChangeError, RemoveError};
use postern::service::domain_check::{Status, Surroundings};
use postern::service::domain_claim::{self, ClaimError, FindError};

use super::{add_user, called, desk, name};
use crate::support::database::{address, each_driver, on_sqlite};

fn around(zone: &str) -> Surroundings {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(zone.as_bytes()).unwrap();
    let resolver = Resolver::open(&Dns { zone_file: Some(file.path().to_owned()), ..Dns::default() }).unwrap();
    Surroundings { hostname: name("mail.alias.example"), smarthost: None, resolver }
}

const HOST: &str = "mail.alias.example";

#[tokio::test]
async fn a_domain_is_in_use_from_the_moment_its_proof_was_seen() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = add_user(&desk, "ann@inbox.example", true).await.id;
        let own = name("own.example");
        let claim = domain_claim::claim(&desk, &name(HOST), ann, own.clone()).await.unwrap();
        assert_eq!(claim.proof.len(), 20);
        let again = domain_claim::claim(&desk, &name(HOST), ann, own.clone()).await.unwrap();
        assert_eq!((again.uuid, &again.proof), (claim.uuid, &claim.proof), "the same record holds");
        // Absent everywhere.
        assert!(domain::list(&desk).await.unwrap().is_empty());
        assert!(domain::list_usable(&desk, ann).await.unwrap().is_empty());
        let mut new = called(ann, "shop");
        new.domain = Some(own.clone());
        assert!(matches!(alias::create(&desk, new.clone()).await, Err(CreateError::UnknownDomain)));
        let change = domain::set_catch_all(&desk, ann, own.clone(), CatchAll::On).await;
        assert!(matches!(change, Err(ChangeError::NotOwned)));

        let look = domain_claim::check(&desk, &around(""), ann, &own).await.unwrap();
        let states: Vec<_> = look.records.iter().map(|record| record.status).collect();
        assert_eq!((look.domain.is_none(), states), (true, vec![Status::Missing; 4]));
        assert_eq!(look.records[0].name, "own.example.");
        assert_eq!(look.records[0].value, format!("postern-domain={}", claim.proof));

        let zone = format!("own.example. TXT \"v=spf1 -all\"\nown.example. TXT \"{}\"\n", claim.record());
        let proven = domain_claim::check(&desk, &around(&zone), ann, &own).await.unwrap().domain.unwrap();
        assert_eq!((proven.uuid, proven.user_id), (claim.uuid, Some(ann)));
        assert!(domain_claim::list(&desk, ann).await.unwrap().is_empty());
        assert_eq!(alias::create(&desk, new).await.unwrap().address, address("shop@own.example"));
        assert!(matches!(domain_claim::check(&desk, &around(&zone), ann, &own).await, Err(FindError::Unknown)));
    })
    .await;
}

#[tokio::test]
async fn the_proof_may_stand_below_the_domain_and_trouble_is_no_no() {
    on_sqlite(async |database| {
        let desk = desk(&database);
        let ann = add_user(&desk, "ann@inbox.example", true).await.id;
        let own = name("own.example");
        let claim = domain_claim::claim(&desk, &name(HOST), ann, own.clone()).await.unwrap();
        let status = async |zone: &str| {
            let look = domain_claim::check(&desk, &around(zone), ann, &own).await.unwrap();
            (look.records[0].status, look.records[0].note.clone().unwrap_or_default())
        };
        let other = "own.example. TXT \"postern-domain=0000\"\n";
        assert_eq!(status(other).await.0, Status::Wrong);
        let (state, note) = status("; servfail: own.example\n").await;
        assert_eq!((state, note.as_str()), (Status::Unknown, "it could not be asked now; try again in a few minutes"));
        let below = format!("{other}_postern.own.example. TXT \"{}\"\n", claim.record());
        assert_eq!(status(&below).await.0, Status::Ok);
    })
    .await;
}

#[tokio::test]
async fn who_proves_a_domain_has_it_and_an_unproven_claim_is_in_nobodys_way() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = add_user(&desk, "ann@inbox.example", true).await.id;
        let bob = add_user(&desk, "bob@inbox.example", true).await.id;
        let own = name("own.example");
        let claim = async |user| domain_claim::claim(&desk, &name(HOST), user, own.clone()).await;
        let squatter = claim(bob).await.unwrap();
        let owner = claim(ann).await.unwrap();
        assert_ne!(squatter.proof, owner.proof);
        let zone = around(&format!("own.example. TXT \"{}\"\n", owner.record()));
        let look = domain_claim::check(&desk, &zone, bob, &own).await.unwrap();
        assert_eq!((look.domain.is_none(), look.records[0].status), (true, Status::Wrong));
        assert!(domain_claim::find_by_uuid(&desk, bob, true, owner.uuid).await.is_err(), "another's claim is not there");
        let looks = (0..3).map(|_| domain_claim::check(&desk, &zone, ann, &own));
        let looks = futures_util::future::join_all(looks).await;
        assert!(looks.iter().any(|look| look.as_ref().is_ok_and(|look| look.domain.is_some())), "{looks:?}");
        assert!(domain_claim::list(&desk, bob).await.unwrap().is_empty());
        assert!(matches!(claim(bob).await, Err(ClaimError::Taken)));
        assert!(matches!(claim(ann).await, Err(ClaimError::Taken)));
        assert!(domain_claim::find_by_uuid(&desk, bob, true, owner.uuid).await.is_err(), "nor is another's domain");
        assert!(domain_claim::find_by_uuid(&desk, ann, false, owner.uuid).await.is_ok());
        assert!(domain::list_usable(&desk, bob).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_nobody_can_bring_is_refused() {
    each_driver(async |database| {
        let desk = desk(&database);
        domain::ensure_instance_domains(&desk, &[name("alias.example")]).await.unwrap();
        let ann = add_user(&desk, "ann@inbox.example", true).await.id;
        let claim = async |text: &str| domain_claim::claim(&desk, &name("mail.you.example"), ann, name(text)).await;
        for text in ["com", "co.uk", "github.io", "localhost"] {
            assert!(matches!(claim(text).await, Err(ClaimError::PublicSuffix)), "{text}");
        }
        for text in ["alias.example", "deep.sub.alias.example", "mail.you.example"] {
            assert!(matches!(claim(text).await, Err(ClaimError::Instance)), "{text}");
        }
        for text in ["notalias.example", "you.example", "sub.you.example", "me.github.io"] {
            claim(text).await.unwrap();
        }
        for number in 4..20 {
            claim(&format!("x{number}.example")).await.unwrap();
        }
        assert!(matches!(claim("one-more.example").await, Err(ClaimError::TooMany)));
        domain_claim::remove(&desk, ann, name("you.example")).await.unwrap();
        claim("one-more.example").await.unwrap();
        assert!(matches!(domain_claim::remove(&desk, ann, name("you.example")).await, Err(FindError::Unknown)));
        // The operator vouches: no proof, and the claim is gone.
        domain::add(&desk, name("one-more.example"), Some(ann)).await.unwrap();
        assert!(domain_claim::list(&desk, ann).await.unwrap().iter().all(|claim| claim.name != name("one-more.example")));
    })
    .await;
}

#[tokio::test]
async fn mailboxes_on_a_domain_are_known_beforehand() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = add_user(&desk, "ann@inbox.example", true).await.id;
        let bob = add_user(&desk, "bob@under_score.example", true).await.id;
        let has = async |text: &str, of| domain_claim::has_mailboxes(&desk, &name(text), of).await.unwrap();
        assert!(has("inbox.example", None).await && has("inbox.example", Some(ann)).await);
        assert!(!has("inbox.example", Some(bob)).await && !has("box.example", None).await);
        assert!(has("under_score.example", None).await && !has("underxscore.example", None).await);
    })
    .await;
}

#[tokio::test]
async fn a_domain_goes_with_its_dead_aliases_and_not_with_living_ones() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = add_user(&desk, "ann@inbox.example", true).await.id;
        let bob = add_user(&desk, "bob@inbox.example", true).await.id;
        let own = name("own.example");
        domain::add(&desk, own.clone(), Some(ann)).await.unwrap();
        let mut new = called(ann, "shop");
        new.domain = Some(own.clone());
        let made = alias::create(&desk, new.clone()).await.unwrap();
        assert!(matches!(domain::remove(&desk, bob, own.clone()).await, Err(RemoveError::NotOwned)));
        assert!(matches!(domain::remove(&desk, ann, own.clone()).await, Err(RemoveError::HasAliases(1))));
        alias::set_state(&desk, ann, &made.address, postern::model::alias::AliasState::Killed).await.unwrap();
        domain::remove(&desk, ann, own.clone()).await.unwrap();
        assert!(domain::list(&desk).await.unwrap().is_empty());
        // Whoever brings it next does not get the address.
        domain::add(&desk, own.clone(), Some(bob)).await.unwrap();
        assert!(matches!(domain::add(&desk, own.clone(), Some(ann)).await, Err(AddError::Taken)));
        new.user = bob;
        assert!(matches!(alias::create(&desk, new).await, Err(CreateError::Taken)));
    })
    .await;
}
