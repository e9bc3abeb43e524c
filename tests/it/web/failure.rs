//! `/failures`: what did not arrive, why, and what its owner does about it.

use std::time::Duration;

use postern::model::delivery::DeliveryState;
use postern::storage::alias::NewAlias;

use crate::support::app::{self, TestApp};
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: shop@you.example\r\nSubject: Hi\r\n\r\nHello\r\n";

/// Waits until every delivery that waits was tried and put off.
async fn put_off(app: &TestApp) {
    app.wait_until(async |app| {
        app.queue().await.iter().all(|row| row.state != DeliveryState::Waiting || row.last_failure.is_some())
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_tried_again_and_what_ended_is_taken_out() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 <script>alert(1)</script>\r\n"));
        for to in [&alias, &alias, &theirs] {
            assert!(app.send("news@shop.example", to, MESSAGE).await.starts_with("250 "));
        }
        put_off(&app).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/failures").await.body;
        assert!(page.contains("2 waiting") && page.contains("There is trouble at the moment"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script>alert"), "{page}");
        assert!(!page.contains("bob@"), "somebody else's");
        let queue = app.queue().await;
        let of_bob = queue.iter().find(|row| row.alias_id == Some(theirs.id)).unwrap().uuid;
        for act in ["retry", "dismiss"] {
            assert_eq!(browser.post(&format!("/failures/{of_bob}/{act}"), &[]).await.status, 404);
            assert_eq!(browser.post(&format!("/failures/nonsense/{act}"), &[]).await.status, 404);
        }
        let mine = queue.iter().find(|row| row.alias_id == Some(alias.id)).unwrap().uuid;
        let answer = browser.post(&format!("/failures/{mine}/dismiss"), &[]).await;
        assert_eq!(answer.header("location"), Some("../../failures?said=ended"), "it still waits");

        app.next_hop(Script::new());
        let answer = browser.post("/failures/retry", &[]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("../failures?said=all-due")));
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.alias_id != Some(alias.id))).await;
        let arrived = app.sink.messages().into_iter().filter(|message| message.accepted).count();
        assert!(arrived >= 2, "{arrived}");
        assert!(browser.get("/failures").await.body.contains("Nothing here"));
        assert_eq!(browser.post(&format!("/failures/{mine}/retry"), &[]).await.status, 404, "it arrived");
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_given_up_stays_until_it_is_taken_out() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let second = app.mailbox("second@inbox.example").await;
        let both = app.alias_to("both", vec![app.mailbox, second], |_| {}).await;
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(app.send("news@shop.example", &both, MESSAGE).await.starts_with("250 "));
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        put_off(&app).await;
        let mut browser = Browser::signed_in(&app).await;
        let killed = browser.post(&format!("/aliases/{}/state", both.uuid), &[("state", "killed"), ("sure", "yes")]).await;
        assert_eq!(killed.status, 303);
        let page = browser.get("/failures?state=cancelled").await.body;
        assert!(page.contains("1 waiting") && page.contains("2 dropped"), "{page}");
        assert!(page.contains("because the alias was killed") && !page.contains("Try again now"), "{page}");
        let row = app.queue().await.iter().find(|row| row.state == DeliveryState::Cancelled).unwrap().uuid;
        let answer = browser.post(&format!("/failures/{row}/retry"), &[]).await;
        assert_eq!(answer.header("location"), Some("../../failures?said=ended"), "its content is erased");
        let answer = browser.post(&format!("/failures/{row}/dismiss"), &[]).await;
        assert_eq!(answer.header("location"), Some("../../failures?said=forgotten"));
        assert!(browser.get("/failures").await.body.contains("1 dropped"));
        assert_eq!(browser.post("/failures/dismiss", &[]).await.header("location"), Some("../failures?said=all-forgotten"));
        let left = app.queue().await;
        assert_eq!((left.len(), left[0].state), (1, DeliveryState::Waiting), "what waits stays");
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_and_lose_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        for _ in 0..27 {
            assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        }
        put_off(&app).await;
        let mut browser = Browser::signed_in(&app).await;
        let first = browser.get("/failures").await.body;
        let next = first.split("href=\"failures?before=").nth(1).unwrap().split('"').next().unwrap();
        let second = browser.get(&format!("/failures?before={next}")).await.body;
        let rows = |page: &str| page.matches("/retry\">").count() - page.matches("failures/retry\">").count();
        assert_eq!((rows(&first), rows(&second)), (25, 2));
        assert!(!second.contains("Older ones"));
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}
