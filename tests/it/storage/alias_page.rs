//! Pages of aliases: every order, by cursor and by offset, with every filter, and through an index on both databases.

use postern::model::activity::{Activity, ActivityKey};
use postern::model::alias::AliasState;
use postern::model::id::{AliasId, UserId};
use postern::model::site::Site;
use postern::storage::alias_page::{self, Cursor, PageFilter, PageOrder, PageStart, site_statement, statement};
use postern::storage::{activity, alias, alias_change, alias_details};

use super::fixtures::{House, alias_of, commit, house, new_alias, new_domain, new_mailbox, new_user, read};
use super::plans::{execute, postgres_plan, sqlite_plan};
use crate::support::database::{Database, each_driver, on_postgres, on_sqlite};

const ORDERS: [PageOrder; 6] = [
    PageOrder::PinnedFirst,
    PageOrder::PinnedLast,
    PageOrder::Newest,
    PageOrder::Oldest,
    PageOrder::Address,
    PageOrder::AddressReversed,
];

async fn make(database: &Database, house: &House, name: &str) -> AliasId {
    let mut new = alias_of(database, &house.user, &house.domain, &format!("{name}@alias.example"), &[&house.mailbox]);
    new.site = Some(Site::parse("lg.com").unwrap());
    new.note = format!("Note of {name}, 100%");
    new_alias(database, new).await.unwrap().id
}

/// shop (of the house), then a, b, c; b is pinned, c is killed.
async fn some(database: &Database) -> (House, [AliasId; 3]) {
    let house = house(database).await;
    let ids = [make(database, &house, "a").await, make(database, &house, "b").await, make(database, &house, "c").await];
    let [_, b, c] = ids;
    let now = database.now();
    commit!(database, tx => alias_change::set_pinned(tx, b, true)).unwrap();
    commit!(database, tx => alias::set_state(tx, c, AliasState::Killed, now)).unwrap();
    (house, ids)
}

async fn names(database: &Database, filter: &PageFilter, order: PageOrder) -> Vec<String> {
    let page = read!(database, tx => alias_page::list(tx, filter, order, &PageStart::Offset(0), 100));
    page.iter().map(|listed| listed.alias.address.local().to_owned()).collect()
}

