//! The browser extension, in the order in which it calls.

use serde_json::json;

use super::{Client, names, text};
use crate::support::database::each_driver;
use crate::support::http::request;

const HEADERS: [&str; 6] = [
    "Host: gate.you.example",
    "Authorization: Bearer TOKEN",
    "Content-Type: application/json",
    "X-Requested-With: XMLHttpRequest",
    "X-Requested-From: browser-extension",
    "Origin: moz-extension://0d5b",
];

fn head(line: &str) -> Vec<&str> {
    let mut head = vec![line];
    head.extend(HEADERS);
    head
}

#[tokio::test]
async fn a_popup_may_ask_from_its_own_origin() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let asked = [
            ("Origin", "chrome-extension://iadbdpnoknmbdeolbapdackdcogdmjpe"),
            ("Access-Control-Request-Method", "PATCH"),
            ("Access-Control-Request-Headers", "authorization,content-type,x-requested-from,x-requested-with"),
        ];
        let answer = request(client.app.running.http, "OPTIONS /api/v1/aliases/x", &asked, "").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("PATCH"));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_popup_signs_in_makes_an_alias_and_works_with_it() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        assert!((40..=60).contains(&client.token.len()), "the extension refuses other lengths");
        let options = client.replay(&head("GET /api/v1/domain-options HTTP/1.1"), "").await.json();
        assert_eq!(
            options,
            json!({
                "data": ["you.example"],
                "sharedDomains": ["you.example"],
                "defaultAliasDomain": "you.example",
                "defaultAliasFormat": "random_characters",
            })
        );
        let recipients = "GET /api/v1/recipients?filter%5Bverified%5D=true&alias_count=false HTTP/1.1";
        let recipients = client.replay(&head(recipients), "").await.json();
        let recipient = text(&recipients["data"][0]["id"]);

        let body = json!({
            "domain": "you.example",
            "local_part": "",
            "description": "www.lg.com",
            "format": "random_characters",
            "recipient_ids": [recipient],
        });
        let made = client.replay(&head("POST /api/v1/aliases HTTP/1.1"), &body.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let made = made.json()["data"].clone();
        assert_eq!(text(&made["local_part"]).len(), 16);
        assert_eq!(made["recipients"][0]["id"], json!(recipient));
        let id = text(&made["id"]);

        let list = "GET /api/v1/aliases?page%5Bsize%5D=10&filter%5Bdeleted%5D=with&sort=-created_at&filter%5Bsearch%5D= HTTP/1.1";
        let list = client.replay(&head(list), "").await.json();
        assert_eq!((list["meta"]["per_page"].as_i64(), names(&list)), (Some(10), vec![text(&made["local_part"])]));

        let edited = client.expect(200, &format!("PATCH /api/v1/aliases/{id}"), "{\"description\":\"LG\"}").await;
        assert_eq!(edited["data"]["description"], "LG");
        client.done(&format!("DELETE /api/v1/active-aliases/{id}"), "").await;
        let on = client.expect(200, "POST /api/v1/active-aliases", &json!({ "id": id }).to_string()).await;
        assert_eq!(on["data"]["active"], true);
        let pinned = client.expect(200, "POST /api/v1/pinned-aliases", &json!({ "id": id }).to_string()).await;
        assert_eq!(pinned["data"]["pinned"], true);
        client.done(&format!("DELETE /api/v1/pinned-aliases/{id}"), "").await;
        client.done(&format!("DELETE /api/v1/aliases/{id}"), "").await;
        let restored = client.expect(200, &format!("PATCH /api/v1/aliases/{id}/restore"), "").await;
        assert_eq!((&restored["data"]["active"], &restored["data"]["deleted_at"]), (&json!(true), &json!(null)));
        client.done(&format!("DELETE /api/v1/aliases/{id}/forget"), "").await;
        client.expect(404, &format!("GET /api/v1/aliases/{id}"), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_format_is_drawn_and_a_chosen_name_is_checked() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let formats = ["random_characters", "uuid", "random_words", "random_male_name", "random_female_name", "random_noun", ""];
        for format in formats {
            let body = json!({ "domain": "you.example", "format": format }).to_string();
            let made = client.expect(201, "POST /api/v1/aliases", &body).await;
            let length = text(&made["data"]["local_part"]).len();
            assert!(if format == "uuid" { length == 36 } else { length >= 16 }, "{format}: {made}");
        }
        let custom = |name: &str| json!({ "domain": "you.example", "format": "custom", "local_part": name }).to_string();
        let made = client.expect(201, "POST /api/v1/aliases", &custom("News.LG")).await;
        assert_eq!(made["data"]["email"], "news.lg@you.example");
        for name in ["news.lg", "postmaster", "a b", "a+b", ""] {
            let refused = client.expect(422, "POST /api/v1/aliases", &custom(name)).await;
            assert_eq!(refused["errors"]["local_part"][0], refused["message"], "{name}");
        }
        client.app.finish().await;
    })
    .await;
}
