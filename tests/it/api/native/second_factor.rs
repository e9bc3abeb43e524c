//! Codes of an authenticator program, recovery codes and passkeys, by token.

use std::time::Duration;

use postern::model::Clock;
use postern::service::recovery_code;
use postern::storage::passkey::NewPasskey;
use serde_json::{Value, json};

use super::sign_in::{PASSWORD, WINDOW, is_in, letters, proved, start};
use super::{Client, each, text};
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::totp::{code_now, owner, turn_on};

/// What the next code is shown after.
const STEP: Duration = Duration::from_secs(30);

fn codes(answer: &Value) -> Vec<String> {
    answer["recovery_codes"].as_array().unwrap().iter().map(text).collect()
}

/// A passkey of the app's user that nobody holds.
pub async fn passkey(app: &TestApp, name: &str) -> String {
    let uuid = postern::model::id::uuid_v7(app.clock.now(), &app.running.broker.desk.chance);
    let new = NewPasskey {
        uuid,
        user_id: app.user,
        name: name.to_owned(),
        credential_id: uuid.as_bytes().to_vec(),
        credential: "{}".to_owned(),
        created_at: app.clock.now(),
    };
    let made = app.storage().write(move |tx| Box::pin(async move { postern::storage::passkey::create(tx, &new).await }));
    made.await.unwrap().uuid.to_string()
}

/// Sets codes up; the secret, and the recovery codes. The clock is past the code that was used.
async fn set_up(client: &Client) -> (String, Vec<String>) {
    let drawn = client.expect(200, "POST /v1/sign-in/totp", &proved(PASSWORD, None, json!({}))).await;
    let secret = text(&drawn["secret"]);
    assert!(text(&drawn["otpauth_url"]).starts_with("otpauth://totp/gate.you.example:jane.roe%40"), "{drawn}");
    assert!(text(&drawn["otpauth_url"]).contains(&format!("secret={secret}")), "{drawn}");
    let body = json!({ "code": code_now(&client.app, &secret) }).to_string();
    let on = client.expect(200, "POST /v1/sign-in/totp/confirm", &body).await;
    client.app.clock.advance(STEP);
    (secret, codes(&on))
}

