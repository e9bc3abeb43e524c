//! `/access`: keys and passwords are shown once, work, and are revoked.

use std::time::Duration;

use super::letter::{subject, text};
use crate::storage::plans::execute;
use crate::support::app::{self, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver};
use crate::support::http::request;

fn secret(page: &str) -> String {
    page.split("<code id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

/// The id in the form that revokes.
fn id(page: &str, what: &str) -> String {
    page.split(&format!("access/{what}/")).nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// How the API answers somebody with this key.
async fn api(app: &TestApp, method: &str, path: &str, key: &str) -> u16 {
    request(app.running.http, &format!("{method} {path}"), &[("Authentication", key)], "{}").await.status
}

#[tokio::test]
async fn a_key_is_shown_once_does_what_it_may_and_is_revoked() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let fields = [("name", "Bit<b>warden"), ("may", "make"), ("life", "30")];
        let made = browser.post("/access/tokens", &fields).await;
        assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")));
        let key = secret(&made.body);
        assert!(key.starts_with("addy_io_") && made.body.contains("Self-host server URL"), "{}", made.body);
        assert!(!made.body.contains("phone apps</dt>") && !made.body.contains("<b>"), "{}", made.body);
        let page = browser.get("/access").await.body;
        assert!(page.contains("Bit&#60;b&#62;warden") && page.contains("May: make new aliases."), "{page}");
        assert!(!page.contains(&key) && !page.contains("<b>"), "it is shown once: {page}");
        assert_eq!(api(&app, "GET", "/api/v5/alias/options", &key).await, 200);
        assert_eq!(api(&app, "GET", "/api/v2/aliases?page_id=0", &key).await, 403);

        let fields = [("name", "Phone"), ("may", "all"), ("life", "")];
        let made = browser.post("/access/tokens", &fields).await.body;
        let all = secret(&made);
        assert!(made.contains("SimpleLogin’s phone apps") && made.contains("addy.io’s Android app"), "{made}");
        assert!(made.contains(&app.config.instance.public_url), "{made}");
        assert_eq!(api(&app, "GET", "/api/v2/aliases?page_id=0", &all).await, 200);
        app.clock.advance(Duration::from_hours(24 * 31));
        assert_eq!(api(&app, "GET", "/api/v5/alias/options", &key).await, 401, "it has ended");
        assert!(browser.get("/access").await.status == 303, "so has the session");

        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/access").await.body;
        assert!(page.contains("ended on") && page.contains("last used: 31 days ago"), "{page}");
        let phone = page.split("<strong>Phone").nth(1).unwrap();
        let answer = browser.post(&format!("/access/tokens/{}/revoke", id(phone, "tokens")), &[]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("../../../access?said=token-revoked")));
        assert_eq!(api(&app, "GET", "/api/v2/aliases?page_id=0", &all).await, 401);
        app.finish().await;
    })
    .await;
}

/// An instance where a port takes mail from programs.
async fn with_port(database: &Database) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(vec!["gate.you.example".to_owned()]).unwrap();
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, key.cert.pem()).unwrap();
    std::fs::write(&key_file, key.signing_key.serialize_pem()).unwrap();
    TestApp::with(database, |config| {
        config.smtp.submissions = vec!["127.0.0.1:0".parse().unwrap()];
        config.smtp.tls_cert = Some(cert_file);
        config.smtp.tls_key = Some(key_file);
    })
    .await
}

