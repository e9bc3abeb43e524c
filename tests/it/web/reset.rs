//! A forgotten password: what the link does, where it goes, what a stranger learns.

use std::time::Duration;

use postern::model::mail_link::Purpose;
use postern::model::{Private, Timestamp};
use postern::service::password;
use postern::storage::{self, Tx, mail_link};

use super::letter::{link, subject};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::{Browser, encode};
use crate::support::database::{address, each_driver};
use crate::support::http::{Answer, request};

const OLD: &str = "the old password";
const NEW: [(&str, &str); 2] = [("password", "the new password"), ("again", "the new password")];

async fn start(database: &crate::support::database::Database) -> TestApp {
    let app = TestApp::start(database).await;
    password::set(&app.running.broker.desk, app.user, &Private::new(OLD.to_owned())).await.unwrap();
    app
}

async fn quiet(app: &TestApp) {
    app.wait_until(async |app| app.queue().await.is_empty()).await;
}

/// A statement that is no part of Postern.
async fn execute(app: &TestApp, sql: &'static str) {
    let write = app.storage().write(move |tx| {
        Box::pin(async move {
            match tx {
                Tx::Sqlite(t) => sqlx::query(sql).execute(&mut **t).await.map(drop),
                Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query(sql).execute(&mut **t).await.map(drop),
            }
            .map_err(storage::Error::from)
        })
    });
    write.await.unwrap();
}

