//! The security page: password, sessions, address, the end of an account.

use std::time::Duration;

use postern::model::id::UserId;
use postern::model::{Clock, Private};
use postern::service::{app_password, mailbox, password, token};
use postern::storage::Tx;
use sqlx::AssertSqlSafe;

use super::letter::{find, link};
use super::two_step::{PASSWORD, start};
use crate::storage::plans::execute;
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::log::Log;
use crate::support::sink::{Point, Script};
use crate::support::totp::{owner, turn_on};

const NEW: &str = "another horse battery";

async fn signs_in(app: &TestApp, email: &str, password: &str) -> bool {
    let answer = Browser::new(app).post("/sign-in", &[("email", email), ("password", password)]).await;
    answer.status == 303
}

/// The subjects of what arrived.
fn subjects(app: &TestApp) -> Vec<String> {
    let texts = app.sink.messages().into_iter().map(|message| String::from_utf8(message.content).unwrap());
    texts.map(|text| text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn another_password_needs_proof_ends_other_sessions_and_is_told_of() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (mut browser, mut other) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
        app.clock.advance(Duration::from_mins(16));
        let change = async |browser: &mut Browser, new: &str, again: &str| {
            browser.post("/security/password", &[("old", PASSWORD), ("new", new), ("again", again)]).await
        };
        // The old password alone is not enough: who one is has to be proved, second factor included.
        let first = change(&mut browser, NEW, NEW).await;
        assert_eq!((first.status, first.header("location")), (303, Some("../confirm?next=%2Fsecurity")));
        let confirmed = browser.post("/confirm", &[("password", PASSWORD), ("next", "/security")]).await;
        assert_eq!(confirmed.status, 303);
        for (new, again) in [(NEW, "x"), ("short", "short")] {
            assert_eq!(change(&mut browser, new, again).await.status, 422, "{new}");
        }
        assert!(signs_in(&app, MAILBOX, PASSWORD).await);
        let changed = change(&mut browser, NEW, NEW).await;
        assert_eq!(changed.header("location"), Some("../security?said=password"), "{}", changed.body);
        assert_eq!(browser.get("/security").await.status, 200);
        assert_eq!(other.get("/security").await.status, 303, "the other browser is signed out");
        assert!(signs_in(&app, MAILBOX, NEW).await && !signs_in(&app, MAILBOX, PASSWORD).await);
        app.deliver_after(Duration::ZERO).await;
        assert_eq!(subjects(&app), ["Your password was changed"]);
        assert_eq!(link(&find(&app, "Your password was changed"), "/reset"), "/reset");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_in_words_and_ended_one_by_one_or_all_but_this_one() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let mut others = [Browser::signed_in(&app).await, Browser::signed_in(&app).await];
        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut foreign = Browser::of(&app, stranger).await;
        let page = browser.get("/security").await;
        assert_eq!(page.body.matches("An unknown browser").count(), 6, "three rows and the names of their buttons");
        assert_eq!(page.body.matches("this one").count(), 1);
        assert!(page.body.contains("127.0.0.1"), "{}", page.body);

        let sessions = postern::service::session::list(&app.running.broker.desk, app.user).await.unwrap();
        let theirs = sessions.iter().find(|session| page.body.contains(&session.uuid.to_string())).unwrap();
        let path = format!("/security/sessions/{}/end", theirs.uuid);
        assert_eq!(foreign.post(&path, &[]).await.status, 404, "another user's");
        assert_eq!(browser.post("/security/sessions/00000000-0000-0000-0000-000000000000/end", &[]).await.status, 404);
        let first = sessions.iter().min_by_key(|session| session.id.0).unwrap();
        let second = sessions.iter().find(|session| session.id.0 > first.id.0 && session.id != sessions[0].id);
        let ended = second.unwrap_or(first);
        let answer = browser.post(&format!("/security/sessions/{}/end", ended.uuid), &[]).await;
        assert_eq!(answer.header("location"), Some("../../../security?said=ended"));
        assert_eq!(
            browser.post("/security/sessions/end-others", &[]).await.header("location"),
            Some("../../security?said=others")
        );
        for other in &mut others {
            assert_eq!(other.get("/security").await.status, 303);
        }
        assert_eq!(foreign.get("/security").await.status, 200);
        let own = postern::service::session::list(&app.running.broker.desk, app.user).await.unwrap();
        let left = browser.post(&format!("/security/sessions/{}/end", own[0].uuid), &[]).await;
        assert_eq!((left.header("location"), &browser.cookie), (Some("../../../sign-in?said=out"), &None));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_signs_in_with_another_verified_mailbox_of_ones_own() {
    each_driver(async |database| {
        let app = start(&database).await;
        let desk = &app.running.broker.desk;
        app.mailbox("Jane@work.example").await;
        mailbox::add(desk, app.user, address("new@work.example"), false).await.unwrap();
        app.mailbox("eve@inbox.example").await;
        let (stranger, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let id =
            async |user: UserId, text: &str| mailbox::find(desk, user, &address(text)).await.unwrap().unwrap().uuid.to_string();
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/security").await;
        assert!(page.body.contains("Jane@work.example") && !page.body.contains("new@work.example"), "{}", page.body);
        for (mailbox, status) in [
            (id(app.user, "new@work.example").await, 422),
            (id(app.user, "eve@inbox.example").await, 409),
            (id(stranger, "eve@inbox.example").await, 404),
            (String::new(), 404),
        ] {
            assert_eq!(browser.post("/security/address", &[("mailbox", &mailbox)]).await.status, status, "{mailbox}");
        }
        let changed = browser.post("/security/address", &[("mailbox", &id(app.user, "jane@work.example").await)]).await;
        assert_eq!(changed.header("location"), Some("../security?said=address"), "{}", changed.body);
        assert!(signs_in(&app, "jane@work.example", PASSWORD).await && !signs_in(&app, MAILBOX, PASSWORD).await);
        app.deliver_after(Duration::ZERO).await;
        assert_eq!(subjects(&app), ["You sign in with another address now"]);

        app.clock.advance(Duration::from_mins(15));
        let asked = browser.post("/security/address", &[("mailbox", &id(app.user, MAILBOX).await)]).await;
        assert_eq!(asked.header("location"), Some("../confirm?next=%2Fsecurity"));
        app.finish().await;
    })
    .await;
}

pub(super) async fn rows(app: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    match &mut app.storage().read().await.unwrap() {
        Tx::Sqlite(t) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut **t).await.unwrap(),
        Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut **t).await.unwrap(),
    }
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_but_addresses_nobody_gets() {
    each_driver(async |database| {
        let app = start(&database).await;
        let desk = &app.running.broker.desk;
        turn_on(&app).await;
        let alias = app.alias("shop").await;
        token::create(desk, app.user, "phone", postern::model::api_token::Scopes::new(Vec::new()), None).await.unwrap();
        app_password::create(desk, app.user, "phone").await.unwrap();
        let now = app.clock.now().as_micros();
        let blob = |text: &str| if rows_are_sqlite(&app) { format!("X'{text}'") } else { format!("'\\x{text}'::bytea") };
        let uuid = if rows_are_sqlite(&app) { "X'000102030405060708090a0b0c0d0e0f'" } else { "gen_random_uuid()" };
        let user = app.user;
        for sql in [
            format!("INSERT INTO passkeys (uuid, user_id, name, credential_id, credential, created_at) VALUES ({uuid}, {user}, 'x', {}, 'x', 1)", blob("00")),
            format!("INSERT INTO passkey_ceremonies (hash, user_id, state, expires_at) VALUES ({}, {user}, 'x', {now})", blob("01")),
            format!("INSERT INTO webhooks (uuid, user_id, url, secret, events, created_at) VALUES ({uuid}, {user}, 'x', {}, 'x', 1)", blob("02")),
        ] {
            execute(&database, sql).await;
        }
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        app.send("news@lg.example", &alias, "Subject: x\r\n\r\nx\r\n").await;
        let mut browser = Browser::signed_in(&app).await;
        browser.post("/security/password", &[("new", NEW), ("again", NEW)]).await;
        assert!(rows(&app, "deliveries WHERE state = 'waiting'").await > 0);

        let page = browser.get("/security/delete").await;
        assert!(page.body.contains("All your aliases (1)"), "{}", page.body);
        assert_eq!(browser.post("/security/delete", &[("email", "jane@else.example")]).await.status, 422);
        let gone = browser.post("/security/delete", &[("email", &MAILBOX.to_uppercase())]).await;
        assert_eq!(gone.header("location"), Some("../sign-in?said=gone"), "{}", gone.body);
        assert!(browser.cookie.is_none());
        // What warns of somebody else's hand must arrive all the same.
        app.next_hop(Script::new());
        app.deliver_after(std::time::Duration::from_hours(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        for table in [
            "users", "mailboxes", "aliases", "sessions", "api_tokens", "app_passwords", "recovery_codes", "passkeys",
            "passkey_ceremonies", "webhooks", "messages", "deliveries WHERE state = 'waiting'",
        ] {
            assert_eq!(rows(&app, table).await, 0, "{table}");
        }
        assert_eq!(rows(&app, "retired_addresses").await, 1);
        let refused = app.send("news@lg.example", &alias, "Subject: x\r\n\r\nx\r\n").await;
        assert!(refused.starts_with("550 "), "{refused}");
        app.finish().await;
    })
    .await;
}

fn rows_are_sqlite(app: &TestApp) -> bool {
    app.config.database.url.starts_with("sqlite")
}

#[tokio::test]
async fn the_last_administrator_stays_while_there_are_others() {
    each_driver(async |database| {
        let app = start(&database).await;
        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        let (other, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut browser = Browser::signed_in(&app).await;
        let refused = browser.post("/security/delete", &[("email", MAILBOX)]).await;
        assert_eq!(refused.status, 409);
        assert!(refused.body.contains("only administrator"), "{}", refused.body);
        assert_eq!(owner(&app).await.id, app.user);
        let mut eve = Browser::of(&app, other).await;
        assert_eq!(eve.post("/security/delete", &[("email", "eve@inbox.example")]).await.status, 303);
        assert_eq!(browser.post("/security/delete", &[("email", MAILBOX)]).await.status, 303, "nobody else is left");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_user_without_a_password_has_none_that_is_guessed() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        app.clock.advance(Duration::from_mins(15));
        assert_eq!(browser.post("/confirm", &[("password", "")]).await.status, 403);
        let (broker, ip) = (&app.running.broker, std::net::Ipv4Addr::LOCALHOST.into());
        let empty = Private::new(String::new());
        assert!(password::check(&broker.desk, &broker.logins, ip, MAILBOX, &empty).await.is_err());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn when_the_last_user_goes_the_link_for_the_next_first_one_stands_in_the_log() {
    each_driver(async |database| {
        let app = start(&database).await;
        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        let (eve, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut browser = Browser::signed_in(&app).await;
        assert!(!browser.get("/security/delete").await.body.contains("Nobody else has an account here"));
        let (log, _guard) = Log::begin();
        let mut other = Browser::of(&app, eve).await;
        assert_eq!(other.post("/security/delete", &[("email", "eve@inbox.example")]).await.status, 303);
        assert!(!log.text().contains("make the first one here"), "somebody is left");

        assert!(browser.get("/security/delete").await.body.contains("Nobody else has an account here"));
        assert_eq!(browser.post("/security/delete", &[("email", MAILBOX)]).await.status, 303);
        let text = log.text();
        let link = text.split("make the first one here: ").nth(1).unwrap().split_whitespace().next().unwrap();
        let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();
        let form = [("email", MAILBOX), ("password", NEW), ("again", NEW)];
        let made = Browser::new(&app).post(path, &form).await;
        assert_eq!((made.status, made.header("location")), (303, Some("../setup/domain")), "{}", made.body);
        app.deliver_after(Duration::ZERO).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_letter_whose_link_ended_is_not_sent_and_a_warning_is() {
    each_driver(async |database| {
        let app = start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let ask = async || assert_eq!(Browser::new(&app).post("/reset", &[("email", MAILBOX)]).await.status, 303);
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        ask().await;
        browser.post("/security/password", &[("new", NEW), ("again", NEW)]).await;
        ask().await;
        let waiting = async || rows(&app, "deliveries WHERE state = 'waiting'").await;
        assert_eq!(waiting().await, 2, "the first link ended with the old password");
        assert_eq!(browser.post("/security/delete", &[("email", MAILBOX)]).await.status, 303);
        assert_eq!(waiting().await, 1, "the second one with the account");
        // What warns of somebody else's hand must arrive all the same.
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |_| waiting().await == 0).await;
        let arrived: Vec<_> = app.sink.messages().into_iter().filter(|message| message.accepted).collect();
        assert_eq!(arrived.len(), 1);
        assert!(String::from_utf8_lossy(&arrived[0].content).contains("Subject: Your password was changed"));
        app.finish().await;
    })
    .await;
}
