//! Accounts: made, found, removed for good.

use postern::service::alias::CreateError;
use postern::service::user::{AddError, ChangeError, NewUser, ResolveError};
use postern::service::{alias, mailbox, user};

use super::{add_user, ann, called, desk};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_new_user_has_a_default_mailbox_as_verified_as_the_operator_says() {
    each_driver(async |database| {
        let desk = desk(&database);
        for (email, verified) in [("Ann@inbox.example", true), ("bob@inbox.example", false)] {
            let new = NewUser { email: address(email), is_admin: verified, verified };
            let (user, first) = user::add(&desk, new).await.unwrap();
            assert_eq!(user.is_admin, verified);
            assert_eq!((first.user_id, first.is_default, first.address), (user.id, true, address(email)));
            assert_eq!(first.verified_at, verified.then(|| database.now()));
        }
        assert_eq!(user::list(&desk, None, 10).await.unwrap().len(), 2);
        assert!(user::find_by_email(&desk, &address("ANN@inbox.example")).await.unwrap().is_some());
        assert!(user::find_by_email(&desk, &address("eve@inbox.example")).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_address_signs_one_user_in_and_is_not_our_own() {
    each_driver(async |database| {
        let desk = desk(&database);
        ann(&desk).await;
        let add = async |email: &str| user::add(&desk, NewUser { email: address(email), is_admin: false, verified: true }).await;
        assert!(matches!(add("ANN@inbox.example").await, Err(AddError::Taken)));
        assert!(matches!(add("me@alias.example").await, Err(AddError::OwnDomain)));
    })
    .await;
}

#[tokio::test]
async fn the_only_user_need_not_be_named() {
    each_driver(async |database| {
        let desk = desk(&database);
        assert!(matches!(user::resolve(&desk, None).await, Err(ResolveError::Nobody)));
        let ann = add_user(&desk, "ann@inbox.example", true).await;
        assert_eq!(user::resolve(&desk, None).await.unwrap().id, ann.id);
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        assert!(matches!(user::resolve(&desk, None).await, Err(ResolveError::Several)));
        assert_eq!(user::resolve(&desk, Some(&address("Bob@inbox.example"))).await.unwrap().id, bob.id);
        assert!(matches!(user::resolve(&desk, Some(&address("eve@inbox.example"))).await, Err(ResolveError::Unknown)));
    })
    .await;
}

#[tokio::test]
async fn a_removed_users_addresses_are_never_given_to_anyone() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        for chosen in ["one", "two"] {
            alias::create(&desk, called(ann.id, chosen)).await.unwrap();
        }
        alias::create(&desk, called(bob.id, "three")).await.unwrap();
        assert_eq!(user::remove(&desk, ann.id).await.unwrap(), 2);
        assert!(matches!(user::remove(&desk, ann.id).await, Err(ChangeError::Unknown)));
        assert!(mailbox::list(&desk, ann.id).await.unwrap().is_empty());
        assert!(matches!(alias::create(&desk, called(bob.id, "One")).await, Err(CreateError::Taken)));
        alias::get(&desk, bob.id, &address("three@alias.example")).await.unwrap();
        assert_eq!(user::resolve(&desk, None).await.unwrap().id, bob.id);
    })
    .await;
}
