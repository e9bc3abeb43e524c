//! Claims, leases and settlements.

use std::collections::HashSet;
use std::time::Duration;

use postern::model::delivery::{DeliveryKind, DeliveryState, Lease};
use postern::model::id::DeliveryId;
use postern::model::node::Node;
use postern::storage::delivery::{ClaimedDelivery, NewDelivery, NewFailure};
use postern::storage::{Tx, delivery, mailbox, message, queue, site_backoff};

use super::fixtures::{House, commit, delivery_of, enqueue, failure, house, lease, new_message, read};
use crate::support::database::{Database, address, each_driver};

const MINUTE: Duration = Duration::from_mins(1);

async fn claim(database: &Database, lease: &Lease, limit: u32) -> Vec<ClaimedDelivery> {
    let (lease, now) = (lease.clone(), database.now());
    commit!(database, tx => delivery::claim(tx, &lease, now, limit)).unwrap()
}

/// One message with one delivery, claimed.
async fn claimed(database: &Database, house: &House) -> (DeliveryId, Lease) {
    let message = new_message(database, b"\r\nbody").await;
    let id = enqueue(database, delivery_of(database, house, message)).await;
    let lease = lease(database, "node/boot", database.now().plus(MINUTE));
    let claimed = claim(database, &lease, 10).await;
    assert_eq!(claimed.len(), 1);
    (id, lease)
}

async fn header_of(database: &Database, id: DeliveryId) -> Vec<u8> {
    let mut tx = database.storage.read().await.unwrap();
    let sql = "SELECT header FROM deliveries WHERE id = $1";
    match &mut tx {
        Tx::Sqlite(t) => sqlx::query_scalar(sql).bind(id.0).fetch_one(&mut **t).await,
        Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query_scalar(sql).bind(id.0).fetch_one(&mut **t).await,
    }
    .unwrap()
}

#[tokio::test]
async fn a_claim_gives_what_is_due_oldest_first_with_all_it_needs() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"\r\nbody").await;
        let due = |seconds: i64| {
            let at = postern::model::Timestamp::from_micros(database.now().as_micros() + seconds * 1_000_000);
            NewDelivery { next_attempt_at: at, ..delivery_of(&database, &house, message) }
        };
        let late = enqueue(&database, due(-10)).await;
        let later = enqueue(&database, NewDelivery { site: Some("mx".into()), ..due(-20) }).await;
        enqueue(&database, due(1)).await;
        let lease = lease(&database, "node/boot", database.now().plus(MINUTE));
        let claimed = claim(&database, &lease, 10).await;
        assert_eq!(claimed.iter().map(|claimed| claimed.delivery.id).collect::<Vec<_>>(), [later, late]);
        let first = &claimed[0];
        assert_eq!((first.header.as_slice(), first.site.as_deref()), (&b"From: x\r\n"[..], Some("mx")));
        assert_eq!(first.delivery.recipient, address("Ann@inbox.example"));
        assert_eq!(first.delivery.sender, Some(address("bounce+abc@alias.example")));
        assert_eq!((first.delivery.message_id, first.delivery.attempts), (Some(message), 2), "the claim counts");
        assert_eq!(first.delivery.last_failure, Some(failure()));
        assert_eq!((first.delivery.alias_id, first.delivery.mailbox_id), (Some(house.alias.id), Some(house.mailbox.id)));
        assert!(claim(&database, &lease, 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn eight_workers_claim_four_hundred_rows_exactly_once() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"\r\nbody").await;
        let rows: Vec<_> = (0..400).map(|_| delivery_of(&database, &house, message)).collect();
        commit!(database, tx => async {
            for row in &rows {
                delivery::insert(tx, row).await?;
            }
            Ok(())
        })
        .unwrap();
        let worker = async |number: usize| {
            let mut mine = Vec::new();
            let mut empty = 0;
            // Rows locked by another worker are passed over, so only repeated emptiness means the end.
            while empty < 20 {
                let lease = lease(&database, &format!("node/{number}"), database.now().plus(MINUTE));
                let claimed = claim(&database, &lease, 5).await;
                assert!(claimed.len() <= 5);
                empty = if claimed.is_empty() { empty + 1 } else { 0 };
                mine.extend(claimed.into_iter().map(|claimed| claimed.delivery.id));
            }
            mine
        };
        let all: Vec<_> = futures_util::future::join_all((0..8).map(worker)).await.concat();
        assert_eq!(all.len(), 400);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 400);
    })
    .await;
}

