//! The pages that SimpleLogin's clients open, and the key their extension fetches with the cookie of a browser.

use std::time::Duration;

use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::http::{Answer, replay, request};

/// The extension's request as its popup sends it: with the browser's cookie, and JSON that is not announced as such.
async fn fetch_key(app: &TestApp, cookie: Option<&str>, allow: bool) -> Answer {
    let body = "{\"device\":\"Chrome (Linux x86_64)\"}";
    let mut head = format!(
        "POST /api/api_key HTTP/1.1\r\nHost: gate.you.example\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    if let Some(cookie) = cookie {
        head.push_str(&["Cookie: theme=dark; postern=", cookie, "\r\n"].concat());
    }
    if allow {
        head += "X-Sl-Allowcookies: true\r\n";
    }
    let answer = replay(app.running.http, format!("{head}\r\n{body}").as_bytes()).await;
    assert!(serde_json::from_str::<Value>(&answer.body).is_ok(), "{}", answer.body);
    answer
}

#[tokio::test]
async fn the_extension_gets_a_key_from_a_browser_that_proved_who_is_there() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/onboarding/setup").await;
        assert_eq!(page.status, 200);
        assert!(
            page.body.contains("static/extension.js") && page.body.contains(&app.config.instance.public_url),
            "{}",
            page.body
        );
        assert!(browser.get("/static/extension.js").await.body.contains("PERFORM_EXTENSION_SETUP"));

        let cookie = browser.cookie.clone().unwrap();
        assert_eq!(fetch_key(&app, None, true).await.status, 401);
        assert_eq!(fetch_key(&app, Some("nonsense"), true).await.status, 401);
        assert_eq!(fetch_key(&app, Some(&cookie), false).await.status, 401, "any site can send a form, none that header");
        let made = fetch_key(&app, Some(&cookie), true).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let key = made.json()["api_key"].as_str().unwrap().to_owned();
        let info = request(app.running.http, "GET /api/user_info", &[("Authentication", &key)], "").await;
        assert_eq!(info.status, 200, "{}", info.body);
        assert!(browser.get("/access").await.body.contains("Chrome (Linux x86_64)"));
        assert!(browser.get("/onboarding/final").await.body.contains("has a key of its own"));

        app.clock.advance(Duration::from_mins(16));
        assert_eq!(fetch_key(&app, Some(&cookie), true).await.status, 440, "whoever borrows the browser gets no key");
        let sent = browser.get("/onboarding/setup").await;
        assert_eq!((sent.status, sent.header("location")), (303, Some("../confirm?next=%2Fonboarding%2Fsetup")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_browser_whose_second_factor_has_to_follow_gets_no_key() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let visitor = postern::service::session::Browser { user_agent: String::new(), ip: [127, 0, 0, 1].into() };
        let half = postern::service::session::open(&app.running.broker.desk, app.user, true, visitor).await.unwrap();
        assert_eq!(fetch_key(&app, Some(half.1.reveal()), true).await.status, 401);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn simplelogin_s_names_lead_to_our_pages() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        for (theirs, ours) in [
            ("/dashboard/", "../aliases"),
            ("/dashboard", "aliases"),
            ("/dashboard/api_key", "../access"),
            ("/onboarding", "access"),
            ("/auth/register?next=/dashboard/setup_done", "../sign-up"),
        ] {
            let answer = browser.get(theirs).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some(ours)), "{theirs}");
        }
        app.finish().await;
    })
    .await;
}
