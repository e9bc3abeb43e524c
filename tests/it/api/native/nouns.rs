//! Everything besides aliases: account, contacts, blocks, mailboxes, domains, tokens, app passwords, activity.

use std::time::Duration;

use postern::model::Clock;
use postern::model::api_token::{Scope, Scopes};
use postern::service::token;
use serde_json::json;

use super::{Client, MESSAGE, detail, each, text};
use crate::api::with_bearer;
use crate::support::app::{DOMAIN, MAILBOX};
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

#[tokio::test]
async fn an_account_shows_and_keeps_its_choices() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let shown = client.expect(200, "GET /v1/account", "").await;
        assert_eq!((&shown["email"], &shown["scopes"]), (&json!(MAILBOX), &json!("write")));
        assert_eq!((&shown["on_quarantine"], &shown["replace_quoted"]), (&json!("tag"), &json!(false)));
        let changed = client.expect(200, "PATCH /v1/account", "{\"on_quarantine\":\"hold\",\"replace_quoted\":true}").await;
        assert_eq!((&changed["on_quarantine"], &changed["replace_quoted"]), (&json!("hold"), &json!(true)));
        assert_eq!(client.expect(200, "GET /v1/account", "").await, changed);
        assert_eq!(client.expect(200, "PATCH /v1/account", "{}").await, changed);
        let said = client.refused(422, "PATCH /v1/account", "{\"on_quarantine\":\"drop\"}").await;
        assert!(said.starts_with("on_quarantine: "), "{said}");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_made_blocked_and_hidden() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let list = format!("/v1/aliases/{}/contacts", alias.uuid);
        let answer = client.ask(&format!("POST {list}"), "{\"address\":\"Support@lg.com\"}").await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let made = answer.json();
        let path = format!("/v1/contacts/{}", text(&made["id"]));
        assert_eq!(answer.header("location"), Some(path.as_str()));
        assert!(text(&made["reverse_address"]).starts_with("reply+"), "{made}");
        let again = client.expect(201, &format!("POST {list}"), "{\"address\":\"support@LG.com\"}").await;
        assert_eq!((&again["id"], &again["reverse_address"]), (&made["id"], &made["reverse_address"]));
        let blocked = client.expect(200, &format!("PATCH {path}"), "{\"blocked\":true}").await;
        assert_eq!(blocked["blocked"], true);
        assert_eq!(client.expect(200, &format!("GET {path}"), "").await, blocked);
        for name in ["a", "b", "c"] {
            client.expect(201, &format!("POST {list}"), &format!("{{\"address\":\"{name}@lg.com\"}}")).await;
        }
        let first = client.expect(200, &format!("GET {list}?limit=3"), "").await;
        let second = client.expect(200, &format!("GET {list}?limit=3&cursor={}", text(&first["next"])), "").await;
        assert_eq!((each(&first, "address").len(), each(&second, "address")), (3, vec!["c@lg.com".into()]));
        client.done(&format!("DELETE {path}"), "").await;
        assert_eq!(each(&client.expect(200, &format!("GET {list}"), "").await, "address").len(), 3);
        for (address, says) in [("nonsense", "address: "), (MAILBOX, "address: "), ("shop@you.example", "address: ")] {
            let body = json!({ "address": address }).to_string();
            assert!(client.refused(422, &format!("POST {list}"), &body).await.starts_with(says));
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_sender_is_blocked_everywhere_and_let_in_again() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let made = client.expect(201, "POST /v1/blocks", "{\"sender\":\"Spam.example\"}").await;
        assert_eq!(made["sender"], "@spam.example");
        let again = client.expect(201, "POST /v1/blocks", "{\"sender\":\"@spam.example\"}").await;
        assert_eq!(again["id"], made["id"]);
        client.expect(201, "POST /v1/blocks", "{\"sender\":\"A@other.example\"}").await;
        let list = client.expect(200, "GET /v1/blocks", "").await;
        assert_eq!(each(&list, "sender"), ["@spam.example", "a@other.example"]);
        assert!(client.refused(422, "POST /v1/blocks", "{\"sender\":\"a b\"}").await.starts_with("sender: "));
        client.done(&format!("DELETE /v1/blocks/{}", text(&made["id"])), "").await;
        assert_eq!(client.ask(&format!("DELETE /v1/blocks/{}", text(&made["id"])), "").await.status, 404);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn mailboxes_are_added_tested_made_default_and_removed() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let mut made = client.expect(201, "POST /v1/mailboxes", "{\"address\":\"second@inbox.example\"}").await;
        assert_eq!(made.as_object_mut().unwrap().remove("letter"), Some(json!("sent")));
        assert_eq!((&made["verified"], &made["is_default"]), (&json!(false), &json!(false)));
        let path = format!("/v1/mailboxes/{}", text(&made["id"]));
        assert_eq!(client.expect(200, &format!("GET {path}"), "").await, made);
        client.refused(409, "POST /v1/mailboxes", "{\"address\":\"Second@inbox.example\"}").await;
        let body = json!({ "address": format!("x@{DOMAIN}") }).to_string();
        assert!(client.refused(422, "POST /v1/mailboxes", &body).await.starts_with("address: "));
        client.refused(409, &format!("POST {path}/default"), "").await;
        client.refused(409, &format!("POST {path}/test"), "").await;
        client.app.mailbox("third@inbox.example").await;
        let list = client.expect(200, "GET /v1/mailboxes", "").await;
        let ids = each(&list, "id");
        assert_eq!(each(&list, "address"), [MAILBOX, "second@inbox.example", "third@inbox.example"]);
        let third = client.expect(200, &format!("POST /v1/mailboxes/{}/default", ids[2]), "").await;
        assert_eq!(third["is_default"], true);
        client.refused(409, &format!("DELETE /v1/mailboxes/{}", ids[2]), "").await;
        let tested = client.expect(200, &format!("POST /v1/mailboxes/{}/test", ids[2]), "").await;
        assert_eq!((&tested["outcome"], &tested["failure"]), (&json!("taken"), &json!(null)));
        client.app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 gone\r\n"));
        let tested = client.expect(200, &format!("POST /v1/mailboxes/{}/test", ids[2]), "").await;
        assert_eq!((&tested["outcome"], &tested["failure"]["code"]), (&json!("refused"), &json!(550)));
        let proof = client.expect(200, &format!("POST {path}/verify"), "").await;
        assert_eq!(proof["outcome"], "sent");
        client.done(&format!("DELETE {path}"), "").await;
        client.app.next_hop(Script::new());
        client.app.deliver_after(Duration::from_hours(1)).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn domains_are_listed_and_checked() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        client.app.alias("shop").await;
        let list = client.expect(200, "GET /v1/domains", "").await;
        let domain = &list["items"][0];
        assert_eq!((&domain["name"], &domain["is_own"], &domain["aliases"]), (&json!(DOMAIN), &json!(false), &json!(1)));
        let path = format!("/v1/domains/{}", text(&domain["id"]));
        assert_eq!(&client.expect(200, &format!("GET {path}"), "").await, domain);
        let records = client.expect(200, &format!("GET {path}/check"), "").await;
        let kinds = each(&records, "type");
        assert!(kinds.contains(&"MX".to_owned()) && kinds.len() >= 3, "{records}");
        // The zone of the tests is empty.
        assert!(each(&records, "status").iter().all(|status| status == "missing"), "{records}");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_shown_once_goes_no_further_than_its_maker_and_ends_at_once() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let made = client.expect(201, "POST /v1/tokens", "{\"name\":\"phone\",\"scopes\":[\"alias:create\"]}").await;
        let (secret, path) = (text(&made["secret"]), format!("/v1/tokens/{}", text(&made["token"]["id"])));
        assert_eq!(with_bearer(&client.app, &secret, "POST /v1/aliases", "{}").await.status, 201);
        assert_eq!(with_bearer(&client.app, &secret, "GET /v1/tokens", "").await.status, 403);
        let list = client.expect(200, "GET /v1/tokens", "").await;
        assert_eq!(each(&list, "name"), ["test", "phone"]);
        assert_eq!((&list["items"][0]["is_this"], &list["items"][1]["is_this"]), (&json!(true), &json!(false)));
        assert!(!list.to_string().contains(&secret));
        client.done(&format!("DELETE {path}"), "").await;
        assert_eq!(with_bearer(&client.app, &secret, "POST /v1/aliases", "{}").await.status, 401);
        for (field, body) in [
            ("name", json!({ "name": " ", "scopes": ["read"] })),
            ("scopes", json!({ "name": "x", "scopes": [] })),
            ("scopes", json!({ "name": "x", "scopes": ["all"] })),
            ("expires_at", json!({ "name": "x", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z" })),
        ] {
            let said = client.refused(422, "POST /v1/tokens", &body.to_string()).await;
            assert!(said.starts_with(&format!("{field}: ")), "{said}");
        }
        let kept = client.once("k", "POST /v1/tokens", "{\"name\":\"x\",\"scopes\":[\"read\"]}").await;
        assert_eq!(kept.status, 400);
        assert!(detail(&kept).contains("secret"));

        // One that ends makes none that outlives it.
        let desk = &client.app.running.broker.desk;
        let soon = client.app.clock.now().plus(Duration::from_hours(1));
        let brief = token::create(desk, client.app.user, "brief", Scopes::new(vec![Scope::Write]), Some(soon)).await.unwrap();
        let brief = brief.1.into_inner();
        let ask = async |body: &str| with_bearer(&client.app, &brief, "POST /v1/tokens", body).await;
        let made = ask("{\"name\":\"x\",\"scopes\":[\"write\"]}").await;
        assert_eq!((made.status, &made.json()["token"]["expires_at"]), (201, &json!(soon.to_rfc3339())));
        let longer = ask("{\"name\":\"x\",\"scopes\":[\"write\"],\"expires_at\":\"2099-01-01T00:00:00Z\"}").await;
        assert_eq!(longer.status, 422, "{}", longer.body);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_password_is_shown_once_and_revoked() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let made = client.expect(201, "POST /v1/app-passwords", "{\"name\":\"phone\"}").await;
        assert_eq!((&made["user_name"], &made["app_password"]["name"]), (&json!(MAILBOX), &json!("phone")));
        let list = client.expect(200, "GET /v1/app-passwords", "").await;
        assert_eq!(each(&list, "name"), ["phone"]);
        assert!(!list.to_string().contains(&text(&made["secret"])));
        assert!(client.refused(422, "POST /v1/app-passwords", "{\"name\":\"\"}").await.starts_with("name: "));
        let path = format!("/v1/app-passwords/{}", text(&made["app_password"]["id"]));
        client.done(&format!("DELETE {path}"), "").await;
        assert_eq!(client.ask(&format!("DELETE {path}"), "").await.status, 404);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_webhook_is_made_tested_and_removed() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let body = "{\"url\":\"https://you.example/hook\",\"events\":[\"alias.created\"]}";
        let made = client.expect(201, "POST /v1/webhooks", body).await;
        assert!(text(&made["secret"]).starts_with("whsec_"));
        let path = format!("/v1/webhooks/{}", text(&made["webhook"]["id"]));
        let shown = client.expect(200, &format!("GET {path}"), "").await;
        assert_eq!((&shown["url"], &shown["events"]), (&json!("https://you.example/hook"), &json!(["alias.created"])));
        let list = client.expect(200, "GET /v1/webhooks", "").await;
        assert!(!list.to_string().contains("whsec_") && list["items"] == json!([shown]), "{list}");
        client.done(&format!("POST {path}/resume"), "").await;
        client.done(&format!("DELETE {path}"), "").await;
        assert_eq!(client.ask(&format!("POST {path}/test"), "").await.status, 404);
        for url in ["http://you.example/hook", "nonsense"] {
            let body = json!({ "url": url }).to_string();
            assert!(client.refused(422, "POST /v1/webhooks", &body).await.starts_with("url: "));
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_happened_at_an_alias_is_shown_by_day_and_by_sender() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.send("news@lg.example", &alias, MESSAGE).await;
        client.app.activity(&alias).await;
        let path = format!("/v1/aliases/{}", alias.uuid);
        let days = client.expect(200, &format!("GET {path}/activity?days=7"), "").await;
        assert_eq!(days["items"][0]["counts"]["forwarded"], 1, "{days}");
        assert_eq!(text(&days["items"][0]["date"]), &client.app.clock.now().to_rfc3339()[..10]);
        for days in ["0", "367", "x"] {
            client.refused(400, &format!("GET {path}/activity?days={days}"), "").await;
        }
        let senders = client.expect(200, &format!("GET {path}/senders"), "").await;
        assert_eq!(senders["items"].as_array().map(Vec::len), Some(1), "{senders}");
        let listed = client.expect(200, &format!("GET {path}"), "").await;
        assert_eq!(text(&listed["last_used_on"]), &client.app.clock.now().to_rfc3339()[..10]);
        client.app.finish().await;
    })
    .await;
}
