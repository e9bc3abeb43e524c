//! A mailbox moves: everything goes to the old one until the new one is proven, and to the new one alone after that.

use std::time::Duration;

use postern::model::mailbox::Mailbox;
use postern::service::mailbox_move::{self, BeginError, Begun, Plan};
use postern::service::{Desk, mailbox, user, verification};
use postern::storage;

use super::reply::{House, ZONE};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::sink::{Point, Script};
use crate::web::letter;
use crate::web::verify::{arrived, link, settled};

const NEW: &str = "jane@second.example";

fn plan(app: &TestApp, new: &str) -> Plan {
    Plan { user: app.user, old: address(MAILBOX), new: address(new), moves_sign_in: false }
}

async fn begin(app: &TestApp, plan: Plan) -> Result<Begun, BeginError> {
    let broker = &app.running.broker;
    let domain = broker.rules.domains.first().unwrap();
    let begun = mailbox_move::begin(&broker.desk, domain, &broker.rules.public_url, plan).await;
    broker.queue.notify_one();
    begun
}

async fn ask(app: &TestApp, plan: Plan) -> Mailbox {
    let to = plan.new.to_string();
    let begun = begin(app, plan).await.unwrap();
    settled(app, &to, 1).await;
    match begun {
        Begun::Asked(new) => new,
        Begun::Done(_) => unreachable!("the link was not pressed yet"),
    }
}

async fn follow(app: &TestApp) -> String {
    let answer = Browser::signed_in(app).await.post(&link(app, NEW), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn desk(app: &TestApp) -> &Desk {
    &app.running.broker.desk
}

async fn addresses(app: &TestApp) -> Vec<(String, bool, bool)> {
    let all = mailbox::list(desk(app), app.user).await.unwrap();
    all.iter().map(|one| (one.address.to_string(), one.verified_at.is_some(), one.is_default)).collect()
}

fn mail(number: u32) -> String {
    format!("From: n@lg.example\r\nTo: x\r\nSubject: Mail {number}\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\nHi\r\n")
}

fn got(app: &TestApp, to: &str, number: u32) -> bool {
    let subject = format!("Subject: Mail {number}\r\n");
    arrived(app, to).iter().any(|message| String::from_utf8_lossy(&message.content).contains(&subject))
}

#[tokio::test]
async fn mail_goes_to_the_old_one_until_the_link_is_followed_and_to_the_new_one_after() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (shop, bank) = (app.alias("shop").await, app.alias("bank").await);
        ask(&app, plan(&app, NEW)).await;
        assert_eq!(addresses(&app).await, [(MAILBOX.into(), true, true), (NEW.into(), false, false)]);
        let told = arrived(&app, MAILBOX);
        assert!(String::from_utf8_lossy(&told[0].content).contains("Subject: One of your mailboxes is about to move\r\n"));
        assert!(app.send("n@lg.example", &shop, &mail(1)).await.starts_with("250"));
        assert!(got(&app, MAILBOX, 1) && arrived(&app, NEW).len() == 1, "the new one gets the link and nothing else");

        // What waits follows.
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(app.send("n@lg.example", &bank, &mail(2)).await.starts_with("250"));
        app.wait_until(async |app| app.queue().await.iter().any(|row| row.last_failure.is_some())).await;
        app.next_hop(Script::new());
        let mut stranger = Browser::new(&app);
        let page = stranger.get(&link(&app, NEW)).await;
        assert!(!page.body.contains(MAILBOX) && page.body.contains(NEW), "{}", page.body);
        let page = Browser::signed_in(&app).await.get(&link(&app, NEW)).await;
        assert!(page.body.contains(MAILBOX) && page.body.contains(NEW), "{}", page.body);
        let done = follow(&app).await;
        assert!(done.contains("comes here from now on") && !done.contains("sign in with now"), "{done}");
        assert_eq!(addresses(&app).await, [(NEW.into(), true, true)]);
        app.deliver_after(Duration::from_hours(1)).await;
        assert!(
            got(&app, NEW, 2) && !app.queue().await.iter().any(|row| row.alias_id.is_some() && row.recipient == address(MAILBOX))
        );

        assert!(app.send("n@lg.example", &shop, &mail(3)).await.starts_with("250"));
        assert!(got(&app, NEW, 3) && !got(&app, MAILBOX, 3));
        let again = Browser::new(&app).post(&link_of(&app), &[]).await;
        assert!(again.body.contains("was confirmed before"), "{}", again.body);
        app.finish().await;
    })
    .await;
}

