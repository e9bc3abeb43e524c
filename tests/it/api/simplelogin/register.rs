//! An account made from an app: who signs up, the code in the letter, what it is good for, what a stranger learns.

use std::time::Duration;

use postern::config::instance::Registration;
use postern::model::{Private, Timestamp};
use postern::service::{domain, mailbox, sign_up_code, user};
use postern::storage;
use serde_json::{Value, json};

use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::http::request;
use crate::support::sink::Message;
use crate::web::letter::{link, subject, text};

const NEW: &str = "new.person@inbox.example";
const PASSWORD: &str = "correct horse battery";

async fn app(database: &Database, registration: Registration) -> TestApp {
    TestApp::with(database, |config| config.instance.registration = registration).await
}

async fn post(app: &TestApp, path: &str, body: Value) -> (u16, Value) {
    let head = format!("POST /api/auth/{path}");
    let answer = request(app.running.http, &head, &[("Content-Type", "application/json")], &body.to_string()).await;
    (answer.status, answer.json())
}

async fn register(app: &TestApp, email: &str, password: &str) -> (u16, Value) {
    post(app, "register", json!({ "email": email, "password": password })).await
}

async fn activate(app: &TestApp, email: &str, code: &str) -> (u16, Value) {
    post(app, "activate", json!({ "email": email, "code": code })).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> (u16, Value) {
    post(app, "login", json!({ "email": email, "password": password, "device": "phone" })).await
}

/// The status, and what the person reads.
fn said((status, body): (u16, Value)) -> (u16, String) {
    let text = body["msg"].as_str().or_else(|| body["error"].as_str()).unwrap();
    (status, text.to_owned())
}

async fn exists(app: &TestApp, email: &str) -> bool {
    user::find_by_email(&app.running.broker.desk, &address(email)).await.unwrap().is_some()
}

/// The code in a letter.
fn code(letter: &Message) -> String {
    let text = text(letter);
    let (_, after) = text.split_once("Your code is ").unwrap();
    let code: String = after.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(code.len(), 6, "{text}");
    code
}

/// Some other code.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn row(app: &TestApp, email: &str) -> Option<postern::model::sign_up_code::SignUpCode> {
    let (email, now) = (address(email), Timestamp::from_micros(0));
    app.read(async |tx| storage::sign_up_code::find(tx, &email, now).await).await
}

