//! Held deliveries: not claimed, kept by every sweep, decided on with all copies of their message.

use std::time::Duration;

use postern::model::delivery::DeliveryState;
use postern::model::id::DeliveryId;
use postern::storage::delivery::{self, NewDelivery};
use postern::storage::{hold, message, queue};

use super::fixtures::{House, commit, delivery_of, enqueue, house, lease, new_message, new_user, read};
use crate::support::database::{Database, each_driver};

const LONG: Duration = Duration::from_hours(24);

async fn held(database: &Database, house: &House) -> DeliveryId {
    let message = new_message(database, b"\r\nbody").await;
    enqueue(database, NewDelivery { held: true, ..delivery_of(database, house, message) }).await
}

async fn state(database: &Database, id: DeliveryId) -> DeliveryState {
    read!(database, tx => queue::find(tx, id)).unwrap().state
}

#[tokio::test]
async fn a_held_delivery_is_neither_claimed_nor_swept_away() {
    each_driver(async |database| {
        let house = house(&database).await;
        let id = held(&database, &house).await;
        let now = database.now();
        let taken = lease(&database, "a/b", now.plus(LONG));
        assert!(commit!(database, tx => async { delivery::claim(tx, &taken, now.plus(LONG), 10).await }).unwrap().is_empty());
        let report = commit!(database, tx => queue::sweep(tx, now, LONG, LONG)).unwrap();
        assert!(!report.found_anything(), "{report:?}");
        assert_eq!(commit!(database, tx => queue::make_due(tx, Some(id), now)).unwrap(), 0);
        assert!(!commit!(database, tx => queue::cancel(tx, id, now)).unwrap());
        let counts = read!(database, tx => queue::counts(tx));
        assert_eq!((counts.held, counts.waiting), (1, 0));
        let message = read!(database, tx => queue::find(tx, id)).unwrap().message_id.unwrap();
        assert!(!commit!(database, tx => message::erase_if_done(tx, message)).unwrap());
    })
    .await;
}

#[tokio::test]
async fn only_its_owner_finds_it_and_what_is_decided_holds_for_the_alias() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (one, other) = (held(&database, &house).await, held(&database, &house).await);
        let stranger = new_user(&database, "bob@inbox.example").await;
        assert!(read!(database, tx => hold::find(tx, stranger.id, one)).is_none());
        assert_eq!(read!(database, tx => hold::find(tx, house.user.id, one)).unwrap().id, one);
        let now = database.now();
        assert_eq!(commit!(database, tx => hold::release(tx, one, now, now.plus(LONG))).unwrap(), 1);
        assert_eq!(state(&database, one).await, DeliveryState::Waiting);
        assert_eq!(commit!(database, tx => hold::cancel(tx, one, now)).unwrap(), [], "it is not held any more");
        assert_eq!(commit!(database, tx => hold::cancel(tx, other, now)).unwrap(), [house.alias.id]);
        assert_eq!(state(&database, other).await, DeliveryState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_moves_or_goes_takes_what_is_held_along() {
    each_driver(async |database| {
        let house = house(&database).await;
        let id = held(&database, &house).await;
        let (mailbox, now) = (house.mailbox.id, database.now());
        let moved = crate::support::database::address("new@inbox.example");
        commit!(database, tx => async { delivery::redirect(tx, mailbox, mailbox, &moved).await }).unwrap();
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().recipient.to_string(), "new@inbox.example");
        commit!(database, tx => delivery::cancel_waiting_of_mailbox(tx, mailbox, now)).unwrap();
        assert_eq!(state(&database, id).await, DeliveryState::Cancelled);
    })
    .await;
}
