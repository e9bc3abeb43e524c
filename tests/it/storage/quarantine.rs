//! Rows that can't be read: out of everybody's way, shown, kept.

use std::time::Duration;

use postern::model::delivery::{DeliveryState, Failure};
use postern::model::id::DeliveryId;
use postern::model::{Private, Timestamp};
use postern::storage::queue::{DeliveryFilter, SweepReport};
use postern::storage::{delivery, message, queue};

use super::fixtures::{House, commit, delivery_of, enqueue, house, lease, new_message, read};
use super::plans::execute;
use crate::support::database::{Database, address, each_driver, on_sqlite};

const HOUR: Duration = Duration::from_hours(1);

async fn claim(database: &Database) -> Vec<DeliveryId> {
    let (lease, now) = (lease(database, "node/boot", database.now().plus(HOUR)), database.now());
    let claimed = commit!(*database, tx => delivery::claim(tx, &lease, now, 10)).unwrap();
    claimed.iter().map(|claimed| claimed.delivery.id).collect()
}

/// Two waiting deliveries with a message of their own; the first is damaged by `change`.
async fn one_damaged(database: &Database, house: &House, change: &str) -> (DeliveryId, DeliveryId) {
    let kept = new_message(database, b"\r\nfirst").await;
    let damaged = enqueue(database, delivery_of(database, house, kept)).await;
    let other = new_message(database, b"\r\nsecond").await;
    let sound = enqueue(database, delivery_of(database, house, other)).await;
    execute(database, format!("UPDATE deliveries SET {change} WHERE id = {damaged}")).await;
    (damaged, sound)
}

async fn is_kept_and_shown(database: &Database, id: DeliveryId) {
    let shown = read!(database, tx => queue::list(tx, &DeliveryFilter { limit: 10, ..DeliveryFilter::default() }));
    assert_eq!(shown.len(), 2);
    assert_eq!((shown[1].id, shown[1].state), (id, DeliveryState::Failed));
    let now = database.now();
    let report = commit!(*database, tx => queue::sweep(tx, now, HOUR, HOUR)).unwrap();
    assert_eq!(report, SweepReport::default(), "the sweep erases nothing of it");
}

#[tokio::test]
async fn a_row_that_makes_no_sense_holds_up_no_other_and_keeps_its_content() {
    each_driver(async |database| {
        let house = house(&database).await;
        for change in ["recipient = 'no address'", "sender = 'no address'", "last_code = -7"] {
            let (damaged, sound) = one_damaged(&database, &house, change).await;
            assert_eq!(claim(&database).await, [sound], "{change}");
            is_kept_and_shown(&database, damaged).await;
            let row = read!(database, tx => queue::find(tx, damaged)).unwrap();
            let failure = row.last_failure.unwrap();
            assert_eq!((failure.code, failure.status.as_str(), row.settled_at), (None, "5.3.0", Some(database.now())));
            assert!(read!(database, tx => message::find(tx, row.message_id.unwrap())).is_some());
            assert!(claim(&database).await.is_empty());
            execute(&database, "DELETE FROM deliveries".into()).await;
            execute(&database, "DELETE FROM messages".into()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_the_driver_can_not_decode_holds_up_no_other() {
    on_sqlite(async |database| {
        let house = house(&database).await;
        // A flipped bit makes text no text any more.
        let (damaged, sound) = one_damaged(&database, &house, "recipient = CAST(x'ff414000' AS TEXT)").await;
        assert_eq!(claim(&database).await, [sound]);
        is_kept_and_shown(&database, damaged).await;
    })
    .await;
}

#[tokio::test]
async fn a_mended_delivery_in_quarantine_is_tried_again_when_it_is_named() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (damaged, sound) = one_damaged(&database, &house, "recipient = 'no address'").await;
        assert_eq!(claim(&database).await, [sound]);
        let now = database.now();
        assert_eq!(commit!(database, tx => queue::make_due(tx, None, now)).unwrap(), 1, "unnamed it stays");
        execute(&database, format!("UPDATE deliveries SET recipient = 'ann@inbox.example' WHERE id = {damaged}")).await;
        assert_eq!(commit!(database, tx => queue::make_due(tx, Some(damaged), now)).unwrap(), 1);
        assert_eq!(claim(&database).await, [damaged]);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_put_into_quarantine_keeps_message_and_header_until_it_is_cancelled() {
    each_driver(async |database| {
        let house = house(&database).await;
        let now = database.now();
        for kill in [false, true] {
            let kept = new_message(&database, b"\r\nbody").await;
            let id = enqueue(&database, delivery_of(&database, &house, kept)).await;
            let held = lease(&database, "node/boot", now.plus(HOUR));
            let token = held.token;
            assert_eq!(commit!(database, tx => delivery::claim(tx, &held, now, 10)).unwrap().len(), 1);
            let failure = Failure { code: None, status: "5.3.0".into(), detail: Private::new("unreadable".into()) };
            assert!(commit!(database, tx => delivery::settle_quarantined(tx, id, token, &failure, now)).unwrap());
            let row = read!(database, tx => queue::find(tx, id)).unwrap();
            assert_eq!((row.state, row.settled_at, row.message_id), (DeliveryState::Failed, Some(now), Some(kept)));
            let far = Timestamp::from_micros(now.as_micros() * 2);
            commit!(database, tx => queue::sweep(tx, far, HOUR, HOUR)).unwrap();
            assert!(read!(database, tx => message::find(tx, kept)).is_some(), "a sweep forgets nothing of it");
            if kill {
                let alias = house.alias.id;
                assert_eq!(commit!(database, tx => delivery::cancel_waiting_of_alias(tx, alias, now)).unwrap(), 1);
            } else {
                assert!(commit!(database, tx => queue::cancel(tx, id, now)).unwrap());
            }
            assert!(read!(database, tx => message::find(tx, kept)).is_none());
            assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().state, DeliveryState::Cancelled);
        }
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_read_of_a_row_is_replaced_when_it_is_shown() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (damaged, _) = one_damaged(&database, &house, "recipient = 'no address', sender = '@@', last_code = -7").await;
        let shown = read!(database, tx => queue::find(tx, damaged)).unwrap();
        assert_eq!((shown.recipient, shown.sender), (address("unreadable@unreadable.invalid"), None));
        assert_eq!(shown.last_failure.unwrap().code, None);
    })
    .await;
}
