//! Lists, counts, waking times and repair of the queue.

use std::time::Duration;

use postern::model::Timestamp;
use postern::model::alias::AliasState;
use postern::model::delivery::DeliveryState;
use postern::model::id::DeliveryId;
use postern::storage::delivery::NewDelivery;
use postern::storage::queue::{Counts, DeliveryFilter, SweepReport};
use postern::storage::{alias, mailbox, message, queue, site_backoff};

use super::fixtures::{commit, delivery_of, enqueue, house, lease, new_message, new_user, read};
use crate::support::database::{Database, each_driver};

const HOUR: Duration = Duration::from_hours(1);

async fn next_due(database: &Database) -> Option<Timestamp> {
    let now = database.now();
    read!(database, tx => queue::next_due(tx, now))
}

#[tokio::test]
async fn lists_filter_by_owner_alias_and_state_and_turn_pages() {
    each_driver(async |database| {
        let house = house(&database).await;
        let stranger = new_user(&database, "bob@inbox.example").await;
        let message = new_message(&database, b"x").await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(enqueue(&database, delivery_of(&database, &house, message)).await);
        }
        let (cancelled, now) = (ids[1], database.now());
        assert!(commit!(database, tx => queue::cancel(tx, cancelled, now)).unwrap());
        assert!(!commit!(database, tx => queue::cancel(tx, cancelled, now)).unwrap());
        let listed = async |filter: DeliveryFilter| -> Vec<DeliveryId> {
            read!(database, tx => queue::list(tx, &filter)).iter().map(|delivery| delivery.id).collect()
        };
        let all = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
        assert_eq!(listed(all.clone()).await, [ids[2], ids[1], ids[0]]);
        assert_eq!(listed(DeliveryFilter { limit: 1, before: Some(ids[2]), ..all.clone() }).await, [ids[1]]);
        assert_eq!(listed(DeliveryFilter { state: Some(DeliveryState::Cancelled), ..all.clone() }).await, [ids[1]]);
        assert_eq!(listed(DeliveryFilter { alias_id: Some(house.alias.id), ..all.clone() }).await.len(), 3);
        assert_eq!(listed(DeliveryFilter { user_id: Some(house.user.id), ..all.clone() }).await.len(), 3);
        assert!(listed(DeliveryFilter { user_id: Some(stranger.id), ..all }).await.is_empty());
        let first = read!(database, tx => queue::find(tx, ids[0])).unwrap();
        assert_eq!(read!(database, tx => queue::find_by_uuid(tx, first.uuid)).unwrap().id, ids[0]);
    })
    .await;
}

#[tokio::test]
async fn counts_are_by_state_with_the_age_of_the_oldest() {
    each_driver(async |database| {
        let house = house(&database).await;
        assert_eq!(read!(database, tx => queue::counts(tx)), Counts::default());
        let message = new_message(&database, b"x").await;
        let oldest = database.now();
        enqueue(&database, delivery_of(&database, &house, message)).await;
        database.clock.advance(HOUR);
        enqueue(&database, delivery_of(&database, &house, message)).await;
        let dropped = enqueue(&database, delivery_of(&database, &house, message)).await;
        let now = database.now();
        commit!(database, tx => queue::cancel(tx, dropped, now)).unwrap();
        let expected = Counts { waiting: 2, held: 0, failed: 0, cancelled: 1, oldest_waiting: Some(oldest) };
        assert_eq!(read!(database, tx => queue::counts(tx)), expected);
    })
    .await;
}

#[tokio::test]
async fn the_next_waking_time_is_the_earliest_of_due_lease_and_site() {
    each_driver(async |database| {
        let house = house(&database).await;
        assert_eq!(next_due(&database).await, None);
        let message = new_message(&database, b"x").await;
        let now = database.now();
        let at = move |hours: u32| now.plus(HOUR * hours);
        enqueue(&database, NewDelivery { next_attempt_at: at(9), ..delivery_of(&database, &house, message) }).await;
        assert_eq!(next_due(&database).await, Some(at(9)));
        let held = lease(&database, "x", at(7));
        enqueue(&database, NewDelivery { lease: Some(held), ..delivery_of(&database, &house, message) }).await;
        assert_eq!(next_due(&database).await, Some(at(7)));
        commit!(database, tx => site_backoff::record(tx, "down", at(5))).unwrap();
        assert_eq!(next_due(&database).await, Some(at(7)), "nothing waits for that site");
        enqueue(&database, NewDelivery { site: Some("down".into()), ..delivery_of(&database, &house, message) }).await;
        assert_eq!(next_due(&database).await, Some(at(5)));
        enqueue(&database, delivery_of(&database, &house, message)).await;
        assert_eq!(next_due(&database).await, Some(now));
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_node_held_for_a_paused_mailbox_wakes_nobody_and_fails_in_the_end() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let (now, id) = (database.now(), house.mailbox.id);
        let lapsed = lease(&database, "dead", now.minus(HOUR));
        let new = NewDelivery {
            mailbox_id: Some(id),
            expires_at: now.plus(HOUR),
            lease: Some(lapsed),
            ..delivery_of(&database, &house, message)
        };
        let row = enqueue(&database, new).await;
        assert_eq!(next_due(&database).await, Some(now.minus(HOUR)), "somebody has to take over");
        assert!(commit!(database, tx => mailbox::pause(tx, id, "5.1.1", now)).unwrap());
        assert_eq!(next_due(&database).await, None, "nobody may");
        assert_eq!(commit!(database, tx => queue::sweep(tx, now, HOUR, HOUR)).unwrap(), SweepReport::default());
        let later = now.plus(HOUR);
        assert_eq!(commit!(database, tx => queue::sweep(tx, later, HOUR, HOUR)).unwrap().deliveries_failed, 1);
        assert_eq!(read!(database, tx => queue::find(tx, row)).unwrap().state, DeliveryState::Failed);
    })
    .await;
}