#[tokio::test]
async fn the_code_in_the_letter_makes_an_account_that_the_password_opens() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let (status, answer) = register(&app, " New.Person@inbox.example ", PASSWORD).await;
        assert!(status == 200 && answer["msg"].as_str().unwrap().contains("code"), "{answer}");
        let letter = app.sink.wait_for(1).await.remove(0);
        assert_eq!((subject(&letter).as_str(), letter.sender()), ("The code for your account", ""));
        let code = code(&letter);
        let kept = row(&app, NEW).await.unwrap();
        let digest = kept.code.unwrap();
        assert!(!digest.tag.reveal().windows(6).any(|window| window == code.as_bytes()) && digest.tag.reveal().len() == 16);
        assert!(format!("{:?}", kept.chosen).contains("[private]"));

        assert_eq!(login(&app, NEW, PASSWORD).await.0, 422, "right, but too early");
        assert_eq!(login(&app, NEW, "another one").await.0, 400);
        assert!(!exists(&app, NEW).await);
        let (first, second) = code.split_at(3);
        let activated = activate(&app, "NEW.person@inbox.example", &format!("{first} {second}")).await;
        assert_eq!(activated.0, 200, "{}", activated.1);
        let (status, signed_in) = login(&app, NEW, PASSWORD).await;
        assert!(status == 200 && signed_in["api_key"].is_string(), "{signed_in}");
        let desk = &app.running.broker.desk;
        let made = user::find_by_email(desk, &address(NEW)).await.unwrap().unwrap();
        let [inbox] = mailbox::list(desk, made.id).await.unwrap().try_into().unwrap();
        assert!(inbox.verified_at.is_some() && inbox.is_default && !made.is_admin);

        assert_eq!(activate(&app, NEW, &code).await.0, 400, "it works once");
        assert_eq!(post(&app, "reactivate", json!({ "email": NEW })).await.0, 200);
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let codes = app.sink.messages().iter().filter(|letter| subject(letter) == "The code for your account").count();
        assert_eq!(codes, 1, "nothing waits for a code");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_stranger_learns_neither_who_has_an_account_nor_who_is_about_to() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let (mine, theirs) = ("a password of mine", "somebody else's own");
        register(&app, "half@inbox.example", theirs).await;
        app.sink.wait_for(1).await;
        // An account, an address of nobody, one that waits for its code.
        let everyone = [MAILBOX, NEW, "half@inbox.example"];
        let same = |answers: Vec<(u16, Value)>, status: u16| {
            assert!(answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == status, "{answers:?}");
        };
        // Without a sign-up of one's own.
        let each = async |path: &str, rest: Value| {
            let mut answers = Vec::new();
            for email in everyone {
                let mut body = rest.clone();
                body["email"] = email.into();
                answers.push(post(&app, path, body).await);
            }
            answers
        };
        same(each("login", json!({ "password": mine })).await, 400);
        for _ in 0..5 {
            same(each("activate", json!({ "code": "000000" })).await, 400);
        }
        same(each("activate", json!({ "code": "000000" })).await, 410);
        same(each("reactivate", json!({})).await, 200);
        same(each("activate", json!({ "code": "000000" })).await, 400);
        // With a password of one's own.
        app.clock.advance(Duration::from_mins(16));
        same(each("register", json!({ "password": mine })).await, 200);
        same(each("login", json!({ "password": mine })).await, 422);
        same(each("activate", json!({ "code": "" })).await, 400);

        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let letters = app.sink.messages();
        let to = |email: &str| letters.iter().filter(|letter| letter.recipients() == [email]).map(subject).collect::<Vec<_>>();
        assert_eq!(to(MAILBOX), ["You have an account already"]);
        assert_eq!(to(NEW), ["The code for your account"]);
        assert_eq!(to("half@inbox.example").len(), 3);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn after_five_wrong_codes_another_one_is_needed() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        register(&app, NEW, PASSWORD).await;
        let first = code(&app.sink.wait_for(1).await[0]);
        for number in 0..5 {
            let wrong = if number == 4 { "no code at all".to_owned() } else { other(&first) };
            assert_eq!(activate(&app, NEW, &wrong).await.0, 400);
        }
        assert_eq!(said(activate(&app, NEW, &first).await), (410, "Too many wrong codes: ask for another one".into()));
        assert!(!exists(&app, NEW).await);

        assert_eq!(post(&app, "reactivate", json!({ "email": NEW })).await.0, 200);
        let second = code(&app.sink.wait_for(2).await[1]);
        if first != second {
            assert_eq!(activate(&app, NEW, &first).await.0, 400, "only the newest works");
        }
        assert_eq!(activate(&app, NEW, &second).await.0, 200);
        assert_eq!(login(&app, NEW, PASSWORD).await.0, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_tries_too_often_from_one_place_has_to_wait() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        let mut last = 0;
        for _ in 0..11 {
            last = activate(&app, NEW, "123456").await.0;
        }
        assert_eq!(last, 429, "at one address");
        for number in 0..50 {
            last = activate(&app, &format!("p{number}@inbox.example"), "123456").await.0;
        }
        assert_eq!(last, 429, "at many");
        last = 0;
        for number in 0..51 {
            last = post(&app, "reactivate", json!({ "email": format!("p{number}@inbox.example") })).await.0;
        }
        assert_eq!(last, 429);
        assert_eq!(register(&app, NEW, PASSWORD).await.0, 429);
        app.clock.advance(Duration::from_mins(16));
        assert_eq!((register(&app, NEW, PASSWORD).await.0, activate(&app, NEW, "123456").await.0), (200, 400));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn codes_end_after_an_hour_and_sign_ups_after_a_day() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        register(&app, NEW, PASSWORD).await;
        let late = code(&app.sink.wait_for(1).await[0]);
        app.clock.advance(Duration::from_hours(1));
        let (status, words) = said(activate(&app, NEW, &late).await);
        assert!(status == 400 && words.contains("older than an hour"), "{words}");
        assert_eq!(login(&app, NEW, PASSWORD).await.0, 422, "the sign-up waits still");
        post(&app, "reactivate", json!({ "email": NEW })).await;
        let again = code(&app.sink.wait_for(2).await[1]);

        app.clock.advance(Duration::from_hours(24));
        assert_eq!((activate(&app, NEW, &again).await.0, login(&app, NEW, PASSWORD).await.0), (400, 400));
        assert_eq!(post(&app, "reactivate", json!({ "email": NEW })).await.0, 200);
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(app.sink.messages().len(), 2);
        app.clock.advance(Duration::from_hours(24));
        assert!(row(&app, NEW).await.is_some());
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert!(row(&app, NEW).await.is_none(), "it is erased");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn of_two_with_the_right_code_one_makes_the_account() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        register(&app, NEW, PASSWORD).await;
        let code = code(&app.sink.wait_for(1).await[0]);
        let (first, second) = tokio::join!(activate(&app, NEW, &code), activate(&app, NEW, &code));
        let mut statuses = [first.0, second.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
        assert_eq!(user::list(&app.running.broker.desk, None, 10).await.unwrap().len(), 2);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_made_meanwhile_is_not_made_again() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        register(&app, NEW, PASSWORD).await;
        let code = code(&app.sink.wait_for(1).await[0]);
        let new = user::NewUser { email: address(NEW), is_admin: false, verified: true };
        user::add(&app.running.broker.desk, new).await.unwrap();
        let (status, words) = said(activate(&app, NEW, &code).await);
        assert!(status == 400 && words.contains("There is an account"), "{words}");
        assert_eq!(login(&app, NEW, PASSWORD).await.0, 422, "the account of the operator has no password");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_stranger_s_password_opens_no_account_that_somebody_else_s_code_makes() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        register(&app, NEW, "password of a stranger").await;
        register(&app, NEW, PASSWORD).await;
        let code = code(&app.sink.wait_for(2).await[1]);
        assert_eq!(login(&app, NEW, PASSWORD).await.0, 422);
        let (status, words) = said(activate(&app, NEW, &code).await);
        assert!(status == 200 && words.contains("more than one password"), "{words}");
        for password in ["password of a stranger", PASSWORD, ""] {
            assert_eq!(login(&app, NEW, password).await.0, 400, "{password}");
        }
        let letter = app.sink.wait_for(3).await.remove(2);
        assert_eq!(subject(&letter), "Choose the password of your account");
        let path = link(&letter, "/reset/");
        let chosen = Browser::new(&app).post(&path, &[("password", PASSWORD), ("again", PASSWORD)]).await;
        assert_eq!(chosen.status, 303, "{}", chosen.body);
        assert_eq!(login(&app, NEW, PASSWORD).await.0, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn no_link_is_promised_that_is_not_sent() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        // Of these, too, an address gets five an hour, whether anybody signs in with it or not.
        for _ in 0..5 {
            assert_eq!(post(&app, "forgot_password", json!({ "email": NEW })).await.0, 200);
        }
        register(&app, NEW, "password of a stranger").await;
        register(&app, NEW, PASSWORD).await;
        let code = code(&app.sink.wait_for(2).await[1]);
        let (status, words) = said(activate(&app, NEW, &code).await);
        assert!(status == 200 && words.contains("in an hour, ask for one at http") && words.ends_with("/reset"), "{words}");
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(app.sink.messages().len(), 2);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_tries_passwords_until_one_will_do_asked_for_no_letter_yet() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        for _ in 0..11 {
            let (status, words) = said(register(&app, NEW, "password1").await);
            assert!(status == 400 && words.contains("a few words in a row are easy to keep in mind"), "{words}");
            assert_eq!(register(&app, NEW, "short").await.0, 400);
        }
        assert_eq!(register(&app, NEW, PASSWORD).await.0, 200);
        app.sink.wait_for(1).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_signs_up_twice_with_one_password_has_that_password() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        for _ in 0..7 {
            assert_eq!(register(&app, NEW, PASSWORD).await.0, 200);
        }
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let letters = app.sink.messages();
        assert_eq!(letters.len(), 5, "nobody is flooded");
        // The last one that was sent works: what was not sent took no code away.
        let newest = letters.iter().map(code).collect::<Vec<_>>();
        let mut statuses = Vec::new();
        for code in newest.iter().rev().take(5) {
            statuses.push(activate(&app, NEW, code).await.0);
            if statuses.last() == Some(&200) {
                break;
            }
        }
        assert_eq!(statuses.last(), Some(&200), "{statuses:?}");
        assert_eq!(login(&app, NEW, PASSWORD).await.0, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_can_t_be_an_account_is_refused_with_its_reason() {
    each_driver(async |database| {
        let app = app(&database, Registration::Open).await;
        for (email, password, word) in [
            ("someone", PASSWORD, "no mail address"),
            ("", PASSWORD, "no mail address"),
            ("someone@you.example", PASSWORD, "domain of this instance"),
            (NEW, "short", "8 characters"),
            (NEW, "", "8 characters"),
        ] {
            let (status, words) = said(register(&app, email, password).await);
            assert!(status == 400 && words.contains(word), "{email}: {words}");
        }
        assert_eq!(post(&app, "activate", json!({})).await.0, 400);
        assert_eq!(post(&app, "reactivate", json!({})).await.0, 200, "nobody's");
        // Nobody learns which domains users brought along.
        domain::add(&app.running.broker.desk, "theirs.example".parse().unwrap(), Some(app.user)).await.unwrap();
        assert_eq!(register(&app, "who@theirs.example", PASSWORD).await.0, 200);
        assert_eq!(login(&app, "who@theirs.example", PASSWORD).await.0, 422);
        assert!(app.queue().await.is_empty() && app.sink.messages().is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_is_not_open_says_how_accounts_are_made() {
    each_driver(async |database| {
        for (registration, word) in [(Registration::Invite, "invitation"), (Registration::Closed, "operator")] {
            let app = app(&database, registration).await;
            for path in ["register", "activate", "reactivate"] {
                let body = json!({ "email": NEW, "password": PASSWORD, "code": "123456" });
                let (status, words) = said(post(&app, path, body).await);
                assert!(status == 400 && words.contains(word), "{path}: {words}");
            }
            assert!(!sign_up_code::waits(&app.running.broker, NEW, &Private::default()).await.unwrap());
            assert!(row(&app, NEW).await.is_none() && app.queue().await.is_empty());
            user::remove(&app.running.broker.desk, app.user).await.unwrap();
            app.finish().await;
        }
        let app = app(&database, Registration::Open).await;
        user::remove(&app.running.broker.desk, app.user).await.unwrap();
        let (status, words) = said(register(&app, NEW, PASSWORD).await);
        assert!(status == 400 && words.contains("first"), "{words}");
        app.finish().await;
    })
    .await;
}
