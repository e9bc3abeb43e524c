//! Errors in the shape its clients read. On 401 the Android app forgets everything, so that nothing but a token earns one.

use serde_json::json;

use super::Client;
use crate::api::{draw_token, with_bearer};
use crate::support::database::each_driver;
use crate::support::http::request;

#[tokio::test]
async fn only_a_token_that_is_none_is_401() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for head in ["GET /api/v1/aliases", "POST /api/v1/aliases", "GET /api/v1/app-version", "GET /api/v1/domain-options"] {
            let missing = request(client.app.running.http, head, &[("Accept", "text/html")], "").await;
            assert_eq!((missing.status, missing.json()), (401, json!({ "message": "Unauthenticated." })), "{head}");
            assert!(missing.header("content-type").unwrap().starts_with("application/json"));
        }
        for (status, head, body) in [
            (404, "GET /api/v1/account-notifications", ""),
            (404, "GET /api/v1/aliases/nonsense", ""),
            (404, "GET /api/v1/aliases/00000000-0000-4000-8000-000000000000", ""),
            (404, "POST /api/v1/active-aliases", "{\"id\":\"nonsense\"}"),
            (405, "PUT /api/v1/aliases", ""),
            (422, "POST /api/v1/active-aliases", "{}"),
            (422, "POST /api/v1/aliases", "not json"),
            (422, "POST /api/v1/aliases", "{\"domain\":17}"),
            (422, "POST /api/v1/aliases", ""),
        ] {
            let answer = client.expect(status, head, body).await;
            assert!(answer["message"].is_string(), "{head}: {answer}");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_field_is_named_with_its_message_first() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let domain = "you.example";
        for (body, field) in [
            (json!({}), "domain"),
            (json!({ "domain": "" }), "domain"),
            (json!({ "domain": "a b" }), "domain"),
            (json!({ "domain": "elsewhere.example" }), "domain"),
            (json!({ "domain": domain, "format": "colours" }), "format"),
            (json!({ "domain": domain, "format": "custom" }), "local_part"),
            (json!({ "domain": domain, "description": "x".repeat(201) }), "description"),
            (json!({ "domain": domain, "recipient_ids": ["x"] }), "recipient_ids"),
            (json!({ "domain": domain, "recipient_ids": vec!["x"; 11] }), "recipient_ids"),
        ] {
            let answer = client.expect(422, "POST /api/v1/aliases", &body.to_string()).await;
            assert_eq!(answer["errors"], json!({ field: [answer["message"]] }), "{body}");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn sixty_requests_a_minute_and_then_a_time_to_wait() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for _ in 0..60 {
            assert_eq!(client.ask_at_once("GET /api/v1/app-version", "").await.status, 200);
        }
        let refused = client.ask_at_once("GET /api/v1/app-version", "").await;
        assert_eq!((refused.status, refused.json()), (429, json!({ "message": "Too Many Attempts." })));
        let limits = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining"].map(|name| refused.header(name).unwrap());
        assert_eq!(limits, ["60", "60", "0"]);
        let other = draw_token(&client.app, &[]).await;
        assert_eq!(with_bearer(&client.app, &other, "GET /api/v1/app-version", "").await.status, 200);
        client.app.clock.advance(std::time::Duration::from_mins(1));
        assert_eq!(client.ask_at_once("GET /api/v1/app-version", "").await.status, 200);
        client.app.finish().await;
    })
    .await;
}
