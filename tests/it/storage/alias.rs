//! Routes, pages, counters and retirement of aliases.

use std::time::Duration;

use postern::model::alias::AliasState;
use postern::model::id::{AliasId, MailboxId};
use postern::model::site::Site;
use postern::storage::alias::{AliasFilter, NewAlias};
use postern::storage::{ErrorKind, alias, delivery, message};

use super::fixtures::{alias_of, commit, delivery_of, enqueue, house, new_alias, new_mailbox, new_message, new_user, read};
use crate::support::database::each_driver;

#[tokio::test]
async fn a_route_holds_the_alias_and_its_verified_mailboxes() {
    each_driver(async |database| {
        let house = house(&database).await;
        let second = new_mailbox(&database, &house.user, "second@inbox.example", true).await;
        let unverified = new_mailbox(&database, &house.user, "new@inbox.example", false).await;
        let site = Site::parse("www.lg.com").unwrap();
        let created = new_alias(
            &database,
            NewAlias {
                site: Some(site.clone()),
                note: "tv".into(),
                expires_at: Some(database.now().plus(Duration::from_mins(1))),
                max_messages: Some(3),
                ..alias_of(&database, &house.user, &house.domain, "Lg.X@alias.example", &[&house.mailbox, &second, &unverified])
            },
        )
        .await
        .unwrap();
        let route = read!(database, tx => alias::find_route(tx, "lg.x@alias.example")).unwrap();
        assert_eq!(route.alias.id, created.id);
        assert_eq!(route.alias.uuid, created.uuid);
        assert_eq!(route.alias.address.to_string(), "lg.x@alias.example");
        assert_eq!((route.alias.site, route.alias.note.as_str()), (Some(site), "tv"));
        assert_eq!((route.alias.state, route.alias.max_messages, route.alias.messages_used), (AliasState::Active, Some(3), 0));
        assert_eq!(route.alias.expires_at, created.expires_at);
        assert_eq!((route.alias.created_at, route.alias.state_changed_at), (database.now(), database.now()));
        let addresses: Vec<_> = route.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect();
        assert_eq!(addresses, ["Ann@inbox.example", "second@inbox.example"]);
        assert_eq!(route.unverified, 1);
    })
    .await;
}

#[tokio::test]
async fn a_route_without_mailboxes_is_told_from_no_route() {
    each_driver(async |database| {
        let house = house(&database).await;
        new_alias(&database, alias_of(&database, &house.user, &house.domain, "empty@alias.example", &[])).await.unwrap();
        let route = read!(database, tx => alias::find_route(tx, "empty@alias.example")).unwrap();
        assert!(route.mailboxes.is_empty() && route.unverified == 0);
        assert!(read!(database, tx => alias::find_route(tx, "nobody@alias.example")).is_none());
    })
    .await;
}

