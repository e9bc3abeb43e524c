//! Passkeys: added, as second factor, once more, as the only thing needed; and every answer that must not count.

use std::time::Duration;

use serde_json::Value;

use super::two_step::{PASSWORD, set_password};
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::passkey::Passkey;
use crate::support::totp::owner;

const ORIGIN: &str = "http://localhost:8080";

async fn start(database: &Database) -> TestApp {
    let app = TestApp::with(database, |config| config.instance.public_url = ORIGIN.into()).await;
    set_password(&app).await;
    app
}

async fn offer(browser: &mut Browser, path: &str) -> Value {
    let answer = browser.post(path, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn ceremony(offer: &Value) -> &str {
    offer["ceremony"].as_str().unwrap()
}

/// Adds a passkey for whoever sits there.
async fn add(browser: &mut Browser, name: &str) -> (Passkey, crate::support::http::Answer) {
    let offer = offer(browser, "/security/passkeys/options").await;
    let (passkey, answer) = Passkey::make(&offer, ORIGIN);
    let fields = [("name", name), ("ceremony", ceremony(&offer)), ("answer", &answer)];
    (passkey, browser.post("/security/passkeys", &fields).await)
}

async fn half(app: &TestApp) -> Browser {
    let mut browser = Browser::new(app);
    let answer = browser.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
    assert!(answer.header("location").unwrap().starts_with("sign-in/factor"), "{answer:?}");
    browser
}

#[tokio::test]
async fn a_passkey_is_added_listed_and_removed() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/security").await;
        assert!(page.body.contains("data-origin=\"http://localhost:8080\" hidden"), "{}", page.body);
        let script = browser.get("/static/passkey.js").await;
        assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));

        let (_, first) = add(&mut browser, "my phone").await;
        assert_eq!((first.status, first.body.matches("<li><code>").count()), (200, 10), "recovery codes: {}", first.body);
        let (_, second) = add(&mut browser, "blue <key>").await;
        assert_eq!(second.header("location"), Some("../security?said=passkey"), "{}", second.body);
        let page = browser.get("/security").await;
        assert!(page.body.contains("my phone") && page.body.contains("blue &#60;key&#62;"), "{}", page.body);
        let offered = offer(&mut browser, "/security/passkeys/options").await;
        let options = &offered["options"]["publicKey"];
        assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 2);
        assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["rp"]["id"], "localhost");

        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut eve = Browser::of(&app, stranger).await;
        let desk = &app.running.broker.desk;
        let known = postern::service::passkey::list(desk, app.user).await.unwrap();
        let path = format!("/security/passkeys/{}/remove", known[0].uuid);
        assert_eq!(eve.post(&path, &[]).await.status, 404);
        assert_eq!(browser.post(&path, &[]).await.header("location"), Some("../../../security?said=passkey-gone"));
        assert_eq!(browser.post(&path, &[]).await.status, 404);
        let factors = async || postern::service::factor::find(desk, app.user).await.unwrap();
        assert_eq!(factors().await.recovery_codes, 10);
        browser.post(&format!("/security/passkeys/{}/remove", known[1].uuid), &[]).await;
        assert_eq!(factors().await.recovery_codes, 0, "they stand in for nothing");

        app.clock.advance(Duration::from_mins(15));
        assert_eq!(browser.post("/security/passkeys/options", &[]).await.status, 403);
        assert_eq!(browser.post("/security/passkeys", &[]).await.header("location"), Some("../confirm?next=%2Fsecurity"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_the_browsers_answer_to_this_offer_adds_nothing() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let offered = offer(&mut browser, "/security/passkeys/options").await;
        let other = offer(&mut browser, "/security/passkeys/options").await;
        let (_, elsewhere) = Passkey::make(&offered, "http://evil.example");
        let (_, answer) = Passkey::make(&offered, ORIGIN);
        for (name, ceremony, answer) in [
            ("x", ceremony(&offered), elsewhere.as_str()),
            ("x", ceremony(&other), answer.as_str()),
            ("x", ceremony(&offered), answer.as_str()),
            ("x", "", answer.as_str()),
            ("x", "nonsense", "{}"),
        ] {
            // The first two use the ceremonies up: the third comes too late.
            let refused = browser.post("/security/passkeys", &[("name", name), ("ceremony", ceremony), ("answer", answer)]).await;
            assert_eq!(refused.status, 422, "{}", refused.body);
        }
        let offered = offer(&mut browser, "/security/passkeys/options").await;
        let (_, answer) = Passkey::make(&offered, ORIGIN);
        let fields = [("name", ""), ("ceremony", ceremony(&offered)), ("answer", &answer)];
        assert_eq!(browser.post("/security/passkeys", &fields).await.status, 422, "no name");
        app.clock.advance(Duration::from_mins(5));
        let fields = [("name", "x"), ("ceremony", ceremony(&offered)), ("answer", &answer)];
        assert_eq!(browser.post("/security/passkeys", &fields).await.status, 422, "too late");
        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut eve = Browser::of(&app, stranger).await;
        let offered = offer(&mut browser, "/security/passkeys/options").await;
        let (_, answer) = Passkey::make(&offered, ORIGIN);
        let fields = [("name", "x"), ("ceremony", ceremony(&offered)), ("answer", &answer)];
        assert_eq!(eve.post("/security/passkeys", &fields).await.status, 422, "somebody else's ceremony");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_passkey_is_the_second_factor() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (mut passkey, _) = add(&mut Browser::signed_in(&app).await, "phone").await;
        let mut browser = half(&app).await;
        let page = browser.get("/sign-in/factor").await;
        assert!(page.body.contains("Use a passkey") && page.body.contains("Recovery code"), "{}", page.body);
        let before = browser.cookie.clone();
        let offered = offer(&mut browser, "/sign-in/factor/options").await;
        assert_eq!(offered["options"]["publicKey"]["allowCredentials"].as_array().unwrap().len(), 1);
        let answer = passkey.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", &answer), ("next", "/mailboxes")];
        let entered = browser.post("/sign-in/factor/passkey", &fields).await;
        assert_eq!((entered.status, entered.header("location")), (303, Some("../../mailboxes")), "{}", entered.body);
        assert_ne!(browser.cookie, before);
        assert_eq!(browser.get("/security").await.status, 200);

        let mut replayed = half(&app).await;
        assert_eq!(replayed.post("/sign-in/factor/passkey", &fields).await.status, 403, "an answer counts once");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_passkey_alone_signs_in_whoever_it_belongs_to() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (mut passkey, _) = add(&mut Browser::signed_in(&app).await, "phone").await;
        let mut browser = Browser::new(&app);
        assert!(browser.get("/sign-in?next=/mailboxes").await.body.contains("Sign in with a passkey"));
        let offered = offer(&mut browser, "/sign-in/passkey/options").await;
        assert_eq!(offered["options"]["publicKey"]["allowCredentials"], serde_json::json!([]));
        let answer = passkey.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", &answer), ("next", "/mailboxes")];
        let entered = browser.post("/sign-in/passkey", &fields).await;
        assert_eq!((entered.status, entered.header("location")), (303, Some("../mailboxes")), "{}", entered.body);
        assert_eq!(browser.get("/security/delete").await.status, 200, "that proved who it is, too");
        let page = browser.get("/security").await;
        assert!(!page.body.contains("<td>never</td>"), "its use is noted: {}", page.body);
        assert_eq!(Browser::new(&app).post("/sign-in/passkey", &fields).await.status, 403, "an answer counts once");

        browser.post("/security/passkeys/options", &[]).await;
        let desk = &app.running.broker.desk;
        let known = postern::service::passkey::list(desk, app.user).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&known[0].credential).unwrap()["cred"]["counter"], 1);
        browser.post(&format!("/security/passkeys/{}/remove", known[0].uuid), &[]).await;
        let offered = offer(&mut Browser::new(&app), "/sign-in/passkey/options").await;
        let answer = passkey.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", answer.as_str())];
        let refused = Browser::new(&app).post("/sign-in/passkey", &fields).await;
        assert_eq!(refused.status, 403, "one that was removed");
        assert!(refused.body.contains("not accepted"), "{}", refused.body);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_not_right_signs_nobody_in() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (mut passkey, _) = add(&mut Browser::signed_in(&app).await, "phone").await;
        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let (mut eves, _) = add(&mut Browser::of(&app, stranger).await, "hers").await;
        let owner = owner(&app).await.uuid;
        let mut browser = Browser::new(&app);
        for twist in ["origin", "challenge", "flags", "user", "counter", "damaged", "second factor's"] {
            let offered = offer(&mut browser, "/sign-in/passkey/options").await;
            let other = offer(&mut browser, "/sign-in/passkey/options").await;
            let answer = match twist {
                "origin" => {
                    passkey.origin = "http://localhost:9090".into();
                    let answer = passkey.prove(&offered);
                    passkey.origin = ORIGIN.into();
                    answer
                }
                "challenge" => passkey.prove(&other),
                "flags" => {
                    // Present, but nobody unlocked it.
                    let before = std::mem::replace(&mut passkey.flags, 1);
                    let answer = passkey.prove(&offered);
                    passkey.flags = before;
                    answer
                }
                "user" => {
                    eves.pretend(owner);
                    eves.prove(&offered)
                }
                "counter" => {
                    // Used once as it should be; a copy of it is behind.
                    let used = passkey.prove(&other);
                    let fields = [("ceremony", ceremony(&other)), ("answer", used.as_str())];
                    assert_eq!(Browser::new(&app).post("/sign-in/passkey", &fields).await.status, 303);
                    passkey.counter -= 1;
                    passkey.prove(&offered)
                }
                "damaged" => passkey.prove(&offered).replace("\"signature\":\"M", "\"signature\":\"N"),
                _ => {
                    let mut half = half(&app).await;
                    let offered = offer(&mut half, "/sign-in/factor/options").await;
                    let fields = [("ceremony", ceremony(&offered).to_owned()), ("answer", passkey.prove(&offered))];
                    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
                    assert_eq!(Browser::new(&app).post("/sign-in/passkey", &fields).await.status, 403);
                    continue;
                }
            };
            let fields = [("ceremony", ceremony(&offered)), ("answer", answer.as_str())];
            let refused = browser.post("/sign-in/passkey", &fields).await;
            assert_eq!((refused.status, &browser.cookie), (403, &None), "{twist}");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn another_users_passkey_is_no_second_factor_and_confirms_nobody() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let (mut passkey, _) = add(&mut browser, "phone").await;
        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut eve = Browser::of(&app, stranger).await;
        let (mut eves, _) = add(&mut eve, "hers").await;
        eves.pretend(owner(&app).await.uuid);

        let mut half = half(&app).await;
        let offered = offer(&mut half, "/sign-in/factor/options").await;
        let answer = eves.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", answer.as_str())];
        assert_eq!(half.post("/sign-in/factor/passkey", &fields).await.status, 403);

        app.clock.advance(Duration::from_mins(15));
        let offered = offer(&mut eve, "/confirm/options").await;
        let answer = passkey.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", answer.as_str())];
        assert_eq!(eve.post("/confirm/passkey", &fields).await.status, 403);

        let offered = offer(&mut browser, "/confirm/options").await;
        let answer = passkey.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", answer.as_str()), ("next", "/security/delete")];
        assert_eq!(browser.get("/security/delete").await.status, 303);
        let confirmed = browser.post("/confirm/passkey", &fields).await;
        assert_eq!(confirmed.header("location"), Some("../security/delete"), "{}", confirmed.body);
        assert_eq!(browser.get("/security/delete").await.status, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_page_that_is_only_opened_begins_no_ceremony_and_pages_have_a_count_of_their_own() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::new(&app);
        let kept = async || super::security::rows(&app, "passkey_ceremonies").await;
        for _ in 0..60 {
            assert!(browser.get("/sign-in").await.body.contains("autocomplete=\"username webauthn\""));
        }
        assert_eq!(kept().await, 0, "a page that is only opened asks for nothing");
        let mut asked = 0;
        while browser.post("/sign-in/passkey/options", &[("asker", "page")]).await.status == 200 {
            asked += 1;
        }
        assert_eq!(asked, 50, "by pages themselves");
        offer(&mut browser, "/sign-in/passkey/options").await;
        assert_eq!(kept().await, 51);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn strangers_begin_only_so_many_ceremonies_and_lock_nobody_out_by_them() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut known = Browser::signed_in(&app).await;
        let (mut passkey, _) = add(&mut known, "phone").await;
        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut browser = Browser::new(&app);
        let first = offer(&mut browser, "/sign-in/passkey/options").await;
        for _ in 1..50 {
            offer(&mut browser, "/sign-in/passkey/options").await;
        }
        for _ in 0..3 {
            let refused = browser.post("/sign-in/passkey/options", &[]).await;
            assert_eq!(refused.status, 429);
            assert!(refused.json()["wrong"].as_str().unwrap().contains("quarter of an hour"));
        }
        // Nobody else behind that address pays for it: not with a password, nor with a passkey that was offered before.
        assert_eq!(browser.post("/sign-in", &[("email", MAILBOX), ("password", "guess")]).await.status, 403);
        let mut entered = half(&app).await;
        let offered = offer(&mut entered, "/sign-in/factor/options").await;
        let answer = passkey.prove(&offered);
        let fields = [("ceremony", ceremony(&offered)), ("answer", answer.as_str())];
        assert_eq!(entered.post("/sign-in/factor/passkey", &fields).await.status, 303);
        let answer = passkey.prove(&first);
        let fields = [("ceremony", ceremony(&first)), ("answer", answer.as_str())];
        assert_eq!(browser.post("/sign-in/passkey", &fields).await.status, 303);
        // Whoever is signed in adds one, and somebody elsewhere begins.
        offer(&mut Browser::of(&app, stranger).await, "/security/passkeys/options").await;
        let mut elsewhere = Browser::new(&app);
        elsewhere.extra.push(("X-Forwarded-For", "192.0.2.7".into()));
        offer(&mut elsewhere, "/sign-in/passkey/options").await;
        app.clock.advance(Duration::from_mins(15));
        offer(&mut Browser::new(&app), "/sign-in/passkey/options").await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_wrong_passkeys_is_stopped_where_it_comes_from() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::new(&app);
        let fields = [("ceremony", "x"), ("answer", "{}")];
        for _ in 0..10 {
            assert_eq!(browser.post("/sign-in/passkey", &fields).await.status, 403);
        }
        let refused = browser.post("/sign-in/passkey", &fields).await;
        assert!(refused.status == 429 && refused.body.contains("<h1>Sign in</h1>"), "{}", refused.body);
        assert_eq!(browser.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await.status, 303);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn where_no_browser_would_do_it_the_page_says_why() {
    on_sqlite(async |database| {
        for (url, why) in [("http://127.0.0.1:8080", "by a number"), ("http://postern.you.example", "plain http")] {
            let app = TestApp::with(&database, |config| config.instance.public_url = url.into()).await;
            let mut browser = Browser::signed_in(&app).await;
            let page = browser.get("/security").await;
            assert!(page.body.contains(why) && !page.body.contains("data-passkey"), "{}", page.body);
            let sign_in = Browser::new(&app).get("/sign-in").await.body;
            assert!(!sign_in.contains("passkey") && sign_in.contains("autocomplete=\"username\""), "{sign_in}");
            let refused = browser.post("/security/passkeys/options", &[]).await;
            assert_eq!(refused.status, 409);
            assert!(refused.json()["wrong"].as_str().unwrap().contains(why));
            crate::storage::plans::execute(&database, "DELETE FROM users".into()).await;
            app.finish().await;
        }
    })
    .await;
}
