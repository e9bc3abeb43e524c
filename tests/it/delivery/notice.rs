//! What the instance tells its users: through the queue, signed when it leaves, never twice in a while, to a mailbox that
//! is of use.

use std::time::Duration;

use postern::config::dkim::Dkim;
use postern::model::notice::NoticeKind;
use postern::model::{Clock, DomainName};
use postern::service::notice::{Telling, tell};
use postern::transform::notice::Letter;

use crate::support::app::{DOMAIN, MAILBOX, TestApp};
use crate::support::database::each_driver;
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
