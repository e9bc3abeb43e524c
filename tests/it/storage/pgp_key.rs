//! Keys of mailboxes: one each, gone with them, seen by whoever looks a route up.

use std::time::Duration;

use postern::model::id::MailboxId;
use postern::model::pgp_key::PgpKey;
use postern::storage::alias::find_route;
use postern::storage::{mailbox, pgp_key};

use super::fixtures::{alias_of, commit, house, new_alias, new_mailbox, read};
use crate::support::database::{Database, each_driver};

fn key(database: &Database, mailbox_id: MailboxId, days: Option<u64>) -> PgpKey {
    PgpKey {
        mailbox_id,
        public_key: vec![0x98, 0, 255],
        fingerprint: "AB12".into(),
        expires_at: days.map(|days| database.now().plus(Duration::from_hours(24 * days))),
        hide_subject: days.is_some(),
        created_at: database.now(),
    }
}

async fn set(database: &Database, key: &PgpKey) {
    let key = key.clone();
    commit!(database, tx => pgp_key::set(tx, &key)).unwrap();
}

#[tokio::test]
async fn a_mailbox_has_one_key_which_goes_with_it() {
    each_driver(async |database| {
        let house = house(&database).await;
        let other = new_mailbox(&database, &house.user, "other@inbox.example", true).await;
        let (first, second) = (key(&database, other.id, None), key(&database, other.id, Some(3)));
        set(&database, &first).await;
        assert_eq!(read!(database, tx => pgp_key::find(tx, other.id)), Some(first));
        set(&database, &second).await;
        assert_eq!(read!(database, tx => pgp_key::list(tx, house.user.id)), std::slice::from_ref(&second));
        assert!(commit!(database, tx => pgp_key::remove(tx, other.id)).unwrap());
        assert!(!commit!(database, tx => pgp_key::remove(tx, other.id)).unwrap());
        set(&database, &second).await;
        assert!(commit!(database, tx => mailbox::delete(tx, other.id)).unwrap());
        assert_eq!(read!(database, tx => pgp_key::find(tx, other.id)), None);
    })
    .await;
}

#[tokio::test]
async fn a_route_says_when_the_first_key_of_its_mailboxes_expires() {
    each_driver(async |database| {
        let house = house(&database).await;
        let other = new_mailbox(&database, &house.user, "other@inbox.example", true).await;
        let mailboxes = [&house.mailbox, &other];
        let alias =
            new_alias(&database, alias_of(&database, &house.user, &house.domain, "both@you.example", &mailboxes)).await.unwrap();
        let address = alias.address.folded();
        let route = read!(database, tx => find_route(tx, &address)).unwrap();
        assert_eq!((route.mailboxes.len(), route.key_expires_at), (2, None));
        set(&database, &key(&database, other.id, None)).await;
        let route = read!(database, tx => find_route(tx, &address)).unwrap();
        assert_eq!((route.mailboxes.len(), route.key_expires_at), (2, None));
        let at = database.now().plus(Duration::from_hours(24));
        set(&database, &key(&database, other.id, Some(1))).await;
        let route = read!(database, tx => find_route(tx, &address)).unwrap();
        assert_eq!((route.mailboxes.len(), route.key_expires_at), (2, Some(at)));
        let both = [house.mailbox.id, other.id];
        let found = read!(database, tx => pgp_key::find_many(tx, &both));
        assert_eq!(found, [key(&database, other.id, Some(1))]);
        assert_eq!(read!(database, tx => pgp_key::find_many(tx, &[])), []);
    })
    .await;
}

#[tokio::test]
async fn keys_that_expire_are_listed_until_they_have() {
    each_driver(async |database| {
        let house = house(&database).await;
        let other = new_mailbox(&database, &house.user, "other@inbox.example", true).await;
        set(&database, &key(&database, house.mailbox.id, None)).await;
        set(&database, &key(&database, other.id, Some(10))).await;
        let days = |days: u64| database.now().plus(Duration::from_hours(24 * days));
        let (now, early, late, end) = (database.now(), days(9), days(14), days(10));
        assert!(read!(database, tx => pgp_key::list_expiring(tx, now, early)).is_empty());
        let found = read!(database, tx => pgp_key::list_expiring(tx, now, late));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].mailbox, found[0].user_id, found[0].expires_at), (other.uuid, house.user.id, end));
        assert!(read!(database, tx => pgp_key::list_expiring(tx, end, late)).is_empty());
    })
    .await;
}
