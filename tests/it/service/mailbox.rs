//! Mailboxes: added, moved under all aliases at once, removed without leaving an alias behind.

use postern::model::delivery::DeliveryState;
use postern::model::id::UserId;
use postern::service::alias::NewAlias;
use postern::service::mailbox::{AddError, DefaultError, MoveError, RemoveError};
use postern::service::{Desk, alias, mailbox};
use postern::storage::delivery::NewDelivery;
use postern::storage::{self, Tx, delivery, message};

use super::{ann, called, desk};
use crate::support::database::{Database, address, each_driver};

async fn addresses_behind(desk: &Desk, user: UserId, name: &str) -> Vec<String> {
    let overview = alias::show(desk, user, &address(name)).await.unwrap();
    overview.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect()
}

/// A delivery that waits for the first mailbox behind an alias.
pub async fn waiting(database: &Database, user: UserId, name: &str, place: usize) {
    let overview = alias::show(&desk(database), user, &address(name)).await.unwrap();
    let behind = overview.mailboxes.get(place).unwrap();
    let now = database.now();
    let (uuid, recipient, mailbox_id) = (database.uuid(), behind.address.clone(), behind.id);
    let alias_id = overview.alias.id;
    let kept = message::NewMessage {
        uuid,
        received_at: now,
        sender: None,
        client_ip: "192.0.2.1".parse().unwrap(),
        helo: "x".into(),
        header: b"A: b\r\n".to_vec(),
        body_length: 0,
        body_sha256: [0; 32],
        eight_bit: false,
        smtputf8: false,
    };
    let work = async move |tx: &mut Tx| -> Result<(), postern::storage::Error> {
        let message_id = message::insert(tx, &kept).await?;
        let row = NewDelivery {
            uuid,
            message_id,
            kind: postern::model::delivery::DeliveryKind::Forward,
            alias_id: Some(alias_id),
            mailbox_id: Some(mailbox_id),
            sender: None,
            recipient,
            header: b"A: b\r\n".to_vec(),
            queued_at: now,
            next_attempt_at: now,
            attempts: 0,
            expires_at: now.plus(std::time::Duration::from_hours(120)),
            site: None,
            lease: None,
            last_failure: None,
            held: false,
            sealed: false,
        };
        delivery::insert(tx, &row).await.map(drop)
    };
    let mut tx = database.storage.read().await.unwrap();
    work(&mut tx).await.unwrap();
}

