//! What comes back to a bounce address: reports of failure are shown to the owner, good news is taken and forgotten,
//! everything else is refused.

use postern::model::delivery::DeliveryState;

use super::direct::MESSAGE;
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::each_driver;

pub fn report(action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mailbox-provider.example\r\nSubject: Undelivered\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.mailbox-provider.example\r\n\r\n\
         Final-Recipient: rfc822; {MAILBOX}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
    )
}

/// The bounce address of a message that went through.
pub async fn bounce_address(app: &TestApp) -> postern::model::Address {
    let alias = app.alias("shop").await;
    assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
    app.sink.wait_for(1).await[0].sender().parse().unwrap()
}

#[tokio::test]
async fn a_returned_message_is_a_failure_its_owner_sees() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let bounce = bounce_address(&app).await;
        assert_eq!(app.send_to("", &[&bounce], &report("failed", "5.1.1")).await, "250 2.0.0 Ok, report recorded");
        assert_eq!(app.send_to("", &[&bounce], &report("failed", "5.1.1")).await, "250 2.0.0 Ok, report recorded", "once more");
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!((row.state, row.last_failure.as_ref().unwrap().status.as_str()), (DeliveryState::Failed, "5.1.1"));
        assert_eq!(app.sink.messages().len(), 1, "a report goes nowhere");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_report_of_a_failure_is_refused() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let bounce = bounce_address(&app).await;
        let vacation = "From: jane\r\nSubject: Re: Sale\r\nAuto-Submitted: auto-replied\r\n\r\nI am away\r\n";
        assert!(app.send_to("", &[&bounce], vacation).await.starts_with("550 5.7.1"), "an answer of a machine");
        assert!(app.send_to("someone@lg.example", &[&bounce], MESSAGE).await.starts_with("550 5.7.1"));
        let forged: postern::model::Address = bounce.to_string().replace("bounce+a", "bounce+b").parse().unwrap();
        assert!(app.send_to("", &[&forged], &report("failed", "5.1.1")).await.starts_with("550 5.1.1"));
        app.clock.advance(std::time::Duration::from_hours(24 * 18));
        assert!(app.send_to("", &[&bounce], &report("failed", "5.1.1")).await.starts_with("550 5.1.1"), "expired");
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn good_news_is_taken_and_leaves_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let bounce = bounce_address(&app).await;
        for (action, status) in [("delayed", "4.4.1"), ("delivered", "2.0.0"), ("relayed", "2.0.0"), ("expanded", "2.0.0")] {
            let answer = app.send_to("", &[&bounce], &report(action, status)).await;
            assert_eq!(answer, "250 2.0.0 Ok, nothing has failed", "{action}");
        }
        assert!(app.queue().await.is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_good_on_its_own_domain_alone_and_in_any_case() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.instance.domains.push("more.example".into())).await;
        let bounce = bounce_address(&app).await;
        let elsewhere: postern::model::Address = format!("{}@more.example", bounce.local()).parse().unwrap();
        assert!(app.send_to("", &[&elsewhere], &report("failed", "5.1.1")).await.starts_with("550 5.1.1"));
        assert!(app.queue().await.is_empty());
        let upper: postern::model::Address = format!("{}@you.example", bounce.local().to_uppercase()).parse().unwrap();
        assert!(app.send_to("", &[&upper], &report("failed", "5.1.1")).await.starts_with("250 "));
        assert_eq!(app.queue().await.len(), 1);
        app.finish().await;
    })
    .await;
}
