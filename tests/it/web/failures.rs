//! `/failures`: why something waits, and what trying it again does.

use postern::model::delivery::Delivery;
use postern::storage::site_backoff;

use crate::storage::plans::execute;
use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: shop@you.example\r\nSubject: Hi\r\n\r\nHello\r\n";

async fn row(app: &TestApp, id: postern::model::id::DeliveryId) -> Delivery {
    app.queue().await.into_iter().find(|row| row.id == id).unwrap()
}

#[tokio::test]
async fn a_person_s_retry_reaches_a_server_that_rests_and_its_last_answer_stays() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        app.next_hop(Script::new().reply(Point::Greeting, "421 4.3.2 Out to lunch\r\n"));
        for _ in 0..2 {
            assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        }
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.last_failure.is_some())).await;
        let rows = app.queue().await;
        let first = rows.iter().find(|row| row.last_failure.as_ref().unwrap().code.is_some()).unwrap().clone();
        let second = rows.iter().find(|row| row.id != first.id).unwrap().clone();
        // The second was put off by ourselves: those words are not the other server's.
        let page = browser.get("/failures").await.body;
        assert!(page.contains("so it is left alone for a few minutes") && page.contains("What was noted here"), "{page}");
        assert_eq!(page.matches("What the other server said").count(), 1, "{page}");
        assert!(page.contains("Out to lunch") && !page.contains("the site was"), "{page}");

        // This node waits although the shared list does not say so (yet): the real answer is not lost by that.
        execute(&database, "DELETE FROM site_backoff".into()).await;
        execute(&database, format!("UPDATE deliveries SET next_attempt_at = 0 WHERE id = {}", first.id)).await;
        app.wait_until(async |app| row(app, first.id).await.attempts > first.attempts).await;
        app.wait_until(async |app| row(app, first.id).await.next_attempt_at.as_micros() > 0).await;
        let kept = row(&app, first.id).await.last_failure.unwrap();
        assert!(kept.code == Some(421) && kept.detail.reveal().contains("Out to lunch"), "{kept:?}");

        app.next_hop(Script::new());
        let asked = browser.post(&format!("/failures/{}/retry", second.uuid), &[]).await;
        assert_eq!(asked.header("location"), Some("../../failures?said=due"));
        assert_eq!(app.sink.wait_for(1).await.len(), 1, "it is tried although the server rests");
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.id != second.id)).await;
        let until = postern::model::Clock::now(&*app.clock).plus(std::time::Duration::from_hours(1));
        let listed = app.storage().write(move |tx| Box::pin(async move { site_backoff::record(tx, "elsewhere", until).await }));
        listed.await.unwrap();
        app.clock.advance(std::time::Duration::from_mins(30));
        app.finish().await;
    })
    .await;
}
