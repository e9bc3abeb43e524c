//! What the Android and iOS apps send besides: empty bodies, bodies of nothing, none at all.

use postern::model::activity::Activity;

use super::{Client, assert_is_alias, path};
use crate::support::app::DOMAIN;
use crate::support::database::each_driver;

const ANDROID: [&str; 4] =
    ["Host: gate.you.example", "Authentication: KEY", "Accept-Encoding: gzip", "User-Agent: okhttp/4.12.0"];
const IOS: [&str; 3] = ["Host: gate.you.example", "authentication: KEY", "User-Agent: SimpleLogin/1 CFNetwork/1490 Darwin/23"];

fn android<'a>(line: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[line][..], &ANDROID, more].concat()
}

fn ios(line: &str) -> Vec<&str> {
    [&[line][..], &IOS].concat()
}

#[tokio::test]
async fn switches_take_any_body_or_none() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let toggle = format!("POST {} HTTP/1.1", path(&alias, "/toggle"));
        let json = ["Content-Type: application/json; charset=utf-8"];
        assert_eq!(client.replay(&android(&toggle, &json), "").await.json()["enabled"], false);
        assert_eq!(client.replay(&ios(&toggle), "").await.json()["enabled"], true);
        let body = "{\"contact\":\"a@lg.example\"}";
        let contact = client.expect(201, &format!("POST {}", path(&alias, "/contacts")), body).await;
        let toggle = format!("POST /api/contacts/{}/toggle HTTP/1.1", contact["id"]);
        assert_eq!(client.replay(&android(&toggle, &json), "{\"dummy\":\"dummy\"}").await.json()["block_forward"], true);
        assert_eq!(client.replay(&ios(&toggle), "").await.json()["block_forward"], false);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_with_name_and_mailboxes_is_made_from_the_fifth_options() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let second = client.app.mailbox("second@inbox.example").await;
        let options = client.replay(&android("GET /api/v5/alias/options?hostname=lg.com HTTP/1.1", &[]), "").await.json();
        let suffix = &options["suffixes"][0];
        assert_eq!((&suffix["is_custom"], &suffix["is_premium"]), (&false.into(), &false.into()));
        let body = serde_json::json!({
            "alias_prefix": " LG Shöp", "signed_suffix": suffix["signed_suffix"], "note": null, "name": "Jane Roe",
            "mailbox_ids": [second, client.app.mailbox],
        });
        let made = client.expect(201, "POST /api/v3/alias/custom/new?hostname=lg.com", &body.to_string()).await;
        assert_is_alias(&made);
        assert_eq!(made["alias"], format!("lgshop{}", suffix["suffix"].as_str().unwrap()));
        assert_eq!((&made["name"], made["mailboxes"].as_array().unwrap().len()), (&"Jane Roe".into(), 2));
        let none = serde_json::json!({ "alias_prefix": "x", "signed_suffix": suffix["signed_suffix"], "mailbox_ids": [] });
        client.expect(400, "POST /api/v3/alias/custom/new", &none.to_string()).await;
        let named = serde_json::json!({
            "alias_prefix": "x", "signed_suffix": suffix["signed_suffix"], "mailbox_ids": [second], "name": "a\r\nBcc: b",
        });
        client.expect(400, "POST /api/v3/alias/custom/new", &named.to_string()).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_is_drawn_in_the_way_that_is_asked_for() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let uuid = client.replay(&ios("POST /api/alias/random/new?mode=uuid HTTP/1.1"), "").await;
        let uuid = uuid.json()["alias"].as_str().unwrap().to_owned();
        assert_eq!(uuid.split('@').next().unwrap().len(), 36);
        let words = client.replay(&ios("POST /api/alias/random/new?mode=word HTTP/1.1"), "").await;
        assert_eq!(words.json()["alias"].as_str().unwrap().split('-').count(), 4);
        client.expect(400, "POST /api/alias/random/new?mode=rhyme", "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_alias_is_shown_with_its_counts_changed_by_patch_and_pinned() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let (alias, other) = (client.app.alias("shop").await, client.app.alias("later").await);
        client.app.running.broker.ledger.count(alias.id, client.app.running.broker.now(), Activity::FORWARDED);
        client.app.activity(&alias).await;
        let patch = format!("PATCH {} HTTP/1.1", path(&alias, ""));
        let edited = client.replay(&[&ios(&patch)[..], &["Content-Type: application/json"]].concat(), "{\"pinned\":true}").await;
        assert_eq!(edited.status, 200, "{}", edited.body);
        let shown = client.expect(200, &format!("GET {}/", path(&alias, "")), "").await;
        assert_is_alias(&shown);
        assert_eq!((&shown["pinned"], &shown["nb_forward"]), (&true.into(), &1.into()));
        let list = client.expect(200, "GET /api/v2/aliases?page_id=0", "").await;
        assert_eq!(super::emails(&list), [format!("shop@{DOMAIN}"), other.address.to_string()], "pinned ones come first");
        let stats = client.expect(200, "GET /api/stats", "").await;
        assert_eq!(stats, serde_json::json!({ "nb_alias": 2, "nb_forward": 1, "nb_reply": 0, "nb_block": 0 }));
        let activities = client.expect(200, &format!("GET {}", path(&alias, "/activities?page_id=0")), "").await;
        assert_eq!(activities, serde_json::json!({ "activities": [] }));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn contacts_are_listed_by_the_page_and_taken_out() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        for number in 0..21 {
            let body = format!("{{\"contact\":\"c{number}@lg.example\"}}");
            client.expect(201, &format!("POST {}", path(&alias, "/contacts")), &body).await;
        }
        let list = async |page: u32| {
            let head = format!("GET {}", path(&alias, &format!("/contacts?page_id={page}")));
            client.expect(200, &head, "").await["contacts"].as_array().unwrap().clone()
        };
        let first = list(0).await;
        assert_eq!((first.len(), &first[0]["contact"]), (20, &"c20@lg.example".into()));
        assert!(first[0]["id"].is_i64() && first[0]["creation_timestamp"].is_i64() && first[0]["last_email_sent_date"].is_null());
        assert_eq!(list(1).await.len(), 1);
        let gone = client.expect(200, &format!("DELETE /api/contacts/{}", first[0]["id"]), "").await;
        assert_eq!(gone, serde_json::json!({ "deleted": true }));
        assert_eq!(list(1).await.len(), 0);
        let back = client.expect(200, &format!("POST {}", path(&alias, "/contacts")), "{\"contact\":\"c20@lg.example\"}").await;
        assert_eq!(back["reverse_alias"], first[0]["reverse_alias"], "letters that have it stay answerable");
        assert_eq!(list(1).await.len(), 1);
        client.expect(400, &format!("GET {}", path(&alias, "/contacts")), "").await;
        client.app.finish().await;
    })
    .await;
}