#[tokio::test]
async fn the_link_sets_the_password_ends_all_sessions_and_keeps_the_second_factor() {
    each_driver(async |database| {
        let app = start(&database).await;
        execute(&app, "UPDATE users SET totp_confirmed_at = 1").await;
        let mut signed_in = Browser::signed_in(&app).await;
        let mut browser = Browser::new(&app);
        assert!(browser.get("/sign-in").await.body.contains("reset"));
        assert_eq!(browser.get("/reset").await.status, 200);
        for _ in 0..2 {
            let asked = browser.post("/reset", &[("email", &MAILBOX.to_uppercase())]).await;
            assert_eq!((asked.status, asked.header("location")), (303, Some("reset?said=sent")));
        }
        assert!(browser.get("/reset?said=sent").await.body.contains("Look into your inbox"));
        let letters = app.sink.wait_for(2).await;
        assert_eq!(letters[0].recipients(), [MAILBOX]);
        let (path, second) = (link(&letters[0], "/reset/"), link(&letters[1], "/reset/"));
        for _ in 0..3 {
            assert_eq!(browser.get(&path).await.status, 200);
        }
        let short = browser.post(&path, &[("password", "short"), ("again", "short")]).await;
        assert!(short.status == 422 && short.body.contains("8 characters"), "{}", short.body);
        assert_eq!(signed_in.get("/").await.header("location"), Some("aliases"));
        let set = browser.post(&path, &NEW).await;
        assert_eq!((set.status, set.header("location")), (303, Some("../sign-in?said=password")));
        assert_eq!(browser.cookie, None, "a reset signs nobody in");
        assert_eq!(signed_in.get("/").await.header("location"), Some("sign-in"));
        for path in [&path, &second] {
            assert_eq!((browser.get(path).await.status, browser.post(path, &NEW).await.status), (404, 404));
        }
        assert_eq!(subject(&app.sink.wait_for(3).await[2]), "Your password was changed");
        let old = browser.post("/sign-in", &[("email", MAILBOX), ("password", OLD)]).await;
        assert_eq!(old.status, 403);
        let entered = browser.post("/sign-in", &[("email", MAILBOX), NEW[0]]).await;
        let location = entered.header("location").unwrap();
        assert!(entered.status == 303 && location.starts_with("sign-in/factor"), "{location}");
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_address_gets_the_same_answer_after_the_same_work() {
    each_driver(async |database| {
        let app = start(&database).await;
        let ask = async |email: &str| -> Answer {
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            request(app.running.http, "POST /reset", &headers, &encode(&[("email", email)])).await
        };
        let stripped = |mut answer: Answer| {
            answer.headers.retain(|(name, _)| name != "date");
            (answer.status, answer.headers, answer.body)
        };
        let count = async |email: &str| {
            let email = address(email);
            let since = Timestamp::from_micros(0);
            app.read(async |tx| mail_link::count_since(tx, &email, Purpose::ResetPassword, since).await).await
        };
        let unknown = "nobody@inbox.example";
        for round in 1..=6 {
            let (one, other) = (stripped(ask(MAILBOX).await), stripped(ask(unknown).await));
            assert_eq!(one, other);
            assert_eq!((count(MAILBOX).await, count(unknown).await), (round.min(5), round.min(5)));
        }
        quiet(&app).await;
        let letters = app.sink.messages();
        assert_eq!(letters.len(), 5);
        assert!(letters.iter().all(|letter| letter.recipients() == [MAILBOX]));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_of_a_letter_that_only_seemed_to_be_sent() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::new(&app);
        browser.post("/reset", &[("email", "nobody@inbox.example")]).await;
        assert!(app.queue().await.is_empty());
        let kept = app
            .read(async |tx| match tx {
                Tx::Sqlite(t) => Ok(sqlx::query_scalar::<_, i64>(KEPT).fetch_one(&mut **t).await.unwrap()),
                Tx::PostgresRead(t) | Tx::Postgres(t) => {
                    Ok(sqlx::query_scalar::<_, i64>(KEPT).fetch_one(&mut **t).await.unwrap())
                }
            })
            .await;
        assert_eq!(kept, 0);
        app.finish().await;
    })
    .await;
}

const KEPT: &str =
    "SELECT (SELECT COUNT(*) FROM messages) + (SELECT COUNT(*) FROM body_chunks) + (SELECT COUNT(*) FROM deliveries)";

#[tokio::test]
async fn the_link_goes_only_to_a_verified_mailbox_with_the_address_one_signs_in_with() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::new(&app);
        app.mailbox("second@inbox.example").await;
        assert_eq!(browser.post("/reset", &[("email", "second@inbox.example")]).await.status, 303);
        execute(&app, "UPDATE mailboxes SET verified_at = NULL WHERE is_default").await;
        assert_eq!(browser.post("/reset", &[("email", MAILBOX)]).await.status, 303);
        assert!(app.queue().await.is_empty() && app.sink.messages().is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_after_a_day_and_with_the_address_it_went_to() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::new(&app);
        browser.post("/reset", &[("email", MAILBOX)]).await;
        let path = link(&app.sink.wait_for(1).await[0], "/reset/");
        app.clock.advance(Duration::from_hours(24));
        assert_eq!((browser.get(&path).await.status, browser.post(&path, &NEW).await.status), (404, 404));
        browser.post("/reset", &[("email", MAILBOX)]).await;
        let path = link(&app.sink.wait_for(2).await[1], "/reset/");
        execute(&app, "UPDATE users SET email = 'moved@inbox.example'").await;
        assert_eq!(browser.post(&path, &NEW).await.status, 404);
        let old = browser.post("/sign-in", &[("email", "moved@inbox.example"), ("password", OLD)]).await;
        assert_eq!(old.status, 303, "nothing was changed");
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_other_api_sends_the_same_letter_and_the_same_answer() {
    each_driver(async |database| {
        let app = start(&database).await;
        let ask = async |email: &str| {
            let body = format!("{{\"email\":\"{email}\"}}");
            request(app.running.http, "POST /api/auth/forgot_password", &[("Content-Type", "application/json")], &body).await
        };
        let (known, unknown) = (ask(MAILBOX).await, ask("nobody@inbox.example").await);
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
        link(&app.sink.wait_for(1).await[0], "/reset/");
        quiet(&app).await;
        app.finish().await;
    })
    .await;
}