#[tokio::test]
async fn aliases_are_found_by_key_and_by_address() {
    each_driver(async |database| {
        let house = house(&database).await;
        let by_id = read!(database, tx => alias::find(tx, house.alias.id)).unwrap();
        let by_address = read!(database, tx => alias::find_by_address(tx, "shop@alias.example")).unwrap();
        assert_eq!((by_id.uuid, by_address.uuid), (house.alias.uuid, house.alias.uuid));
        assert!(read!(database, tx => alias::find(tx, AliasId(9_999))).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_is_refused_and_the_transaction_goes_on() {
    each_driver(async |database| {
        let house = house(&database).await;
        let first = alias_of(&database, &house.user, &house.domain, "SHOP@alias.example", &[&house.mailbox]);
        let second = alias_of(&database, &house.user, &house.domain, "other@alias.example", &[&house.mailbox]);
        let made = commit!(database, tx => async {
            assert_eq!(alias::create(tx, &first).await.unwrap_err().kind(), ErrorKind::Taken);
            alias::create(tx, &second).await
        })
        .unwrap();
        assert!(read!(database, tx => alias::find(tx, made.id)).is_some());
    })
    .await;
}

#[tokio::test]
async fn an_alias_of_a_missing_mailbox_is_refused_whole() {
    each_driver(async |database| {
        let house = house(&database).await;
        let mut new = alias_of(&database, &house.user, &house.domain, "x@alias.example", &[]);
        new.mailboxes = vec![MailboxId(9_999)];
        assert_eq!(new_alias(&database, new).await.unwrap_err().kind(), ErrorKind::Reference);
        assert!(read!(database, tx => alias::find_by_address(tx, "x@alias.example")).is_none());
    })
    .await;
}

#[tokio::test]
async fn lists_filter_and_turn_pages_newest_first() {
    each_driver(async |database| {
        let house = house(&database).await;
        let other = new_user(&database, "bob@inbox.example").await;
        new_alias(&database, alias_of(&database, &other, &house.domain, "bob@alias.example", &[])).await.unwrap();
        let site = Site::parse("lg.com").unwrap();
        for name in ["a", "b", "c"] {
            let address = format!("{name}@alias.example");
            let new = alias_of(&database, &house.user, &house.domain, &address, &[]);
            new_alias(&database, NewAlias { site: Some(site.clone()), ..new }).await.unwrap();
        }
        let all = AliasFilter { user_id: house.user.id, site: None, state: None, before: None, limit: 2 };
        let names = async |filter: AliasFilter| -> Vec<String> {
            read!(database, tx => alias::list(tx, &filter)).iter().map(|alias| alias.address.local().to_owned()).collect()
        };
        assert_eq!(names(all.clone()).await, ["c", "b"]);
        let last = read!(database, tx => alias::find_by_address(tx, "b@alias.example")).unwrap().id;
        assert_eq!(names(AliasFilter { before: Some(last), ..all.clone() }).await, ["a", "shop"]);
        assert_eq!(names(AliasFilter { site: Some(site), limit: 9, ..all.clone() }).await, ["c", "b", "a"]);
        assert!(commit!(database, tx => alias::set_state(tx, last, AliasState::Paused, house.alias.created_at)).unwrap());
        assert_eq!(names(AliasFilter { state: Some(AliasState::Paused), limit: 9, ..all }).await, ["b"]);
    })
    .await;
}

#[tokio::test]
async fn a_state_change_is_dated_and_happens_once() {
    each_driver(async |database| {
        let house = house(&database).await;
        database.clock.advance(Duration::from_secs(5));
        let (id, now) = (house.alias.id, database.now());
        assert!(commit!(database, tx => alias::set_state(tx, id, AliasState::Killed, now)).unwrap());
        assert!(
            !commit!(database, tx => alias::set_state(tx, id, AliasState::Killed, now.plus(Duration::from_secs(1)))).unwrap()
        );
        let alias = read!(database, tx => alias::find(tx, id)).unwrap();
        assert_eq!((alias.state, alias.state_changed_at), (AliasState::Killed, now));
    })
    .await;
}

#[tokio::test]
async fn counting_stops_exactly_at_the_maximum_also_in_parallel() {
    each_driver(async |database| {
        let house = house(&database).await;
        let new = alias_of(&database, &house.user, &house.domain, "five@alias.example", &[]);
        let five = new_alias(&database, NewAlias { max_messages: Some(5), ..new }).await.unwrap().id;
        let tries = (0..20).map(|_| async { commit!(database, tx => alias::count_message(tx, five)).unwrap() });
        let taken = futures_util::future::join_all(tries).await.into_iter().filter(|counted| *counted).count();
        assert_eq!(taken, 5);
        commit!(database, tx => alias::uncount_message(tx, five)).unwrap();
        assert!(commit!(database, tx => alias::count_message(tx, five)).unwrap());
        assert!(!commit!(database, tx => alias::count_message(tx, five)).unwrap());
        assert_eq!(read!(database, tx => alias::find(tx, five)).unwrap().messages_used, 5);
        let unlimited = house.alias.id;
        assert!(commit!(database, tx => alias::count_message(tx, unlimited)).unwrap());
        assert!(!commit!(database, tx => alias::count_message(tx, AliasId(9_999))).unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_retired_address_is_never_given_out_again_and_takes_its_mail_along() {
    each_driver(async |database| {
        let house = house(&database).await;
        let kept = new_message(&database, b"\r\nbody").await;
        enqueue(&database, delivery_of(&database, &house, kept)).await;
        let (alias, now) = (house.alias.clone(), database.now());
        commit!(database, tx => alias::retire(tx, &alias, now)).unwrap();
        assert!(read!(database, tx => alias::find(tx, house.alias.id)).is_none());
        assert!(read!(database, tx => message::find(tx, kept)).is_none());
        assert!(read!(database, tx => alias::is_retired(tx, "shop@alias.example")));
        let again = alias_of(&database, &house.user, &house.domain, "Shop@alias.example", &[&house.mailbox]);
        let fresh = alias_of(&database, &house.user, &house.domain, "fresh@alias.example", &[&house.mailbox]);
        commit!(database, tx => async {
            assert!(alias::create(tx, &again).await.unwrap_err().is_taken());
            alias::create(tx, &fresh).await
        })
        .unwrap();
        assert!(read!(database, tx => alias::find_by_address(tx, "shop@alias.example")).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_kill_either_is_seen_by_whoever_enqueues_or_cancels_what_was_enqueued() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let row = delivery_of(&database, &house, message);
        let (alias, now) = (house.alias.id, database.now());
        assert_eq!(read!(database, tx => alias::hold_state(tx, alias)), Some(AliasState::Active));
        let (inside, entered) = tokio::sync::oneshot::channel();
        let enqueueing = async {
            commit!(database, tx => async {
                let state = alias::hold_state(tx, alias).await?;
                inside.send(()).unwrap();
                if state == Some(AliasState::Active) {
                    delivery::insert(tx, &row).await?;
                }
                Ok(())
            })
            .unwrap();
        };
        let killing = async {
            entered.await.unwrap();
            commit!(database, tx => async {
                alias::set_state(tx, alias, AliasState::Killed, now).await?;
                delivery::cancel_waiting_of_alias(tx, alias, now).await
            })
            .unwrap()
        };
        let ((), cancelled) = futures_util::future::join(Box::pin(enqueueing), Box::pin(killing)).await;
        assert_eq!(cancelled, 1);
        assert_eq!(commit!(database, tx => alias::hold_state(tx, alias)).unwrap(), Some(AliasState::Killed));
        assert!(read!(database, tx => alias::hold_state(tx, AliasId(9_999))).is_none());
    })
    .await;
}
