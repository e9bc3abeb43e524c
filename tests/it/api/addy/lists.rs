//! Lists of aliases: pages with links, orders, filters.

use serde_json::json;

use super::{Client, MESSAGE, names, text};
use crate::support::database::each_driver;

const BASE: &str = "http://127.0.0.1:8080/api/v1/aliases";

#[tokio::test]
async fn pages_link_to_each_other_and_keep_the_question() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for name in ["a", "b", "c", "d", "e"] {
            client.app.alias(name).await;
        }
        let page = client.expect(200, "GET /api/v1/aliases?page[size]=2&page[number]=2&sort=email", "").await;
        let url = |number: u32| format!("{BASE}?page%5Bsize%5D=2&sort=email&page%5Bnumber%5D={number}");
        assert_eq!(names(&page), ["c", "d"]);
        assert_eq!(page["links"], json!({ "first": url(1), "last": url(3), "prev": url(1), "next": url(3) }));
        let meta = page["meta"].clone();
        assert_eq!((meta["current_page"].as_i64(), meta["last_page"].as_i64()), (Some(2), Some(3)));
        assert_eq!((meta["from"].as_i64(), meta["to"].as_i64(), meta["total"].as_i64()), (Some(3), Some(4), Some(5)));
        assert_eq!((meta["path"].as_str(), meta["links"].as_array().unwrap().len()), (Some(BASE), 5));
        let beyond = client.expect(200, "GET /api/v1/aliases?page[size]=2&page[number]=9", "").await;
        assert_eq!((beyond["data"].as_array().unwrap().len(), &beyond["meta"]["from"]), (0, &json!(null)));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_order_works_and_pinned_ones_come_first() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let busy = client.app.alias("busy").await;
        let quiet = client.app.alias("quiet").await;
        client.app.alias("never").await;
        for _ in 0..2 {
            client.app.send("news@lg.example", &busy, MESSAGE).await;
        }
        client.app.send("news@lg.example", &quiet, MESSAGE).await;
        client.app.activity(&busy).await;
        for (sort, expected) in [
            ("-emails_forwarded", ["busy", "quiet", "never"]),
            ("emails_forwarded", ["never", "quiet", "busy"]),
            ("email", ["busy", "never", "quiet"]),
            ("-local_part", ["quiet", "never", "busy"]),
            ("created_at", ["busy", "quiet", "never"]),
            ("-created_at", ["never", "quiet", "busy"]),
            ("", ["never", "quiet", "busy"]),
            ("last_forwarded", ["never", "quiet", "busy"]),
        ] {
            assert_eq!(names(&client.expect(200, &format!("GET /api/v1/aliases?sort={sort}"), "").await), expected, "{sort}");
        }
        for key in [
            "domain",
            "emails_blocked",
            "emails_replied",
            "emails_sent",
            "last_blocked",
            "last_replied",
            "last_sent",
            "last_used",
            "active",
            "updated_at",
            "deleted_at",
        ] {
            for sort in [key.to_owned(), format!("-{key}")] {
                assert_eq!(names(&client.expect(200, &format!("GET /api/v1/aliases?sort={sort}"), "").await).len(), 3, "{sort}");
            }
        }
        let id = quiet.uuid.to_string();
        client.expect(200, "POST /api/v1/pinned-aliases", &json!({ "id": id }).to_string()).await;
        let page = client.expect(200, "GET /api/v1/aliases?sort=-emails_forwarded", "").await;
        assert_eq!(names(&page), ["quiet", "busy", "never"]);
        let last = text(&page["data"][0]["last_forwarded"]);
        assert!(last.ends_with(" 00:00:00"), "the day is known: {last}");
        assert_eq!(names(&client.expect(200, "GET /api/v1/aliases?filter[pinned]=false", "").await), ["never", "busy"]);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn filters_narrow_and_what_belongs_to_nobody_is_empty() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let work = client.app.mailbox("work@inbox.example").await;
        client.app.alias_to("desk", vec![work], |_| {}).await;
        client.app.alias("shop_1").await;
        let recipients = client.recipients().await;
        let account = client.expect(200, "GET /api/v1/account-details", "").await;
        let user = text(&account["data"]["id"]);
        let nobody = uuid::Uuid::nil();
        for (query, expected) in [
            (format!("recipient={}", recipients[1]), vec!["desk"]),
            (format!("recipient={nobody}"), vec![]),
            (format!("domain={nobody}"), vec![]),
            (format!("username={nobody}"), vec![]),
            (format!("username={user}"), vec!["shop_1", "desk"]),
            ("filter[search]=op_".into(), vec!["shop_1"]),
            ("filter[search]=nothing".into(), vec![]),
        ] {
            assert_eq!(names(&client.expect(200, &format!("GET /api/v1/aliases?{query}"), "").await), expected, "{query}");
        }
        for (query, field) in [
            ("filter[search]=ab", "filter.search"),
            ("filter[deleted]=maybe", "filter.deleted"),
            ("filter[active]=maybe", "filter[active]"),
            ("sort=colour", "sort"),
            ("page[size]=101", "page[size]"),
            ("page[number]=0", "page[number]"),
        ] {
            let refused = client.expect(422, &format!("GET /api/v1/aliases?{query}"), "").await;
            assert!(refused["errors"][field][0].is_string(), "{query}: {refused}");
        }
        client.app.finish().await;
    })
    .await;
}
