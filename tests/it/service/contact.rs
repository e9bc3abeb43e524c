//! Contacts: made by their owner, with a reverse address that stays, for somebody and not for an address of ours.

use postern::service::alias;
use postern::service::contact::{self, ContactError};

use super::{add_user, ann, called, desk};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_contact_is_made_once_and_listed_in_pages() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap().address;
        let first = contact::create(&desk, ann.id, &shop, address("Boss@corp.example")).await.unwrap();
        assert!(first.reverse.local().starts_with("reply+") && first.reverse.domain() == shop.domain());
        assert_eq!(contact::create(&desk, ann.id, &shop, address("boss@corp.example")).await.unwrap().reverse, first.reverse);
        let second = contact::block(&desk, ann.id, &shop, address("ads@corp.example")).await.unwrap();
        assert!(second.contact.is_blocked && !first.contact.is_blocked);
        let page = contact::list(&desk, ann.id, &shop, None, 1).await.unwrap();
        assert_eq!((page.len(), page[0].contact.address.to_string().as_str()), (1, "Boss@corp.example"));
        let page = contact::list(&desk, ann.id, &shop, Some(page[0].contact.id), 9).await.unwrap();
        assert_eq!((page.len(), page[0].contact.is_blocked), (1, true));
    })
    .await;
}

#[tokio::test]
async fn no_contact_is_an_address_of_ours_that_is_nobody_or_the_owner() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap().address;
        let friend = alias::create(&desk, called(bob.id, "friend")).await.unwrap().address;
        let refused = async |text: &str| contact::create(&desk, ann.id, &shop, address(text)).await.unwrap_err();
        assert!(matches!(refused("SHOP@alias.example").await, ContactError::Itself));
        assert!(matches!(refused("Reply+abc@alias.example").await, ContactError::NotSomebody));
        assert!(matches!(refused("bounce+abc@alias.example").await, ContactError::NotSomebody));
        assert!(matches!(refused("ann@inbox.example").await, ContactError::OwnMailbox));
        contact::create(&desk, ann.id, &shop, address("reply+abc@elsewhere.example")).await.unwrap();
        contact::create(&desk, ann.id, &shop, friend).await.unwrap();
        let foreign = contact::create(&desk, bob.id, &shop, address("boss@corp.example")).await;
        assert!(matches!(foreign, Err(ContactError::UnknownAlias)));
        let unknown = contact::unblock(&desk, ann.id, &shop, &address("boss@corp.example")).await;
        assert!(matches!(unknown, Err(ContactError::Unknown)));
    })
    .await;
}
