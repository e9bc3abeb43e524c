//! A site that rests after trouble, and those who will not wait: an owner for one message of theirs, the operator for all.

use std::time::Duration;

use postern::model::Clock;
use postern::model::alias::Alias;
use postern::model::delivery::{Delivery, DeliveryState};
use postern::service::{admin, user as users};
use uuid::Uuid;

use crate::api::{draw_token, with_bearer};
use crate::storage::plans::execute;
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: shop@you.example\r\nSubject: Hi\r\n\r\nHello\r\n";

/// An instance whose next hop is as good as dead: two messages of its user wait, and one of somebody else; all are due, and
/// none is tried.
async fn resting(database: &Database) -> (TestApp, Alias, Alias) {
    let app = TestApp::start(database).await;
    let (bob, inbox) = user(app.storage(), &*app.clock, "bob@inbox.example").await;
    let theirs = app.alias_to("bob", vec![inbox], |new| new.user_id = bob).await;
    let mine = app.alias("shop").await;
    app.next_hop(Script::new().reply(Point::Greeting, "421 4.3.2 busy\r\n"));
    for to in [&mine, &mine, &theirs] {
        assert!(app.send("news@shop.example", to, MESSAGE).await.starts_with("250 "));
    }
    app.wait_until(async |app| app.queue().await.iter().all(|row| row.last_failure.is_some())).await;
    assert_eq!(app.sink.connections().len(), 1, "the others were not even tried");
    execute(database, "UPDATE deliveries SET next_attempt_at = 0".into()).await;
    assert_eq!(app.running.queue.deliver_due().await.unwrap(), 0, "the site rests");
    (app, mine, theirs)
}

async fn waiting(app: &TestApp, alias: &Alias) -> Vec<Delivery> {
    let rows = app.queue().await.into_iter();
    rows.filter(|row| row.alias_id == Some(alias.id) && row.state == DeliveryState::Waiting).collect()
}

/// Waits until one was tried once more and waits again.
async fn tried_again(app: &TestApp, row: &Delivery) {
    app.wait_until(async |app| {
        let now = app.queue().await.into_iter().find(|found| found.id == row.id).unwrap();
        now.attempts > row.attempts && now.next_attempt_at > app.clock.now()
    })
    .await;
}

/// All that waits goes out, so that the test can end.
async fn relieve(app: TestApp) {
    app.next_hop(Script::new());
    app.clock.advance(Duration::from_hours(1));
    app.wait_until(async |app| app.queue().await.is_empty()).await;
    app.finish().await;
}

#[tokio::test]
async fn an_owner_has_one_message_tried_at_once_and_the_site_rests_on_for_all_others() {
    each_driver(async |database| {
        let (app, mine, theirs) = resting(&database).await;
        let rows = waiting(&app, &mine).await;
        let mut browser = Browser::signed_in(&app).await;
        let token = draw_token(&app, &[]).await;
        let by_page = async |browser: &mut Browser, id: Uuid| {
            let asked = browser.post(&format!("/failures/{id}/retry"), &[]).await;
            assert_eq!(asked.header("location"), Some("../../failures?said=due"), "{}", asked.body);
        };
        let by_api = async |id: Uuid| {
            let asked = with_bearer(&app, &token, &format!("POST /v1/deliveries/{id}/retry"), "").await;
            assert_eq!(asked.status, 204, "{}", asked.body);
        };
        // It is as bad as before: one attempt for each wish, and none for anybody else.
        by_page(&mut browser, rows[0].uuid).await;
        tried_again(&app, &rows[0]).await;
        assert_eq!(app.sink.connections().len(), 2);
        by_api(rows[1].uuid).await;
        tried_again(&app, &rows[1]).await;
        assert_eq!(app.sink.connections().len(), 3);
        execute(&database, "UPDATE deliveries SET next_attempt_at = 0".into()).await;
        assert_eq!(app.running.queue.deliver_due().await.unwrap(), 0, "a wish is for one attempt");
        assert_eq!(waiting(&app, &theirs).await.len(), 1);

        // What all of an owner's is due waits for the site like everybody's.
        let all = browser.post("/failures/retry", &[]).await;
        assert_eq!(all.header("location"), Some("../failures?said=all-due"));
        let said = browser.get("/failures?said=all-due").await.body;
        assert!(said.contains("within a quarter of an hour"), "{said}");
        assert_eq!(app.running.queue.deliver_due().await.unwrap(), 0);
        assert_eq!(app.sink.connections().len(), 3);

        // It works again, and nobody knows yet.
        app.next_hop(Script::new());
        by_page(&mut browser, rows[0].uuid).await;
        let arrived = app.sink.wait_for(1).await;
        assert_eq!(arrived[0].recipients(), [MAILBOX]);
        relieve(app).await;
    })
    .await;
}

/// A browser of whoever runs the instance.
async fn operator(app: &TestApp) -> Browser {
    let desk = &app.running.broker.desk;
    let uuid = users::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap().uuid;
    admin::set_admin(desk, uuid, true).await.unwrap();
    Browser::signed_in(app).await
}

#[tokio::test]
async fn the_operator_ends_the_rest_of_a_site_and_one_message_goes_at_once() {
    each_driver(async |database| {
        let (app, _, theirs) = resting(&database).await;
        let mut browser = operator(&app).await;
        app.next_hop(Script::new());
        let row = waiting(&app, &theirs).await.remove(0);
        let asked = browser.post(&format!("/admin/queue/{}/retry", row.id), &[]).await;
        assert_eq!(asked.status, 303, "{}", asked.body);
        app.wait_until(async |app| waiting(app, &theirs).await.is_empty()).await;
        let arrived = app.sink.messages();
        assert!(arrived.iter().any(|message| message.recipients() == ["bob@inbox.example"]), "{arrived:?}");
        relieve(app).await;
    })
    .await;
}

#[tokio::test]
async fn the_operator_ends_all_rests_and_everything_goes_at_once() {
    each_driver(async |database| {
        let (app, ..) = resting(&database).await;
        let mut browser = operator(&app).await;
        // Dead still: one attempt finds that out, and the site rests again.
        assert_eq!(browser.post("/admin/queue/retry", &[]).await.status, 303);
        let is_settled = |row: &Delivery, now| row.attempts > 1 && row.next_attempt_at > now;
        app.wait_until(async |app| app.queue().await.iter().all(|row| is_settled(row, app.clock.now()))).await;
        assert!(app.sink.connections().len() > 1);
        app.next_hop(Script::new());
        assert_eq!(browser.post("/admin/queue/retry", &[]).await.status, 303);
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(app.sink.messages().len(), 3);
        app.finish().await;
    })
    .await;
}
