//! Signing in and out, and what a page believes of a request.

use std::time::Duration;

use postern::model::Private;
use postern::service::{admin, password, user};
use url::Url;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::{Browser, encode};
use crate::support::database::{Database, address, each_driver};
use crate::support::http::{Answer, replay, request};

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

/// Where a browser goes from the page at `path` when it is told this.
fn led(path: &str, answer: &Answer) -> Url {
    assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    let page = Url::parse("http://gate.you.example").unwrap().join(path).unwrap();
    page.join(answer.header("location").unwrap()).unwrap()
}

/// The way back in the address of a page that asks for something first.
fn way_back(to: &Url) -> String {
    to.query_pairs().find(|(name, _)| name == "next").map(|(_, value)| value.into_owned()).unwrap_or_default()
}

const ADMIN_FORM: &str = "/admin/users/00000000-0000-7000-8000-000000000000/admin";

/// An instance at this address; its user administers it.
async fn administered(database: &Database, public_url: &str) -> TestApp {
    let app = TestApp::with(database, |config| config.instance.public_url = public_url.into()).await;
    with_password(&app).await;
    let desk = &app.running.broker.desk;
    let uuid = user::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap().uuid;
    admin::set_admin(desk, uuid, true).await.unwrap();
    app
}

/// A form is sent from `page` by somebody who is not signed in, and by somebody who has to prove who they are; what each is
/// led to in the end.
async fn sent_from(app: &TestApp, page: &str) -> [String; 2] {
    let mut browser = Browser::new(app);
    browser.extra.push(("Referer", page.into()));
    let asked = led("/mailboxes", &browser.post("/mailboxes", &[("email", "x@inbox.example")]).await);
    assert_eq!((asked.host_str(), asked.path()), (Some("gate.you.example"), "/sign-in"), "{page}");
    let fields = [("email", MAILBOX), ("password", PASSWORD), ("next", &*way_back(&asked))];
    let entered = led("/sign-in", &browser.post("/sign-in", &fields).await);
    app.clock.advance(Duration::from_mins(16));
    let asked = led(ADMIN_FORM, &browser.post(ADMIN_FORM, &[("to", "admin")]).await);
    assert_eq!((asked.host_str(), asked.path()), (Some("gate.you.example"), "/confirm"), "{page}");
    let fields = [("password", PASSWORD), ("next", &*way_back(&asked))];
    let confirmed = led("/confirm", &browser.post("/confirm", &fields).await);
    [entered.into(), confirmed.into()]
}

