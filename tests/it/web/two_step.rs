//! Signing in in two steps, and proving once more who one is.

use std::net::Ipv4Addr;
use std::time::Duration;

use postern::model::{Clock, Private};
use postern::service::factor::FactorError;
use postern::service::{factor, password};

use super::letter::{link, subject, text};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::http::request;
use crate::support::sink::Message;
use crate::support::totp::{code, code_now, owner, turn_on};

pub const PASSWORD: &str = "correct horse battery";

pub async fn start(database: &Database) -> TestApp {
    let app = TestApp::start(database).await;
    set_password(&app).await;
    app
}

pub async fn set_password(app: &TestApp) {
    password::set(&app.running.broker.desk, app.user, &Private::new(PASSWORD.to_owned())).await.unwrap();
}

/// Signs in with the password alone: half a session.
async fn half(app: &TestApp, next: &str) -> Browser {
    let mut browser = Browser::new(app);
    let answer = browser.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD), ("next", next)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(answer.header("location").unwrap().starts_with("sign-in/factor?next="), "{answer:?}");
    browser
}

/// The secret on a page that shows one.
fn shown(body: &str) -> String {
    body.split("class=\"secret\"><code>").nth(1).unwrap().split('<').next().unwrap().replace(' ', "")
}

#[tokio::test]
async fn codes_are_set_up_by_a_picture_and_count_from_the_first_one_on() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/security/totp").await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("<svg class=\"qr\""), "{}", page.body);
        let first = shown(&page.body);
        let secret = shown(&browser.get("/security/totp").await.body);
        assert_eq!(secret.len(), 32);
        assert_ne!(secret, first, "whoever saw an earlier picture knows nothing of this one");

        assert_eq!(browser.post("/security/totp", &[("code", "000000")]).await.status, 403);
        let mut other = Browser::new(&app);
        let entered = other.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
        assert_eq!(entered.header("location"), Some("aliases"), "nothing is asked for before the first code");

        let now = code_now(&app, &secret);
        let on = browser.post("/security/totp", &[("code", &format!("{} {}", &now[..3], &now[3..]))]).await;
        assert_eq!((on.status, on.body.matches("<li><code>").count()), (200, 10), "{}", on.body);
        assert_eq!(browser.get("/security/totp").await.header("location"), Some("../security"), "they are on");
        let page = browser.get("/security").await;
        assert!(page.body.contains("<strong>On.</strong>") && page.body.contains("You have 10 left"), "{}", page.body);
        assert!(!page.body.contains(&secret), "the secret is never shown again");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn half_a_session_opens_nothing_and_a_code_makes_it_a_whole_one_under_another_cookie() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (secret, _) = turn_on(&app).await;
        let mut browser = half(&app, "/mailboxes?x=1").await;
        for path in ["/security", "/security/totp", "/security/delete", "/confirm"] {
            let answer = browser.get(path).await;
            let up = "../".repeat(path.matches('/').count() - 1);
            let next = path.replace('/', "%2F");
            let to = format!("{up}sign-in/factor?next={next}");
            assert_eq!((answer.status, answer.header("location")), (303, Some(&*to)), "{path}");
        }
        assert_eq!(browser.get("/").await.header("location"), Some("sign-in"));
        for path in
            ["/security/password", "/security/codes", "/security/address", "/security/totp/off", "/security/delete", "/confirm"]
        {
            let answer = browser.post(path, &[("old", PASSWORD)]).await;
            let to = answer.header("location").unwrap_or_default();
            assert!(answer.status == 303 && to.ends_with("sign-in/factor"), "{path}: {answer:?}");
        }
        let page = browser.get("/sign-in/factor?next=/mailboxes").await;
        assert!(page.body.contains("value=\"/mailboxes\"") && !page.body.contains(MAILBOX), "{}", page.body);

        let before = browser.cookie.clone().unwrap();
        let entered = browser.post("/sign-in/factor", &[("code", &code_now(&app, &secret)), ("next", "/mailboxes")]).await;
        assert_eq!((entered.status, entered.header("location")), (303, Some("../mailboxes")), "{}", entered.body);
        assert_ne!(browser.cookie.clone().unwrap(), before);
        assert_eq!(browser.get("/security").await.status, 200);
        let mut planted = Browser::new(&app);
        planted.cookie = Some(before);
        assert_eq!(planted.get("/security").await.header("location"), Some("sign-in?next=%2Fsecurity"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_code_works_once_and_a_clock_may_be_one_step_wrong() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (secret, _) = turn_on(&app).await;
        let now = app.clock.now().as_seconds();
        for (offset, status) in [(-60, 403), (60, 403), (-30, 403), (0, 303), (0, 403), (30, 303), (0, 403)] {
            // Thirty seconds ago was the one that turned codes on.
            let mut browser = half(&app, "").await;
            let answer = browser.post("/sign-in/factor", &[("code", &code(&secret, now + offset))]).await;
            assert_eq!(answer.status, status, "{offset}");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (_, codes) = turn_on(&app).await;
        let typed = codes[3].replace('-', " ").to_uppercase();
        let mut browser = half(&app, "").await;
        assert_eq!(browser.post("/sign-in/factor", &[("code", &typed)]).await.status, 303);
        assert!(browser.get("/security").await.body.contains("You have 9 left"));
        assert_eq!(half(&app, "").await.post("/sign-in/factor", &[("code", &codes[3])]).await.status, 403);

        let fresh = browser.post("/security/codes", &[]).await;
        assert_eq!(fresh.body.matches("<li><code>").count(), 10, "{}", fresh.body);
        assert_eq!(half(&app, "").await.post("/sign-in/factor", &[("code", &codes[4])]).await.status, 403, "old ones are void");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_codes_has_to_wait_wherever_from() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let (secret, _) = turn_on(&app).await;
        let mut browser = half(&app, "").await;
        for _ in 0..10 {
            assert_eq!(browser.post("/sign-in/factor", &[("code", "000000")]).await.status, 403);
        }
        let right = code_now(&app, &secret);
        assert_eq!(browser.post("/sign-in/factor", &[("code", &right)]).await.status, 429);
        let (broker, owner) = (&app.running.broker, owner(&app).await);
        let elsewhere = Ipv4Addr::new(192, 0, 2, 1).into();
        let refused = factor::check(&broker.desk, &broker.logins, elsewhere, &owner, &right).await;
        assert!(matches!(refused, Err(FactorError::TooMany)), "{refused:?}");
        app.clock.advance(Duration::from_mins(15));
        let mut browser = half(&app, "").await;
        assert_eq!(browser.post("/sign-in/factor", &[("code", &code_now(&app, &secret))]).await.status, 303);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn half_a_session_ends_after_a_quarter_of_an_hour() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        let (secret, _) = turn_on(&app).await;
        let mut browser = half(&app, "").await;
        app.clock.advance(Duration::from_mins(15));
        let late = browser.post("/sign-in/factor", &[("code", &code_now(&app, &secret))]).await;
        assert_eq!((late.status, late.header("location")), (303, Some("../sign-in")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_dangerous_asks_again_after_a_quarter_of_an_hour() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (secret, _) = turn_on(&app).await;
        let mut browser = Browser::signed_in(&app).await;
        assert_eq!(browser.get("/security/delete").await.status, 200);
        app.clock.advance(Duration::from_mins(15));
        let asked = browser.get("/security/delete").await;
        assert_eq!(asked.header("location"), Some("../confirm?next=%2Fsecurity%2Fdelete"));
        assert_eq!(browser.post("/security/codes", &[]).await.header("location"), Some("../confirm?next=%2Fsecurity"));
        assert_eq!(browser.get("/security").await.status, 200, "looking is not dangerous");

        let page = browser.get("/confirm?next=/security/delete").await;
        assert!(page.body.contains("name=\"code\"") && page.body.contains("value=\"/security/delete\""), "{}", page.body);
        let code = code_now(&app, &secret);
        for (password, code) in [("wrong horse", code.as_str()), (PASSWORD, "000000"), (PASSWORD, "")] {
            let refused = browser.post("/confirm", &[("password", password), ("code", code), ("next", "/security/delete")]).await;
            assert_eq!(refused.status, 403);
            assert!(refused.body.contains("This is not right"), "which of the two is not said: {}", refused.body);
        }
        let fields = [("password", PASSWORD), ("code", code.as_str()), ("next", "/security/delete")];
        let confirmed = browser.post("/confirm", &fields).await;
        assert_eq!((confirmed.status, confirmed.header("location")), (303, Some("security/delete")));
        assert_eq!(browser.get("/security/delete").await.status, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn codes_are_turned_off_with_a_code_or_the_password() {
    each_driver(async |database| {
        let app = start(&database).await;
        for by_code in [true, false] {
            let (secret, codes) = turn_on(&app).await;
            let mut browser = Browser::signed_in(&app).await;
            assert_eq!(browser.post("/security/totp/off", &[("proof", "wrong horse")]).await.status, 403);
            assert_eq!(browser.post("/security/totp/off", &[("proof", "000000")]).await.status, 403);
            let code = code_now(&app, &secret);
            let proof = if by_code { code.as_str() } else { PASSWORD };
            let off = browser.post("/security/totp/off", &[("proof", proof)]).await;
            assert_eq!(off.header("location"), Some("../../security?said=totp-off"), "{}", off.body);
            assert!(browser.get("/security?said=totp-off").await.body.contains("Codes are off."));
            let mut other = Browser::new(&app);
            let entered = other.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
            assert_eq!(entered.header("location"), Some("aliases"));
            let (broker, owner) = (&app.running.broker, owner(&app).await);
            let left = factor::find(&broker.desk, owner.id).await.unwrap();
            assert_eq!(left.recovery_codes, 0);
            let ip = Ipv4Addr::LOCALHOST.into();
            assert!(factor::check(&broker.desk, &broker.logins, ip, &owner, &codes[0]).await.is_err());
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn factors_that_were_taken_away_meanwhile_are_not_asked_for() {
    on_sqlite(async |database| {
        let app = start(&database).await;
        turn_on(&app).await;
        let mut browser = half(&app, "").await;
        postern::service::totp::reset(&app.running.broker.desk, app.user).await.unwrap();
        let asked = browser.get("/sign-in/factor").await;
        assert!(asked.header("location").unwrap().starts_with("../sign-in?next="), "the half session has ended: {asked:?}");
        let entered = browser.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
        assert_eq!(entered.header("location"), Some("aliases"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_secret_that_was_drawn_last_counts_in_whichever_tab() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut tab = Browser::signed_in(&app).await;
        let mut other_tab = Browser::new(&app);
        other_tab.cookie.clone_from(&tab.cookie);
        let mut elsewhere = Browser::signed_in(&app).await;
        let first = shown(&tab.get("/security/totp").await.body);
        let second = shown(&other_tab.get("/security/totp").await.body);
        assert_ne!(first, second);
        for wrong in [code_now(&app, &first), "000000".into()] {
            let refused = tab.post("/security/totp", &[("code", &wrong)]).await;
            assert_eq!((refused.status, shown(&refused.body)), (403, second.clone()), "what counts is shown, not a third one");
        }
        let mut unasked = Browser::new(&app);
        let entered = unasked.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
        assert_eq!(entered.header("location"), Some("aliases"), "nothing is on yet");
        // The tab that showed the first picture shows the second one since.
        let on = tab.post("/security/totp", &[("code", &code_now(&app, &second))]).await;
        assert_eq!((on.status, on.body.matches("<li><code>").count()), (200, 10), "{}", on.body);
        for browser in [&mut elsewhere, &mut unasked] {
            let gone = browser.get("/security").await;
            assert_eq!(gone.header("location"), Some("sign-in?next=%2Fsecurity"), "the password alone is not enough any more");
        }
        for secret in [&first, &second] {
            let late = other_tab.post("/security/totp", &[("code", &code_now(&app, secret))]).await;
            assert_eq!((late.status, late.header("location")), (303, Some("../security")), "they are on: {}", late.body);
        }
        app.clock.advance(Duration::from_secs(30));
        for (secret, status) in [(&first, 403), (&second, 303)] {
            let mut browser = half(&app, "").await;
            assert_eq!(browser.post("/sign-in/factor", &[("code", &code_now(&app, secret))]).await.status, status);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_no_code_confirmed_is_forgotten_with_the_password() {
    each_driver(async |database| {
        let app = start(&database).await;
        let secret = shown(&Browser::signed_in(&app).await.get("/security/totp").await.body);
        set_password(&app).await;
        let mut browser = Browser::signed_in(&app).await;
        let refused = browser.post("/security/totp", &[("code", &code_now(&app, &secret))]).await;
        assert_eq!(refused.status, 403, "whoever drew it may have been somebody else");
        assert_ne!(shown(&refused.body), secret);
        app.finish().await;
    })
    .await;
}

/// Waits until no letter is on its way; those that arrived and warn of somebody.
async fn warnings(app: &TestApp) -> Vec<Message> {
    app.wait_until(async |app| app.queue().await.is_empty()).await;
    app.sink.messages().into_iter().filter(|letter| subject(letter) == "Somebody knows your password").collect()
}

#[tokio::test]
async fn an_owner_is_told_once_a_day_that_somebody_knows_the_password_and_guesses_codes() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (_, codes) = turn_on(&app).await;
        let last = codes[0].chars().last().unwrap();
        // Nearly a recovery code.
        let near = format!("{}{}", codes[0].strip_suffix(last).unwrap(), if last == 'a' { 'b' } else { 'a' });
        let mut browser = half(&app, "").await;
        for number in 0..9 {
            let code = if number % 2 == 0 { "000000" } else { near.as_str() };
            assert_eq!(browser.post("/sign-in/factor", &[("code", code)]).await.status, 403);
        }
        assert_eq!(warnings(&app).await.len(), 0, "one may mistype a few");
        assert_eq!(browser.post("/sign-in/factor", &[("code", "000000")]).await.status, 403);
        assert_eq!(warnings(&app).await.len(), 1);
        let letter = warnings(&app).await.remove(0);
        assert_eq!((letter.sender(), letter.recipients()), ("", vec![MAILBOX]));
        assert_eq!(subject(&letter), "Somebody knows your password");
        let words = text(&letter);
        assert!(words.contains("ten codes that were wrong") && words.contains("They did not get in"), "{words}");
        assert_eq!(link(&letter, "/security"), "/security");
        for _ in 0..3 {
            assert_eq!(browser.post("/sign-in/factor", &[("code", "000000")]).await.status, 429);
        }

        // Over the API as well, and not twice a day.
        let guess_over_api = async || {
            let body = serde_json::json!({ "email": MAILBOX, "password": PASSWORD, "device": "x" }).to_string();
            let json = [("Content-Type", "application/json")];
            let half = request(app.running.http, "POST /api/auth/login", &json, &body).await.json();
            let body = serde_json::json!({ "mfa_token": "000000", "mfa_key": half["mfa_key"], "device": "x" }).to_string();
            for _ in 0..10 {
                assert_eq!(request(app.running.http, "POST /api/auth/mfa", &json, &body).await.status, 400);
            }
        };
        app.clock.advance(Duration::from_mins(16));
        guess_over_api().await;
        assert_eq!(warnings(&app).await.len(), 1);
        app.clock.advance(Duration::from_hours(24));
        guess_over_api().await;
        assert_eq!(warnings(&app).await.len(), 2);
        assert_eq!(subject(&warnings(&app).await[1]), "Somebody knows your password");

        // None of it used a recovery code up.
        app.clock.advance(Duration::from_mins(16));
        assert_eq!(half(&app, "").await.post("/sign-in/factor", &[("code", &codes[0])]).await.status, 303);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn wrong_codes_of_an_owner_who_proves_to_be_there_are_told_of_too() {
    each_driver(async |database| {
        let app = start(&database).await;
        turn_on(&app).await;
        let mut browser = Browser::signed_in(&app).await;
        app.clock.advance(Duration::from_mins(16));
        for _ in 0..10 {
            assert_eq!(browser.post("/confirm", &[("password", PASSWORD), ("code", "000000")]).await.status, 403);
        }
        assert_eq!(warnings(&app).await.len(), 1);
        assert_eq!(subject(&warnings(&app).await[0]), "Somebody knows your password");
        app.finish().await;
    })
    .await;
}
