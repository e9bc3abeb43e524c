//! The direct path: the next hop answers while the sender waits, and nothing is kept.

use std::net::SocketAddr;

use postern::model::alias::AliasState;
use postern::model::delivery::DeliveryState;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

pub const MESSAGE: &str = "From: LG News <news@lg.example>\r\nTo: shop@you.example\r\nSubject: Sale\r\nMessage-ID: <1@lg.example>\r\n\
                           Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello,\r\n..two dots\r\n\r\n";

/// What a message's body is on the wire, un-stuffed.
fn body(raw: &[u8]) -> &[u8] {
    let at = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    &raw[at + 4..]
}

#[tokio::test]
async fn a_message_goes_straight_through_and_leaves_only_a_count() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        assert_eq!(app.send("news@lg.example", &alias, MESSAGE).await, "250 2.0.0 Ok, message accepted");
        let [message] = &app.sink.wait_for(1).await[..] else { panic!("one message") };
        assert_eq!(message.recipients(), [MAILBOX]);
        assert!(message.sender().starts_with("bounce+") && message.sender().ends_with("@you.example"), "{}", message.sender());
        assert_eq!(body(&message.content), b"Hello,\r\n.two dots\r\n\r\n");
        let text = String::from_utf8(message.content.clone()).unwrap();
        for kept in [
            "Subject: Sale\r\n",
            "Message-ID: <1@lg.example>\r\n",
            "To: shop@you.example\r\n",
            "X-Postern-Alias: shop@you.example\r\n",
        ] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
        assert!(!text.contains(MAILBOX));
        assert!(text.contains("<reply+"), "{text}");
        assert_eq!(app.activity(&alias).await.forwarded, 1);
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_sender_keeps_its_reverse_address() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.send("a@lg.example", &alias, MESSAGE).await;
        let app = app.restart().await;
        app.send("b@lg.example", &alias, MESSAGE).await;
        let froms: Vec<String> = app
            .sink
            .wait_for(2)
            .await
            .iter()
            .map(|message| {
                let text = String::from_utf8_lossy(&message.content).into_owned();
                let at = text.find("<reply+").unwrap();
                text[at..].chars().take_while(|c| *c != '>').collect()
            })
            .collect();
        assert_eq!(froms[0], froms[1]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_killed_alias_is_not_to_be_told_from_one_that_never_was() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let unknown = postern::model::Address::parse("nobody@you.example").unwrap();
        let refusal = app.send_to("news@lg.example", &[&unknown], MESSAGE).await;
        assert_eq!(refusal, "550 5.1.1 No such address here");
        app.set_state(&alias, AliasState::Killed).await;
        assert_eq!(app.send("news@lg.example", &alias, MESSAGE).await, refusal);
        assert_eq!(app.activity(&alias).await.blocked, 1);
        app.set_state(&alias, AliasState::Active).await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_kill_between_rcpt_and_the_final_dot_still_counts() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut client = app.client().await;
        client.ask("MAIL FROM:<news@lg.example>", "250").await;
        client.ask("RCPT TO:<shop@you.example>", "250").await;
        client.ask("DATA", "354").await;
        app.set_state(&alias, AliasState::Killed).await;
        client.send(format!("{MESSAGE}.\r\n")).await;
        client.expect("550 5.1.1").await;
        assert!(app.sink.messages().is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_paused_alias_asks_senders_to_come_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.set_state(&alias, AliasState::Paused).await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("450 4.2.1"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_dies_by_date_and_by_count() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let by_count = app.alias_to("two", vec![app.mailbox], |new| new.max_messages = Some(2)).await;
        for expected in ["250 ", "250 ", "550 5.1.1"] {
            let reply = app.send("news@lg.example", &by_count, MESSAGE).await;
            assert!(reply.starts_with(expected), "{reply}");
        }
        let now = postern::model::Clock::now(&*app.clock);
        let hour = std::time::Duration::from_hours(1);
        let by_date = app.alias_to("hour", vec![app.mailbox], |new| new.expires_at = Some(now.plus(hour))).await;
        assert!(app.send("news@lg.example", &by_date, MESSAGE).await.starts_with("250 "));
        app.clock.advance(hour);
        assert!(app.send("news@lg.example", &by_date, MESSAGE).await.starts_with("550 5.1.1"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_not_taken_uses_up_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let once = app.alias_to("once", vec![app.mailbox], |new| new.max_messages = Some(1)).await;
        app.next_hop(Script::new().reply(Point::Rcpt, "550 5.7.1 no\r\n"));
        assert!(app.send("news@lg.example", &once, MESSAGE).await.starts_with("55"));
        app.next_hop(Script::new());
        assert!(app.send("news@lg.example", &once, MESSAGE).await.starts_with("250 "));
        assert!(app.send("news@lg.example", &once, MESSAGE).await.starts_with("550 5.1.1"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_recipient_that_can_not_be_served_beside_another_is_visible() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let shop = app.alias("shop").await;
        let once = app.alias_to("once", vec![app.mailbox], |new| new.max_messages = Some(1)).await;
        let mut client = app.client().await;
        client.ask("MAIL FROM:<news@lg.example>", "250").await;
        for alias in [&shop, &once] {
            client.ask(&format!("RCPT TO:<{}>", alias.address), "250").await;
        }
        client.ask("DATA", "354").await;
        assert!(app.send("other@lg.example", &once, MESSAGE).await.starts_with("250 "), "the last one is used up meanwhile");
        client.send(format!("{MESSAGE}.\r\n")).await;
        client.expect("250").await;
        app.wait_until(async |app| !app.queue().await.is_empty()).await;
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!((row.alias_id, row.state), (Some(once.id), DeliveryState::Failed));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_the_next_hop_is_passed_on_in_neutral_words() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        for (point, reply, expected) in [
            (Point::Rcpt, format!("550 5.1.1 <{MAILBOX}> unknown at mailbox-provider.example\r\n"), "550 5."),
            (Point::Dot, "554 5.7.1 jane.roe does not like you\r\n".to_owned(), "55"),
            (Point::Mail, "552 5.2.2 mailbox-provider says full\r\n".to_owned(), "55"),
        ] {
            app.next_hop(Script::new().reply(point, reply));
            let answer = app.send("news@lg.example", &alias, MESSAGE).await;
            assert!(answer.starts_with(expected), "{answer}");
            for secret in ["jane", "mailbox-provider"] {
                assert!(!answer.contains(secret), "{answer}");
            }
        }
        assert_eq!(app.activity(&alias).await.refused, 3);
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn two_mailboxes_get_a_copy_each() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let second = app.mailbox("second@elsewhere.example").await;
        let alias = app.alias_to("both", vec![app.mailbox, second], |_| {}).await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let mut recipients: Vec<_> =
            app.sink.wait_for(2).await.iter().map(|message| message.recipients()[0].to_owned()).collect();
        recipients.sort();
        assert_eq!(recipients, [MAILBOX, "second@elsewhere.example"]);
        let senders: Vec<_> = app.sink.messages().iter().map(|message| message.sender().to_owned()).collect();
        assert_ne!(senders[0], senders[1], "each copy has a bounce address of its own");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_null_sender_stays_null() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        assert!(app.send("", &alias, MESSAGE).await.starts_with("250 "));
        assert_eq!(app.sink.wait_for(1).await[0].sender(), "");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn health_says_ready() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        assert!(get(app.running.http, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(get(app.running.http, "/healthz").await.starts_with("HTTP/1.1 200"));
        app.finish().await;
    })
    .await;
}

async fn get(server: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
