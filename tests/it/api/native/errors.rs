//! What is refused is refused as a problem that names the fix, with the right status.

use super::{Client, detail};
use crate::api::with_bearer;
use crate::support::database::each_driver;
use crate::support::http::request;

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_right_status() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let long = format!("{{\"note\":\"{}\"}}", "x".repeat(2 << 20));
        for (status, head, body, says) in [
            (404, "GET /v1/nothing".to_owned(), "", "/v1/nothing"),
            (404, "GET /v1".into(), "", "/docs"),
            (404, "POST /v1/aliases/x/y/z".into(), "{}", "/v1/aliases/x/y/z"),
            (405, "PUT /v1/aliases".into(), "{}", "PUT"),
            (405, format!("POST /v1/aliases/{}", alias.uuid), "{}", "Allow"),
            (400, "POST /v1/aliases".into(), "{\"site\":", "no JSON"),
            (400, "POST /v1/aliases".into(), "", "no JSON"),
            (422, "POST /v1/aliases".into(), "[]", "JSON object"),
            (422, "POST /v1/aliases".into(), "{\"note\":\"a\\u0000b\"}", "note: there is a NUL"),
            (413, "POST /v1/aliases".into(), long.as_str(), "1 MiB"),
            (400, "GET /v1/aliases?limit=0".into(), "", "limit: "),
            (400, "GET /v1/aliases?limit=1000".into(), "", "limit: "),
            (400, "GET /v1/aliases?limit=ten".into(), "", "limit: "),
            (400, "GET /v1/aliases?colour=red".into(), "", "colour"),
            (400, "GET /v1/aliases?state=dead".into(), "", "state: "),
            (400, "GET /v1/aliases?search=a%00b".into(), "", "NUL"),
            (400, "GET /v1/aliases?site=localhost".into(), "", "site: "),
            (400, "GET /v1/aliases?mailbox=1".into(), "", "mailbox: "),
            (400, "GET /v1/account?x=1".into(), "", "x"),
            (404, "GET /v1/aliases/1".into(), "", "no such thing"),
            (404, "GET /v1/aliases/%FF".into(), "", "no such thing"),
            (404, format!("GET /v1/aliases/{}", alias.uuid.simple()), "", "no such thing"),
        ] {
            let answer = client.ask(&head, body).await;
            assert_eq!(answer.status, status, "{head}: {}", answer.body);
            assert!(detail(&answer).contains(says), "{head}: {}", answer.body);
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_token_nothing_is_said_and_without_json_nothing_is_read() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let http = client.app.running.http;
        for headers in [&[][..], &[("Authorization", "Basic x")], &[("Authorization", "Bearer")]] {
            let answer = request(http, "POST /v1/aliases", headers, "nonsense").await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
            assert!(detail(&answer).contains("Authorization: Bearer"));
        }
        let authorization = format!("Bearer {}", client.token);
        for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let headers = [("Authorization", authorization.as_str()), ("Content-Type", content_type)];
            let answer = request(http, "POST /v1/aliases", &headers, "{}").await;
            assert_eq!(answer.status, 415, "{content_type}");
            assert!(detail(&answer).contains("Content-Type: application/json"));
        }
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json; charset=utf-8")];
        assert_eq!(request(http, "POST /v1/aliases", &headers, "{}").await.status, 201);
        let narrow = client.token(&[postern::model::api_token::Scope::AliasCreate]).await;
        let answer = with_bearer(&client.app, &narrow, "GET /v1/aliases/1", "").await;
        assert_eq!((answer.status, detail(&answer).as_str()), (403, "this needs a token with the scope read"));
        client.app.finish().await;
    })
    .await;
}
