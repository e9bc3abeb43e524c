//! Mailboxes.

use postern::model::id::MailboxId;
use postern::storage::mailbox::NewMailbox;
use postern::storage::{alias, mailbox};

use super::fixtures::{commit, house, new_mailbox, new_user, read};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_mailbox_keeps_its_spelling_and_is_unique_per_user_by_its_folded_form() {
    each_driver(async |database| {
        let house = house(&database).await;
        let bob = new_user(&database, "bob@inbox.example").await;
        let again = NewMailbox {
            uuid: database.uuid(),
            user_id: house.user.id,
            address: address("ANN@inbox.example"),
            verified_at: None,
            is_default: false,
            created_at: database.now(),
        };
        let others = NewMailbox { user_id: bob.id, uuid: database.uuid(), ..again.clone() };
        commit!(database, tx => async {
            assert!(mailbox::create(tx, &again).await.unwrap_err().is_taken());
            mailbox::create(tx, &others).await
        })
        .unwrap();
        let found = read!(database, tx => mailbox::find_by_address(tx, house.user.id, "ann@inbox.example")).unwrap();
        assert_eq!((found.id, found.uuid, found.address.local()), (house.mailbox.id, house.mailbox.uuid, "Ann"));
        assert_eq!((found.verified_at, found.is_default, found.user_id), (Some(database.now()), false, house.user.id));
        assert_eq!(read!(database, tx => mailbox::find(tx, house.mailbox.id)).unwrap().uuid, house.mailbox.uuid);
        assert!(read!(database, tx => mailbox::find(tx, MailboxId(9_999))).is_none());
        assert!(read!(database, tx => mailbox::find_by_address(tx, bob.id, "bob@inbox.example")).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_is_verified_once_and_one_of_a_user_is_the_default() {
    each_driver(async |database| {
        let house = house(&database).await;
        let second = new_mailbox(&database, &house.user, "second@inbox.example", false).await;
        let (id, user, now) = (second.id, house.user.id, database.now());
        assert!(commit!(database, tx => mailbox::verify(tx, id, now)).unwrap());
        assert!(!commit!(database, tx => mailbox::verify(tx, id, now)).unwrap());
        let first = house.mailbox.id;
        commit!(database, tx => mailbox::make_default(tx, user, first)).unwrap();
        commit!(database, tx => mailbox::make_default(tx, user, id)).unwrap();
        let all = read!(database, tx => mailbox::list(tx, user));
        assert_eq!(all.iter().map(|m| (m.id, m.is_default)).collect::<Vec<_>>(), [(first, false), (id, true)]);
        assert_eq!(all[1].verified_at, Some(now));
    })
    .await;
}

#[tokio::test]
async fn aliases_follow_a_mailbox_and_their_only_one_is_counted() {
    each_driver(async |database| {
        let house = house(&database).await;
        let second = new_mailbox(&database, &house.user, "second@inbox.example", true).await;
        let (first, second, alias) = (house.mailbox.id, second.id, house.alias.id);
        assert_eq!(read!(database, tx => mailbox::count_sole_aliases(tx, first)), 1);
        commit!(database, tx => mailbox::copy_aliases(tx, first, second)).unwrap();
        commit!(database, tx => mailbox::copy_aliases(tx, first, second)).unwrap();
        commit!(database, tx => alias::add_mailbox(tx, alias, second)).unwrap();
        assert_eq!(read!(database, tx => mailbox::count_sole_aliases(tx, first)), 0);
        let behind = read!(database, tx => mailbox::of_alias(tx, alias));
        assert_eq!(behind.iter().map(|m| m.id).collect::<Vec<_>>(), [first, second]);
        assert!(commit!(database, tx => mailbox::delete(tx, first)).unwrap());
        assert!(!commit!(database, tx => mailbox::delete(tx, first)).unwrap());
        assert_eq!(read!(database, tx => mailbox::of_alias(tx, alias)).len(), 1);
        let moved = address("Moved@inbox.example");
        commit!(database, tx => mailbox::set_address(tx, second, &moved, None)).unwrap();
        let route = read!(database, tx => alias::find_route(tx, "shop@alias.example")).unwrap();
        assert_eq!((route.mailboxes.len(), route.unverified), (0, 1));
        let found = read!(database, tx => mailbox::find_by_address(tx, house.user.id, "moved@inbox.example")).unwrap();
        assert_eq!((found.id, found.address.local()), (second, "Moved"));
    })
    .await;
}
