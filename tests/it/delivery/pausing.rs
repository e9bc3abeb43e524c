//! A mailbox its own server refuses: paused after a while, seen and told of, tested and resumed.

use std::time::Duration;

use postern::model::alias::Alias;
use postern::model::delivery::{DeliveryKind, DeliveryState};
use postern::model::id::MailboxId;
use postern::model::mailbox::Mailbox;
use postern::model::{Address, Clock};
use postern::service::mailbox_test::{self, TestError, Tested};
use postern::service::probing;
use postern::storage::{mailbox, refusal};

use super::bounces::report;
use super::direct::MESSAGE;
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::sink::{Point, Script};
use crate::web::letter::{find, link};

const GONE: &str = "550 5.1.1 <jane.roe@mailbox-provider.example> no such user at mailbox-provider.example\r\n";
const HOUR: Duration = Duration::from_hours(1);

async fn state(app: &TestApp) -> Mailbox {
    app.read(async |tx| mailbox::find(tx, app.mailbox).await).await.unwrap()
}

async fn refusals(app: &TestApp) -> usize {
    app.read(async |tx| refusal::since(tx, app.mailbox, postern::model::Timestamp::from_micros(0)).await).await.len()
}

/// A message its mailbox's server refuses in the dialogue.
async fn refused(app: &TestApp, alias: &Alias, reply: &str) -> String {
    // For this one connection: a notice that follows at once is taken.
    app.sink.next(Script::new().reply(Point::Rcpt, reply));
    app.send("news@lg.example", alias, MESSAGE).await
}

/// Three refusals over an hour.
async fn pause(app: &TestApp, alias: &Alias) {
    for count in 1..=3 {
        // Not after the last one: a notice under way would lose its lease to the clock.
        app.clock.advance(HOUR / 2);
        let answer = refused(app, alias, GONE).await;
        assert_eq!(answer, "550 5.0.0 The recipient's mail system refused the message");
        app.wait_until(async |app| refusals(app).await == count || state(app).await.paused.is_some()).await;
    }
    app.wait_until(async |app| state(app).await.paused.is_some()).await;
}

fn texts(app: &TestApp, recipient: &str) -> Vec<String> {
    let messages = app.sink.messages().into_iter().filter(|message| message.recipients() == [recipient]);
    messages.map(|message| String::from_utf8(message.content).unwrap()).collect()
}

async fn test(app: &TestApp) -> Result<Tested, TestError> {
    let tested = mailbox_test::test(&app.running.broker.bench().unwrap(), &state(app).await).await;
    app.running.broker.queue.notify_one();
    tested
}

#[tokio::test]
async fn a_mailbox_that_is_refused_for_an_hour_is_paused_and_its_owner_told_elsewhere() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        app.mailbox("second@elsewhere.example").await;
        let alias = app.alias("shop").await;
        pause(&app, &alias).await;
        app.next_hop(Script::new());
        app.wait_until(async |app| texts(app, "second@elsewhere.example").len() == 1).await;
        let told = &texts(&app, "second@elsewhere.example")[0];
        assert!(told.contains("Subject: One of your mailboxes is paused\r\n"), "{told}");
        assert!(told.contains("\r\nAuto-Submitted: auto-generated\r\n") && told.contains("jane.roe@mailbox-provider.example"));
        assert!(told.contains("5.1.1"), "{told}");
        let page = link(&find(&app, "One of your mailboxes is paused"), "/mailboxes/");
        assert_eq!(page, format!("/mailboxes/{}", state(&app).await.uuid));
        let mut browser = Browser::signed_in(&app).await;
        assert!(browser.get(&page).await.body.contains("Test it, and go on if it works"));
        assert!(texts(&app, MAILBOX).is_empty(), "not at the mailbox that is the trouble");
        assert_eq!(state(&app).await.paused.unwrap().status, "5.1.1");

        let answer = app.send("news@lg.example", &alias, MESSAGE).await;
        assert_eq!(answer, "450 4.2.1 This address takes no mail at the moment");
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.state != DeliveryState::Waiting)).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn other_mailboxes_of_the_alias_go_on() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let second = app.mailbox("second@elsewhere.example").await;
        let both = app.alias_to("both", vec![app.mailbox, second], |_| {}).await;
        pause(&app, &alias).await;
        app.next_hop(Script::new());
        assert!(app.send("news@lg.example", &both, MESSAGE).await.starts_with("250 "));
        app.wait_until(async |app| texts(app, "second@elsewhere.example").iter().any(|text| text.contains("Subject: Sale")))
            .await;
        assert!(texts(&app, MAILBOX).is_empty());
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.state != DeliveryState::Waiting)).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_burst_soft_refusals_and_a_success_in_between_do_not_pause() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        for _ in 0..5 {
            assert!(refused(&app, &alias, GONE).await.starts_with("550 "));
        }
        app.wait_until(async |app| refusals(app).await >= 2).await;
        assert_eq!(state(&app).await.paused, None, "a burst");
        app.next_hop(Script::new());
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.wait_until(async |app| refusals(app).await == 0).await;
        for reply in [
            "550 5.7.1 this looks like spam\r\n",
            "550 5.2.2 full\r\n",
            "554 5.6.1 media\r\n",
            "550 listed by a blacklist\r\n",
            "550 no\r\n",
            "550 Requested action not taken: mailbox unavailable\r\n",
            "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents this\r\n",
        ] {
            app.clock.advance(HOUR);
            assert!(refused(&app, &alias, reply).await.starts_with("55"), "{reply}");
        }
        // A refusal of the message's text, whatever its code, is not one of the recipient.
        app.next_hop(Script::new().reply(Point::Dot, GONE));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("550 "));
        app.clock.advance(HOUR);
        assert!(refused(&app, &alias, GONE).await.starts_with("550 "));
        app.wait_until(async |app| refusals(app).await == 1).await;
        assert_eq!(state(&app).await.paused, None);
        app.finish().await;
    })
    .await;
}

