//! Users.

use postern::model::id::UserId;
use postern::storage::user;
use postern::storage::user::NewUser;
use postern::storage::{alias, mailbox};

use super::fixtures::{commit, house, new_user, read};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn users_are_unique_by_folded_email_and_listed_in_pages() {
    each_driver(async |database| {
        let ann = new_user(&database, "Ann@inbox.example").await;
        let quoted = new_user(&database, "\"a b\"@inbox.example").await;
        let admin =
            NewUser { uuid: database.uuid(), email: address("root@x.example"), is_admin: true, created_at: database.now() };
        let again = NewUser { email: address("ANN@inbox.example"), uuid: database.uuid(), ..admin.clone() };
        let root = commit!(database, tx => async {
            assert!(user::create(tx, &again).await.unwrap_err().is_taken());
            user::create(tx, &admin).await
        })
        .unwrap();
        assert!(root.is_admin && !ann.is_admin);
        let found = read!(database, tx => user::find_by_email(tx, "ann@inbox.example")).unwrap();
        assert_eq!((found.id, found.uuid, found.created_at), (ann.id, ann.uuid, database.now()));
        assert_eq!(read!(database, tx => user::find(tx, quoted.id)).unwrap().email, address("\"a b\"@inbox.example"));
        assert!(read!(database, tx => user::find(tx, UserId(9_999))).is_none());
        let ids = |users: Vec<postern::model::user::User>| users.iter().map(|user| user.id).collect::<Vec<_>>();
        assert_eq!(ids(read!(database, tx => user::list(tx, None, 2))), [ann.id, quoted.id]);
        assert_eq!(ids(read!(database, tx => user::list(tx, Some(quoted.id), 2))), [root.id]);
    })
    .await;
}

#[tokio::test]
async fn a_removed_user_leaves_nothing() {
    each_driver(async |database| {
        let house = house(&database).await;
        let id = house.user.id;
        assert!(commit!(database, tx => user::lock(tx, id)).unwrap());
        assert!(commit!(database, tx => user::delete(tx, id)).unwrap());
        assert!(!commit!(database, tx => user::lock(tx, id)).unwrap());
        assert!(!commit!(database, tx => user::delete(tx, id)).unwrap());
        assert!(read!(database, tx => mailbox::find(tx, house.mailbox.id)).is_none());
        assert!(read!(database, tx => alias::find(tx, house.alias.id)).is_none());
    })
    .await;
}
