//! Making an account: closed, by invitation, open; what a stranger learns; what a link is good for.

use std::time::Duration;

use postern::config::instance::Registration;
use postern::model::mail_link::Purpose;
use postern::service::{invite, mailbox, user};
use postern::storage::mail_link;

use super::letter::{link, subject};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::{Browser, encode};
use crate::support::database::{Database, address, each_driver};
use crate::support::http::{Answer, request};

const NEW: &str = "New.Person@inbox.example";
const PASSWORD: [(&str, &str); 2] = [("password", "correct horse battery"), ("again", "correct horse battery")];

async fn app(database: &Database, registration: Registration) -> TestApp {
    TestApp::with(database, |config| config.instance.registration = registration).await
}

async fn exists(app: &TestApp, email: &str) -> bool {
    user::find_by_email(&app.running.broker.desk, &address(email)).await.unwrap().is_some()
}

async fn quiet(app: &TestApp) {
    app.wait_until(async |app| app.queue().await.is_empty()).await;
}

#[tokio::test]
async fn the_link_in_the_letter_makes_an_account_with_a_verified_mailbox() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let mut browser = Browser::new(&app);
        assert!(browser.get("/sign-in").await.body.contains("sign-up"));
        let page = browser.get("/sign-up").await;
        assert!(page.status == 200 && page.body.contains("name=\"email\""), "{}", page.body);
        let asked = browser.post("/sign-up", &[("email", NEW)]).await;
        assert_eq!((asked.status, asked.header("location")), (303, Some("sign-up?said=sent")));
        assert!(browser.get("/sign-up?said=sent").await.body.contains("Look into your inbox"));
        let letter = app.sink.wait_for(1).await.remove(0);
        assert_eq!((letter.sender(), letter.recipients()), ("", vec![NEW]));
        let path = link(&letter, "/sign-up/");
        assert!(!exists(&app, NEW).await);

        // Whatever a mail scanner does with the link, it still works.
        for _ in 0..3 {
            let looked = browser.get(&path).await;
            assert!(looked.status == 200 && looked.body.contains("new.person@inbox.example"), "{}", looked.body);
        }
        let short = browser.post(&path, &[("password", "short"), ("again", "short")]).await;
        assert!(short.status == 422 && short.body.contains("8 characters"), "{}", short.body);
        assert_eq!(browser.post(&path, &[PASSWORD[0], ("again", "another one")]).await.status, 422);
        let own = NEW.split('@').next().unwrap();
        for (password, again, words) in [
            ("password1234", "password1234", &["first that anybody would try"][..]),
            ("short", "shorter", &["not the same", "8 characters"]),
            ("Summer2026", "summer2026", &["not the same", "first that anybody would try"]),
            (&format!("{own}-4711xy"), &format!("{own}-4711xy"), &["little more than your address"]),
        ] {
            let refused = browser.post(&path, &[("password", password), ("again", again)]).await;
            assert_eq!(refused.status, 422, "{password}");
            for word in words {
                assert!(refused.body.contains(word), "{password}: {word}: {}", refused.body);
            }
        }
        assert!(!exists(&app, NEW).await);
        let made = browser.post(&path, &PASSWORD).await;
        assert_eq!((made.status, made.header("location")), (303, Some("../aliases?said=welcome")));
        assert_eq!(browser.get("/").await.header("location"), Some("aliases"), "signed in");
        let desk = &app.running.broker.desk;
        let made = user::find_by_email(desk, &address(NEW)).await.unwrap().unwrap();
        let [inbox] = mailbox::list(desk, made.id).await.unwrap().try_into().unwrap();
        assert!(inbox.verified_at.is_some() && inbox.is_default && !made.is_admin);

        let mut other = Browser::new(&app);
        assert_eq!((other.get(&path).await.status, other.post(&path, &PASSWORD).await.status), (404, 404), "used");
        let signed = other.post("/sign-in", &[("email", NEW), PASSWORD[0]]).await;
        assert_eq!(signed.status, 303);
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_learns_whether_there_is_an_account() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let ask = async |email: &str| -> Answer {
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            request(app.running.http, "POST /sign-up", &headers, &encode(&[("email", email)])).await
        };
        let stripped = |mut answer: Answer| {
            answer.headers.retain(|(name, _)| name != "date");
            (answer.status, answer.headers, answer.body)
        };
        let count = async |email: &str| {
            let (email, since) = (address(email), postern::model::Timestamp::from_micros(0));
            app.read(async |tx| mail_link::count_since(tx, &email, Purpose::SignUp, since).await).await
        };
        for round in 1..=7 {
            let (known, unknown) = (stripped(ask(MAILBOX).await), stripped(ask(NEW).await));
            assert_eq!(known, unknown);
            assert_eq!(known.0, 303);
            assert!(known.1.iter().all(|(name, _)| name != "set-cookie"));
            assert_eq!((count(MAILBOX).await, count(NEW).await), (round.min(5), round.min(5)));
        }
        let letters = app.sink.wait_for(10).await;
        assert_eq!(letters.iter().filter(|letter| subject(letter) == "You have an account already").count(), 5);
        let known = letters.iter().find(|letter| letter.recipients() == [MAILBOX]).unwrap();
        assert_eq!(link(known, "/sign-in"), "/sign-in");
        assert_eq!(link(known, "/reset"), "/reset");
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_is_flooded_with_our_letters_however_their_address_is_written() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let mut browser = Browser::new(&app);
        for _ in 0..4 {
            for email in [NEW, "new.person@INBOX.example"] {
                assert_eq!(browser.post("/sign-up", &[("email", email)]).await.status, 303);
            }
        }
        quiet(&app).await;
        assert_eq!(app.sink.messages().len(), 5);
        for _ in 0..2 {
            browser.post("/sign-up", &[("email", NEW)]).await;
        }
        let answer = browser.post("/sign-up", &[("email", NEW)]).await;
        assert!(answer.status == 429 && answer.body.contains("a quarter of an hour"), "{}", answer.body);
        // From one place at many addresses.
        let mut last = 303;
        for number in 0..50 {
            last = browser.post("/sign-up", &[("email", &format!("p{number}@inbox.example"))]).await.status;
        }
        assert_eq!(last, 429);
        app.clock.advance(Duration::from_mins(16));
        assert_eq!(browser.post("/sign-up", &[("email", "late@inbox.example")]).await.status, 303);
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn addresses_that_can_be_no_mailbox_are_refused_in_the_form() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let mut browser = Browser::new(&app);
        for (email, word) in [("someone@you.example", "inbox elsewhere"), ("someone", "no mail address"), ("", "no mail address")]
        {
            let answer = browser.post("/sign-up", &[("email", email)]).await;
            assert!(answer.status == 422 && answer.body.contains(word), "{email}: {}", answer.body);
        }
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn links_end_after_a_day_and_are_good_for_nothing_else() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let mut browser = Browser::new(&app);
        browser.post("/sign-up", &[("email", NEW)]).await;
        let path = link(&app.sink.wait_for(1).await[0], "/sign-up/");
        let elsewhere = path.replace("/sign-up/", "/reset/");
        assert_eq!((browser.get(&elsewhere).await.status, browser.post(&elsewhere, &PASSWORD).await.status), (404, 404));
        app.clock.advance(Duration::from_hours(24));
        assert_eq!((browser.get(&path).await.status, browser.post(&path, &PASSWORD).await.status), (404, 404));
        assert!(!exists(&app, NEW).await);
        for path in ["/sign-up/x", "/sign-up/%ff", "/invite/%00"] {
            assert!([403, 404, 400, 200].contains(&browser.get(path).await.status), "{path}");
        }
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_made_meanwhile_is_not_made_again() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let mut browser = Browser::new(&app);
        browser.post("/sign-up", &[("email", NEW)]).await;
        browser.post("/sign-up", &[("email", NEW)]).await;
        let letters = app.sink.wait_for(2).await;
        let (first, second) = (link(&letters[0], "/sign-up/"), link(&letters[1], "/sign-up/"));
        assert_eq!(browser.post(&first, &PASSWORD).await.status, 303);
        let mut other = Browser::new(&app);
        let again = other.post(&second, &[("password", "something else"), ("again", "something else")]).await;
        assert!(again.status == 404 && again.body.contains("have an account"), "{}", again.body);
        assert_eq!(other.cookie, None);
        assert_eq!(other.post("/sign-in", &[("email", NEW), PASSWORD[0]]).await.status, 303, "the password stays");
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_closed_instance_makes_no_accounts() {
    each_driver(async |database| {
        let app = app(&database, Registration::Closed).await;
        let mut browser = Browser::new(&app);
        assert!(!browser.get("/sign-in").await.body.contains("sign-up"));
        let (_, secret) = invite::create(&app.running.broker.desk, None, "", invite::LASTS).await.unwrap();
        assert_eq!(browser.get("/sign-up").await.status, 403);
        assert_eq!(browser.get(&format!("/invite/{}", secret.reveal())).await.status, 403);
        let fields = [("email", NEW), ("invite", secret.reveal().as_str())];
        assert_eq!(browser.post("/sign-up", &fields).await.status, 403);
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_invitation_makes_one_account() {
    each_driver(async |database| {
        let app = app(&database, Registration::Invite).await;
        let desk = &app.running.broker.desk;
        let (made, secret) = invite::create(desk, Some(app.user), "for Ann", invite::LASTS).await.unwrap();
        let mut browser = Browser::new(&app);
        assert_eq!(browser.get("/sign-up").await.status, 403);
        assert_eq!(browser.post("/sign-up", &[("email", NEW)]).await.status, 403);
        assert_eq!(browser.post("/sign-up", &[("email", NEW), ("invite", &"A".repeat(43))]).await.status, 403);
        let page = browser.get(&format!("/invite/{}", secret.reveal())).await;
        assert!(page.status == 200 && page.body.contains(secret.reveal()) && page.body.contains("action=\"../sign-up\""));
        for email in [NEW, "second@inbox.example"] {
            let asked = browser.post("/sign-up", &[("email", email), ("invite", secret.reveal())]).await;
            assert_eq!(asked.status, 303);
        }
        let letters = app.sink.wait_for(2).await;
        let paths: Vec<String> = letters.iter().map(|letter| link(letter, "/sign-up/")).collect();
        let (mut one, mut two) = (Browser::new(&app), Browser::new(&app));
        let (first, second) = tokio::join!(one.post(&paths[0], &PASSWORD), two.post(&paths[1], &PASSWORD));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 404]);
        assert_eq!(user::list(desk, None, 10).await.unwrap().len(), 2);
        assert_eq!(browser.get(&format!("/invite/{}", secret.reveal())).await.status, 403, "used");
        assert!(!invite::revoke(desk, made.uuid).await.unwrap(), "a used one stays");

        let (late, secret) = invite::create(desk, None, "", Duration::from_hours(1)).await.unwrap();
        app.clock.advance(Duration::from_hours(1));
        assert_eq!(browser.get(&format!("/invite/{}", secret.reveal())).await.status, 403, "expired");
        assert!(invite::revoke(desk, late.uuid).await.unwrap());
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn before_the_first_account_nobody_signs_up() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        user::remove(&app.running.broker.desk, app.user).await.unwrap();
        assert_eq!(Browser::new(&app).post("/sign-up", &[("email", NEW)]).await.status, 403);
        app.finish().await;
    })
    .await;
}
