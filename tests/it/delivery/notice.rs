//! What the instance tells its users: through the queue, signed when it leaves, never twice in a while, to a mailbox that
//! is of use.

use std::time::Duration;

use postern::config::dkim::Dkim;
use postern::config::instance::Registration;
use postern::model::delivery::DeliveryState;
use postern::model::notice::NoticeKind;
use postern::model::{Clock, DomainName};
use postern::service::notice::{Telling, tell};
use postern::service::{admin, user, verification};
use postern::transform::notice::Letter;

use crate::storage::plans::execute;
use crate::support::app::{DOMAIN, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::dkim::{assert_signed, check, records_of};
use crate::support::sink::{Point, Script};

const QUIET: Duration = Duration::from_hours(24);

fn telling(app: &TestApp, about: &str) -> Telling {
    let letter = Letter { subject: "Something".into(), paragraphs: vec!["It happened.".into()], action: None };
    Telling { user_id: app.user, kind: NoticeKind::MailboxPaused, about: about.into(), quiet_for: QUIET, letter, except: None }
}

async fn told(app: &TestApp, telling: Telling) -> bool {
    tell(&app.running.broker.desk, &DomainName::parse(DOMAIN).unwrap(), telling).await.unwrap()
}

#[tokio::test]
async fn a_notice_waits_in_the_queue_and_leaves_signed_with_the_null_sender() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.dkim = Dkim::default()).await;
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(told(&app, telling(&app, "a")).await);
        assert_eq!(app.deliver_after(Duration::ZERO).await, 1);
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_hours(1)).await, 1);
        let messages = app.sink.messages();
        let last = messages.last().unwrap();
        assert_eq!((last.sender(), last.recipients()), ("", vec![MAILBOX]));
        let text = String::from_utf8(last.content.clone()).unwrap();
        assert!(text.contains("From: Postern <postern@you.example>\r\n") && text.contains("It happened."), "{text}");
        let now = app.clock.now().as_seconds();
        let signatures = check(std::slice::from_ref(&last.content), &records_of(&app).await, now);
        assert_signed(&last.content, &signatures[0], DOMAIN);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_thing_is_told_once_in_a_while_and_other_things_at_once() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        assert!(told(&app, telling(&app, "a")).await);
        assert!(!told(&app, telling(&app, "a")).await);
        assert!(told(&app, telling(&app, "b")).await);
        app.clock.advance(QUIET);
        assert!(told(&app, telling(&app, "a")).await);
        assert_eq!(app.deliver_after(Duration::ZERO).await, 3);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_mailbox_in_trouble_is_not_the_one_that_is_told() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let trouble = Telling { except: Some(app.mailbox), ..telling(&app, "a") };
        assert!(!told(&app, trouble.clone()).await, "there is no other mailbox");
        app.mailbox("second@other-provider.example").await;
        assert!(told(&app, trouble).await, "nothing was recorded when nobody could be told");
        app.deliver_after(Duration::ZERO).await;
        assert_eq!(app.sink.messages()[0].recipients(), ["second@other-provider.example"]);
        app.finish().await;
    })
    .await;
}

/// One of each letter with a link in the queue, put off once by the next hop.
async fn three_links(database: &Database) -> TestApp {
    let app = TestApp::with(database, |config| config.instance.registration = Registration::Open).await;
    app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
    let mut stranger = Browser::new(&app);
    assert_eq!(stranger.post("/reset", &[("email", MAILBOX)]).await.status, 303);
    assert_eq!(stranger.post("/sign-up", &[("email", "new@inbox.example")]).await.status, 303);
    verification::add_with(&app.running.broker, app.user, address("second@inbox.example")).await.unwrap();
    app.wait_until(async |app| {
        let queue = app.queue().await;
        queue.len() == 3 && queue.iter().all(|row| row.last_failure.is_some())
    })
    .await;
    app
}

/// Nothing waits any more, nothing came, and whoever runs the instance sees it.
async fn given_up(app: TestApp) {
    let ended = |state| state == DeliveryState::Failed;
    app.wait_until(async |app| app.queue().await.iter().all(|row| ended(row.state))).await;
    assert_eq!(app.queue().await.len(), 3);
    assert!(app.sink.messages().iter().all(|message| !message.accepted), "a link that is dead by then");
    let desk = &app.running.broker.desk;
    let uuid = user::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap().uuid;
    admin::set_admin(desk, uuid, true).await.unwrap();
    let page = Browser::signed_in(&app).await.get("/admin/queue?state=failed").await.body;
    let page = page.split_once("<main").unwrap().1;
    assert!(page.contains("Failed (3)") && !page.contains("jane.roe"), "{page}");
    app.finish().await;
}

#[tokio::test]
async fn a_letter_is_tried_for_as_long_as_its_link_lives() {
    each_driver(async |database| {
        let app = three_links(&database).await;
        for _ in 0..23 {
            app.deliver_after(Duration::from_hours(1)).await;
        }
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.attempts > 12)).await;
        app.next_hop(Script::new());
        app.clock.advance(Duration::from_mins(59));
        // Its next attempt may be due a little later.
        execute(&database, "UPDATE deliveries SET next_attempt_at = 0".into()).await;
        app.deliver_after(Duration::ZERO).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let mut to: Vec<String> = app.sink.messages().iter().map(|message| message.recipients().concat()).collect();
        to.sort();
        assert_eq!(to, [MAILBOX, "new@inbox.example", "second@inbox.example"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_letter_that_no_server_takes_while_its_link_lives_is_given_up_and_shown() {
    each_driver(async |database| {
        let app = three_links(&database).await;
        for _ in 0..26 {
            app.deliver_after(Duration::from_hours(1)).await;
        }
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(1)).await;
        given_up(app).await;
    })
    .await;
}

#[tokio::test]
async fn a_letter_that_waited_for_longer_than_its_link_lives_does_not_come_late() {
    each_driver(async |database| {
        let app = three_links(&database).await;
        // Nobody was at work for a day: the instance stood still, or the site rested.
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(24)).await;
        given_up(app).await;
    })
    .await;
}

#[tokio::test]
async fn another_notice_still_comes_after_days_of_silence() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        assert!(told(&app, telling(&app, "a")).await);
        app.deliver_after(Duration::ZERO).await;
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(6 * 24)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(app.sink.messages().last().unwrap().recipients(), [MAILBOX]);
        app.finish().await;
    })
    .await;
}