#[tokio::test]
async fn what_is_made_due_is_due_with_its_site() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let (now, far) = (database.now(), database.now().plus(HOUR));
        let mut ids = Vec::new();
        for site in ["a", "b"] {
            let new = NewDelivery { next_attempt_at: far, site: Some(site.into()), ..delivery_of(&database, &house, message) };
            ids.push(enqueue(&database, new).await);
            commit!(database, tx => site_backoff::record(tx, site, far)).unwrap();
        }
        let first = ids[0];
        assert_eq!(commit!(database, tx => queue::make_due(tx, Some(first), now)).unwrap(), 1);
        assert!(read!(database, tx => site_backoff::find(tx, "a")).is_none());
        assert!(read!(database, tx => site_backoff::find(tx, "b")).is_some());
        assert_eq!(read!(database, tx => queue::find(tx, ids[1])).unwrap().next_attempt_at, far);
        assert_eq!(commit!(database, tx => queue::make_due(tx, None, now)).unwrap(), 2);
        assert!(read!(database, tx => site_backoff::find(tx, "b")).is_none());
        assert_eq!(read!(database, tx => queue::find(tx, ids[1])).unwrap().next_attempt_at, now);
        assert_eq!(commit!(database, tx => queue::make_due(tx, Some(DeliveryId(9_999)), now)).unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_sweep_pulls_in_what_a_clock_jump_put_far_ahead() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let now = database.now();
        let (gap, longest) = (HOUR * 4, HOUR);
        let year = now.plus(HOUR * 24 * 365);
        let far = enqueue(&database, NewDelivery { next_attempt_at: year, ..delivery_of(&database, &house, message) }).await;
        let near =
            enqueue(&database, NewDelivery { next_attempt_at: now.plus(HOUR), ..delivery_of(&database, &house, message) }).await;
        let held = lease(&database, "x", year);
        enqueue(&database, NewDelivery { lease: Some(held), ..delivery_of(&database, &house, message) }).await;
        commit!(database, tx => site_backoff::record(tx, "down", year)).unwrap();
        let report = commit!(database, tx => queue::sweep(tx, now, gap, longest)).unwrap();
        let expected =
            SweepReport { attempts_pulled_in: 1, leases_pulled_in: 1, backoffs_pulled_in: 1, ..SweepReport::default() };
        assert_eq!(report, expected);
        assert_eq!(read!(database, tx => queue::find(tx, far)).unwrap().next_attempt_at, now.plus(gap));
        assert_eq!(read!(database, tx => queue::find(tx, near)).unwrap().next_attempt_at, now.plus(HOUR));
        assert_eq!(read!(database, tx => site_backoff::find(tx, "down")).unwrap().0, now.plus(gap));
        assert_eq!(next_due(&database).await, Some(now.plus(HOUR)));
        assert_eq!(commit!(database, tx => queue::sweep(tx, now, gap, longest)).unwrap(), SweepReport::default());
    })
    .await;
}

#[tokio::test]
async fn a_sweep_erases_contents_nothing_waits_for() {
    each_driver(async |database| {
        let house = house(&database).await;
        let orphan = new_message(&database, b"x").await;
        let needed = new_message(&database, b"y").await;
        enqueue(&database, delivery_of(&database, &house, needed)).await;
        let now = database.now();
        let report = commit!(database, tx => queue::sweep(tx, now, HOUR, HOUR)).unwrap();
        assert_eq!(report, SweepReport { messages_erased: 1, ..SweepReport::default() });
        assert!(read!(database, tx => message::find(tx, orphan)).is_none());
        assert!(read!(database, tx => message::find_chunk(tx, orphan, 0)).is_none());
        assert!(read!(database, tx => message::find(tx, needed)).is_some());
    })
    .await;
}

#[tokio::test]
async fn a_sweep_cancels_what_waits_for_a_killed_alias() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let id = enqueue(&database, delivery_of(&database, &house, message)).await;
        let (alias, now) = (house.alias.id, database.now());
        commit!(database, tx => alias::set_state(tx, alias, AliasState::Killed, now)).unwrap();
        let report = commit!(database, tx => queue::sweep(tx, now, HOUR, HOUR)).unwrap();
        assert_eq!(report, SweepReport { deliveries_cancelled: 1, messages_erased: 1, ..SweepReport::default() });
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().state, DeliveryState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_sweep_makes_deliveries_without_content_visible_as_failed() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let id = enqueue(&database, delivery_of(&database, &house, message)).await;
        super::plans::execute(&database, format!("DELETE FROM messages WHERE id = {message}")).await;
        let now = database.now();
        let report = commit!(database, tx => queue::sweep(tx, now, HOUR, HOUR)).unwrap();
        assert_eq!(report, SweepReport { deliveries_failed: 1, ..SweepReport::default() });
        let failed = read!(database, tx => queue::find(tx, id)).unwrap();
        assert_eq!((failed.state, failed.settled_at), (DeliveryState::Failed, Some(now)));
        assert_eq!(failed.last_failure.unwrap().status, "5.3.0");
    })
    .await;
}
