//! What is shown to people is not shown for ever, and nobody can make it endless.

use std::time::Duration;

use postern::model::delivery::{DeliveryKind, DeliveryState};
use postern::storage::delivery::NewFailure;
use postern::storage::queue::{Counts, SweepReport};
use postern::storage::{delivery, mailbox, message, queue, site_backoff};

use super::fixtures::{House, commit, delivery_of, enqueue, failure, house, new_message, read};
use crate::support::database::{Database, each_driver};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn failed(database: &Database, house: &House) -> NewFailure {
    NewFailure {
        uuid: database.uuid(),
        kind: DeliveryKind::Forward,
        alias_id: Some(house.alias.id),
        mailbox_id: Some(house.mailbox.id),
        sender: None,
        recipient: house.mailbox.address.clone(),
        failure: failure(),
        at: database.now(),
    }
}

async fn sweep(database: &Database) -> SweepReport {
    let now = database.now();
    commit!(*database, tx => queue::sweep(tx, now, DAY * 400, HOUR)).unwrap()
}

#[tokio::test]
async fn failures_and_cancellations_are_forgotten_after_thirty_days() {
    each_driver(async |database| {
        let house = house(&database).await;
        let message = new_message(&database, b"x").await;
        let row = delivery_of(&database, &house, message);
        let waiting = enqueue(&database, row.clone()).await;
        let again = postern::storage::delivery::NewDelivery { uuid: database.uuid(), ..row };
        let cancelled = enqueue(&database, again).await;
        let (now, new) = (database.now(), failed(&database, &house));
        commit!(database, tx => async {
            queue::cancel(tx, cancelled, now).await?;
            delivery::insert_failed(tx, &new).await
        })
        .unwrap();
        database.clock.advance(DAY * 30);
        assert_eq!(sweep(&database).await, SweepReport::default());
        database.clock.advance(Duration::from_secs(1));
        let report = sweep(&database).await;
        assert_eq!(report, SweepReport { deliveries_forgotten: 2, ..SweepReport::default() });
        assert!(!report.found_anything(), "that is no repair");
        assert_eq!(read!(database, tx => queue::find(tx, waiting)).unwrap().state, DeliveryState::Waiting);
    })
    .await;
}

#[tokio::test]
async fn an_alias_shows_its_last_thousand_failures_and_no_more() {
    each_driver(async |database| {
        let house = house(&database).await;
        let all: Vec<_> = (0..1003).map(|_| failed(&database, &house)).collect();
        let ids = commit!(database, tx => async {
            let mut ids = Vec::new();
            for new in &all {
                ids.push(delivery::insert_failed(tx, new).await?);
            }
            Ok(ids)
        })
        .unwrap();
        assert_eq!(read!(database, tx => queue::counts(tx)), Counts { failed: 1000, ..Counts::default() });
        assert!(read!(database, tx => queue::find(tx, ids[2])).is_none());
        assert!(read!(database, tx => queue::find(tx, ids[3])).is_some());
    })
    .await;
}

#[tokio::test]
async fn a_site_is_forgotten_a_day_after_its_wait() {
    each_driver(async |database| {
        let until = database.now();
        commit!(database, tx => site_backoff::record(tx, "mx", until)).unwrap();
        database.clock.advance(DAY);
        assert_eq!(sweep(&database).await, SweepReport::default());
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(sweep(&database).await, SweepReport { backoffs_forgotten: 1, ..SweepReport::default() });
        assert!(read!(database, tx => site_backoff::find(tx, "mx")).is_none());
    })
    .await;
}

#[tokio::test]
async fn what_waited_in_vain_for_a_mailbox_to_be_verified_is_failed_and_visible() {
    each_driver(async |database| {
        let house = house(&database).await;
        let kept = new_message(&database, b"x").await;
        let id = enqueue(&database, delivery_of(&database, &house, kept)).await;
        let (mailbox_id, address) = (house.mailbox.id, house.mailbox.address.clone());
        commit!(database, tx => mailbox::set_address(tx, mailbox_id, &address, None)).unwrap();
        database.clock.advance(HOUR * 119);
        assert_eq!(sweep(&database).await, SweepReport::default());
        database.clock.advance(HOUR);
        let expected = SweepReport { deliveries_failed: 1, messages_erased: 1, ..SweepReport::default() };
        assert_eq!(sweep(&database).await, expected);
        assert_eq!(read!(database, tx => queue::find(tx, id)).unwrap().state, DeliveryState::Failed);
        assert!(read!(database, tx => message::find(tx, kept)).is_none());
    })
    .await;
}