/// The bounce address of one more message that went through.
async fn taken(app: &TestApp, alias: &Alias) -> Address {
    let before = app.sink.messages().len();
    assert!(app.send("news@lg.example", alias, MESSAGE).await.starts_with("250 "));
    app.sink.wait_for(before + 1).await[before].sender().parse().unwrap()
}

#[tokio::test]
async fn messages_that_are_taken_and_returned_count_whatever_is_taken_in_between() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let (full, other) = (report("failed", "5.2.2"), report("failed", "5.1.1").replace(MAILBOX, "x@behind.example"));
        for harmless in [full, other] {
            for _ in 0..3 {
                let bounce = taken(&app, &alias).await;
                assert!(app.send_to("", &[&bounce], &harmless).await.starts_with("250 "));
                app.clock.advance(HOUR);
            }
        }
        assert_eq!(refusals(&app).await, 0, "full, or another address behind the mailbox");
        for count in 1..=3 {
            assert_eq!(state(&app).await.paused, None);
            let bounce = taken(&app, &alias).await;
            for _ in 0..3 {
                assert_eq!(app.send_to("", &[&bounce], &report("failed", "5.1.1")).await, "250 2.0.0 Ok, report recorded");
                assert_eq!(refusals(&app).await, count, "the same message once more");
            }
            app.clock.advance(HOUR);
        }
        assert!(state(&app).await.paused.is_some());
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("450 4.2.1"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_said_of_an_address_does_not_count_against_the_one_the_mailbox_has_moved_to() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut bounces = Vec::new();
        for _ in 0..3 {
            bounces.push(taken(&app, &alias).await);
        }
        let (id, new, now) = (app.mailbox, address("new@elsewhere.example"), app.clock.now());
        let write = app.storage().write(move |tx| Box::pin(async move { mailbox::set_address(tx, id, &new, Some(now)).await }));
        write.await.unwrap();
        let old_words = format!("From: MAILER-DAEMON@x.example\r\n\r\n<{MAILBOX}>: 550 5.1.1 no such user\r\n");
        let nobody = "From: MAILER-DAEMON@x.example\r\n\r\n550 5.1.1 no such user\r\n".to_owned();
        for (bounce, text) in bounces.iter().zip([report("failed", "5.1.1"), old_words, nobody]) {
            assert_eq!(app.send_to("", &[bounce], &text).await, "250 2.0.0 Ok, report recorded");
            app.clock.advance(HOUR);
        }
        assert_eq!((state(&app).await.paused, refusals(&app).await), (None, 0));
        assert_eq!(app.queue().await.len(), 3, "seen all the same");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_test_that_is_taken_resumes_and_what_waited_flows() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        // Waits in the queue while the mailbox is paused.
        app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 later\r\n"));
        assert!(app.send("news@lg.example", &alias, &MESSAGE.replace("Sale", "Waiting")).await.starts_with("250 "));
        let now = app.clock.now();
        let id = app.mailbox;
        let write = app.storage().write(move |tx| Box::pin(async move { mailbox::pause(tx, id, "5.1.1", now).await }));
        assert!(write.await.unwrap());
        assert_eq!(app.deliver_after(Duration::from_hours(3)).await, 0, "nothing is handed off");
        assert!(texts(&app, MAILBOX).is_empty());

        app.next_hop(Script::new().reply(Point::Rcpt, GONE));
        let Ok(Tested::Refused(failure)) = test(&app).await else { panic!("its server refuses") };
        assert!(failure.status == "5.1.1" && failure.detail.reveal().contains("no such user"), "{failure:?}");
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(matches!(test(&app).await, Ok(Tested::Unanswered(_))));
        assert!(state(&app).await.paused.is_some());

        app.next_hop(Script::new());
        let before = app.sink.messages().len();
        assert!(matches!(test(&app).await, Ok(Tested::Taken { resumed: true, due: 1 })));
        assert_eq!((state(&app).await.paused, refusals(&app).await), (None, 0));
        let sample = String::from_utf8(app.sink.messages()[before].content.clone()).unwrap();
        assert!(sample.starts_with("DKIM-Signature: ") && sample.contains("Subject: A test of your mailbox\r\n"), "{sample}");
        app.wait_until(async |app| texts(app, MAILBOX).iter().any(|text| text.contains("Subject: Waiting\r\n"))).await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_paused_mailbox_is_tested_once_a_day_and_its_owner_told_when_it_works_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Rcpt, GONE));
        pause(&app, &alias).await;
        assert!(app.queue().await.is_empty(), "the only mailbox is the one that is the trouble");
        let broker = &app.running.broker;
        let probe = async || probing::probe(broker, app.clock.now()).await.unwrap();
        let commands = || app.sink.connections().len();
        let before = commands();
        assert_eq!(probe().await, 0, "paused a moment ago");
        app.clock.advance(probing::EVERY.saturating_sub(HOUR));
        assert_eq!((probe().await, commands()), (0, before), "not a day yet");
        app.clock.advance(HOUR);
        assert_eq!(probe().await, 0, "its server refuses it still");
        assert!(state(&app).await.paused.is_some());
        app.next_hop(Script::new());
        assert_eq!(probe().await, 0, "once a day");
        assert!(texts(&app, MAILBOX).is_empty());
        app.clock.advance(probing::EVERY);
        assert_eq!(probe().await, 1);
        assert_eq!((state(&app).await.paused, refusals(&app).await), (None, 0));
        app.wait_until(async |app| texts(app, MAILBOX).len() == 2).await;
        let [sample, told] = &texts(&app, MAILBOX)[..] else { panic!("the test and the notice") };
        assert!(sample.contains("Subject: A test of your mailbox\r\n") && sample.contains("refused it"), "{sample}");
        assert!(told.contains("Subject: One of your mailboxes takes mail again\r\n") && told.contains("5.1.1"), "{told}");
        assert_eq!(probe().await, 0, "it is paused no more");
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_too_long_for_a_paused_mailbox_fails_where_its_owner_sees_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 later\r\n"));
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let (id, now): (MailboxId, _) = (app.mailbox, app.clock.now());
        let write = app.storage().write(move |tx| Box::pin(async move { mailbox::pause(tx, id, "5.1.1", now).await }));
        assert!(write.await.unwrap());
        app.clock.advance(Duration::from_hours(24 * 6));
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!((row.kind, row.state), (DeliveryKind::Forward, DeliveryState::Failed));
        let failure = row.last_failure.as_ref().unwrap();
        assert_eq!(failure.detail.reveal(), "the mailbox is paused and was not resumed in time");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_is_moved_starts_anew_and_one_that_is_not_verified_is_not_tested() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        pause(&app, &alias).await;
        app.next_hop(Script::new());
        let (id, new) = (app.mailbox, address("new@elsewhere.example"));
        let write = app.storage().write(move |tx| Box::pin(async move { mailbox::set_address(tx, id, &new, None).await }));
        write.await.unwrap();
        assert_eq!((state(&app).await.paused, refusals(&app).await), (None, 0));
        let before = app.sink.messages().len();
        assert!(matches!(test(&app).await, Err(TestError::Unverified)));
        assert_eq!(app.sink.messages().len(), before);
        app.finish().await;
    })
    .await;
}
