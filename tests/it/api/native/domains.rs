//! Domains of one's own: claimed, proven, set up, removed; and names that are signed without network.

use postern::model::DomainName;
use postern::model::api_token::Scope;
use postern::service::{domain, signed_name};
use serde_json::{Value, json};

use super::{Client, detail, each, text};
use crate::api::with_bearer;
use crate::support::app::user;
use crate::support::database::each_driver;

async fn own(client: &Client, name: &str) -> String {
    let desk = &client.app.running.broker.desk;
    let added = domain::add(desk, name.parse().unwrap(), Some(client.app.user)).await.unwrap();
    format!("/v1/domains/{}", added.uuid)
}

#[tokio::test]
async fn a_domain_is_claimed_and_in_use_once_its_proof_was_seen() {
    each_driver(async |database| {
        let mut client = Client::start(&database).await;
        let first = client.once("k", "POST /v1/domain-claims", "{\"name\":\"Own.Example.\"}").await;
        assert_eq!(first.status, 201, "{}", first.body);
        let made = first.json();
        let path = format!("/v1/domain-claims/{}", text(&made["id"]));
        assert_eq!(first.header("location"), Some(path.as_str()));
        assert_eq!((&made["name"], &made["has_mailboxes"]), (&json!("own.example"), &json!(false)));
        let proof = text(&made["proof"]);
        assert!(proof.starts_with("postern-domain="), "{proof}");
        let again = client.once("k", "POST /v1/domain-claims", "{\"name\":\"Own.Example.\"}").await;
        assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
        assert_eq!(client.expect(201, "POST /v1/domain-claims", "{\"name\":\"own.example\"}").await, made, "the record holds");
        assert_eq!(client.expect(200, "GET /v1/domain-claims", "").await["items"], json!([made]));
        assert_eq!(each(&client.expect(200, "GET /v1/domains", "").await, "name"), ["you.example"], "it is not in use");
        for name in ["co.uk", "http://x", "a.you.example", "gate.you.example", ""] {
            let said = client.refused(422, "POST /v1/domain-claims", &json!({ "name": name }).to_string()).await;
            assert!(said.starts_with("name: "), "{name}: {said}");
        }
        let shown = client.expect(200, &format!("GET {path}"), "").await;
        assert_eq!((&shown["proof"], shown["records"].as_array().unwrap().len()), (&made["proof"], 4));
        assert_eq!((&shown["records"][0]["value"], &shown["records"][0]["status"]), (&made["proof"], &json!("missing")));
        let looked = client.expect(200, &format!("POST {path}/check"), "").await;
        assert_eq!((&looked["proven"], &looked["domain"], &looked["records"]), (&json!(false), &json!(null), &shown["records"]));

        let zone = format!("own.example. TXT \"{proof}\"\nown.example. MX 20 mail.other.example.\n");
        std::fs::write(client.app.config.dns.zone_file.as_ref().unwrap(), zone).unwrap();
        client.app = client.app.restart().await;
        let seen = client.expect(200, &format!("GET {path}"), "").await;
        assert_eq!((&seen["records"][0]["status"], &seen["records"][1]["status"]), (&json!("ok"), &json!("wrong")));
        assert!(text(&seen["records"][1]["note"]).contains("goes elsewhere, to mail.other.example"), "{seen}");
        let reader = client.token(&[Scope::Read]).await;
        assert_eq!(with_bearer(&client.app, &reader, &format!("GET {path}"), "").await.status, 200);
        assert_eq!(with_bearer(&client.app, &reader, &format!("POST {path}/check"), "").await.status, 403);
        assert_eq!(client.expect(200, "GET /v1/domain-claims", "").await["items"], json!([made]), "looking records nothing");

        let proven = client.expect(200, &format!("POST {path}/check"), "").await;
        assert_eq!((&proven["proven"], &proven["domain"]["id"]), (&json!(true), &made["id"]));
        assert_eq!((&proven["domain"]["name"], &proven["domain"]["is_own"]), (&json!("own.example"), &json!(true)));
        let names = |of: &Value| -> Vec<String> {
            of["records"].as_array().unwrap().iter().map(|record| text(&record["name"])).collect()
        };
        assert!(names(&proven).iter().any(|name| name.ends_with("._domainkey.own.example.")), "{proven}");
        // A client that never heard the answer asks again.
        let once_more = client.expect(200, &format!("POST {path}/check"), "").await;
        assert_eq!((&once_more["domain"], names(&once_more)), (&proven["domain"], names(&proven)[1..].to_vec()));
        assert_eq!(client.ask(&format!("GET {path}"), "").await.status, 404);
        assert_eq!(client.ask(&format!("DELETE {path}"), "").await.status, 404);
        assert_eq!(client.expect(200, "GET /v1/domain-claims", "").await["items"], json!([]));
        client.refused(409, "POST /v1/domain-claims", "{\"name\":\"own.example\"}").await;
        let alias = client.expect(201, "POST /v1/aliases", "{\"name\":\"shop\",\"domain\":\"own.example\"}").await;
        assert_eq!((&alias["address"], &alias["made_by"]), (&json!("shop@own.example"), &json!(null)));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_taken_back_and_a_user_has_twenty() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let mut ids = Vec::new();
        for number in 0..20 {
            let body = json!({ "name": format!("x{number}.example") }).to_string();
            ids.push(text(&client.expect(201, "POST /v1/domain-claims", &body).await["id"]));
        }
        let more = "{\"name\":\"more.example\"}";
        assert!(client.refused(409, "POST /v1/domain-claims", more).await.contains("20 domains"));
        client.done(&format!("DELETE /v1/domain-claims/{}", ids[0]), "").await;
        assert_eq!(client.ask(&format!("POST /v1/domain-claims/{}/check", ids[0]), "").await.status, 404);
        client.expect(201, "POST /v1/domain-claims", more).await;
        // Somebody else's proof was seen first: their claim is told so, and is gone.
        let (eve, _) = user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        let desk = &client.app.running.broker.desk;
        domain::add(desk, "x1.example".parse().unwrap(), Some(eve)).await.unwrap();
        assert_eq!(client.ask(&format!("GET /v1/domain-claims/{}", ids[1]), "").await.status, 404);
        assert!(client.refused(409, "POST /v1/domain-claims", "{\"name\":\"x1.example\"}").await.contains("in use"));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn mailboxes_at_a_domain_are_warned_of() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        let claim = async |name: &str| {
            let made = client.expect(201, "POST /v1/domain-claims", &json!({ "name": name }).to_string()).await;
            let shown = client.expect(200, &format!("GET /v1/domain-claims/{}", text(&made["id"])), "").await;
            assert_eq!(made["has_mailboxes"], shown["has_mailboxes"]);
            made["has_mailboxes"].clone()
        };
        assert_eq!(claim("mailbox-provider.example").await, json!(true));
        assert_eq!(claim("provider.example").await, json!(false));
        assert_eq!(claim("inbox.example").await, json!(false), "before the proof nobody is told of others");
        let path = own(&client, "inbox.example").await;
        assert_eq!(client.expect(200, &format!("GET {path}"), "").await["has_mailboxes"], json!(true));
        let list = client.expect(200, "GET /v1/domains", "").await;
        assert_eq!((&list["items"][0]["has_mailboxes"], &list["items"][1]["has_mailboxes"]), (&json!(false), &json!(true)));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_domain_of_ones_own_does_with_mail_is_changed() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let path = own(&client, "own.example").await;
        let before = client.expect(200, &format!("GET {path}"), "").await;
        let seen = |domain: &Value| {
            (domain["catch_all"].clone(), domain["catch_all_pattern"].clone(), domain["submission_creates"].clone())
        };
        assert_eq!(seen(&before), (json!("off"), json!(null), json!(false)));
        for (body, expected) in [
            (
                json!({ "catch_all": "pattern", "catch_all_pattern": "Shop-*  *.web", "submission_creates": true }),
                (json!("pattern"), json!("shop-* *.web"), json!(true)),
            ),
            (json!({ "catch_all_pattern": "x-*" }), (json!("pattern"), json!("x-*"), json!(true))),
            (json!({ "catch_all": "pattern" }), (json!("pattern"), json!("x-*"), json!(true))),
            (json!({ "submission_creates": false }), (json!("pattern"), json!("x-*"), json!(false))),
            (json!({ "catch_all": "on" }), (json!("on"), json!(null), json!(false))),
            (json!({}), (json!("on"), json!(null), json!(false))),
            (json!({ "catch_all": "off", "catch_all_pattern": null }), (json!("off"), json!(null), json!(false))),
        ] {
            let changed = client.expect(200, &format!("PATCH {path}"), &body.to_string()).await;
            assert_eq!(seen(&changed), expected, "{body}");
            assert_eq!(client.expect(200, &format!("GET {path}"), "").await, changed);
        }
        for (field, body) in [
            ("catch_all_pattern", json!({ "catch_all": "pattern" })),
            ("catch_all_pattern", json!({ "catch_all_pattern": "x-*" })),
            ("catch_all_pattern", json!({ "catch_all": "on", "catch_all_pattern": "x-*" })),
            ("catch_all_pattern", json!({ "catch_all": "pattern", "catch_all_pattern": "a+b", "submission_creates": true })),
            ("catch_all", json!({ "catch_all": "all" })),
            ("name", json!({ "name": "other.example" })),
        ] {
            let said = client.refused(422, &format!("PATCH {path}"), &body.to_string()).await;
            assert!(said.starts_with(&format!("{field}: ")), "{body}: {said}");
        }
        assert_eq!(client.expect(200, &format!("GET {path}"), "").await, before, "nothing of what was refused is done");
        let reader = client.token(&[Scope::Read]).await;
        assert_eq!(with_bearer(&client.app, &reader, &format!("PATCH {path}"), "{}").await.status, 403);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_domain_goes_when_nobody_can_write_to_it_any_more_and_a_shared_one_stays() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let path = own(&client, "own.example").await;
        let alias = client.expect(201, "POST /v1/aliases", "{\"name\":\"shop\",\"domain\":\"own.example\"}").await;
        assert!(client.refused(409, &format!("DELETE {path}"), "").await.contains("still alive (1)"));
        client.expect(200, &format!("POST /v1/aliases/{}/state", text(&alias["id"])), "{\"state\":\"killed\"}").await;
        client.done(&format!("DELETE {path}"), "").await;
        assert_eq!(client.ask(&format!("DELETE {path}"), "").await.status, 404);
        assert_eq!(client.ask(&format!("GET /v1/aliases/{}", text(&alias["id"])), "").await.status, 404);
        let list = client.expect(200, "GET /v1/domains", "").await;
        let shared = format!("/v1/domains/{}", each(&list, "id")[0]);
        client.refused(404, &format!("DELETE {shared}"), "").await;
        client.refused(404, &format!("PATCH {shared}"), "{\"catch_all\":\"on\"}").await;
        assert_eq!(client.expect(200, "GET /v1/domains", "").await, list);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn names_are_signed_with_a_key_that_only_who_may_see_how_one_signs_in_sees() {
    each_driver(async |database| {
        let mut client = Client::start(&database).await;
        let both = client.token(&[Scope::Write, Scope::Account]).await;
        let writer = std::mem::replace(&mut client.token, both);
        let (reader, phone) = (client.token(&[Scope::Read]).await, client.token(&[Scope::AliasCreate]).await);
        let lg = "{\"site\":\"https://www.LG.com/tv\"}";
        assert_eq!(client.expect(200, "GET /v1/name-key", "").await, json!({ "key": null }));
        assert!(client.refused(409, "POST /v1/signed-names", lg).await.contains("POST /v1/name-key"));
        let kept = client.once("k", "POST /v1/name-key", "").await;
        assert!(kept.status == 400 && detail(&kept).contains("secret"), "{}", kept.body);
        let drawn = client.expect(201, "POST /v1/name-key", "").await;
        assert_eq!(client.expect(200, "GET /v1/name-key", "").await, drawn);
        for token in [&reader, &phone, &writer] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = with_bearer(&client.app, token, &format!("{method} /v1/name-key"), "").await;
                assert!(answer.status == 403 && !answer.body.contains(&text(&drawn["key"])), "{method}: {}", answer.body);
            }
        }
        assert_eq!(with_bearer(&client.app, &reader, "POST /v1/signed-names", lg).await.status, 403, "it is to make aliases");

        let key = signed_name::key(&client.app.running.broker.desk, client.app.user).await.unwrap().unwrap();
        let name = with_bearer(&client.app, &phone, "POST /v1/signed-names", lg).await;
        assert_eq!(name.status, 200, "{}", name.body);
        let on = |domain: &str| key.address("lg.com", &domain.parse::<DomainName>().unwrap()).unwrap();
        assert_eq!(name.json(), json!({ "address": on("you.example").to_string(), "site": "lg.com" }));
        assert_eq!(client.expect(200, "POST /v1/signed-names", lg).await, name.json());
        own(&client, "own.example").await;
        let named = client.expect(200, "POST /v1/signed-names", "{\"site\":\"lg.com\",\"domain\":\"Own.example\"}").await;
        assert_eq!(named["address"], on("own.example").to_string());
        for (field, body) in [
            ("site", json!({ "site": "localhost" })),
            ("site", json!({ "site": format!("{}.example", "a".repeat(55)) })),
            ("domain", json!({ "site": "lg.com", "domain": "other.example" })),
            ("domain", json!({ "site": "lg.com", "domain": "" })),
        ] {
            let said = client.refused(422, "POST /v1/signed-names", &body.to_string()).await;
            assert!(said.starts_with(&format!("{field}: ")), "{body}: {said}");
        }
        assert_eq!(client.expect(200, "GET /v1/aliases", "").await["items"], json!([]), "nothing is made");

        let letter = "From: a@lg.com\r\n\r\nHello\r\n";
        assert!(client.app.send_to("a@lg.com", &[&on("you.example")], letter).await.starts_with("250 "));
        let made = client.expect(200, "GET /v1/aliases", "").await;
        assert_eq!((&made["items"][0]["made_by"], &made["items"][0]["site"]), (&json!("signed"), &json!("lg.com")));
        let other = client.expect(200, "POST /v1/signed-names", "{\"site\":\"shop.example\"}").await;
        let renewed = client.expect(201, "POST /v1/name-key", "").await;
        assert_ne!(renewed, drawn);
        let unknown = client.app.send_to("a@lg.com", &[&text(&other["address"]).parse().unwrap()], letter).await;
        assert!(unknown.starts_with("550 "), "{unknown}");
        for _ in 0..2 {
            client.done("DELETE /v1/name-key", "").await;
        }
        assert_eq!(client.expect(200, "GET /v1/name-key", "").await, json!({ "key": null }));
        client.app.finish().await;
    })
    .await;
}