#[tokio::test]
async fn a_lapsed_lease_is_taken_over_and_its_holder_settles_nothing() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (id, old) = claimed(&database, &house).await;
        database.clock.advance(MINUTE * 2);
        let new = lease(&database, "other/boot", database.now().plus(MINUTE));
        assert_eq!(claim(&database, &new, 10).await.len(), 1);
        let (token, now, until) = (old.token, database.now(), database.now().plus(MINUTE));
        assert!(!commit!(database, tx => delivery::renew(tx, id, token, until)).unwrap());
        assert!(!commit!(database, tx => delivery::release(tx, id, token)).unwrap());
        assert!(!commit!(database, tx => delivery::settle_delivered(tx, id, token)).unwrap());
        assert!(!commit!(database, tx => delivery::settle_failed(tx, id, token, &failure(), now)).unwrap());
        assert!(!commit!(database, tx => delivery::settle_cancelled(tx, id, token, now)).unwrap());
        assert!(!commit!(database, tx => delivery::retry_at(tx, id, token, until, &failure(), None)).unwrap());
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().state, DeliveryState::Waiting);
        assert!(commit!(database, tx => delivery::settle_delivered(tx, id, new.token)).unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_renewed_lease_is_not_taken_over() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (id, held) = claimed(&database, &house).await;
        let until = database.now().plus(MINUTE * 3);
        assert!(commit!(database, tx => delivery::renew(tx, id, held.token, until)).unwrap());
        database.clock.advance(MINUTE * 2);
        let other = lease(&database, "other/boot", database.now().plus(MINUTE));
        assert!(claim(&database, &other, 10).await.is_empty());
        assert!(commit!(database, tx => delivery::release(tx, id, held.token)).unwrap());
        assert_eq!(claim(&database, &other, 10).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_message_goes_with_the_last_of_its_deliveries() {
    each_driver(async |database| {
        let house = house(&database).await;
        let kept = new_message(&database, b"\r\nbody").await;
        for _ in 0..2 {
            enqueue(&database, delivery_of(&database, &house, kept)).await;
        }
        let lease = lease(&database, "node/boot", database.now().plus(MINUTE));
        let (token, now) = (lease.token, database.now());
        let ids: Vec<_> = claim(&database, &lease, 10).await.iter().map(|claimed| claimed.delivery.id).collect();
        let (first, second) = (ids[0], ids[1]);
        assert!(commit!(database, tx => delivery::settle_failed(tx, first, token, &failure(), now)).unwrap());
        assert!(read!(database, tx => message::find(tx, kept)).is_some());
        assert!(commit!(database, tx => delivery::settle_delivered(tx, second, token)).unwrap());
        assert!(read!(database, tx => message::find(tx, kept)).is_none());
        assert!(read!(database, tx => queue::find(tx, second)).is_none());
        let failed = read!(database, tx => queue::find(tx, first)).unwrap();
        assert_eq!((failed.state, failed.message_id, failed.attempts), (DeliveryState::Failed, None, 2));
        assert_eq!((failed.settled_at, failed.last_failure), (Some(now), Some(failure())));
        assert!(header_of(&database, first).await.is_empty());
        assert!(!commit!(database, tx => delivery::settle_delivered(tx, first, token)).unwrap());
    })
    .await;
}

#[tokio::test]
async fn two_that_settle_at_once_leave_no_message_behind() {
    each_driver(async |database| {
        let house = house(&database).await;
        for _ in 0..10 {
            let kept = new_message(&database, b"\r\nbody").await;
            for _ in 0..4 {
                enqueue(&database, delivery_of(&database, &house, kept)).await;
            }
            let lease = lease(&database, "node/boot", database.now().plus(MINUTE));
            let token = lease.token;
            let database = &database;
            let settle = claim(database, &lease, 10).await.into_iter().map(|claimed| async move {
                let id = claimed.delivery.id;
                commit!(*database, tx => delivery::settle_delivered(tx, id, token)).unwrap()
            });
            assert_eq!(futures_util::future::join_all(settle).await, [true; 4]);
            assert!(read!(database, tx => message::find(tx, kept)).is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_retry_waits_until_its_time() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (id, held) = claimed(&database, &house).await;
        let at = database.now().plus(MINUTE);
        assert!(
            commit!(database, tx => delivery::retry_at(tx, id, held.token, at, &failure(), Some("mx.inbox.example"))).unwrap()
        );
        let next = lease(&database, "node/boot", at.plus(MINUTE * 9));
        assert!(claim(&database, &next, 10).await.is_empty());
        let waiting = read!(database, tx => queue::find(tx, id)).unwrap();
        assert_eq!((waiting.attempts, waiting.next_attempt_at), (2, at));
        database.clock.advance(MINUTE);
        let again = claim(&database, &next, 10).await;
        assert_eq!(again[0].site.as_deref(), Some("mx.inbox.example"));
        assert!(commit!(database, tx => delivery::retry_at(tx, id, next.token, at, &failure(), None)).unwrap());
        let third = lease(&database, "node/boot", at.plus(MINUTE * 9));
        assert_eq!(claim(&database, &third, 10).await[0].site.as_deref(), Some("mx.inbox.example"));
    })
    .await;
}

async fn attempts(database: &Database, id: DeliveryId) -> i32 {
    read!(database, tx => queue::find(tx, id)).unwrap().attempts
}

#[tokio::test]
async fn a_hand_off_counts_when_it_begins_and_not_when_it_did_not_happen() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (id, held) = claimed(&database, &house).await;
        assert_eq!(attempts(&database, id).await, 2);
        // The process dies: nothing is settled, the hand-off counts all the same.
        database.clock.advance(MINUTE * 2);
        let next = lease(&database, "node/next", database.now().plus(MINUTE));
        assert_eq!(claim(&database, &next, 10).await[0].delivery.attempts, 3);
        assert!(!commit!(database, tx => delivery::release(tx, id, held.token)).unwrap());
        assert!(commit!(database, tx => delivery::release(tx, id, next.token)).unwrap());
        assert_eq!(attempts(&database, id).await, 2, "given back untried");
        assert_eq!(claim(&database, &next, 10).await[0].delivery.attempts, 3);
        let at = database.now();
        assert!(commit!(database, tx => delivery::postpone(tx, id, next.token, at, &failure())).unwrap());
        assert_eq!(attempts(&database, id).await, 2, "not the next hop's fault");
        assert_eq!(claim(&database, &next, 10).await[0].delivery.attempts, 3);
        assert!(commit!(database, tx => delivery::retry_at(tx, id, next.token, at, &failure(), None)).unwrap());
        assert_eq!(attempts(&database, id).await, 3);
        let message = new_message(&database, b"x").await;
        let flying = NewDelivery { attempts: 0, lease: Some(held), ..delivery_of(&database, &house, message) };
        assert_eq!(attempts(&database, enqueue(&database, flying).await).await, 1, "the one in flight has begun");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_claimed_for_a_mailbox_that_is_not_verified() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let id = enqueue(&database, delivery_of(&database, &house, message)).await;
        let (mailbox, now, new) = (house.mailbox.id, database.now(), address("new@inbox.example"));
        commit!(database, tx => async {
            mailbox::set_address(tx, mailbox, &new, None).await?;
            delivery::redirect(tx, mailbox, mailbox, &new).await
        })
        .unwrap();
        let lease = lease(&database, "node/boot", now.plus(MINUTE));
        assert!(claim(&database, &lease, 10).await.is_empty());
        assert_eq!(read!(database, tx => queue::next_due(tx, now)), None);
        commit!(database, tx => mailbox::verify(tx, mailbox, now)).unwrap();
        assert_eq!(read!(database, tx => queue::next_due(tx, now)), Some(now));
        let claimed = claim(&database, &lease, 10).await;
        assert_eq!((claimed[0].delivery.id, claimed[0].delivery.recipient.local()), (id, "new"));
    })
    .await;
}

#[tokio::test]
async fn what_is_queued_after_a_move_goes_to_the_address_of_now() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let (mailbox, now, new) = (house.mailbox.id, database.now(), address("new@inbox.example"));
        // Made while the mailbox had its old address.
        let crossing = delivery_of(&database, &house, message);
        let there = new.clone();
        commit!(database, tx => mailbox::set_address(tx, mailbox, &there, Some(now))).unwrap();
        let id = enqueue(&database, crossing.clone()).await;
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().recipient, new);
        commit!(database, tx => mailbox::delete(tx, mailbox)).unwrap();
        let again = NewDelivery { uuid: database.uuid(), ..crossing };
        let gone = commit!(database, tx => delivery::insert(tx, &again)).unwrap_err();
        assert_eq!(gone.kind(), postern::storage::ErrorKind::Reference);
    })
    .await;
}

