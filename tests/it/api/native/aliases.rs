//! Aliases: made, found, changed, put into another state, forgotten.

use postern::model::api_token::Scope;
use serde_json::json;

use super::{Client, each, text};
use crate::api::with_bearer;
use crate::support::app::MAILBOX;
use crate::support::database::each_driver;

#[tokio::test]
async fn an_alias_is_made_for_a_site_and_found_by_it() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let answer = client.ask("POST /v1/aliases", "{\"site\":\"https://www.lg.com/uk\",\"note\":\"television\"}").await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let made = answer.json();
        assert!(text(&made["address"]).starts_with("lg.") && text(&made["address"]).ends_with("@you.example"), "{made}");
        assert_eq!((&made["site"], &made["state"], &made["note"]), (&json!("lg.com"), &json!("active"), &json!("television")));
        assert_eq!(made["mailboxes"][0]["address"], MAILBOX);
        assert_eq!(made["counts"]["forwarded"], 0);
        let id = text(&made["id"]);
        assert_eq!(answer.header("location"), Some(format!("/v1/aliases/{id}").as_str()));
        client.expect(201, "POST /v1/aliases", "{\"site\":\"shop.example\"}").await;
        let found = client.expect(200, "GET /v1/aliases?site=http://support.lg.com/x", "").await;
        assert_eq!((each(&found, "id"), &found["next"]), (vec![id.clone()], &json!(null)));
        assert_eq!(client.expect(200, &format!("GET /v1/aliases/{id}"), "").await, made);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn everything_can_be_said_when_it_is_made() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        client.app.mailbox("second@inbox.example").await;
        let body = json!({
            "name": "Shop", "domain": "you.example", "display_name": "Jane", "pinned": true, "tags": ["Shops", "home"],
            "mailboxes": ["Second@inbox.example"], "expires_at": "2031-01-01T00:00:00+01:00", "max_messages": 3,
        });
        let made = client.expect(201, "POST /v1/aliases", &body.to_string()).await;
        assert_eq!((&made["address"], &made["display_name"]), (&json!("shop@you.example"), &json!("Jane")));
        assert_eq!((&made["tags"], &made["pinned"]), (&json!(["home", "shops"]), &json!(true)));
        assert_eq!(made["mailboxes"][0]["address"], "second@inbox.example");
        assert_eq!((&made["expires_at"], &made["max_messages"]), (&json!("2030-12-31T23:00:00Z"), &json!(3)));
        assert_eq!(client.expect(200, &format!("GET /v1/aliases/{}", text(&made["id"])), "").await, made);
        assert!(client.refused(409, "POST /v1/aliases", "{\"name\":\"shop\"}").await.contains("taken"));
        for (field, body) in [
            ("name", json!({ "name": "a b" })),
            ("name", json!({ "name": "postmaster" })),
            ("domain", json!({ "domain": "other.example" })),
            ("domain", json!({ "domain": "" })),
            ("site", json!({ "site": "localhost" })),
            ("tags", json!({ "tags": ["a,b"] })),
            ("tags", json!({ "tags": (0..21).map(|number| number.to_string()).collect::<Vec<_>>() })),
            ("mailboxes", json!({ "mailboxes": ["nobody@inbox.example"] })),
            ("expires_at", json!({ "expires_at": "tomorrow" })),
            ("expires_at", json!({ "expires_at": "2001-01-01T00:00:00Z" })),
            ("max_messages", json!({ "max_messages": 0 })),
            ("format", json!({ "format": "short" })),
            ("note", json!({ "note": "x".repeat(10_001) })),
            ("display_name", json!({ "display_name": "jane@inbox.example" })),
            ("sites", json!({ "sites": "lg.com" })),
        ] {
            let said = client.refused(422, "POST /v1/aliases", &body.to_string()).await;
            assert!(said.starts_with(&format!("{field}: ")), "{body}: {said}");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_that_may_only_make_aliases_sees_no_mailbox() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let token = client.token(&[Scope::AliasCreate]).await;
        let made = with_bearer(&client.app, &token, "POST /v1/aliases", "{}").await;
        assert_eq!((made.status, &made.json()["mailboxes"]), (201, &json!([])));
        assert!(!made.body.contains(MAILBOX));
        let [known, unknown] = [MAILBOX, "nobody@inbox.example"].map(|address| json!({ "mailboxes": [address] }).to_string());
        let known = with_bearer(&client.app, &token, "POST /v1/aliases", &known).await;
        let unknown = with_bearer(&client.app, &token, "POST /v1/aliases", &unknown).await;
        assert_eq!((known.status, &known.json()["detail"]), (422, &unknown.json()["detail"]), "an address tells nothing");
        let options = with_bearer(&client.app, &token, "GET /v1/options", "").await;
        assert_eq!(options.json()["default_domain"], "you.example");
        assert_eq!(options.json()["formats"], json!(["site", "words", "random", "uuid"]));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_touches_what_it_names() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let path = format!("/v1/aliases/{}", alias.uuid);
        let body = json!({ "note": "n", "display_name": "Jane", "tags": ["a", "B"], "max_messages": 5, "pinned": true });
        let changed = client.expect(200, &format!("PATCH {path}"), &body.to_string()).await;
        assert_eq!((&changed["note"], &changed["tags"]), (&json!("n"), &json!(["a", "b"])));
        let body = "{\"display_name\":null,\"max_messages\":null,\"expires_at\":\"2031-01-01T00:00:00Z\"}";
        let changed = client.expect(200, &format!("PATCH {path}"), body).await;
        assert_eq!((&changed["display_name"], &changed["max_messages"]), (&json!(null), &json!(null)));
        assert_eq!((&changed["note"], &changed["pinned"]), (&json!("n"), &json!(true)));
        assert_eq!(changed["expires_at"], "2031-01-01T00:00:00Z");
        assert!(
            client.refused(422, &format!("PATCH {path}"), "{\"state\":\"paused\"}").await.starts_with("state: unknown field")
        );
        assert!(client.refused(422, &format!("PATCH {path}"), "{\"mailboxes\":[]}").await.starts_with("mailboxes: "));
        assert_eq!(client.expect(200, &format!("PATCH {path}"), "{}").await, changed);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_state_holds_from_the_answer_on_and_what_is_forgotten_is_gone() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let path = format!("/v1/aliases/{}", alias.uuid);
        for (state, changed) in [("paused", true), ("paused", false), ("locked", true), ("killed", true), ("active", true)] {
            let body = json!({ "state": state }).to_string();
            let done = client.expect(200, &format!("POST {path}/state"), &body).await;
            assert_eq!((&done["alias"]["state"], &done["changed"]), (&json!(state), &json!(changed)));
        }
        let said = client.refused(422, &format!("POST {path}/state"), "{\"state\":\"dead\"}").await;
        assert!(said.starts_with("state: unknown variant `dead`, expected one of `active`"), "{said}");
        assert_eq!(client.refused(422, &format!("POST {path}/state"), "{}").await, "missing field `state`");
        client.done(&format!("DELETE {path}"), "").await;
        assert_eq!(client.ask(&format!("GET {path}"), "").await.status, 404);
        assert!(client.refused(409, "POST /v1/aliases", "{\"name\":\"shop\"}").await.contains("once"));
        let role = client.expect(200, "GET /v1/aliases?search=postmaster", "").await;
        if let Some(role) = role["items"].get(0) {
            client.refused(409, &format!("DELETE /v1/aliases/{}", text(&role["id"])), "").await;
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_keeps_what_its_filters_say() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let other = client.app.mailbox("second@inbox.example").await;
        for name in ["one", "two", "three"] {
            client.app.alias(name).await;
        }
        let four = client.app.alias_to("four", vec![other], |_| {}).await;
        let path = format!("/v1/aliases/{}", four.uuid);
        client.expect(200, &format!("PATCH {path}"), "{\"tags\":[\"café\"],\"pinned\":true,\"note\":\"100%\"}").await;
        client.expect(200, &format!("POST {path}/state"), "{\"state\":\"killed\"}").await;
        let mailboxes = client.app.read(async |tx| postern::storage::mailbox::list(tx, client.app.user).await).await;
        let second = mailboxes.iter().find(|mailbox| mailbox.id == other).unwrap().uuid;
        let all = vec!["four", "three", "two", "one"];
        for (query, expected) in [
            (String::new(), all.clone()),
            ("sort=created_at".into(), vec!["one", "two", "three", "four"]),
            ("sort=address".into(), vec!["four", "one", "three", "two"]),
            ("sort=-address&state=active".into(), vec!["two", "three", "one"]),
            ("state=killed,paused".into(), vec!["four"]),
            ("state=paused".into(), vec![]),
            ("tag=Caf%C3%A9".into(), vec!["four"]),
            ("pinned=false".into(), vec!["three", "two", "one"]),
            ("sort=pinned".into(), all.clone()),
            ("search=100%25".into(), vec!["four"]),
            ("domain=you.example&limit=100".into(), all),
            ("domain=other.example".into(), vec![]),
            (format!("mailbox={second}"), vec!["four"]),
            (format!("mailbox={}", uuid::Uuid::nil()), vec![]),
        ] {
            let page = client.expect(200, &format!("GET /v1/aliases?{query}"), "").await;
            let names: Vec<String> =
                each(&page, "address").iter().map(|address| address.split('@').next().unwrap().to_owned()).collect();
            // Role addresses of the domain are the operator's.
            assert_eq!(names, expected, "{query}");
        }
        let tags = client.expect(200, "GET /v1/tags", "").await;
        assert_eq!(tags["items"], json!([]), "of a killed one");
        client.app.finish().await;
    })
    .await;
}
