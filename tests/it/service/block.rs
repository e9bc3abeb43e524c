//! Blocks: a user's own, everywhere or at one alias.

use postern::service::{alias, block, contact};

use super::{add_user, ann, called, desk};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_user_sees_everybody_they_blocked_and_nobody_else_s() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap();
        assert!(block::add(&desk, ann.id, "Ads.example".parse().unwrap()).await.unwrap());
        assert!(!block::add(&desk, ann.id, "@ads.example".parse().unwrap()).await.unwrap());
        contact::block(&desk, ann.id, &shop.address, address("news@lg.example")).await.unwrap();
        let listed = block::list(&desk, ann.id).await.unwrap();
        assert_eq!(listed.everywhere[0].sender.to_string(), "@ads.example");
        assert_eq!(listed.contacts[0].0.address.to_string(), "news@lg.example");
        assert_eq!(listed.contacts[0].1.id, shop.id);
        let theirs = block::list(&desk, bob.id).await.unwrap();
        assert!(theirs.everywhere.is_empty() && theirs.contacts.is_empty());
        assert!(!block::remove(&desk, bob.id, "ads.example".parse().unwrap()).await.unwrap());
        assert!(block::remove(&desk, ann.id, "ads.example".parse().unwrap()).await.unwrap());
    })
    .await;
}