#[tokio::test]
async fn codes_are_set_up_asked_for_and_turned_off() {
    each_driver(async |database| {
        let client = start(&database).await;
        let mut browser = Browser::signed_in(&client.app).await;
        client.refused(422, "POST /v1/sign-in/totp", &proved("wrong horse", None, json!({}))).await;
        let said = client.refused(409, "POST /v1/sign-in/totp/confirm", "{\"code\":\"000000\"}").await;
        assert!(said.starts_with("no secret waits for its first code"), "{said}");
        assert!(is_in(&mut browser).await);

        let (secret, recovery) = set_up(&client).await;
        assert_eq!(recovery.len(), 10);
        assert!(!is_in(&mut browser).await, "the password alone had let it in");
        let half = Browser::new(&client.app).post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
        assert!(half.header("location").unwrap().starts_with("sign-in/factor"), "{half:?}");

        let off = "POST /v1/sign-in/totp/off";
        client.refused(422, off, &proved(PASSWORD, None, json!({}))).await;
        client.refused(422, off, &proved(PASSWORD, Some("000000"), json!({}))).await;
        client.refused(422, off, &proved("wrong horse", Some(&recovery[0]), json!({}))).await;
        let said = client.refused(409, "POST /v1/sign-in/totp", &proved(PASSWORD, Some(&recovery[0]), json!({}))).await;
        assert!(said.contains("set up already"), "{said}");
        assert_eq!(client.expect(200, "GET /v1/sign-in", "").await["recovery_codes"], 10, "none is used up by what can't be");

        let now = code_now(&client.app, &secret);
        client.done(off, &proved(PASSWORD, Some(&now), json!({}))).await;
        let shown = client.expect(200, "GET /v1/sign-in", "").await;
        assert_eq!((&shown["second_factor"], &shown["recovery_codes"]), (&json!(false), &json!(0)));
        client.refused(409, off, &proved(PASSWORD, None, json!({}))).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_factor_goes_with_every_proof_and_each_code_counts_once() {
    each_driver(async |database| {
        let client = start(&database).await;
        let (secret, recovery) = turn_on(&client.app).await;
        let redraw = "POST /v1/sign-in/recovery-codes";
        let now = code_now(&client.app, &secret);
        client.refused(422, redraw, &proved(PASSWORD, None, json!({}))).await;
        let fresh = codes(&client.expect(200, redraw, &proved(PASSWORD, Some(&now), json!({}))).await);
        assert_eq!(fresh.len(), 10);
        client.refused(422, redraw, &proved(PASSWORD, Some(&now), json!({}))).await;
        client.refused(422, redraw, &proved(PASSWORD, Some(&recovery[0]), json!({}))).await;
        let body = |code: &str| proved(PASSWORD, Some(code), json!({ "new_password": "another horse battery" }));
        client.done("POST /v1/sign-in/password", &body(&fresh[0])).await;
        assert_eq!(client.expect(200, "GET /v1/sign-in", "").await["recovery_codes"], 9);
        client.app.clock.advance(STEP);
        let again = proved("another horse battery", Some(&code_now(&client.app, &secret)), json!({ "email": MAILBOX }));
        client.expect(200, "POST /v1/account/remove", &again).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_knows_the_password_guesses_ten_codes_and_its_owner_is_told() {
    each_driver(async |database| {
        let client = start(&database).await;
        let (secret, _) = turn_on(&client.app).await;
        let redraw = "POST /v1/sign-in/recovery-codes";
        for number in 0..10 {
            client.refused(422, redraw, &proved(PASSWORD, Some(&format!("00000{number}")), json!({}))).await;
        }
        let right = || proved(PASSWORD, Some(&code_now(&client.app, &secret)), json!({}));
        client.refused(429, redraw, &right()).await;
        let letters = letters(&client.app).await;
        let warnings = letters.iter().filter(|letter| letter.contains("Subject: Somebody knows your password"));
        assert_eq!(warnings.count(), 1, "{letters:?}");
        client.app.clock.advance(WINDOW);
        client.expect(200, redraw, &right()).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn first_codes_that_are_wrong_keep_nobody_from_signing_in() {
    each_driver(async |database| {
        let client = start(&database).await;
        let confirm = "POST /v1/sign-in/totp/confirm";
        let guess = "{\"code\":\"000000\"}";
        client.expect(200, "POST /v1/sign-in/totp", &proved(PASSWORD, None, json!({}))).await;
        for _ in 0..10 {
            let said = client.refused(422, confirm, guess).await;
            assert!(said.starts_with("code: not a code of the secret that was drawn last"), "{said}");
        }
        client.refused(429, confirm, guess).await;
        client.app.clock.advance(WINDOW);

        let (secret, _) = turn_on(&client.app).await;
        for _ in 0..12 {
            assert!(client.refused(409, confirm, guess).await.starts_with("no secret waits for its first code"));
        }
        let right = proved(PASSWORD, Some(&code_now(&client.app, &secret)), json!({}));
        client.expect(200, "POST /v1/sign-in/recovery-codes", &right).await;
        let letters = letters(&client.app).await;
        assert!(!letters.iter().any(|letter| letter.contains("Somebody knows your password")), "{letters:?}");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_owner_is_warned_by_who_knows_the_password_alone() {
    each_driver(async |database| {
        let client = start(&database).await;
        turn_on(&client.app).await;
        let (broker, owner) = (&client.app.running.broker, owner(&client.app).await);
        for _ in 0..10 {
            let ip = std::net::Ipv4Addr::new(192, 0, 2, 1).into();
            let checked = postern::service::factor::check(&broker.desk, &broker.logins, ip, &owner, "000000").await;
            assert!(checked.is_err());
        }
        let warned = async || {
            let letters = letters(&client.app).await;
            letters.iter().filter(|letter| letter.contains("Subject: Somebody knows your password")).count()
        };
        let redraw = "POST /v1/sign-in/recovery-codes";
        client.refused(422, redraw, &proved("wrong horse", Some("000000"), json!({}))).await;
        assert_eq!(warned().await, 0);
        client.refused(429, redraw, &proved(PASSWORD, Some("000000"), json!({}))).await;
        assert_eq!(warned().await, 1);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_secret_is_answered_once_and_kept_nowhere() {
    each_driver(async |database| {
        let client = start(&database).await;
        let (secret, _) = turn_on(&client.app).await;
        let body = proved(PASSWORD, Some(&code_now(&client.app, &secret)), json!({}));
        for (path, body) in [("totp", body.as_str()), ("totp/confirm", "{\"code\":\"000000\"}"), ("recovery-codes", &body)] {
            let answer = client.once("k1", &format!("POST /v1/sign-in/{path}"), body).await;
            assert_eq!(answer.status, 400, "{path}: {}", answer.body);
            assert!(answer.body.contains("Idempotency-Key: leave it out"), "{}", answer.body);
        }
        let drawn = client.ask("POST /v1/sign-in/recovery-codes", &body).await;
        assert_eq!((drawn.status, drawn.header("cache-control")), (200, Some("no-store")), "nothing was used up by that");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn passkeys_are_listed_and_removed_with_a_recovery_code() {
    each_driver(async |database| {
        let client = start(&database).await;
        let redraw = "POST /v1/sign-in/recovery-codes";
        let said = client.refused(409, redraw, &proved(PASSWORD, None, json!({}))).await;
        assert!(said.contains("no second factor"), "{said}");
        let (phone, key) = (passkey(&client.app, "my phone").await, passkey(&client.app, "blue key").await);
        let desk = &client.app.running.broker.desk;
        let drawn = recovery_code::redraw(desk, client.app.user).await.unwrap().unwrap();
        let drawn: Vec<String> = drawn.into_iter().map(postern::model::Private::into_inner).collect();
        let list = client.expect(200, "GET /v1/passkeys", "").await;
        assert_eq!(
            (each(&list, "id"), each(&list, "name")),
            (vec![phone.clone(), key.clone()], vec!["my phone".into(), "blue key".into()])
        );
        assert_eq!(list["items"][0]["last_used_at"], Value::Null);
        assert_eq!(client.expect(200, "GET /v1/sign-in", "").await["passkeys"], 2);

        let path = |id: &str| format!("POST /v1/passkeys/{id}/remove");
        let (eve, _) = user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        assert!(postern::service::passkey::list(desk, eve).await.unwrap().is_empty());
        client.refused(422, &path(&phone), &proved(PASSWORD, None, json!({}))).await;
        client.refused(422, &path(&phone), &proved("wrong horse", Some(&drawn[0]), json!({}))).await;
        client.done(&path(&phone), &proved(PASSWORD, Some(&drawn[0]), json!({}))).await;
        client.refused(404, &path(&phone), &proved(PASSWORD, Some(&drawn[1]), json!({}))).await;
        client.done(&path(&key), &proved(PASSWORD, Some(&drawn[1]), json!({}))).await;
        let shown = client.expect(200, "GET /v1/sign-in", "").await;
        assert_eq!((&shown["second_factor"], &shown["recovery_codes"]), (&json!(false), &json!(0)), "they stood in for nothing");
        client.app.finish().await;
    })
    .await;
}
