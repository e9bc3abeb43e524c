//! Every API lets in who has a token in force, as far as its scopes go, and answers others in its own words.

use std::time::Duration;

use postern::model::api_token::{Scope, Scopes};
use postern::model::{Clock, Private};
use postern::service::{app_password, password, token};

use super::{draw_token, with_bearer, with_key};
use crate::storage::plans::execute;
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::each_driver;
use crate::support::http::request;
use crate::support::totp::turn_on;

#[tokio::test]
async fn a_token_in_force_opens_all_three_apis() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let token = draw_token(&app, &[]).await;
        let account = with_bearer(&app, &token, "GET /v1/account", "").await;
        assert_eq!((account.status, account.json()["email"].as_str()), (200, Some(MAILBOX)));
        assert_eq!(account.header("cache-control"), Some("no-store"));
        let info = with_key(&app, &token, "GET /api/user_info", "").await;
        assert_eq!(
            (info.status, info.json()["email"].as_str(), info.json()["is_premium"].as_bool()),
            (200, Some(MAILBOX), Some(true))
        );
        let details = with_bearer(&app, &token, "GET /api/v1/api-token-details", "").await;
        assert_eq!((details.status, details.json()["name"].as_str()), (200, Some("test")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_token_expired_or_revoked_is_401_everywhere() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let desk = &app.running.broker.desk;
        let soon = Some(app.clock.now().plus(Duration::from_mins(1)));
        let expired = token::create(desk, app.user, "short", Scopes::new(vec![]), soon).await.unwrap().1.into_inner();
        assert_eq!(with_bearer(&app, &expired, "GET /v1/account", "").await.status, 200);
        app.clock.advance(Duration::from_mins(1));
        let revoked = token::create(desk, app.user, "gone", Scopes::new(vec![]), None).await.unwrap();
        assert!(token::revoke(desk, app.user, revoked.0.id).await.unwrap());
        for wrong in [expired.as_str(), revoked.1.reveal(), "", "x", "addy_io_000000000000000000000000000000000000000000000000"] {
            let native = with_bearer(&app, wrong, "GET /v1/account", "").await;
            assert_eq!((native.status, native.json()["status"].as_u64()), (401, Some(401)), "{wrong}");
            let simplelogin = with_key(&app, wrong, "GET /api/user_info", "").await;
            assert_eq!((simplelogin.status, simplelogin.json()["error"].as_str()), (401, Some("Wrong api key")));
            let addy = with_bearer(&app, wrong, "GET /api/v1/api-token-details", "").await;
            assert_eq!((addy.status, addy.json()["message"].as_str()), (401, Some("Unauthenticated.")));
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_to_make_aliases_sees_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let token = draw_token(&app, &[Scope::AliasCreate]).await;
        let answer = with_bearer(&app, &token, "GET /v1/account", "").await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["detail"].as_str(), Some("this needs a token with the scope read"));
        // Clients of these two ask whether the key is good.
        let info = with_key(&app, &token, "GET /api/user_info", "").await;
        assert_eq!((info.status, info.json()["email"].as_str()), (200, Some("")));
        let details = with_bearer(&app, &token, "GET /api/v1/api-token-details", "").await;
        assert_eq!(details.status, 200);
        for answer in [answer, info, details] {
            assert!(!format!("{}", answer.json()).contains(MAILBOX), "{}", answer.json());
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let asked = [
            ("Origin", "https://vault.example"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authentication,content-type,x-sl-allowcookies"),
        ];
        for path in ["/api/user_info", "/api/api_key", "/v1/account", "/api/v1/aliases"] {
            let answer = request(app.running.http, &format!("OPTIONS {path}"), &asked, "").await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("access-control-allow-headers"), Some("authentication,content-type,x-sl-allowcookies"));
            // With it a page elsewhere would get a key by the cookie of who looks at it.
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        }
        let with_cookie = [("Origin", "https://vault.example"), ("Cookie", "postern=x"), ("X-Sl-Allowcookies", "true")];
        let answer = request(app.running.http, "POST /api/api_key", &with_cookie, "{}").await;
        assert_eq!((answer.status, answer.header("access-control-allow-credentials")), (401, None));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_token_made_ends_with_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let desk = &app.running.broker.desk;
        let (first, _) = token::create(desk, app.user, "first", Scopes::new(vec![Scope::Write]), None).await.unwrap();
        let (second, _) = token::create_by(desk, &first, "second", Scopes::new(vec![Scope::Write]), None).await.unwrap();
        let (_, third) = token::create_by(desk, &second, "third", Scopes::new(vec![Scope::Write]), None).await.unwrap();
        app_password::create_by(desk, &second, "phone").await.unwrap();
        app_password::create(desk, app.user, "laptop").await.unwrap();
        assert!(token::authenticate(desk, third.reveal()).await.unwrap().is_some());
        assert!(token::revoke(desk, app.user, first.id).await.unwrap());
        assert!(token::authenticate(desk, third.reveal()).await.unwrap().is_none());
        assert!(token::list(desk, app.user).await.unwrap().is_empty());
        let left = app_password::list(desk, app.user).await.unwrap();
        assert_eq!(left.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["laptop"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_password_ends_when_the_token_that_made_it_expires() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let desk = &app.running.broker.desk;
        let logs_in = async |secret: &str| {
            let ip = std::net::Ipv4Addr::LOCALHOST.into();
            postern::service::submit::login(&app.running.broker, ip, crate::support::app::MAILBOX, secret).await
        };
        let expires_at = Some(app.clock.now().plus(Duration::from_hours(24)));
        let (short, _) = token::create(desk, app.user, "short", Scopes::new(vec![Scope::Write]), expires_at).await.unwrap();
        let (long, _) = token::create(desk, app.user, "long", Scopes::new(vec![Scope::Write]), None).await.unwrap();
        let (_, phone) = app_password::create_by(desk, &short, "phone").await.unwrap();
        let (_, tablet) = app_password::create_by(desk, &long, "tablet").await.unwrap();
        let (_, laptop) = app_password::create(desk, app.user, "laptop").await.unwrap();
        let login = logs_in(&phone.shown()).await.unwrap();
        app.clock.advance(Duration::from_hours(24));
        assert!(logs_in(&phone.shown()).await.unwrap_err().is_permanent(), "it died with its token");
        let begun = postern::service::submit::sender(&app.running.broker, login).await;
        assert!(begun.unwrap_err().to_string().starts_with("530 "), "who is logged in sends no more");
        assert!(logs_in(&tablet.shown()).await.is_ok() && logs_in(&laptop.shown()).await.is_ok());
        let left = app_password::list(desk, app.user).await.unwrap();
        assert_eq!(left.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["tablet", "laptop"]);
        app.finish().await;
    })
    .await;
}

/// What the app's user signs in with.
const PASSWORD: &str = "correct horse battery";

async fn with_password(app: &TestApp) {
    password::set(&app.running.broker.desk, app.user, &Private::new(PASSWORD.to_owned())).await.unwrap();
}

/// Whether the account is there and its password is what it was.
async fn is_untouched(app: &TestApp) -> bool {
    let (broker, ip) = (&app.running.broker, std::net::Ipv4Addr::LOCALHOST.into());
    password::check(&broker.desk, &broker.logins, ip, MAILBOX, &Private::new(PASSWORD.to_owned())).await.is_ok()
}

#[tokio::test]
async fn a_token_hands_on_no_more_than_it_has() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let new = |scopes: &str| format!("{{\"name\":\"x\",\"scopes\":[{scopes}]}}");
        let write = draw_token(&app, &[Scope::Write]).await;
        for (wider, named) in
            [("\"account\"", "account"), ("\"write\",\"admin\"", "admin"), ("\"write\",\"account\",\"admin\"", "account")]
        {
            let answer = with_bearer(&app, &write, "POST /v1/tokens", &new(wider)).await;
            assert_eq!(answer.status, 403, "{}", answer.body);
            assert_eq!(answer.json()["detail"].as_str(), Some(format!("this needs a token with the scope {named}").as_str()));
        }
        let account = draw_token(&app, &[Scope::Account]).await;
        for scopes in ["\"account\"", "\"write\"", "\"read\"", "\"alias:create\""] {
            let answer = with_bearer(&app, &account, "POST /v1/tokens", &new(scopes)).await;
            assert_eq!(answer.status, 403, "{}", answer.body);
        }
        let both = draw_token(&app, &[Scope::Write, Scope::Account]).await;
        let made = with_bearer(&app, &both, "POST /v1/tokens", &new("\"account\"")).await;
        let made = made.json()["secret"].as_str().unwrap().to_owned();
        assert_eq!(with_bearer(&app, &made, "GET /v1/sign-in", "").await.status, 200);
        assert_eq!(with_bearer(&app, &made, "GET /v1/aliases", "").await.status, 403);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn no_token_opens_a_page() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        let token = draw_token(&app, &[Scope::Write, Scope::Account, Scope::Admin]).await;
        let answer = with_key(&app, &token, "GET /api/user/cookie_token", "").await;
        assert_eq!((answer.status, answer.header("set-cookie")), (400, None), "{}", answer.body);
        assert!(!answer.body.contains("token\":"), "{}", answer.body);
        let cookie = format!("postern={token}");
        let page =
            request(app.running.http, "GET /security", &[("Cookie", cookie.as_str()), ("Authentication", &token)], "").await;
        assert_eq!((page.status, page.header("location")), (303, Some("sign-in?next=%2Fsecurity")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_apis_of_others_end_no_account_without_the_password_whatever_the_token_may() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        with_password(&app).await;
        for scopes in [&[Scope::Write][..], &[Scope::Account], &[Scope::Write, Scope::Account, Scope::Admin]] {
            let token = draw_token(&app, scopes).await;
            let may = scopes.contains(&Scope::Write);
            let refused = if may { 440 } else { 403 };
            assert_eq!(with_key(&app, &token, "DELETE /api/user", "").await.status, refused);
            assert_eq!(with_key(&app, &token, "POST /api/api_key", "{\"device\":\"x\"}").await.status, refused);
            for body in ["{}", "{\"password\":\"\"}", "{\"password\":\"wrong horse\"}"] {
                assert_eq!(with_key(&app, &token, "PATCH /api/sudo", body).await.status, 403, "{body}");
            }
            assert_eq!(with_key(&app, &token, "DELETE /api/user", "").await.status, refused, "a wrong password opens nothing");
            for body in ["{}", "{\"password\":\"wrong horse\"}"] {
                let answer = with_bearer(&app, &token, "POST /api/auth/delete-account", body).await;
                assert_eq!(answer.status, if may { 422 } else { 403 }, "{body}: {}", answer.body);
            }
            assert!(is_untouched(&app).await);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_at_a_password_by_token_has_to_wait_at_every_api() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let token = draw_token(&app, &[Scope::Write, Scope::Account]).await;
        let wrong = "{\"password\":\"wrong horse\"}";
        for number in 0..5 {
            let answer = with_key(&app, &token, "PATCH /api/sudo", wrong).await;
            assert_eq!(answer.status, 403, "{number}: {}", answer.body);
            let answer = with_bearer(&app, &token, "POST /api/auth/delete-account", wrong).await;
            assert_eq!(answer.status, 422, "{number}: {}", answer.body);
        }
        let right = format!("{{\"password\":\"{PASSWORD}\"}}");
        assert_eq!(with_key(&app, &token, "PATCH /api/sudo", &right).await.status, 429);
        assert_eq!(with_bearer(&app, &token, "POST /api/auth/delete-account", &right).await.status, 429);
        let proof = format!("{{\"proof\":{right}}}");
        assert_eq!(with_bearer(&app, &token, "POST /v1/sign-in/totp", &proof).await.status, 429, "one count for all");
        app.clock.advance(Duration::from_mins(15));
        assert_eq!(with_bearer(&app, &token, "POST /v1/sign-in/totp", &proof).await.status, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_moves_by_token_leaves_the_address_that_signs_in() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let token = draw_token(&app, &[Scope::Write]).await;
        let list = with_key(&app, &token, "GET /api/v2/mailboxes", "").await.json();
        let id = list["mailboxes"][0]["id"].as_i64().unwrap();
        let moved = with_key(&app, &token, &format!("PUT /api/mailboxes/{id}"), "{\"email\":\"eve@inbox.example\"}").await;
        assert_eq!(moved.status, 200, "{}", moved.body);
        let desk = &app.running.broker.desk;
        let moves = postern::service::mailbox_move::list(desk, app.user).await.unwrap();
        assert!(moves.len() == 1 && !moves[0].moves_sign_in, "{moves:?}");
        assert!(is_untouched(&app).await);
        app.deliver_after(Duration::ZERO).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_password_alone_ends_no_account_that_has_a_second_factor_and_makes_no_key_for_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let token = draw_token(&app, &[Scope::Write]).await;
        let right = format!("{{\"password\":\"{PASSWORD}\"}}");
        assert_eq!(with_key(&app, &token, "PATCH /api/sudo", &right).await.status, 200);
        turn_on(&app).await;
        // Neither now, nor with what was proved before.
        for (head, body) in
            [("PATCH /api/sudo", right.as_str()), ("DELETE /api/user", ""), ("POST /api/api_key", "{\"device\":\"x\"}")]
        {
            let answer = with_key(&app, &token, head, body).await;
            assert_eq!(answer.status, 403, "{head}: {}", answer.body);
            assert!(answer.json()["error"].as_str().unwrap().contains("do it on the pages of http"), "{head}: {}", answer.body);
        }
        let answer = with_bearer(&app, &token, "POST /api/auth/delete-account", &right).await;
        assert!(answer.status == 403 && answer.body.contains("Delete the account on the pages of http"), "{}", answer.body);
        assert!(is_untouched(&app).await);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_a_key_made_ends_with_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let desk = &app.running.broker.desk;
        let expires_at = Some(app.clock.now().plus(Duration::from_hours(24)));
        let (_, short) = token::create(desk, app.user, "short", Scopes::new(vec![Scope::Write]), expires_at).await.unwrap();
        let (long, long_key) = token::create(desk, app.user, "long", Scopes::new(vec![Scope::Write]), None).await.unwrap();
        let make = async |key: &str| {
            let right = format!("{{\"password\":\"{PASSWORD}\"}}");
            assert_eq!(with_key(&app, key, "PATCH /api/sudo", &right).await.status, 200);
            let made = with_key(&app, key, "POST /api/api_key", "{\"device\":\"Chrome\"}").await;
            assert_eq!(made.status, 201, "{}", made.body);
            made.json()["api_key"].as_str().unwrap().to_owned()
        };
        let (of_short, of_long) = (make(short.reveal()).await, make(long_key.reveal()).await);
        let status = async |key: &str| with_key(&app, key, "GET /api/user_info", "").await.status;
        assert_eq!((status(&of_short).await, status(&of_long).await), (200, 200));
        app.clock.advance(Duration::from_hours(24));
        assert_eq!((status(&of_short).await, status(&of_long).await), (401, 200), "not later than the one that made it");
        assert!(token::revoke(desk, app.user, long.id).await.unwrap());
        assert_eq!(status(&of_long).await, 401);
        app.deliver_after(Duration::ZERO).await;
        app.finish().await;
    })
    .await;
}
