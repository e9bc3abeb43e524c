//! Blocks: whom they are for, and that the look-up of an alias says whether there are any.

use postern::model::block::Sender;
use postern::model::contact::ReverseToken;
use postern::storage::{alias, block, contact};

use super::fixtures::{commit, house, new_user, read};
use crate::support::database::{Database, address, each_driver};

fn sender(text: &str) -> Sender {
    text.parse().unwrap()
}

async fn add(database: &Database, house: &super::fixtures::House, text: &str) -> bool {
    let (user, uuid, now, sender) = (house.user.id, database.uuid(), database.now(), sender(text));
    commit!(database, tx => async { block::add(tx, user, &sender, uuid, now).await }).unwrap()
}

#[tokio::test]
async fn a_block_is_for_an_address_or_a_domain_with_its_subdomains() {
    each_driver(async |database| {
        let house = house(&database).await;
        assert!(add(&database, &house, "Spam@LG.example").await && add(&database, &house, "ads.example").await);
        assert!(!add(&database, &house, "@ads.example").await, "one is enough");
        let matches = async |text: &str| {
            read!(database, tx => block::matches(tx, house.user.id, house.alias.id, &[address("x@y.example"), address(text)]))
        };
        for text in ["spam@lg.example", "SPAM@lg.example", "x@ads.example", "x@deep.mail.ads.example"] {
            assert!(matches(text).await, "{text}");
        }
        for text in ["news@lg.example", "spam@sub.lg.example", "x@bads.example", "x@example", "ads.example@x.example"] {
            assert!(!matches(text).await, "{text}");
        }
        let other = new_user(&database, "bob@inbox.example").await;
        let theirs = read!(database, tx => block::matches(tx, other.id, house.alias.id, &[address("x@ads.example")]));
        assert!(!theirs, "a block is one user's");
        let listed = read!(database, tx => block::list(tx, house.user.id));
        let listed: Vec<_> = listed.iter().map(|block| block.sender.to_string()).collect();
        assert_eq!(listed, ["spam@lg.example", "@ads.example"]);
        let user = house.user.id;
        assert!(commit!(database, tx => async { block::remove(tx, user, &sender("ads.example")).await }).unwrap());
        assert!(!commit!(database, tx => async { block::remove(tx, user, &sender("ads.example")).await }).unwrap());
        assert!(!matches("x@ads.example").await);
    })
    .await;
}

#[tokio::test]
async fn the_look_up_of_an_alias_says_whether_its_owner_blocked_anybody() {
    each_driver(async |database| {
        let house = house(&database).await;
        let key = house.alias.address.folded();
        let has_blocks = async || read!(database, tx => alias::find_route(tx, &key)).unwrap().has_blocks;
        assert!(!has_blocks().await);
        let (id, uuid, now, token) = (house.alias.id, database.uuid(), database.now(), ReverseToken::draw(&database.chance));
        let made = commit!(database, tx => contact::get_or_create(tx, id, &address("b@lg.example"), &token, uuid, now)).unwrap();
        assert!(!has_blocks().await);
        commit!(database, tx => contact::set_blocked(tx, made.id, Some(now))).unwrap();
        assert!(has_blocks().await);
        assert!(read!(database, tx => block::matches(tx, house.user.id, id, &[address("B@lg.example")])));
        assert_eq!(read!(database, tx => contact::list_blocked(tx, house.user.id)).len(), 1);
        commit!(database, tx => contact::set_blocked(tx, made.id, None)).unwrap();
        assert!(!has_blocks().await);
        add(&database, &house, "ads.example").await;
        assert!(has_blocks().await);
    })
    .await;
}
