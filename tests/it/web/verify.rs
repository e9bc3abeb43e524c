//! A mailbox is verified by the link that is mailed there, and gets nothing else before.

use std::time::Duration;

use mail_parser::MessageParser;
use postern::model::mailbox::Mailbox;
use postern::service::verification::{self, Sent};
use postern::service::{mailbox, notice};
use postern::storage::queue;
use postern::transform::notice::Letter;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::sink::Message;

const NEW: &str = "jane@second.example";

/// The path of the link in the last letter that arrived at an address.
pub fn link(app: &TestApp, to: &str) -> String {
    let messages = app.sink.messages();
    let last = messages.iter().rev().find(|message| message.recipients() == [to]).unwrap();
    let parsed = MessageParser::new().parse(&last.content).unwrap();
    let text = parsed.body_text(0).unwrap();
    let at = text.find("/verify/").unwrap();
    let link = text[at..].split_whitespace().next().unwrap().to_owned();
    let html = parsed.body_html(0).unwrap();
    assert!(html.contains(&format!("href=\"http://127.0.0.1:8080{link}\"")), "{html}");
    link
}

/// What arrived at an address.
pub fn arrived(app: &TestApp, to: &str) -> Vec<Message> {
    app.sink.messages().into_iter().filter(|message| message.recipients() == [to]).collect()
}

/// Waits until that much arrived at an address and nothing is on its way.
pub async fn settled(app: &TestApp, to: &str, count: usize) {
    app.wait_until(async |app| app.read(async |tx| queue::counts(tx).await).await.waiting == 0).await;
    assert_eq!(arrived(app, to).len(), count);
}

async fn add(app: &TestApp, text: &str) -> Mailbox {
    let (added, sent) = verification::add_with(&app.running.broker, app.user, address(text)).await.unwrap();
    assert_eq!(sent, Sent::Mailed);
    settled(app, text, 1).await;
    added
}

async fn is_verified(app: &TestApp, text: &str) -> bool {
    let found = mailbox::find(&app.running.broker.desk, app.user, &address(text)).await.unwrap();
    found.unwrap().verified_at.is_some()
}

const MAIL: &str = "From: n@lg.example\r\nTo: x\r\nSubject: Hello\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\nHi\r\n";

#[tokio::test]
async fn the_link_verifies_by_a_press_once_and_looking_changes_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        add(&app, NEW).await;
        let path = link(&app, NEW);
        let mut reader = Browser::new(&app);
        for _ in 0..3 {
            let page = reader.get(&path).await;
            assert_eq!(page.status, 200);
            assert!(page.body.contains(NEW) && page.body.contains("<form method=\"post\">"), "{}", page.body);
        }
        assert!(!is_verified(&app, NEW).await, "looking verifies nothing");
        let pressed = reader.post(&path, &[]).await;
        assert!(pressed.status == 200 && pressed.body.contains("Your mailbox is confirmed"), "{}", pressed.body);
        assert!(is_verified(&app, NEW).await);
        for answer in [reader.post(&path, &[]).await, reader.get(&path).await] {
            assert!(answer.status == 200 && answer.body.contains("was confirmed before"), "{}", answer.body);
            assert!(!answer.body.contains("<form method=\"post\">"), "{}", answer.body);
        }
        for wrong in ["/verify/x", "/verify/%FF", &format!("{path}x")] {
            let answer = reader.post(wrong, &[]).await;
            assert!(answer.status == 404 || answer.status == 400, "{wrong}: {}", answer.status);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_link_works_for_a_day_and_for_the_address_it_went_to() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let desk = &app.running.broker.desk;
        add(&app, NEW).await;
        let late = link(&app, NEW);
        app.clock.advance(Duration::from_hours(24));
        let mut reader = Browser::new(&app);
        for answer in [reader.get(&late).await, reader.post(&late, &[]).await] {
            assert!(answer.status == 404 && answer.body.contains("does not work any more"), "{}", answer.body);
        }
        let added = mailbox::find(desk, app.user, &address(NEW)).await.unwrap().unwrap();
        assert_eq!(verification::resend(&app.running.broker, &added).await.unwrap(), Sent::Mailed);
        settled(&app, NEW, 2).await;
        let elsewhere = link(&app, NEW);
        mailbox::relocate(desk, app.user, &added.address, address("other@third.example"), false).await.unwrap();
        assert_eq!(reader.post(&elsewhere, &[]).await.status, 404);
        assert!(!is_verified(&app, "other@third.example").await);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_gets_the_link_and_nothing_else_before_it_is_verified() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let added = add(&app, NEW).await;
        let alone = app.alias_to("alone", vec![added.id], |_| {}).await;
        let both = app.alias_to("both", vec![app.mailbox, added.id], |_| {}).await;
        let refused = app.send("n@lg.example", &alone, MAIL).await;
        assert!(refused.starts_with('4') || refused.starts_with('5'), "{refused}");
        assert!(app.send("n@lg.example", &both, MAIL).await.starts_with("250"));
        settled(&app, NEW, 1).await;
        settled(&app, MAILBOX, 1).await;
        // Nor is it told anything, be it the only one left.
        let telling = notice::Telling {
            user_id: app.user,
            kind: postern::model::notice::NoticeKind::KeyExpires,
            about: "x".into(),
            quiet_for: Duration::ZERO,
            letter: Letter { subject: "x".into(), paragraphs: vec![], action: None },
            except: Some(app.mailbox),
        };
        let broker = &app.running.broker;
        let domain = broker.rules.domains.first().unwrap();
        assert!(!notice::tell(&broker.desk, domain, telling).await.unwrap());
        let bench = broker.bench().unwrap();
        assert!(postern::service::mailbox_test::test(&bench, &added).await.is_err());

        Browser::new(&app).post(&link(&app, NEW), &[]).await;
        assert!(app.send("n@lg.example", &alone, MAIL).await.starts_with("250"));
        settled(&app, NEW, 2).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_is_flooded_with_links() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let broker = &app.running.broker;
        let mut sent = Vec::new();
        // Neither other spelling nor adding anew helps.
        for text in ["a@b.example", "A@b.example", "a@B.example", "a@b.example", "a@b.example", "a@b.example"] {
            let (added, this) = verification::add_with(broker, app.user, address(text)).await.unwrap();
            sent.push(this);
            mailbox::remove(&broker.desk, app.user, &added.address).await.unwrap();
        }
        assert_eq!(sent, [vec![Sent::Mailed; 5], vec![Sent::Enough]].concat());
        for number in 0..15 {
            let (_, sent) = verification::add_with(broker, app.user, address(&format!("x{number}@b.example"))).await.unwrap();
            assert_eq!(sent, Sent::Mailed);
        }
        let (added, sent) = verification::add_with(broker, app.user, address("last@b.example")).await.unwrap();
        assert_eq!(sent, Sent::Enough, "a user's links are counted wherever they go");
        app.clock.advance(Duration::from_hours(2));
        assert_eq!(verification::resend(broker, &added).await.unwrap(), Sent::Mailed);
        settled(&app, "last@b.example", 1).await;
        assert!(arrived(&app, "a@b.example").len() <= 5);
        app.finish().await;
    })
    .await;
}