#[tokio::test]
async fn after_a_form_one_comes_back_to_the_page_it_was_on() {
    each_driver(async |database| {
        let app = administered(&database, "http://gate.you.example").await;
        for (page, back) in [
            ("http://gate.you.example/aliases/x?y=1&z=a%20b#top", "http://gate.you.example/aliases/x?y=1&z=a%20b"),
            ("http://gate.you.example/webhooks", "http://gate.you.example/webhooks"),
            ("http://gate.you.example/", "http://gate.you.example/aliases"),
            ("http://gate.you.example", "http://gate.you.example/aliases"),
            ("about:blank", "http://gate.you.example/aliases"),
            ("", "http://gate.you.example/aliases"),
        ] {
            assert_eq!(sent_from(&app, page).await, [back, back], "{page}");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn behind_a_proxy_that_serves_us_below_a_path_one_comes_back_as_well() {
    each_driver(async |database| {
        let app = administered(&database, "http://gate.you.example/mail").await;
        // The proxy takes its path off: what we are asked for has none, and our answers are relative.
        let back = "http://gate.you.example/aliases/x?y=1";
        assert_eq!(sent_from(&app, "http://gate.you.example/mail/aliases/x?y=1").await, [back, back]);
        let other = "http://gate.you.example/mailboxes";
        assert_eq!(sent_from(&app, "http://gate.you.example/mailboxes").await, [other, other], "only the whole part is it");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whatever_page_a_form_says_it_was_on_one_stays_with_us() {
    each_driver(async |database| {
        let app = administered(&database, "http://gate.you.example").await;
        let mut inside = Browser::signed_in(&app).await;
        for page in [
            "https://evil.example//x",
            "https://evil.example//evil.example/x",
            "https://evil.example///evil.example/x",
            "https://evil.example/\\evil.example/x",
            "https://evil.example\\@gate.you.example//evil.example",
            "\\\\evil.example\\x",
            "\\evil",
            "//evil.example/x",
            "//evil.example//evil.example/",
            "https://user:secret@evil.example/https://evil.example/",
            "https://gate.you.example@evil.example//evil.example",
            "https://evil.example/x#//evil.example/",
            "https://evil.example#//evil.example/x",
            "https://evil.example?//evil.example/x",
            "https://evil.example/%0d%0aLocation:%20https://evil.example/",
            "https://evil.example/\thttps://evil.example/",
            "https://evil.example/.//evil.example/x",
            "https://evil.example/..//evil.example/x",
            "https://evil.example/%2f%2fevil.example/x",
            "https:///evil.example/x",
            "https://evil.example/javascript:alert(1)",
            "javascript://x/alert(1)",
            "data://x/data:text/html,x",
            "https://evil.example/https:evil.example",
            "https://evil.example/?next=https://evil.example/",
            "https://evil.example/ //evil.example",
        ] {
            let mut browser = Browser::new(&app);
            browser.extra.push(("Referer", page.into()));
            let asked = led("/mailboxes", &browser.post("/mailboxes", &[]).await);
            assert_eq!(
                (asked.scheme(), asked.host_str(), asked.path()),
                ("http", Some("gate.you.example"), "/sign-in"),
                "{page}"
            );
            // From a page at the top, where nothing stands in front of the way back.
            let fields = [("password", PASSWORD), ("next", &*way_back(&asked))];
            let on = led("/confirm", &inside.post("/confirm", &fields).await);
            assert_eq!((on.scheme(), on.host_str(), on.port()), ("http", Some("gate.you.example"), None), "{page}: {on}");
        }
        // What no browser would send.
        for bytes in
            [&b"https://evil.example/\xff\xfe//x"[..], b"\xe4://\xe4/\xe4", b"https://evil.example/x\x00", b"a\rb", b"\x7f"]
        {
            let head =
                b"POST /mailboxes HTTP/1.1\r\nHost: gate.you.example\r\nConnection: close\r\nContent-Length: 0\r\nReferer: ";
            let answer = replay(app.running.http, &[head, bytes, b"\r\n\r\n"].concat()).await;
            if answer.status == 400 {
                continue;
            }
            assert_eq!(answer.header("location"), Some("sign-in"), "{}", bytes.escape_ascii());
        }
        app.finish().await;
    })
    .await;
}

/// Guesses at pages and API, each from somewhere else as the client says; then the right password.
async fn guess_from_everywhere(app: &TestApp) -> u16 {
    with_password(app).await;
    for number in 0..10 {
        let from = format!("198.51.100.7, 203.0.113.{number}");
        let status = if number % 2 == 0 {
            let mut browser = Browser::new(app);
            browser.extra.push(("X-Forwarded-For", from));
            browser.post("/sign-in", &[("email", MAILBOX), ("password", "guess")]).await.status
        } else {
            let body = serde_json::json!({ "email": MAILBOX, "password": "guess", "device": "x" }).to_string();
            let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", from.as_str())];
            request(app.running.http, "POST /api/auth/login", &headers, &body).await.status
        };
        assert!(matches!(status, 400 | 403), "{status}");
    }
    Browser::new(app).post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await.status
}

#[tokio::test]
async fn who_is_no_proxy_of_ours_does_not_say_where_somebody_comes_from() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.http.trusted_proxies.clear()).await;
        assert_eq!(guess_from_everywhere(&app).await, 429, "it was one client, whatever it said");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn behind_a_proxy_of_ours_each_client_counts_for_itself() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        assert_eq!(guess_from_everywhere(&app).await, 303);
        app.finish().await;
    })
    .await;
}
