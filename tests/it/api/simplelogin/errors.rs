//! Errors are JSON whatever happened, and 401 speaks of keys only.

use std::time::Duration;

use postern::model::api_token::Scope;

use super::Client;
use crate::api::{draw_token, with_key};
use crate::support::database::each_driver;

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for head in ["GET /api/nothing", "POST /api/v9/alias/random/new", "GET /api/aliases/1/nothing", "GET /api/aliases/x"] {
            let error = client.expect(404, head, "").await;
            assert_eq!(error, serde_json::json!({ "error": "No such endpoint" }), "{head}");
        }
        for head in ["DELETE /api/user_info", "GET /api/alias/random/new", "PUT /api/aliases/1/toggle/"] {
            let error = client.expect(405, head, "").await;
            assert_eq!(error, serde_json::json!({ "error": "Method not allowed" }), "{head}");
        }
        for body in ["note=x", "{", "[1]", "{\"note\":1}", "\u{fffd}"] {
            client.expect(400, "POST /api/alias/random/new", body).await;
        }
        client.expect(413, "POST /api/alias/random/new", &" ".repeat(1024 * 1024 + 1)).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_endpoint_but_the_open_ones_asks_for_a_key_first() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let heads = [
            "GET /api/user_info",
            "GET /api/logout",
            "GET /api/stats",
            "GET /api/mailboxes",
            "GET /api/v2/aliases",
            "POST /api/v2/aliases",
            "GET /api/aliases/1",
            "POST /api/alias/random/new?mode=rhyme",
            "POST /api/v3/alias/custom/new",
            "GET /api/v4/alias/options",
            "PATCH /api/setting",
            "GET /api/custom_domains",
            "GET /api/notifications",
            "GET /api/export/data",
            "GET /api/user/cookie_token",
        ];
        for head in heads {
            let answer = client.without_key(head, "{").await;
            assert_eq!((answer.status, answer.json()), (401, serde_json::json!({ "error": "Wrong api key" })), "{head}");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_goes_as_far_as_its_scopes() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let maker = draw_token(&client.app, &[Scope::AliasCreate]).await;
        let reader = draw_token(&client.app, &[Scope::Read]).await;
        let cases = [
            ("GET /api/v4/alias/options?hostname=lg.com", 200, 403),
            ("GET /api/v2/aliases?page_id=0", 403, 200),
            ("GET /api/aliases/ID", 403, 200),
            ("POST /api/aliases/ID/toggle", 403, 403),
            ("DELETE /api/aliases/ID", 403, 403),
            ("GET /api/mailboxes", 403, 200),
            ("PATCH /api/setting", 403, 403),
        ];
        for (head, making, reading) in cases {
            let head = head.replace("ID", &alias.id.to_string());
            assert_eq!(with_key(&client.app, &maker, &head, "").await.status, making, "{head}");
            assert_eq!(with_key(&client.app, &reader, &head, "").await.status, reading, "{head}");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_makes_sixty_aliases_a_minute() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for _ in 0..60 {
            client.expect(201, "POST /api/alias/random/new", "").await;
        }
        let refused = client.expect(429, "POST /api/alias/random/new", "").await;
        assert_eq!(refused, serde_json::json!({ "error": "Rate limit exceeded" }));
        client.expect(200, "GET /api/v2/aliases?page_id=0", "").await;
        client.app.clock.advance(Duration::from_mins(1));
        client.expect(201, "POST /api/alias/random/new", "").await;
        client.app.finish().await;
    })
    .await;
}
