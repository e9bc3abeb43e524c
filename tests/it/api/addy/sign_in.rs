//! Signing in with a password, on the path another API has as well.

use std::time::Duration;

use postern::model::Private;
use postern::service::password;
use serde_json::{Value, json};

use super::{Client, text};
use crate::api::with_bearer;
#[cfg(feature = "passkeys")]
use crate::storage::plans::execute;
use crate::support::app::MAILBOX;
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::http::{Answer, request};
use crate::support::totp::{code_now, turn_on};

const PASSWORD: &str = "correct horse";

async fn start(database: &Database) -> Client {
    let client = Client::start(database).await;
    let desk = &client.app.running.broker.desk;
    password::set(desk, client.app.user, &Private::new(PASSWORD.into())).await.unwrap();
    client
}

/// As both clients send it.
async fn log_in(client: &Client, body: Value) -> Answer {
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json"), ("X-Requested-With", "XMLHttpRequest")];
    request(client.app.running.http, "POST /api/auth/login", &headers, &body.to_string()).await
}

#[tokio::test]
async fn address_and_password_give_a_token_that_lasts_as_long_as_wanted() {
    each_driver(async |database| {
        let client = start(&database).await;
        let body = json!({ "username": MAILBOX, "password": PASSWORD, "device_name": "Pixel", "expiration": "week" });
        let answer = log_in(&client, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let key = answer.json();
        assert_eq!(key["name"], "Pixel");
        let token = text(&key["api_key"]);
        let ask = async || with_bearer(&client.app, &token, "GET /api/v1/api-token-details", "").await;
        assert_eq!(ask().await.json()["expires_at"], key["expires_at"]);
        client.app.clock.advance(Duration::from_hours(24 * 7));
        assert_eq!(ask().await.status, 401);
        let body = json!({ "username": MAILBOX, "password": PASSWORD, "device_name": "Pixel", "expiration": null });
        assert_eq!(log_in(&client, body).await.json()["expires_at"], json!(null));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_does_not_fit_is_401_and_what_is_missing_is_named() {
    each_driver(async |database| {
        let client = start(&database).await;
        for (username, password) in [(MAILBOX, "wrong horse"), ("nobody@inbox.example", PASSWORD), ("jane", PASSWORD)] {
            let body = json!({ "username": username, "password": password, "device_name": "Pixel" });
            let answer = log_in(&client, body).await;
            let expected = json!({ "message": "The provided credentials are incorrect." });
            assert_eq!((answer.status, answer.json()), (401, expected), "{username}");
        }
        for (body, field) in [
            (json!({ "username": "", "password": "x", "device_name": "x" }), "username"),
            (json!({ "username": "x", "device_name": "x" }), "password"),
            (json!({ "username": "x", "password": "x" }), "device_name"),
            (json!({ "username": "x", "password": "x", "device_name": "x", "expiration": "aeon" }), "expiration"),
        ] {
            let answer = log_in(&client, body).await;
            assert_eq!((answer.status, answer.json()["errors"][field].is_array()), (422, true), "{field}");
        }
        let body = json!({ "mfa_key": "x", "otp": "123456", "device_name": "x" }).to_string();
        assert_eq!(request(client.app.running.http, "POST /api/auth/mfa", &[], &body).await.status, 401);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_code_is_the_second_step() {
    each_driver(async |database| {
        let client = start(&database).await;
        let (secret, _) = turn_on(&client.app).await;
        let first = log_in(&client, json!({ "username": MAILBOX, "password": PASSWORD, "device_name": "Pixel" })).await;
        assert_eq!(first.status, 422, "{}", first.body);
        let first = first.json();
        assert!(!text(&first["csrf_token"]).is_empty(), "clients ask for no code without it");
        let step = async |key: &str, code: &str| {
            let body = json!({ "mfa_key": key, "otp": code, "device_name": "Pixel", "expiration": "week" }).to_string();
            request(client.app.running.http, "POST /api/auth/mfa", &[("X-CSRF-TOKEN", "none")], &body).await
        };
        let half = text(&first["mfa_key"]);
        assert_eq!(step(&half, "000000").await.status, 401);
        let done = step(&half, &code_now(&client.app, &secret)).await;
        assert_eq!((done.status, &done.json()["name"]), (200, &json!("Pixel")), "{}", done.body);
        assert!(done.json()["expires_at"].is_string());
        let token = text(&done.json()["api_key"]);
        assert_eq!(with_bearer(&client.app, &token, "GET /api/v1/api-token-details", "").await.status, 200);
        let missing = json!({ "mfa_key": half, "otp": "", "device_name": "" }).to_string();
        assert_eq!(request(client.app.running.http, "POST /api/auth/mfa", &[], &missing).await.status, 422);
        client.app.finish().await;
    })
    .await;
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn passkeys_alone_ask_for_a_token_instead() {
    on_sqlite(async |database| {
        let client = start(&database).await;
        let user = client.app.user;
        let columns = "uuid, user_id, name, credential_id, credential, created_at";
        execute(&database, format!("INSERT INTO passkeys ({columns}) VALUES (X'00', {user}, 'x', X'00', 'x', 1)")).await;
        let answer = log_in(&client, json!({ "username": MAILBOX, "password": PASSWORD, "device_name": "Pixel" })).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_waits() {
    on_sqlite(async |database| {
        let client = start(&database).await;
        let wrong = json!({ "username": MAILBOX, "password": "wrong horse", "device_name": "Pixel" });
        for _ in 0..10 {
            assert_eq!(log_in(&client, wrong.clone()).await.status, 401);
        }
        let refused = log_in(&client, wrong).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("900")));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_logs_itself_out() {
    each_driver(async |database| {
        let client = start(&database).await;
        client.done("POST /api/auth/logout", "").await;
        client.expect(401, "GET /api/v1/app-version", "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_is_deleted_with_its_password_only() {
    each_driver(async |database| {
        let client = start(&database).await;
        client.app.alias("shop").await;
        let refused = client.expect(422, "POST /api/auth/delete-account", "{\"password\":\"wrong horse\"}").await;
        assert!(refused["errors"]["password"][0].is_string());
        client.expect(200, "GET /api/v1/account-details", "").await;
        client.done("POST /api/auth/delete-account", &json!({ "password": PASSWORD }).to_string()).await;
        client.expect(401, "GET /api/v1/account-details", "").await;
        let user = client.app.user;
        assert!(client.app.read(async |tx| postern::storage::user::find(tx, user).await).await.is_none());
        client.app.finish().await;
    })
    .await;
}
