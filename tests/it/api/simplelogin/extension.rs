//! The browser extension's calls, in the bytes it sends.

use super::{Client, assert_is_alias, emails, path};
use crate::support::app::{DOMAIN, MAILBOX};
use crate::support::database::each_driver;

const BROWSER: [&str; 3] = ["Host: gate.you.example", "Accept: */*", "Authentication: KEY"];

fn with<'a>(line: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut head = vec![line];
    head.extend(BROWSER);
    head.extend(more);
    head
}

const JSON: &[&str] = &["Content-Type: application/json"];

#[tokio::test]
async fn a_key_is_checked_and_the_popup_is_filled() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let info = client.replay(&with("GET /api/user_info HTTP/1.1", &[]), "").await;
        assert_eq!(info.status, 200);
        let info = info.json();
        assert_eq!((&info["email"], &info["name"]), (&MAILBOX.into(), &"".into()));
        assert_eq!([&info["is_premium"], &info["in_trial"], &info["can_create_reverse_alias"]], [true, false, true]);

        let options = client.replay(&with("GET /api/v4/alias/options?hostname=www.groupon.com HTTP/1.1", &[]), "").await.json();
        assert_eq!((&options["can_create"], &options["prefix_suggestion"]), (&true.into(), &"groupon".into()));
        let pair = options["suffixes"][0].as_array().unwrap();
        assert_eq!(pair.len(), 2);
        let shown = pair[0].as_str().unwrap();
        assert!(shown.starts_with('.') && shown.ends_with(&format!("@{DOMAIN}")), "{shown}");
        assert!(options.get("recommendation").is_none());

        let mailboxes = client.replay(&with("GET /api/mailboxes HTTP/1.1", &[]), "").await.json();
        assert_eq!(mailboxes["mailboxes"][0]["email"], MAILBOX);

        let body = format!("{{\"alias_prefix\":\"groupon\",\"signed_suffix\":\"{}\",\"note\":\"\"}}", pair[1].as_str().unwrap());
        let line = "POST /api/v2/alias/custom/new?hostname=www.groupon.com HTTP/1.1";
        let made = client.replay(&with(line, JSON), &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let made = made.json();
        assert_is_alias(&made);
        assert_eq!(made["alias"], format!("groupon{shown}"));
        assert_eq!(made["alias"], made["email"]);
        let again = client.replay(&with(line, JSON), &body).await;
        assert_eq!(again.status, 409, "{}", again.body);

        let options = client.replay(&with("GET /api/v4/alias/options?hostname=groupon.com HTTP/1.1", &[]), "").await.json();
        assert_eq!(options["recommendation"]["alias"], made["alias"]);
        let out = client.replay(&with("GET /api/logout HTTP/1.1", &[]), "").await;
        assert_eq!(out.status, 200);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_is_made_listed_changed_switched_and_deleted() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let line = "POST /api/alias/random/new?hostname=undefined HTTP/1.1";
        let made = client.replay(&with(line, JSON), "{\"note\":\"Used on undefined\"}").await;
        assert_eq!(made.status, 201, "{}", made.body);
        let made = made.json();
        assert_is_alias(&made);
        let id = &made["id"];
        let list = client.replay(&with("POST /api/v2/aliases?page_id=0 HTTP/1.1", JSON), "{\"query\":\"\"}").await.json();
        assert_eq!(emails(&list), [made["alias"].as_str().unwrap()]);
        assert_is_alias(&list["aliases"][0]);
        let end = client.replay(&with("POST /api/v2/aliases?page_id=1 HTTP/1.1", JSON), "{\"query\":\"\"}").await.json();
        assert_eq!(end["aliases"], serde_json::json!([]));

        for enabled in [false, true] {
            let toggle = client.replay(&with(&format!("POST /api/aliases/{id}/toggle HTTP/1.1"), JSON), "{}").await;
            assert_eq!((toggle.status, &toggle.json()["enabled"]), (200, &enabled.into()));
        }
        let mailbox = client.app.mailbox;
        let edit = format!("{{\"note\":\"new\\nnote\",\"name\":\"Jane\",\"disable_pgp\":false,\"mailbox_ids\":[{mailbox}]}}");
        let edited = client.replay(&with(&format!("PUT /api/aliases/{id} HTTP/1.1"), JSON), &edit).await;
        assert_eq!((edited.status, edited.json()), (200, serde_json::json!({ "ok": true })));
        let shown = client.expect(200, &format!("GET /api/aliases/{id}"), "").await;
        assert_eq!((&shown["note"], &shown["name"]), (&"new\nnote".into(), &"Jane".into()));

        let deleted = client.replay(&with(&format!("DELETE /api/aliases/{id} HTTP/1.1"), &[]), "").await;
        assert_eq!((deleted.status, deleted.json()), (200, serde_json::json!({ "deleted": true })));
        assert_eq!(emails(&client.expect(200, "GET /api/v2/aliases?page_id=0", "").await), Vec::<String>::new());
        client.expect(403, &format!("GET /api/aliases/{id}"), "").await;
        client.expect(403, &format!("POST /api/aliases/{id}/toggle"), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_alias_is_dead_to_senders_and_its_address_is_never_made_again() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.expect(200, &format!("DELETE {}", path(&alias, "")), "").await;
        let reply = client.app.send("news@lg.example", &alias, "Subject: x\r\n\r\nx\r\n").await;
        assert!(reply.starts_with("550 "), "{reply}");
        let options = client.expect(200, "GET /api/v4/alias/options", "").await;
        let bare = options["suffixes"].as_array().unwrap().iter().find(|pair| pair[0] == format!("@{DOMAIN}")).unwrap();
        let body = serde_json::json!({ "alias_prefix": "shop", "signed_suffix": bare[1] }).to_string();
        client.expect(409, "POST /api/v2/alias/custom/new", &body).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_contact_gets_one_reverse_address_however_often_it_is_asked_for() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let line = format!("POST {} HTTP/1.1", path(&alias, "/contacts"));
        let body = "{\"contact\":\"First Last <first.last@lg.example>\"}";
        let made = client.replay(&with(&line, JSON), body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let made = made.json();
        let reverse = made["reverse_alias_address"].as_str().unwrap();
        assert!(reverse.starts_with("reply+") && reverse.ends_with(&format!("@{DOMAIN}")), "{reverse}");
        assert_eq!(made["reverse_alias"], format!("\"first.last at lg.example\" <{reverse}>"));
        assert_eq!((&made["existed"], &made["contact"]), (&false.into(), &"first.last@lg.example".into()));
        let again = client.replay(&with(&line, JSON), "{\"contact\":\"FIRST.last@lg.example\"}").await;
        assert_eq!((again.status, &again.json()["existed"]), (200, &true.into()));
        assert_eq!(again.json()["reverse_alias"], made["reverse_alias"]);
        for wrong in ["{}", "{\"contact\":\"nobody\"}", "{\"contact\":\"a@\"}", &format!("{{\"contact\":\"{MAILBOX}\"}}")] {
            client.expect(400, &format!("POST {}", path(&alias, "/contacts")), wrong).await;
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_body_needs_no_content_type() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let head = with("POST /api/alias/random/new HTTP/1.1", &["Content-Type: text/plain;charset=UTF-8"]);
        let made = client.replay(&head, "{\"note\":\"plain\"}").await;
        assert_eq!((made.status, &made.json()["note"]), (201, &"plain".into()));
        client.app.finish().await;
    })
    .await;
}
