//! Aliases: made with names nobody had, killed with what waits, revived.

use std::num::NonZeroU32;
use std::time::Duration;

use postern::model::alias::AliasState;
use postern::model::alias_name::{NameError, NameFormat};
use postern::model::delivery::DeliveryState;
use postern::model::site::Site;
use postern::service::alias::{self, AliasFilter, CreateError, GetError, NewAlias, StateError};
use postern::service::{domain, mailbox};

use super::mailbox::waiting;
use super::{add_user, ann, called, desk, name, plain, repeating_desk};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn an_alias_for_a_site_is_drawn_on_the_first_domain_and_goes_to_the_default_mailbox() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        domain::add(&desk, name("second.example"), None).await.unwrap();
        let new = NewAlias {
            site: Some(Site::parse("https://www.lg.com/uk").unwrap()),
            format: NameFormat::Site,
            note: "tv".into(),
            max_messages: NonZeroU32::new(3),
            expires_at: Some(database.now().plus(Duration::from_mins(1))),
            ..plain(ann.id)
        };
        let made = alias::create(&desk, new).await.unwrap();
        assert!(made.address.local().starts_with("lg.") && made.address.domain() == &name("alias.example"));
        assert_eq!((made.site.unwrap().as_str(), made.note.as_str(), made.max_messages), ("lg.com", "tv", Some(3)));
        let overview = alias::show(&desk, ann.id, &made.address).await.unwrap();
        assert_eq!(overview.mailboxes[0].address.to_string(), "Ann@inbox.example");
        assert_eq!(overview.alias.state, AliasState::Active);
        let second = NewAlias { domain: Some(name("second.example")), ..plain(ann.id) };
        assert_eq!(alias::create(&desk, second).await.unwrap().address.domain(), &name("second.example"));
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_drawn_again_but_not_for_ever() {
    each_driver(async |database| {
        let ann = ann(&desk(&database)).await;
        // Each of these desks draws the same names in the same order; DRAWS of them, then none is left.
        let mut made = std::collections::BTreeSet::new();
        for _ in 0..8 {
            made.insert(alias::create(&repeating_desk(&database), plain(ann.id)).await.unwrap().address);
            database.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(made.len(), 8);
        let ninth = alias::create(&repeating_desk(&database), plain(ann.id)).await;
        assert!(matches!(ninth, Err(CreateError::Exhausted)));
    })
    .await;
}

#[tokio::test]
async fn a_chosen_name_is_had_once_and_reserved_ones_never() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let made = alias::create(&desk, called(ann.id, " Shop ")).await.unwrap();
        assert_eq!(made.address.to_string(), "shop@alias.example");
        assert!(matches!(alias::create(&desk, called(ann.id, "SHOP")).await, Err(CreateError::Taken)));
        let reserved = alias::create(&desk, called(ann.id, "Postmaster")).await;
        assert!(matches!(reserved, Err(CreateError::Name(NameError::Reserved))));
        let invalid = alias::create(&desk, called(ann.id, "a b")).await;
        assert!(matches!(invalid, Err(CreateError::Name(NameError::Characters))));
    })
    .await;
}

#[tokio::test]
async fn mailboxes_and_domains_must_be_ones_own_and_ready() {
    each_driver(async |database| {
        let desk = desk(&database);
        let bob = add_user(&desk, "bob@inbox.example", false).await;
        assert!(matches!(alias::create(&desk, plain(bob.id)).await, Err(CreateError::NoDomain)));
        let ann = ann(&desk).await;
        domain::add(&desk, name("bob.example"), Some(bob.id)).await.unwrap();
        let with = |mailboxes: &[&str]| NewAlias { mailboxes: mailboxes.iter().map(|m| address(m)).collect(), ..plain(ann.id) };
        let theirs = NewAlias { domain: Some(name("bob.example")), ..plain(ann.id) };
        assert!(matches!(alias::create(&desk, theirs).await, Err(CreateError::UnknownDomain)));
        let theirs = with(&["ann@inbox.example", "bob@inbox.example"]);
        assert!(matches!(alias::create(&desk, theirs).await, Err(CreateError::UnknownMailbox)));
        mailbox::add(&desk, ann.id, address("new@inbox.example"), false).await.unwrap();
        let unready = with(&["ann@inbox.example", "new@inbox.example"]);
        assert!(matches!(alias::create(&desk, unready).await, Err(CreateError::UnverifiedMailbox)));
        assert!(matches!(alias::create(&desk, plain(bob.id)).await, Err(CreateError::UnverifiedMailbox)));
        mailbox::add(&desk, ann.id, address("two@inbox.example"), true).await.unwrap();
        let both = alias::create(&desk, with(&["two@inbox.example", "ANN@inbox.example"])).await.unwrap();
        assert_eq!(alias::show(&desk, ann.id, &both.address).await.unwrap().mailboxes.len(), 2);
        let past = NewAlias { expires_at: Some(database.now()), ..plain(ann.id) };
        assert!(matches!(alias::create(&desk, past).await, Err(CreateError::InThePast)));
    })
    .await;
}

#[tokio::test]
async fn a_kill_cancels_what_waits_counts_it_and_can_be_taken_back() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap().address;
        for _ in 0..2 {
            waiting(&database, ann.id, "shop@alias.example", 0).await;
        }
        let paused = alias::set_state(&desk, ann.id, &shop, AliasState::Paused).await.unwrap();
        assert_eq!((paused.alias.state, paused.changed, paused.cancelled), (AliasState::Paused, true, 0));
        database.clock.advance(Duration::from_secs(9));
        let killed = alias::set_state(&desk, ann.id, &shop, AliasState::Killed).await.unwrap();
        assert_eq!((killed.alias.state, killed.changed, killed.cancelled), (AliasState::Killed, true, 2));
        assert_eq!(killed.alias.state_changed_at, database.now());
        let again = alias::set_state(&desk, ann.id, &shop, AliasState::Killed).await.unwrap();
        assert_eq!((again.changed, again.cancelled), (false, 0));
        let overview = alias::show(&desk, ann.id, &shop).await.unwrap();
        assert_eq!((overview.total.cancelled, overview.days.len()), (2, 1));
        assert_eq!(overview.days[0].0, database.now().day());
        assert!(overview.undelivered.iter().all(|delivery| delivery.state == DeliveryState::Cancelled));
        assert_eq!(overview.undelivered.len(), 2);
        let revived = alias::set_state(&desk, ann.id, &shop, AliasState::Active).await.unwrap();
        assert_eq!((revived.alias.state, revived.cancelled), (AliasState::Active, 0));
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_another_user_is_as_unknown_as_what_never_was() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap().address;
        for wanted in [&shop, &address("never@alias.example")] {
            assert!(matches!(alias::get(&desk, bob.id, wanted).await, Err(GetError::Unknown)));
            assert!(matches!(alias::show(&desk, bob.id, wanted).await, Err(GetError::Unknown)));
            let killed = alias::set_state(&desk, bob.id, wanted, AliasState::Killed).await;
            assert!(matches!(killed, Err(StateError::Unknown)));
        }
        assert_eq!(alias::get(&desk, ann.id, &address("SHOP@alias.example")).await.unwrap().state, AliasState::Active);
        let filter = AliasFilter { user_id: bob.id, site: None, state: None, before: None, limit: 10 };
        assert!(alias::list(&desk, &filter).await.unwrap().is_empty());
        assert_eq!(alias::list(&desk, &AliasFilter { user_id: ann.id, ..filter }).await.unwrap().len(), 1);
    })
    .await;
}