#[tokio::test]
async fn a_move_at_the_same_moment_leaves_nothing_for_the_old_address() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let mailbox = house.mailbox.id;
        for round in 0..20 {
            let new = address(&format!("new{round}@inbox.example"));
            let row = delivery_of(&database, &house, message);
            let (there, now) = (new.clone(), database.now());
            let insert = async { commit!(database, tx => delivery::insert(tx, &row)).unwrap() };
            let relocate = async {
                commit!(database, tx => async {
                    mailbox::set_address(tx, mailbox, &there, Some(now)).await?;
                    delivery::redirect(tx, mailbox, mailbox, &there).await
                })
                .unwrap()
            };
            let (id, _) = tokio::join!(insert, relocate);
            assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().recipient, new);
        }
    })
    .await;
}

#[tokio::test]
async fn a_site_in_trouble_is_left_out_until_its_time() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"\r\nbody").await;
        let down = enqueue(&database, NewDelivery { site: Some("down".into()), ..delivery_of(&database, &house, message) }).await;
        let up = enqueue(&database, NewDelivery { site: Some("up".into()), ..delivery_of(&database, &house, message) }).await;
        let until = database.now().plus(MINUTE);
        commit!(database, tx => site_backoff::record(tx, "down", until)).unwrap();
        let lease = lease(&database, "node/boot", until.plus(MINUTE));
        assert_eq!(claim(&database, &lease, 10).await.iter().map(|c| c.delivery.id).collect::<Vec<_>>(), [up]);
        database.clock.advance(MINUTE);
        assert_eq!(claim(&database, &lease, 10).await.iter().map(|c| c.delivery.id).collect::<Vec<_>>(), [down]);
    })
    .await;
}

