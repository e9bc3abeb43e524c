//! What is not delivered: shown with its reason, tried again, given up, forgotten; what is held is decided on.

use std::time::Duration;

use serde_json::json;

use super::{Client, MESSAGE, each, text};
use crate::storage::plans::execute;
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

#[tokio::test]
async fn a_waiting_delivery_is_tried_again_or_given_up_and_then_forgotten() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        for _ in 0..3 {
            client.app.send("news@lg.example", &alias, MESSAGE).await;
        }
        client.app.wait_until(async |app| app.queue().await.iter().all(|one| one.last_failure.is_some())).await;
        let page = client.expect(200, "GET /v1/deliveries?state=waiting&limit=2", "").await;
        let rest = client.expect(200, &format!("GET /v1/deliveries?limit=2&cursor={}", text(&page["next"])), "").await;
        let ids: Vec<String> = [each(&page, "id"), each(&rest, "id")].concat();
        assert_eq!((ids.len(), &rest["next"]), (3, &json!(null)));
        let one = &page["items"][0];
        assert_eq!((&one["kind"], &one["state"]), (&json!("forward"), &json!("waiting")));
        assert_eq!(one["alias"]["id"], alias.uuid.to_string());
        assert_eq!((&one["failure"]["code"], &one["failure"]["status"]), (&json!(450), &json!("4.2.0")));
        assert_eq!(&client.expect(200, &format!("GET /v1/deliveries/{}", ids[0]), "").await, one);

        client.done(&format!("POST /v1/deliveries/{}/retry", ids[0]), "").await;
        client.done(&format!("DELETE /v1/deliveries/{}", ids[1]), "").await;
        let cancelled = client.expect(200, "GET /v1/deliveries?state=cancelled", "").await;
        assert_eq!(each(&cancelled, "id"), [ids[1].clone()]);
        client.refused(409, &format!("POST /v1/deliveries/{}/retry", ids[1]), "").await;
        client.done(&format!("DELETE /v1/deliveries/{}", ids[1]), "").await;
        assert_eq!(client.ask(&format!("GET /v1/deliveries/{}", ids[1]), "").await.status, 404);

        client.app.next_hop(Script::new());
        client.app.deliver_after(Duration::from_hours(1)).await;
        assert_eq!(client.expect(200, "GET /v1/deliveries", "").await["items"], json!([]));
        client.refused(400, "GET /v1/deliveries?state=lost", "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_held_message_is_shown_released_or_discarded() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        for _ in 0..2 {
            client.app.send("news@lg.example", &alias, MESSAGE).await;
        }
        client.app.wait_until(async |app| app.queue().await.iter().all(|one| one.last_failure.is_some())).await;
        // Why a message is held is told elsewhere.
        execute(&database, "UPDATE deliveries SET state = 'failed', quarantined = TRUE, settled_at = queued_at".into()).await;
        let failed = client.expect(200, "GET /v1/deliveries?state=failed", "").await;
        let id = each(&failed, "id")[0].clone();
        for request in [format!("POST /v1/deliveries/{id}/retry"), format!("DELETE /v1/deliveries/{id}")] {
            assert!(client.refused(409, &request, "").await.contains("set aside"));
        }
        execute(&database, "UPDATE deliveries SET state = 'held', quarantined = FALSE, settled_at = NULL".into()).await;
        let ids = each(&client.expect(200, "GET /v1/holds", "").await, "id");
        assert_eq!(ids.len(), 2);
        let shown = client.expect(200, &format!("GET /v1/holds/{}", ids[0]), "").await;
        assert_eq!((&shown["subject"], &shown["from"]), (&json!("Sale"), &json!("News <news@lg.example>")));
        assert_eq!((&shown["sender"], &shown["delivery"]["state"]), (&json!("news@lg.example"), &json!("held")));
        client.refused(409, &format!("DELETE /v1/deliveries/{}", ids[0]), "").await;
        client.refused(409, &format!("POST /v1/deliveries/{}/retry", ids[0]), "").await;
        assert_eq!(client.expect(200, &format!("DELETE /v1/holds/{}", ids[0]), "").await["copies"], 1);
        assert_eq!(client.ask(&format!("GET /v1/holds/{}", ids[0]), "").await.status, 404);
        client.app.next_hop(Script::new());
        assert_eq!(client.expect(200, &format!("POST /v1/holds/{}/release", ids[1]), "").await["copies"], 1);
        client.app.deliver_after(Duration::from_secs(1)).await;
        client.app.wait_until(async |app| app.sink.messages().len() == 1).await;
        let waits = |one: &postern::model::delivery::Delivery| one.state == postern::model::delivery::DeliveryState::Waiting;
        client.app.wait_until(async |app| !app.queue().await.iter().any(waits)).await;
        assert_eq!(each(&client.expect(200, "GET /v1/deliveries", "").await, "state"), ["cancelled"]);
        client.app.finish().await;
    })
    .await;
}