#[tokio::test]
async fn without_a_port_for_programs_there_is_no_form_for_a_password() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/access").await.body;
        assert!(page.contains("No port takes mail from programs here yet") && page.contains("name=\"may\""), "{page}");
        assert!(!page.contains("action=\"access/passwords\""), "{page}");
        let refused = browser.post("/access/passwords", &[("name", "Laptop")]).await;
        assert!(refused.status == 422 && refused.body.contains("no port takes mail"), "{}", refused.body);
        assert!(!browser.get("/access").await.body.contains("<strong>Laptop</strong>"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_password_for_a_mail_program_is_shown_with_what_to_enter() {
    each_driver(async |database| {
        let app = with_port(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let made = browser.post("/access/passwords", &[("name", "Laptop")]).await;
        let password = secret(&made.body);
        for there in ["gate.you.example", MAILBOX, "<code>0</code> with SSL/TLS"] {
            assert!(made.body.contains(there), "{there}: {}", made.body);
        }
        assert_eq!(password.split('-').count(), 6);
        let broker = &app.running.broker;
        let origin = postern::service::app_password::Origin { ip: [127, 0, 0, 1].into(), is_trusted: false };
        let check = async || {
            postern::service::app_password::check(&broker.desk, &broker.logins, origin, MAILBOX, &password).await.is_ok()
        };
        assert!(check().await);
        let page = browser.get("/access").await.body;
        assert!(page.contains("<strong>Laptop</strong>") && !page.contains(&password), "{page}");
        let answer = browser.post(&format!("/access/passwords/{}/revoke", id(&page, "passwords")), &[]).await;
        assert_eq!(answer.header("location"), Some("../../../access?said=password-revoked"));
        assert!(!check().await);
        assert!(!made.body.contains("STARTTLS") && !made.body.contains("No port takes mail"), "{}", made.body);
        // Who got in by stealth is seen: making it is told of by mail.
        let letter = app.sink.wait_for(1).await.remove(0);
        assert_eq!((subject(&letter).as_str(), letter.recipients()), ("A password for a mail program was made", vec![MAILBOX]));
        assert!(text(&letter).contains("Laptop"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn making_one_asks_who_is_there_and_says_what_is_missing() {
    each_driver(async |database| {
        let app = with_port(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        for (path, fields) in [
            ("/access/tokens", &[("name", ""), ("may", "all"), ("life", "")][..]),
            ("/access/tokens", &[("name", "x"), ("may", "root"), ("life", "")]),
            ("/access/tokens", &[("name", "x"), ("may", "all"), ("life", "1000000")]),
            ("/access/passwords", &[("name", " ")]),
        ] {
            let answer = browser.post(path, fields).await;
            assert!(answer.status == 422 && answer.body.contains("Nothing was made"), "{fields:?}: {}", answer.body);
        }
        let (bob, _) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        browser.post("/access/tokens", &[("name", "Mine"), ("may", "see"), ("life", "")]).await;
        browser.post("/access/passwords", &[("name", "Mine")]).await;
        let page = browser.get("/access").await.body;
        let mut stranger = Browser::of(&app, bob).await;
        assert!(!stranger.get("/access").await.body.contains("Mine"));
        for what in ["tokens", "passwords"] {
            let path = format!("/access/{what}/{}/revoke", id(&page, what));
            assert_eq!(stranger.post(&path, &[]).await.status, 404);
            assert_eq!(browser.post(&format!("/access/{what}/nonsense/revoke"), &[]).await.status, 404);
        }
        assert_eq!(browser.get("/access").await.body.matches("<strong>Mine</strong>").count(), 2);

        app.clock.advance(Duration::from_mins(16));
        let page = browser.get("/access").await.body;
        assert!(page.contains("confirm?next=%2Faccess") && !page.contains("name=\"may\""), "{page}");
        for path in ["/access/tokens", "/access/passwords"] {
            let answer = browser.post(path, &[("name", "x"), ("may", "all"), ("life", "")]).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("../confirm")));
        }
        app.finish().await;
    })
    .await;
}

/// How our own API answers somebody with this key.
async fn native(app: &TestApp, head: &str, key: &str) -> u16 {
    let authorization = format!("Bearer {key}");
    request(app.running.http, head, &[("Authorization", &authorization)], "").await.status
}

#[tokio::test]
async fn a_key_for_signing_in_opens_that_and_asks_for_the_password_at_each_change() {
    each_driver(async |database| {
        let app = with_port(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let all = secret(&browser.post("/access/tokens", &[("name", "Phone"), ("may", "all"), ("life", "")]).await.body);
        let made = browser.post("/access/tokens", &[("name", "Laptop"), ("may", "account"), ("life", "")]).await.body;
        let account = secret(&made);
        assert!(made.contains("--token-file") && made.contains("need less than this key may do"), "{made}");
        assert!(!made.contains("phone apps</dt>") && !made.contains("<dt>Bitwarden"), "{made}");
        for (head, key, status) in [
            ("GET /v1/sign-in", &all, 403),
            ("GET /v1/sign-in", &account, 200),
            ("GET /v1/sessions", &all, 403),
            ("GET /v1/sessions", &account, 200),
            ("GET /v1/aliases", &account, 200),
        ] {
            assert_eq!(native(&app, head, key).await, status, "{head}");
        }
        let page = browser.get("/access").await.body;
        let row = |name: &str| {
            page.split(&format!("<strong>{name}</strong>")).nth(1).unwrap().split("<form").next().unwrap().to_owned()
        };
        assert!(row("Phone").contains("May: everything but change how you sign in."), "{page}");
        assert!(row("Laptop").contains("May: everything, and change how you sign in."), "{page}");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_administers_is_for_administrators_and_only_as_long_as_they_are() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let fields = [("name", "Operator"), ("may", "admin"), ("life", "")];
        assert!(!browser.get("/access").await.body.contains("value=\"admin\""));
        let refused = browser.post("/access/tokens", &fields).await;
        assert!(refused.status == 422 && !refused.body.contains("id=\"secret\""), "{}", refused.body);
        assert!(!refused.body.contains("value=\"admin\""), "{}", refused.body);

        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        assert!(browser.get("/access").await.body.contains("value=\"admin\""));
        let key = secret(&browser.post("/access/tokens", &fields).await.body);
        let page = browser.get("/access").await.body;
        assert!(page.contains("May: everything but change how you sign in, and administer this Postern."), "{page}");
        assert_eq!(native(&app, "GET /v1/aliases", &key).await, 200);
        assert_eq!(native(&app, "GET /v1/sign-in", &key).await, 403, "administering is not signing in");
        app.finish().await;
    })
    .await;
}
