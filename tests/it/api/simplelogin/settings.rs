//! Settings, domains, and what is there only to keep clients going.

use postern::service;

use super::{Client, emails};
use crate::support::app::DOMAIN;
use crate::support::database::each_driver;

#[tokio::test]
async fn settings_are_kept_and_hold_for_the_next_alias() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let desk = &client.app.running.broker.desk;
        let own = service::domain::add(desk, "mine.example".parse().unwrap(), Some(client.app.user)).await.unwrap();
        let defaults = serde_json::json!({
            "notification": true, "alias_generator": "word", "random_alias_default_domain": DOMAIN, "sender_format": "AT",
            "random_alias_suffix": "random_string",
        });
        assert_eq!(client.expect(200, "GET /api/setting", "").await, defaults);
        assert_eq!(client.expect(200, "PATCH /api/setting", "").await, defaults);
        let change = serde_json::json!({
            "notification": false, "alias_generator": "uuid", "random_alias_default_domain": "mine.example",
            "sender_format": "NAME_ONLY", "random_alias_suffix": "word",
        });
        assert_eq!(client.expect(200, "PATCH /api/setting", &change.to_string()).await, change);
        assert_eq!(client.expect(200, "GET /api/setting", "").await, change);
        let made = client.expect(201, "POST /api/alias/random/new?hostname=lg.com", "").await;
        let (local, domain) = made["alias"].as_str().unwrap().split_once('@').unwrap();
        assert_eq!((local.len(), domain), (36, "mine.example"));
        for wrong in ["alias_generator", "random_alias_default_domain", "sender_format", "random_alias_suffix"] {
            client.expect(400, "PATCH /api/setting", &format!("{{\"{wrong}\":\"other.example\"}}")).await;
        }
        let domains = client.expect(200, "GET /api/setting/domains", "").await;
        assert_eq!(domains, serde_json::json!([[true, DOMAIN], [false, "mine.example"]]));
        let domains = client.expect(200, "GET /api/v2/setting/domains", "").await;
        assert_eq!(domains[1], serde_json::json!({ "domain": "mine.example", "is_custom": true }));

        let listed = client.expect(200, "GET /api/custom_domains", "").await;
        assert_eq!((&listed["custom_domains"][0]["id"], &listed["custom_domains"][0]["nb_alias"]), (&own.id.0.into(), &1.into()));
        let same = client.expect(200, &format!("PATCH /api/custom_domains/{}", own.id), "{\"catch_all\":false}").await;
        assert_eq!(same["custom_domain"], listed["custom_domains"][0]);
        let caught = client.expect(200, &format!("PATCH /api/custom_domains/{}", own.id), "{\"catch_all\":true}").await;
        assert_eq!(caught["custom_domain"]["catch_all"], true);
        client.expect(400, &format!("PATCH /api/custom_domains/{}", own.id), "{\"random_prefix_generation\":true}").await;
        client.expect(200, &format!("DELETE /api/aliases/{}", made["id"]), "").await;
        let trash = client.expect(200, &format!("GET /api/custom_domains/{}/trash", own.id), "").await;
        assert_eq!(trash["aliases"][0]["alias"], made["alias"]);
        assert!(trash["aliases"][0]["deletion_timestamp"].is_i64());
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_has_no_meaning_here_keeps_clients_going() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let none = client.expect(200, "GET /api/notifications?page=0", "").await;
        assert_eq!(none, serde_json::json!({ "more": false, "notifications": [] }));
        client.expect(400, "GET /api/notifications", "").await;
        client.expect(403, "POST /api/notifications/1/read", "").await;
        client.expect(400, "GET /api/user/cookie_token", "").await;
        client.expect(200, "DELETE /api/setting/unlink_proton_account", "").await;
        let info = client.expect(200, "PATCH /api/user_info", "{\"name\":\"Jane\",\"profile_picture\":null}").await;
        assert_eq!(info["name"], "");
        for path in ["register", "activate", "reactivate"] {
            assert_eq!(client.without_key(&format!("POST /api/auth/{path}"), "{}").await.status, 400);
        }
        let asked = client.without_key("POST /api/auth/forgot_password", "{\"email\":\"who@inbox.example\"}").await;
        assert_eq!((asked.status, asked.json()), (200, serde_json::json!({ "ok": true })));
        assert_eq!(client.without_key("POST /api/auth/forgot_password", "{}").await.status, 400);
        let health = client.without_key("GET /health", "").await;
        assert_eq!((health.status, health.body.as_str()), (200, "success"));
        assert!(emails(&client.expect(200, "GET /api/aliases?page_id=0", "").await).is_empty());
        client.app.finish().await;
    })
    .await;
}
