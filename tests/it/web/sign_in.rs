//! Signing in and out, and what a page believes of a request.

use std::time::Duration;

use postern::model::Private;
use postern::service::password;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::{Browser, encode};
use crate::support::database::each_driver;
use crate::support::http::request;

const PASSWORD: &str = "correct horse battery";

async fn with_password(app: &TestApp) {
    let password = Private::new(PASSWORD.to_owned());
    password::set(&app.running.broker.desk, app.user, &password).await.unwrap();
}

#[tokio::test]
async fn one_signs_in_with_address_and_password_and_out_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let mut browser = Browser::new(&app);
        let answer = browser.get("/aliases/x?y=1").await;
        assert!(answer.status == 303 || answer.status == 404, "{}", answer.status);
        assert_eq!(browser.get("/").await.header("location"), Some("sign-in"));
        let page = browser.get("/sign-in?next=/mailboxes").await;
        assert!(page.body.contains("value=\"/mailboxes\"") && page.body.contains("<h1>Sign in</h1>"), "{}", page.body);

        for (email, password) in [(MAILBOX, "wrong"), ("nobody@else.example", PASSWORD), ("", "")] {
            let refused = browser.post("/sign-in", &[("email", email), ("password", password)]).await;
            assert_eq!((refused.status, &browser.cookie), (403, &None));
            assert!(refused.body.contains("do not go together"), "{}", refused.body);
        }
        let fields = [("email", MAILBOX), ("password", PASSWORD), ("next", "/mailboxes")];
        let entered = browser.post("/sign-in", &fields).await;
        assert_eq!((entered.status, entered.header("location")), (303, Some("mailboxes")));
        let cookie = entered.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
        assert_eq!(browser.get("/").await.header("location"), Some("aliases"));

        let secret = browser.cookie.clone();
        let left = browser.post("/sign-out", &[]).await;
        assert_eq!((left.status, left.header("location"), &browser.cookie), (303, Some("sign-in?said=out"), &None));
        browser.cookie = secret;
        assert_eq!(browser.get("/").await.header("location"), Some("sign-in"), "the session has ended, not only the cookie");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn signing_in_leads_to_no_other_site_and_ends_the_session_before() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let mut browser = Browser::new(&app);
        for next in ["/https://evil.example/x", "//evil.example", "https://evil.example", "/javascript:alert(1)"] {
            let before = browser.cookie.clone();
            let fields = [("email", MAILBOX), ("password", PASSWORD), ("next", next)];
            let entered = browser.post("/sign-in", &fields).await;
            assert_eq!((entered.status, entered.header("location")), (303, Some("aliases")), "{next}");
            if before.is_some() {
                let mut old = Browser::new(&app);
                old.cookie = before;
                assert_eq!(old.get("/").await.header("location"), Some("sign-in"));
            }
        }
        // Setting another one, as the operator does, signs everybody out.
        with_password(&app).await;
        assert_eq!(browser.get("/").await.header("location"), Some("sign-in"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_form_that_is_not_ours_changes_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let browser = Browser::signed_in(&app).await;
        let cookie = format!("postern={}", browser.cookie.clone().unwrap());
        let other = Browser::signed_in(&app).await.cookie.unwrap();
        let foreign = postern::service::session::form_token(&other);
        let ours = postern::service::session::form_token(browser.cookie.as_deref().unwrap());
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        for (token, site) in [("", "same-origin"), (foreign.as_str(), "same-origin"), (ours.as_str(), "cross-site")] {
            let headers = [form, ("Cookie", cookie.as_str()), ("Sec-Fetch-Site", site)];
            let body = encode(&[("form_token", token)]);
            let answer = request(app.running.http, "POST /sign-out", &headers, &body).await;
            assert_eq!(answer.status, 403, "{token} {site}");
        }
        let sign_in = encode(&[("email", MAILBOX), ("password", PASSWORD)]);
        let headers = [form, ("Origin", "https://evil.example")];
        assert_eq!(request(app.running.http, "POST /sign-in", &headers, &sign_in).await.status, 403);
        let mut browser = browser;
        assert_eq!(browser.get("/").await.header("location"), Some("aliases"), "still signed in");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_session_lasts_as_long_as_it_is_used() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        for _ in 0..3 {
            app.clock.advance(Duration::from_hours(29 * 24));
            assert_eq!(browser.get("/").await.header("location"), Some("aliases"));
        }
        app.clock.advance(Duration::from_hours(31 * 24));
        assert_eq!(browser.get("/").await.header("location"), Some("sign-in"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn guessing_has_to_wait() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        with_password(&app).await;
        let mut browser = Browser::new(&app);
        for _ in 0..10 {
            assert_eq!(browser.post("/sign-in", &[("email", MAILBOX), ("password", "guess")]).await.status, 403);
        }
        let right = [("email", MAILBOX), ("password", PASSWORD)];
        assert_eq!(browser.post("/sign-in", &right).await.status, 429);
        app.clock.advance(Duration::from_mins(16));
        assert_eq!(browser.post("/sign-in", &right).await.status, 303);
        app.finish().await;
    })
    .await;
}
