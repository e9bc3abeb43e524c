//! Senders the owner blocked get 550, by the envelope at RCPT or by the author at the end of data; others notice nothing.

use postern::model::alias::{Alias, AliasState};
use postern::service::{block, contact};

use crate::support::app::TestApp;
use crate::support::database::{address, each_driver};

const BLOCKED: &str = "550 5.7.1 Mail from this sender is not accepted here";

fn letter(author: &str) -> String {
    format!("From: {author}\r\nTo: someone@you.example\r\nSubject: Sale\r\n\r\nHello\r\n")
}

async fn block(app: &TestApp, sender: &str) {
    assert!(block::add(&app.running.broker.desk, app.user, sender.parse().unwrap()).await.unwrap());
}

/// Where a sender is turned away, if anywhere.
async fn answer(app: &TestApp, alias: &Alias, sender: &str, author: &str) -> (bool, String) {
    let mut client = app.client().await;
    client.ask(&format!("MAIL FROM:<{sender}>"), "250").await;
    client.send(format!("RCPT TO:<{}>\r\n", alias.address)).await;
    let reply = client.read_reply().await.unwrap();
    if !reply.starts_with("250") {
        return (true, reply.trim_end().to_owned());
    }
    client.ask("DATA", "354").await;
    client.send(format!("{}.\r\n", letter(author))).await;
    (false, client.read_reply().await.unwrap().trim_end().to_owned())
}

#[tokio::test]
async fn a_blocked_sender_is_turned_away_by_envelope_and_by_author() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (shop, other) = (app.alias("shop").await, app.alias("other").await);
        block(&app, "Spam@lg.example").await;
        block(&app, "ads.example").await;
        let blocked = |at_rcpt: bool| (at_rcpt, BLOCKED.to_owned());
        for alias in [&shop, &other] {
            assert_eq!(answer(&app, alias, "SPAM@lg.example", "news@lg.example").await, blocked(true));
            assert_eq!(answer(&app, alias, "x@mail.ads.example", "news@lg.example").await, blocked(true));
            assert_eq!(answer(&app, alias, "bounce@lg.example", "\"LG\" <spam@LG.example>").await, blocked(false));
            assert_eq!(answer(&app, alias, "", "x@ads.example").await, blocked(false));
            for stranger in ["news@lg.example", "x@bads.example", "xspam@lg.example", "spam@sub.lg.example"] {
                assert!(answer(&app, alias, stranger, stranger).await.1.starts_with("250 "), "{stranger}");
            }
        }
        assert_eq!(app.activity(&shop).await.blocked, 4);
        assert_eq!(app.sink.messages().len(), 8);
        assert!(block::remove(&app.running.broker.desk, app.user, "@ads.example".parse().unwrap()).await.unwrap());
        assert!(answer(&app, &shop, "x@ads.example", "x@ads.example").await.1.starts_with("250 "));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_blocked_contact_is_blocked_at_its_alias_alone() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (shop, other) = (app.alias("shop").await, app.alias("other").await);
        let desk = &app.running.broker.desk;
        contact::block(desk, app.user, &shop.address, address("news@lg.example")).await.unwrap();
        assert_eq!(answer(&app, &shop, "news@lg.example", "a@lg.example").await, (true, BLOCKED.into()));
        assert_eq!(answer(&app, &shop, "a@lg.example", "News@lg.example").await, (false, BLOCKED.into()));
        assert!(answer(&app, &other, "news@lg.example", "news@lg.example").await.1.starts_with("250 "));
        assert!(contact::unblock(desk, app.user, &shop.address, &address("NEWS@lg.example")).await.unwrap());
        assert!(answer(&app, &shop, "news@lg.example", "news@lg.example").await.1.starts_with("250 "));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_dead_alias_answers_a_blocked_sender_like_everybody_and_a_paused_one_refuses_it_for_good() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        block(&app, "lg.example").await;
        app.set_state(&alias, AliasState::Paused).await;
        assert_eq!(answer(&app, &alias, "news@lg.example", "x").await.1, BLOCKED);
        assert!(answer(&app, &alias, "news@other.example", "x").await.1.starts_with("450 "));
        app.set_state(&alias, AliasState::Killed).await;
        assert!(answer(&app, &alias, "news@lg.example", "x").await.1.starts_with("550 5.1.1 "));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn beside_others_who_take_it_a_blocked_author_is_counted_and_shown() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (shop, other) = (app.alias("shop").await, app.alias("other").await);
        let blocked = address("news@lg.example");
        contact::block(&app.running.broker.desk, app.user, &shop.address, blocked).await.unwrap();
        let answer = app.send_to("bounce@lg.example", &[&shop.address, &other.address], &letter("news@lg.example")).await;
        assert!(answer.starts_with("250 "), "{answer}");
        assert_eq!(app.sink.messages().len(), 1);
        app.wait_until(async |app| !app.queue().await.is_empty()).await;
        let row = app.queue().await.pop().unwrap();
        assert_eq!((row.alias_id, row.last_failure.unwrap().status), (Some(shop.id), "5.7.1".into()));
        let counts = app.activity(&shop).await;
        assert_eq!((counts.blocked, counts.failed, counts.forwarded), (1, 0, 0));
        app.finish().await;
    })
    .await;
}