#[tokio::test]
async fn every_order_is_the_same_by_cursor_and_by_offset() {
    each_driver(async |database| {
        let (house, _) = some(&database).await;
        for name in ["d", "e", "f"] {
            let id = make(&database, &house, name).await;
            commit!(database, tx => alias_change::set_pinned(tx, id, name == "e")).unwrap();
        }
        let filter = PageFilter::all(house.user.id);
        let expected = [
            ["e", "b", "f", "d", "c", "a", "shop"],
            ["shop", "a", "c", "d", "f", "b", "e"],
            ["f", "e", "d", "c", "b", "a", "shop"],
            ["shop", "a", "b", "c", "d", "e", "f"],
            ["a", "b", "c", "d", "e", "f", "shop"],
            ["shop", "f", "e", "d", "c", "b", "a"],
        ];
        for (order, expected) in ORDERS.into_iter().zip(expected) {
            assert_eq!(names(&database, &filter, order).await, expected, "{order:?}");
            for size in 1..=3 {
                let (mut by_cursor, mut by_offset) = (Vec::new(), Vec::new());
                let mut start = PageStart::Offset(0);
                loop {
                    let page = read!(database, tx => alias_page::list(tx, &filter, order, &start, size));
                    let Some(last) = page.last() else { break };
                    start = PageStart::After(Cursor::after(last));
                    by_cursor.extend(page.iter().map(|listed| listed.alias.address.local().to_owned()));
                }
                for offset in (0..7).step_by(size as usize) {
                    let page = read!(database, tx => alias_page::list(tx, &filter, order, &PageStart::Offset(offset), size));
                    by_offset.extend(page.iter().map(|listed| listed.alias.address.local().to_owned()));
                }
                assert_eq!(by_cursor, expected, "{order:?}, pages of {size}");
                assert_eq!(by_offset, expected, "{order:?}, pages of {size}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_filter_keeps_what_it_says_and_the_count_agrees() {
    each_driver(async |database| {
        let (house, _) = some(&database).await;
        let other = new_mailbox(&database, &house.user, "other@inbox.example", true).await;
        let domain = new_domain(&database, "second.example").await;
        let new = alias_of(&database, &house.user, &domain, "d_x@second.example", &[&house.mailbox, &other]);
        new_alias(&database, new).await.unwrap();
        let alive = PageFilter::alive(house.user.id);
        let search = |text: &str| PageFilter { search: Some(text.into()), ..alive.clone() };
        let cases: Vec<(PageFilter, &[&str])> = vec![
            (alive.clone(), &["b", "d_x", "a", "shop"]),
            (PageFilter { states: vec![AliasState::Killed], ..alive.clone() }, &["c"]),
            (PageFilter { states: vec![], ..alive.clone() }, &[]),
            (PageFilter { pinned: Some(true), ..alive.clone() }, &["b"]),
            (PageFilter { pinned: Some(false), ..alive.clone() }, &["d_x", "a", "shop"]),
            (PageFilter { mailbox: Some(other.id), ..alive.clone() }, &["d_x"]),
            (PageFilter { domain: Some(domain.id), ..alive.clone() }, &["d_x"]),
            (PageFilter { site: Some(Site::parse("lg.com").unwrap()), ..alive.clone() }, &["b", "a"]),
            (search("NOTE of A"), &["a"]),
            (search("lg.c"), &["b", "a"]),
            (search(" SHOP "), &["shop"]),
            (search("_"), &["d_x"]),
            (search("100%"), &["b", "a"]),
            (search("0%0"), &[]),
            (search("!"), &[]),
            (search(""), &["b", "d_x", "a", "shop"]),
            (PageFilter::all(UserId(house.user.id.0 + 1)), &[]),
        ];
        for (filter, expected) in cases {
            assert_eq!(names(&database, &filter, PageOrder::PinnedFirst).await, expected, "{filter:?}");
            let count = read!(database, tx => alias_page::count(tx, &filter));
            assert_eq!(read!(database, tx => alias_page::count_up_to(tx, &filter, 1)), count.min(1), "{filter:?}");
            assert_eq!(count, i64::try_from(expected.len()).unwrap(), "{filter:?}");
            for order in ORDERS {
                assert_eq!(names(&database, &filter, order).await.len(), expected.len(), "{order:?} {filter:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_shows_its_mailboxes_its_totals_and_its_last_day() {
    each_driver(async |database| {
        let (house, [a, b, _]) = some(&database).await;
        let other = new_mailbox(&database, &house.user, "other@inbox.example", false).await;
        let both = [house.mailbox.id, other.id];
        commit!(database, tx => alias_change::set_mailboxes(tx, a, &both)).unwrap();
        let counts: Vec<_> =
            [(a, 3, Activity::FORWARDED), (a, 9, Activity::BLOCKED), (a, 9, Activity::FORWARDED), (b, 1, Activity::REPLIED)]
                .into_iter()
                .map(|(alias_id, day, what)| (ActivityKey { alias_id, day }, what))
                .collect();
        commit!(database, tx => activity::add(tx, &counts)).unwrap();
        let page = read!(database, tx => alias_details::list(tx, &[b, AliasId(999), a]));
        assert_eq!(page.len(), 2, "what is gone is left out");
        assert_eq!((page[0].pinned, page[0].total.replied, page[0].last_day), (true, 1, Some(1)));
        assert_eq!(page[0].mailboxes.iter().map(|mailbox| mailbox.id).collect::<Vec<_>>(), [house.mailbox.id]);
        assert_eq!((page[1].pinned, page[1].total.forwarded, page[1].total.blocked), (false, 2, 1));
        assert_eq!(page[1].last_day, Some(9));
        assert_eq!(page[1].mailboxes.iter().map(|mailbox| mailbox.id).collect::<Vec<_>>(), both);
        let total = read!(database, tx => alias_change::total_of_user(tx, house.user.id));
        assert_eq!((total.forwarded, total.blocked, total.replied), (2, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn an_alias_is_found_by_its_outer_id_and_by_its_site_for_its_owner_only() {
    each_driver(async |database| {
        let (house, [a, b, _]) = some(&database).await;
        let stranger = UserId(house.user.id.0 + 1);
        let uuid = read!(database, tx => alias::find(tx, a)).unwrap().uuid;
        assert_eq!(read!(database, tx => alias_page::find_key(tx, house.user.id, uuid)), Some(a));
        assert_eq!(read!(database, tx => alias_page::find_key(tx, stranger, uuid)), None);
        let site = Site::parse("lg.com").unwrap();
        assert_eq!(read!(database, tx => alias_page::find_for_site(tx, house.user.id, &site)), Some(b), "c is killed");
        assert_eq!(read!(database, tx => alias_page::find_for_site(tx, stranger, &site)), None);
    })
    .await;
}

fn indexes(order: PageOrder) -> &'static str {
    match order {
        PageOrder::PinnedFirst | PageOrder::PinnedLast | PageOrder::Newest | PageOrder::Oldest => "aliases_by_pin",
        PageOrder::Address | PageOrder::AddressReversed => "aliases_by_name",
    }
}

#[tokio::test]
async fn sqlite_reads_a_page_from_an_index() {
    on_sqlite(async |database| {
        for order in ORDERS {
            let plan = sqlite_plan(&database.storage, statement(order, &PageStart::Offset(0))).await;
            let branch = format!("SEARCH a USING INDEX {} (user_id=? AND state=? AND pinned=? AND", indexes(order));
            assert_eq!(plan.matches(&branch).count(), 8, "{order:?}: {plan}");
            assert!(!plan.contains("SCAN a"), "{plan}");
            let site = sqlite_plan(&database.storage, site_statement(order, &PageStart::Offset(0))).await;
            assert!(site.contains("SEARCH a USING INDEX aliases_by_user_site (user_id=? AND site=?"), "{order:?}: {site}");
            // What is sorted is what the branches give, a page each at the most.
            assert_eq!(plan.matches("CO-ROUTINE b").count(), 8, "{order:?}: {plan}");
        }
    })
    .await;
}

#[tokio::test]
async fn postgres_reads_a_page_from_an_index() {
    on_postgres(async |database| {
        let (house, _) = some(&database).await;
        let other = new_user(&database, "bob@inbox.example").await;
        let many = format!(
            "INSERT INTO aliases (uuid, user_id, domain_id, address, state, note, created_at, state_changed_at) \
             SELECT gen_random_uuid(), CASE WHEN n % 50 = 0 THEN {} ELSE {} END, {}, 'x' || n || '@alias.example', 'active', '', 0, 0 FROM generate_series(1, 20000) n",
            house.user.id, other.id, house.domain.id
        );
        execute(&database, many).await;
        execute(&database, "ANALYZE aliases".into()).await;
        for order in ORDERS {
            let cursor = if indexes(order) == "aliases_by_pin" { "9000::bigint, 9000::bigint" } else { "'m', 'm'" };
            let types = if indexes(order) == "aliases_by_pin" { "bigint, bigint" } else { "text, text" };
            let types = format!(
                "(bigint, bool, bool, bool, bool, bool, bool, {types}, text, bigint, bigint, text, text, bigint, bigint, bigint)"
            );
            let values =
                format!("{}, true, true, true, true, true, true, {cursor}, NULL, NULL, NULL, NULL, NULL, 100, 100, 0", house.user.id);
            let plan = postgres_plan(&database.storage, &types, statement(order, &PageStart::Offset(0)), &values).await;
            let sorts = plan.matches("Sort Key").count();
            // Where a state is common, walking the user's aliases is as good.
            assert_eq!(plan.matches("using aliases_by_").count(), 8, "{order:?}: {plan}");
            assert!(!plan.contains("Seq Scan") && sorts <= 1, "{order:?}: {plan}");
        }
    })
    .await;
}
