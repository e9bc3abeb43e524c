//! App passwords: one row for each selector, found with whose it is, gone with its user.

use postern::model::id::UserId;
use postern::model::{Private, Timestamp};
use postern::storage::app_password::{self, NewAppPassword};
use postern::storage::{domain, user};

use super::fixtures::{commit, house, new_user, read};
use crate::support::database::{Database, each_driver};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn new(database: &Database, user_id: UserId, selector: &str) -> NewAppPassword {
    NewAppPassword {
        uuid: database.uuid(),
        user_id,
        name: "phone".into(),
        selector: selector.into(),
        hash: Private::new(format!("hash of {selector}")),
        created_at: database.now(),
        made_by: None,
    }
}

#[tokio::test]
async fn a_selector_finds_one_app_password_and_its_user() {
    each_driver(async |database| {
        let ann = house(&database).await.user;
        let bob = new_user(&database, "bob@inbox.example").await;
        let (first, second, taken) =
            (new(&database, ann.id, "abcd"), new(&database, ann.id, "efgh"), new(&database, bob.id, "abcd"));
        let made = commit!(database, tx => async {
            let made = app_password::create(tx, &first).await?;
            app_password::create(tx, &second).await?;
            assert!(app_password::create(tx, &taken).await.unwrap_err().is_taken());
            Ok(made)
        })
        .unwrap();
        let found = read!(database, tx => app_password::find_by_selector(tx, "abcd", NOW)).unwrap();
        assert_eq!((found.app_password.id, found.app_password.user_id, found.email), (made.id, ann.id, ann.email.folded()));
        assert_eq!((found.hash.reveal().as_str(), found.app_password.last_used_at), ("hash of abcd", None));
        assert!(read!(database, tx => app_password::find_by_selector(tx, "----", NOW)).is_none());
        let used = Timestamp::from_micros(77);
        commit!(database, tx => async { app_password::used(tx, made.id, used).await }).unwrap();
        let listed = read!(database, tx => app_password::list(tx, ann.id, NOW));
        assert_eq!(listed.iter().map(|one| one.last_used_at).collect::<Vec<_>>(), [Some(used), None]);
        assert!(read!(database, tx => app_password::list(tx, bob.id, NOW)).is_empty());

        let uuid = made.uuid;
        assert!(!commit!(database, tx => async { app_password::delete(tx, bob.id, uuid).await }).unwrap(), "not bob's");
        assert!(read!(database, tx => app_password::exists(tx, made.id, NOW)));
        assert!(commit!(database, tx => async { app_password::delete(tx, ann.id, uuid).await }).unwrap());
        assert!(!read!(database, tx => app_password::exists(tx, made.id, NOW)));
    })
    .await;
}

#[tokio::test]
async fn a_user_who_goes_takes_them_along() {
    each_driver(async |database| {
        let bob = new_user(&database, "bob@inbox.example").await.id;
        let phone = new(&database, bob, "abcd");
        commit!(database, tx => async { app_password::create(tx, &phone).await }).unwrap();
        assert!(commit!(database, tx => async { user::delete(tx, bob).await }).unwrap());
        assert!(read!(database, tx => app_password::find_by_selector(tx, "abcd", NOW)).is_none());
    })
    .await;
}

#[tokio::test]
async fn only_its_owner_says_what_sending_from_a_domain_makes() {
    each_driver(async |database| {
        let house = house(&database).await;
        let ann = house.user.id;
        let own = domain::NewDomain {
            uuid: database.uuid(),
            name: "ann.example".parse().unwrap(),
            user_id: Some(ann),
            created_at: database.now(),
        };
        let name = own.name.clone();
        commit!(database, tx => async { domain::create(tx, &own).await }).unwrap();
        let bob = new_user(&database, "bob@inbox.example").await.id;
        let shared = house.domain.name.clone();
        let (allowed, not_shared, not_bobs) = commit!(database, tx => async {
            Ok((
                domain::set_submission_creates(tx, ann, &name, true).await?,
                domain::set_submission_creates(tx, ann, &shared, true).await?,
                domain::set_submission_creates(tx, bob, &name, false).await?,
            ))
        })
        .unwrap();
        assert_eq!((allowed, not_shared, not_bobs), (true, false, false));
        let listed = read!(database, tx => domain::list(tx));
        assert_eq!(listed.iter().map(|one| one.submission_creates).collect::<Vec<_>>(), [false, true]);
    })
    .await;
}
