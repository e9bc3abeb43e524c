//! Tags of aliases: set whole, counted, found by, seen by their owner only.

use postern::model::alias::AliasState;
use postern::model::tag::Tag;
use postern::service::alias_page::{PageFilter, PageOrder, PageStart, SortKey};
use postern::service::alias_tag::{self, SetError};
use postern::service::{alias, alias_page};

use super::{add_user, ann, called, desk};
use crate::support::database::each_driver;

fn tags(text: &str) -> Vec<Tag> {
    Tag::parse_list(text).unwrap()
}

#[tokio::test]
async fn an_alias_has_the_tags_last_set_and_is_found_by_each() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap();
        let bank = alias::create(&desk, called(ann.id, "bank")).await.unwrap();
        alias_tag::set(&desk, ann.id, shop.uuid, tags("Old, home")).await.unwrap();
        let twice = vec![Tag::parse("home").unwrap(), Tag::parse("Fun").unwrap(), Tag::parse("HOME").unwrap()];
        assert_eq!(alias_tag::set(&desk, ann.id, shop.uuid, twice).await.unwrap(), tags("fun, home"));
        alias_tag::set(&desk, ann.id, bank.uuid, tags("home")).await.unwrap();
        let counted = async || {
            let counts = alias_tag::of_user(&desk, ann.id).await.unwrap();
            counts.iter().map(|(tag, count)| format!("{tag} {count}")).collect::<Vec<_>>()
        };
        assert_eq!(counted().await, ["fun 1", "home 2"]);
        let listed = alias_page::get_by_uuid(&desk, ann.id, shop.uuid).await.unwrap();
        assert_eq!(listed.tags, tags("fun, home"));
        for (tag, expected) in [("home", 2), ("fun", 1), ("old", 0), ("fu", 0)] {
            let filter = PageFilter { tag: Some(Tag::parse(tag).unwrap()), ..PageFilter::alive(ann.id) };
            for order in [PageOrder::PinnedFirst, PageOrder::Address, PageOrder::AddressReversed] {
                let page = alias_page::list(&desk, &filter, order, &PageStart::Offset(0), 10).await.unwrap();
                assert_eq!(page.len(), expected, "{tag}");
            }
            let sorted = alias_page::list_sorted(&desk, &filter, (SortKey::Created, false), 0, 10).await.unwrap();
            assert_eq!(sorted.len(), expected, "{tag}");
            assert_eq!(alias_page::count(&desk, &filter).await.unwrap(), i64::try_from(expected).unwrap(), "{tag}");
        }
        alias::set_state(&desk, ann.id, &shop.address, AliasState::Killed).await.unwrap();
        assert_eq!(counted().await, ["home 1"]);
    })
    .await;
}

#[tokio::test]
async fn only_its_owner_tags_an_alias_and_not_without_end() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        let shop = alias::create(&desk, called(ann.id, "shop")).await.unwrap();
        let many = (0..21).map(|number| Tag::parse(&format!("t{number}")).unwrap()).collect();
        assert!(matches!(alias_tag::set(&desk, ann.id, shop.uuid, many).await, Err(SetError::TooMany)));
        assert!(matches!(alias_tag::set(&desk, bob.id, shop.uuid, tags("x")).await, Err(SetError::Unknown)));
        assert!(matches!(alias_tag::set(&desk, ann.id, uuid::Uuid::nil(), tags("x")).await, Err(SetError::Unknown)));
        assert_eq!(alias_tag::of_user(&desk, ann.id).await.unwrap(), []);
    })
    .await;
}
