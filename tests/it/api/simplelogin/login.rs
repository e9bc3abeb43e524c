//! Signing in with the password, and what is asked for again.

use std::time::Duration;

use postern::model::Private;
use postern::service::password;

use super::Client;
use crate::api::with_key;
#[cfg(feature = "passkeys")]
use crate::storage::plans::execute;
use crate::support::app::MAILBOX;
use crate::support::database::{each_driver, on_sqlite};
use crate::support::http::{Answer, request};
use crate::support::totp::{code_now, turn_on};

const PASSWORD: &str = "correct horse";

async fn start(database: &crate::support::database::Database) -> Client {
    let client = Client::start(database).await;
    let desk = &client.app.running.broker.desk;
    password::set(desk, client.app.user, &Private::new(PASSWORD.into())).await.unwrap();
    client
}

async fn log_in(client: &Client, email: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "email": email, "password": password, "device": "Firefox (Linux x86_64)" }).to_string();
    client.without_key("POST /api/auth/login", &body).await
}

#[tokio::test]
async fn address_and_password_give_a_key_named_after_the_device() {
    each_driver(async |database| {
        let client = start(&database).await;
        let answer = log_in(&client, &MAILBOX.to_uppercase(), PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let login = answer.json();
        assert_eq!((&login["mfa_enabled"], &login["mfa_key"], &login["name"]), (&false.into(), &().into(), &"".into()));
        let key = login["api_key"].as_str().unwrap();
        assert_eq!(with_key(&client.app, key, "GET /api/user_info", "").await.json()["email"], MAILBOX);
        let tokens = postern::service::token::list(&client.app.running.broker.desk, client.app.user).await.unwrap();
        assert_eq!(tokens.last().unwrap().name, "Firefox (Linux x86_64)");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_fit_learns_nothing_and_is_never_told_401() {
    each_driver(async |database| {
        let client = start(&database).await;
        let wrong = log_in(&client, MAILBOX, "wrong horse").await;
        for (email, password) in [("nobody@inbox.example", PASSWORD), ("", ""), ("no address", "x"), (MAILBOX, "")] {
            let answer = log_in(&client, email, password).await;
            assert_eq!((answer.status, &answer.body), (400, &wrong.body), "{email}");
        }
        for body in ["", "{}"] {
            assert_eq!(client.without_key("POST /api/auth/login", body).await.body, wrong.body);
        }
        assert_eq!(
            client
                .without_key("POST /api/auth/mfa", "{\"mfa_token\":\"123456\",\"mfa_key\":\"x\",\"device\":\"x\"}")
                .await
                .status,
            400
        );
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_a_proxy_says_who_that_is() {
    on_sqlite(async |database| {
        let client = start(&database).await;
        let guess = async |from: &str, password: &str| {
            let body = serde_json::json!({ "email": MAILBOX, "password": password, "device": "x" }).to_string();
            request(client.app.running.http, "POST /api/auth/login", &[("X-Forwarded-For", from)], &body).await.status
        };
        for _ in 0..10 {
            assert_eq!(guess("198.51.100.1, 192.0.2.7", "guess").await, 400);
        }
        assert_eq!(guess("198.51.100.99, 192.0.2.7", PASSWORD).await, 429);
        assert_eq!(guess("192.0.2.8", PASSWORD).await, 200, "others are not kept out");
        client.app.clock.advance(Duration::from_mins(15));
        assert_eq!(guess("192.0.2.7", PASSWORD).await, 200);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_code_is_the_second_step() {
    each_driver(async |database| {
        let client = start(&database).await;
        let (secret, codes) = turn_on(&client.app).await;
        assert_eq!(log_in(&client, MAILBOX, "wrong").await.status, 400);
        let first = log_in(&client, MAILBOX, PASSWORD).await;
        assert_eq!(first.status, 200, "{}", first.body);
        let first = first.json();
        assert_eq!((&first["mfa_enabled"], &first["api_key"]), (&true.into(), &().into()));
        let half = first["mfa_key"].as_str().unwrap();
        assert_eq!(with_key(&client.app, half, "GET /api/user_info", "").await.status, 401, "half a sign-in is no key");

        let step = async |key: &str, code: &str| {
            let body = serde_json::json!({ "mfa_token": code, "mfa_key": key, "device": "Pixel" }).to_string();
            client.without_key("POST /api/auth/mfa", &body).await
        };
        assert_eq!(step(half, "000000").await.status, 400);
        let code = code_now(&client.app, &secret);
        assert_eq!(step("x", &code).await.status, 400);
        let done = step(half, &code).await;
        assert_eq!((done.status, &done.json()["email"]), (200, &MAILBOX.into()), "{}", done.body);
        let key = done.json()["api_key"].as_str().unwrap().to_owned();
        assert_eq!(with_key(&client.app, &key, "GET /api/user_info", "").await.status, 200);
        assert_eq!(step(half, &codes[0]).await.status, 400, "the first step counts once");
        let again = log_in(&client, MAILBOX, PASSWORD).await.json();
        assert_eq!(step(again["mfa_key"].as_str().unwrap(), &code).await.status, 400, "so does a code");
        assert_eq!(step(again["mfa_key"].as_str().unwrap(), &codes[0]).await.status, 200, "a recovery code will do");
        client.app.finish().await;
    })
    .await;
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn whoever_has_passkeys_alone_uses_a_key() {
    on_sqlite(async |database| {
        let client = start(&database).await;
        let user = client.app.user;
        let columns = "uuid, user_id, name, credential_id, credential, created_at";
        execute(&database, format!("INSERT INTO passkeys ({columns}) VALUES (X'00', {user}, 'x', X'00', 'x', 1)")).await;
        assert_eq!(log_in(&client, MAILBOX, PASSWORD).await.status, 403, "clients ask for a key then");
        assert_eq!(log_in(&client, MAILBOX, "wrong").await.status, 400);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_codes_has_to_wait() {
    on_sqlite(async |database| {
        let client = start(&database).await;
        let (secret, _) = turn_on(&client.app).await;
        let half = log_in(&client, MAILBOX, PASSWORD).await.json()["mfa_key"].as_str().unwrap().to_owned();
        let step = async |code: &str| {
            let body = serde_json::json!({ "mfa_token": code, "mfa_key": half, "device": "x" }).to_string();
            client.without_key("POST /api/auth/mfa", &body).await.status
        };
        for _ in 0..10 {
            assert_eq!(step("000000").await, 400);
        }
        assert_eq!(step(&code_now(&client.app, &secret)).await, 429);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_dangerous_needs_the_password_within_five_minutes() {
    each_driver(async |database| {
        let client = start(&database).await;
        client.expect(440, "DELETE /api/user", "").await;
        client.expect(440, "POST /api/api_key", "{\"device\":\"x\"}").await;
        client.expect(403, "PATCH /api/sudo", "{\"password\":\"wrong\"}").await;
        client.expect(440, "DELETE /api/user", "").await;
        let proof = format!("{{\"password\":\"{PASSWORD}\"}}");
        assert_eq!(client.expect(200, "PATCH /api/sudo", &proof).await, serde_json::json!({ "ok": true }));
        let key = client.expect(201, "POST /api/api_key", "{\"device\":\"Chrome (Win32)\"}").await;
        let other = key["api_key"].as_str().unwrap();
        assert_eq!(with_key(&client.app, other, "DELETE /api/user", "").await.status, 440, "each key proves itself");
        client.app.clock.advance(Duration::from_mins(5));
        client.expect(440, "POST /api/api_key", "{\"device\":\"x\"}").await;
        client.expect(200, "PATCH /api/sudo", &proof).await;
        client.app.alias("shop").await;
        assert_eq!(client.expect(200, "DELETE /api/user", "").await, serde_json::json!({ "ok": true }));
        assert_eq!(client.ask("GET /api/user_info", "").await.status, 401);
        client.app.finish().await;
    })
    .await;
}