#[tokio::test]
async fn a_restarted_node_gets_its_leases_back_at_once_and_touches_no_others() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"\r\nbody").await;
        let node = Node { id: database.uuid(), boot: database.uuid() };
        let before = Node { boot: database.uuid(), ..node.clone() };
        let stranger = Node { id: database.uuid(), boot: database.uuid() };
        let until = database.now().plus(MINUTE);
        let mut ids = Vec::new();
        for owner in [node.owner(), before.owner(), stranger.owner()] {
            let mut new = delivery_of(&database, &house, message);
            new.next_attempt_at = until;
            new.lease = Some(lease(&database, &owner, until));
            ids.push(enqueue(&database, new).await);
        }
        let now = database.now();
        assert_eq!(commit!(database, tx => delivery::release_dead(tx, &node, now)).unwrap(), 1);
        let mine = lease(&database, "x", until);
        assert_eq!(claim(&database, &mine, 10).await.iter().map(|c| c.delivery.id).collect::<Vec<_>>(), [ids[1]]);
    })
    .await;
}

#[tokio::test]
async fn a_kill_cancels_what_waits_also_under_lease_and_erases_it() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (held, lease) = claimed(&database, &house).await;
        let kept = new_message(&database, b"\r\nsecond").await;
        let waiting = enqueue(&database, delivery_of(&database, &house, kept)).await;
        let elsewhere = enqueue(&database, NewDelivery { alias_id: None, ..delivery_of(&database, &house, kept) }).await;
        let dsn = NewDelivery { kind: DeliveryKind::Dsn, mailbox_id: None, ..delivery_of(&database, &house, kept) };
        let notice = enqueue(&database, dsn).await;
        let (alias, now) = (house.alias.id, database.now());
        assert_eq!(commit!(database, tx => delivery::cancel_waiting_of_alias(tx, alias, now)).unwrap(), 2);
        for id in [held, waiting, notice] {
            let cancelled = read!(database, tx => queue::find(tx, id)).unwrap();
            assert_eq!((cancelled.state, cancelled.settled_at), (DeliveryState::Cancelled, Some(now)));
            assert!(header_of(&database, id).await.is_empty());
        }
        assert!(!commit!(database, tx => delivery::settle_delivered(tx, held, lease.token)).unwrap());
        assert_eq!(read!(database, tx => queue::find(tx, held)).unwrap().message_id, None, "its message is erased");
        assert!(read!(database, tx => message::find(tx, kept)).is_some(), "another delivery still waits for it");
        assert_eq!(read!(database, tx => queue::find(tx, elsewhere)).unwrap().state, DeliveryState::Waiting);
        assert_eq!(commit!(database, tx => delivery::cancel_waiting_of_alias(tx, alias, now)).unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_mailbox_can_be_redirected_or_cancelled() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"\r\nbody").await;
        let id = enqueue(&database, delivery_of(&database, &house, message)).await;
        let (mailbox, now) = (house.mailbox.id, database.now());
        let new = address("new@inbox.example");
        let there = new.clone();
        assert_eq!(commit!(database, tx => delivery::redirect(tx, mailbox, mailbox, &there)).unwrap(), 1);
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().recipient, new);
        let aliases = commit!(database, tx => delivery::cancel_waiting_of_mailbox(tx, mailbox, now)).unwrap();
        assert_eq!(aliases, [house.alias.id]);
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().state, DeliveryState::Cancelled);
        assert!(read!(database, tx => message::find(tx, message)).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_failure_without_content_is_visible_and_never_claimed() {
    each_driver(async |database| {
        let house = house(&database).await;
        let new = NewFailure {
            uuid: database.uuid(),
            kind: DeliveryKind::Forward,
            alias_id: Some(house.alias.id),
            mailbox_id: Some(house.mailbox.id),
            sender: None,
            recipient: house.mailbox.address.clone(),
            failure: failure(),
            at: database.now(),
        };
        let id = commit!(database, tx => delivery::insert_failed(tx, &new)).unwrap();
        let failed = read!(database, tx => queue::find(tx, id)).unwrap();
        assert_eq!((failed.state, failed.message_id, failed.sender), (DeliveryState::Failed, None, None));
        assert_eq!((failed.last_failure, failed.settled_at), (Some(failure()), Some(database.now())));
        let lease = lease(&database, "node/boot", database.now().plus(MINUTE));
        assert!(claim(&database, &lease, 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_delivery_born_under_lease_is_its_holders() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"\r\nbody").await;
        let born = lease(&database, "node/boot", database.now().plus(MINUTE));
        let token = born.token;
        let id = enqueue(&database, NewDelivery { lease: Some(born), ..delivery_of(&database, &house, message) }).await;
        let other = lease(&database, "other/boot", database.now().plus(MINUTE));
        assert!(claim(&database, &other, 10).await.is_empty());
        let now = database.now();
        assert!(commit!(database, tx => delivery::settle_cancelled(tx, id, token, now)).unwrap());
        assert!(read!(database, tx => message::find(tx, message)).is_none());
    })
    .await;
}