/// The link, whatever else arrived at the new address since.
fn link_of(app: &TestApp) -> String {
    let first = arrived(app, NEW).remove(0);
    let text = String::from_utf8_lossy(&first.content).replace("=\r\n", "");
    let at = text.find("/verify/").unwrap();
    text[at..].split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn answers_are_taken_from_the_old_one_until_then_and_from_the_new_one_after() {
    each_driver(async |database| {
        let zone = format!("{ZONE}second.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n");
        let house = House::build(&database, &zone).await;
        let app = &house.app;
        let answer = |from: &str, number: u32| {
            format!("From: {from}\r\nTo: {}\r\nMessage-ID: <{number}@x>\r\nSubject: Mail {number}\r\n\r\nYes\r\n", house.lg)
        };
        let write = async |from: &str, number: u32| app.send_to(from, &[&house.lg], &answer(from, number)).await;
        ask(app, plan(app, NEW)).await;
        assert!(write(MAILBOX, 1).await.starts_with("250"));
        assert!(write(NEW, 2).await.starts_with("550 5.7.1"));
        follow(app).await;
        let refused = write(MAILBOX, 3).await;
        assert!(refused.starts_with("550 5.7.1"), "{refused}");
        assert!(write(NEW, 4).await.starts_with("250"));
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let sent: Vec<bool> = (1..=4).map(|number| got(app, "news@lg.example", number)).collect();
        assert_eq!(sent, [true, false, false, true]);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_move_is_cancelled_and_its_link_is_dead() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        ask(&app, plan(&app, NEW)).await;
        let both = [plan(&app, "third@second.example"), Plan { old: address(NEW), ..plan(&app, "third@second.example") }];
        for second in both {
            assert!(matches!(begin(&app, second).await, Err(BeginError::Underway)));
        }
        mailbox_move::cancel(desk(&app), app.user, &address(MAILBOX)).await.unwrap();
        assert!(mailbox_move::cancel(desk(&app), app.user, &address(MAILBOX)).await.is_err());
        assert_eq!(Browser::new(&app).post(&link(&app, NEW), &[]).await.status, 404);
        assert_eq!(addresses(&app).await, [(MAILBOX.into(), true, true)]);
        assert!(matches!(begin(&app, plan(&app, MAILBOX)).await, Err(BeginError::Same)));
        assert!(matches!(begin(&app, plan(&app, "x@you.example")).await, Err(BeginError::Move(_))));
        settled(&app, NEW, 1).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn when_the_old_one_was_removed_meanwhile_the_new_one_is_just_verified() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let third = "third@second.example";
        app.mailbox(third).await;
        ask(&app, Plan { old: address(third), ..plan(&app, NEW) }).await;
        mailbox::remove(desk(&app), app.user, &address(third)).await.unwrap();
        assert!(follow(&app).await.contains("can be forwarded to it"));
        assert_eq!(addresses(&app).await, [(MAILBOX.into(), true, true), (NEW.into(), true, false)]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_verified_mailbox_takes_the_place_at_once() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.mailbox(NEW).await;
        assert!(matches!(begin(&app, plan(&app, NEW)).await, Ok(Begun::Done(_))));
        assert!(app.send("n@lg.example", &alias, &mail(1)).await.starts_with("250"));
        assert!(got(&app, NEW, 1));
        settled(&app, MAILBOX, 1).await;
        let told = String::from_utf8_lossy(&arrived(&app, MAILBOX)[0].content).into_owned();
        assert!(told.contains("Subject: One of your mailboxes has moved\r\n"), "{told}");
        assert_eq!(letter::link(&letter::find(&app, "One of your mailboxes has moved"), "/mailboxes"), "/mailboxes");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_address_to_sign_in_with_follows_when_that_was_asked_for_and_nobody_has_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        ask(&app, Plan { moves_sign_in: true, ..plan(&app, NEW) }).await;
        let signs_in = async |text: &str| user::find_by_email(desk(&app), &address(text)).await.unwrap().map(|user| user.id);
        assert_eq!(signs_in(MAILBOX).await, Some(app.user), "not before the link is followed");
        assert!(follow(&app).await.contains("sign in with now"));
        assert_eq!((signs_in(MAILBOX).await, signs_in(NEW).await), (None, Some(app.user)));

        let third = "third@second.example";
        let new = user::NewUser { email: address(third), is_admin: false, verified: true };
        let (other, _) = user::add(desk(&app), new).await.unwrap();
        let plan = Plan { user: app.user, old: address(NEW), new: address(third), moves_sign_in: true };
        ask(&app, plan).await;
        let pressed = Browser::signed_in(&app).await.post(&link(&app, third), &[]).await;
        assert!(pressed.body.contains("comes here from now on") && !pressed.body.contains("sign in with now"));
        assert_eq!((signs_in(NEW).await, signs_in(third).await), (Some(app.user), Some(other.id)));
        app.finish().await;
    })
    .await;
}

async fn set_key(app: &TestApp, mailbox_id: postern::model::id::MailboxId, fingerprint: &str) {
    let (fingerprint, created_at) = (fingerprint.to_owned(), postern::model::Clock::now(&*app.clock));
    let key = postern::model::pgp_key::PgpKey {
        mailbox_id,
        public_key: b"key".to_vec(),
        fingerprint,
        expires_at: None,
        hide_subject: true,
        created_at,
    };
    app.storage().write(move |tx| Box::pin(async move { storage::pgp_key::set(tx, &key).await })).await.unwrap();
}

async fn key_of(app: &TestApp, text: &str) -> Option<String> {
    let found = mailbox::find(desk(app), app.user, &address(text)).await.unwrap().unwrap();
    app.read(async |tx| storage::pgp_key::find(tx, found.id).await).await.map(|key| key.fingerprint)
}

#[tokio::test]
async fn a_key_comes_along_unless_the_new_one_has_its_own() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        set_key(&app, app.mailbox, "AB").await;
        ask(&app, plan(&app, NEW)).await;
        follow(&app).await;
        assert_eq!(key_of(&app, NEW).await.as_deref(), Some("AB"));

        let third = "third@second.example";
        let new = ask(&app, Plan { old: address(NEW), ..plan(&app, third) }).await;
        set_key(&app, new.id, "CD").await;
        Browser::signed_in(&app).await.post(&link(&app, third), &[]).await;
        assert_eq!(key_of(&app, third).await.as_deref(), Some("CD"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_guesses_or_is_late_moves_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        ask(&app, plan(&app, NEW)).await;
        let late = link(&app, NEW);
        app.clock.advance(Duration::from_hours(25));
        assert_eq!(Browser::new(&app).post(&late, &[]).await.status, 404);
        let new = mailbox::find(desk(&app), app.user, &address(NEW)).await.unwrap().unwrap();
        verification::resend(&app.running.broker, &new).await.unwrap();
        settled(&app, NEW, 2).await;
        assert!(follow(&app).await.contains("comes here from now on"), "a link sent again moves it still");
        assert_eq!(addresses(&app).await, [(NEW.into(), true, true)]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_reads_a_mistyped_address_gets_neither_the_mail_nor_the_account() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        ask(&app, Plan { moves_sign_in: true, ..plan(&app, NEW) }).await;
        let letter = arrived(&app, NEW).remove(0);
        assert!(!String::from_utf8_lossy(&letter.content).contains(MAILBOX));
        let mut stranger = Browser::new(&app);
        for _ in 0..2 {
            let pressed = stranger.post(&link(&app, NEW), &[]).await;
            assert!(pressed.status == 200 && pressed.body.contains("finish the move"), "{}", pressed.body);
            assert!(!pressed.body.contains(MAILBOX), "{}", pressed.body);
        }
        assert_eq!(addresses(&app).await, [(MAILBOX.into(), true, true), (NEW.into(), true, false)]);
        let signs_in = async |text: &str| user::find_by_email(desk(&app), &address(text)).await.unwrap().map(|user| user.id);
        assert_eq!((signs_in(MAILBOX).await, signs_in(NEW).await), (Some(app.user), None));
        assert!(app.send("n@lg.example", &alias, &mail(1)).await.starts_with("250"));
        assert!(got(&app, MAILBOX, 1) && !got(&app, NEW, 1));

        let mut owner = Browser::signed_in(&app).await;
        let page = owner.get("/mailboxes").await;
        assert!(page.body.contains("Finish the move"), "{}", page.body);
        let old = mailbox::find(desk(&app), app.user, &address(MAILBOX)).await.unwrap().unwrap();
        let finished = owner.post(&format!("/mailboxes/{}/finish-move", old.uuid), &[]).await;
        assert_eq!(finished.status, 303, "{}", finished.body);
        assert_eq!(addresses(&app).await, [(NEW.into(), true, true)]);
        assert_eq!(signs_in(NEW).await, Some(app.user));
        app.finish().await;
    })
    .await;
}