#[tokio::test]
async fn a_mailbox_is_added_once_and_not_on_our_own_domain() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let added = mailbox::add(&desk, ann.id, address("Work@inbox.example"), false).await.unwrap();
        assert!(!added.is_default && added.verified_at.is_none());
        assert!(matches!(mailbox::add(&desk, ann.id, address("work@inbox.example"), true).await, Err(AddError::Taken)));
        assert!(matches!(mailbox::add(&desk, ann.id, address("x@alias.example"), true).await, Err(AddError::OwnDomain)));
        let default = mailbox::make_default(&desk, ann.id, &added.address).await;
        assert!(matches!(default, Err(DefaultError::Unverified)));
        assert!(mailbox::verify(&desk, &added).await.unwrap());
        mailbox::make_default(&desk, ann.id, &added.address).await.unwrap();
        let unknown = mailbox::make_default(&desk, ann.id, &address("no@inbox.example")).await;
        assert!(matches!(unknown, Err(DefaultError::Unknown)));
        let defaults: Vec<_> = mailbox::list(&desk, ann.id).await.unwrap().iter().map(|m| m.is_default).collect();
        assert_eq!(defaults, [false, true]);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_is_still_needed_is_not_removed() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let work = address("work@inbox.example");
        mailbox::add(&desk, ann.id, work.clone(), true).await.unwrap();
        assert!(matches!(mailbox::remove(&desk, ann.id, &ann.email).await, Err(RemoveError::Default)));
        assert!(matches!(mailbox::remove(&desk, ann.id, &address("no@inbox.example")).await, Err(RemoveError::Unknown)));
        let only = NewAlias { mailboxes: vec![work.clone()], ..called(ann.id, "only") };
        alias::create(&desk, only).await.unwrap();
        assert!(matches!(mailbox::remove(&desk, ann.id, &work).await, Err(RemoveError::OnlyOne(1))));
        mailbox::make_default(&desk, ann.id, &work).await.unwrap();
        assert!(matches!(mailbox::remove(&desk, ann.id, &ann.email).await, Err(RemoveError::SignsIn)));
        assert_eq!(mailbox::list(&desk, ann.id).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_removed_mailbox_is_cancelled_counted_and_shown() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let work = address("work@inbox.example");
        mailbox::add(&desk, ann.id, work.clone(), true).await.unwrap();
        let both = NewAlias { mailboxes: vec![ann.email.clone(), work.clone()], ..called(ann.id, "both") };
        alias::create(&desk, both).await.unwrap();
        waiting(&database, ann.id, "both@alias.example", 0).await;
        waiting(&database, ann.id, "both@alias.example", 1).await;
        mailbox::remove(&desk, ann.id, &work).await.unwrap();
        let overview = alias::show(&desk, ann.id, &address("both@alias.example")).await.unwrap();
        let states: Vec<_> = overview.undelivered.iter().map(|delivery| delivery.state).collect();
        assert_eq!(states, [DeliveryState::Cancelled, DeliveryState::Waiting]);
        assert_eq!((overview.total.cancelled, overview.mailboxes.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_moved_mailbox_takes_all_aliases_and_what_waits_along() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        for name in ["a", "b"] {
            alias::create(&desk, called(ann.id, name)).await.unwrap();
        }
        waiting(&database, ann.id, "a@alias.example", 0).await;
        let new = address("New@elsewhere.example");
        let moved = mailbox::relocate(&desk, ann.id, &ann.email, new.clone(), true).await.unwrap();
        assert_eq!((moved.address.clone(), moved.is_default, moved.verified_at), (new.clone(), true, Some(database.now())));
        for name in ["a@alias.example", "b@alias.example"] {
            assert_eq!(addresses_behind(&desk, ann.id, name).await, ["New@elsewhere.example"]);
        }
        let overview = alias::show(&desk, ann.id, &address("a@alias.example")).await.unwrap();
        assert_eq!(overview.undelivered[0].recipient, new);
        let unknown = mailbox::relocate(&desk, ann.id, &ann.email, new.clone(), true).await;
        assert!(matches!(unknown, Err(MoveError::Unknown)));
        let ours = mailbox::relocate(&desk, ann.id, &new, address("x@alias.example"), true).await;
        assert!(matches!(ours, Err(MoveError::OwnDomain)));
        let unverified = mailbox::relocate(&desk, ann.id, &new, address("third@inbox.example"), false).await.unwrap();
        assert_eq!(unverified.verified_at, None);
        let respelt = mailbox::relocate(&desk, ann.id, &unverified.address, address("Third@inbox.example"), true).await.unwrap();
        assert_eq!((respelt.address.local(), respelt.verified_at), ("Third", Some(database.now())));
        assert_eq!(mailbox::list(&desk, ann.id).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_moved_onto_another_is_replaced_by_it() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let work = address("work@inbox.example");
        let added = mailbox::add(&desk, ann.id, work.clone(), false).await.unwrap();
        alias::create(&desk, called(ann.id, "a")).await.unwrap();
        waiting(&database, ann.id, "a@alias.example", 0).await;
        let silent = mailbox::relocate(&desk, ann.id, &ann.email, work.clone(), false).await;
        assert!(matches!(silent, Err(MoveError::Unverified)));
        let there = mailbox::relocate(&desk, ann.id, &ann.email, work.clone(), true).await.unwrap();
        assert_eq!((there.id, there.is_default), (added.id, true));
        assert_eq!(addresses_behind(&desk, ann.id, "a@alias.example").await, ["work@inbox.example"]);
        let waiting = &alias::show(&desk, ann.id, &address("a@alias.example")).await.unwrap().undelivered[0];
        assert_eq!((waiting.mailbox_id, waiting.recipient.clone()), (Some(added.id), work));
        assert_eq!(mailbox::list(&desk, ann.id).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_paused_mailbox_takes_no_other_s_place() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let work = address("work@inbox.example");
        let added = mailbox::add(&desk, ann.id, work.clone(), true).await.unwrap();
        let (id, now) = (added.id, database.now());
        let pause = desk.storage.write(move |tx| Box::pin(async move { storage::mailbox::pause(tx, id, "5.1.1", now).await }));
        assert!(pause.await.unwrap());
        for verified in [false, true] {
            let refused = mailbox::relocate(&desk, ann.id, &ann.email, work.clone(), verified).await;
            assert!(matches!(&refused, Err(MoveError::Paused)));
            assert!(refused.unwrap_err().to_string().ends_with("postern mailbox test"));
        }
        let refused = mailbox::make_default(&desk, ann.id, &work).await;
        assert!(matches!(&refused, Err(DefaultError::Paused)));
        assert!(refused.unwrap_err().to_string().ends_with("postern mailbox test"));
        let kept: Vec<_> = mailbox::list(&desk, ann.id).await.unwrap().iter().map(|m| m.is_default).collect();
        assert_eq!(kept, [true, false]);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_with_a_key_is_not_replaced_by_one_without() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let work = address("work@inbox.example");
        let added = mailbox::add(&desk, ann.id, work.clone(), true).await.unwrap();
        alias::create(&desk, called(ann.id, "a")).await.unwrap();
        let old = mailbox::find(&desk, ann.id, &ann.email).await.unwrap().unwrap();
        let set = async |mailbox_id| {
            let now = database.now();
            let fingerprint = "AB".to_owned();
            let (public_key, expires_at, hide_subject) = (b"key".to_vec(), None, false);
            let key = postern::model::pgp_key::PgpKey {
                mailbox_id,
                public_key,
                fingerprint,
                expires_at,
                hide_subject,
                created_at: now,
            };
            let written =
                database.storage.write(move |tx| Box::pin(async move { postern::storage::pgp_key::set(tx, &key).await }));
            written.await.unwrap();
        };
        set(old.id).await;
        let refused = mailbox::relocate(&desk, ann.id, &ann.email, work.clone(), true).await.unwrap_err();
        assert!(matches!(refused, MoveError::NoKey) && refused.to_string().contains("set a key for it first"), "{refused}");
        assert_eq!(addresses_behind(&desk, ann.id, "a@alias.example").await, ["Ann@inbox.example"]);
        set(added.id).await;
        assert_eq!(mailbox::relocate(&desk, ann.id, &ann.email, work.clone(), true).await.unwrap().id, added.id);
        assert_eq!(addresses_behind(&desk, ann.id, "a@alias.example").await, ["work@inbox.example"]);
        // Another address for the same mailbox keeps its key.
        let moved = mailbox::relocate(&desk, ann.id, &work, address("home@inbox.example"), true).await.unwrap();
        let mut tx = database.storage.read().await.unwrap();
        assert!(postern::storage::pgp_key::find(&mut tx, moved.id).await.unwrap().is_some());
    })
    .await;
}
