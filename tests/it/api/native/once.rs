//! `Idempotency-Key`: asked twice, done once.

use std::time::Duration;

use serde_json::json;

use super::{Client, detail, each, text};
use crate::support::database::each_driver;

async fn made(client: &Client) -> usize {
    each(&client.expect(200, "GET /v1/aliases?limit=100", "").await, "id").len()
}

#[tokio::test]
async fn the_same_request_under_the_same_key_is_answered_again_and_done_once() {
    each_driver(async |database| {
        let mut client = Client::start(&database).await;
        let body = "{\"site\":\"lg.com\"}";
        let first = client.once("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "POST /v1/aliases", body).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{}", first.body);
        let again = client.once("8e03978e-40d5-43dd-bc93-6894a57f9324", "POST /v1/aliases", body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
        assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));
        client.app = client.app.restart().await;
        let after = client.once("8e03978e-40d5-43dd-bc93-6894a57f9324", "POST /v1/aliases", body).await;
        assert_eq!((&after.body, after.header("idempotency-replayed")), (&first.body, Some("true")));
        assert_eq!(made(&client).await, 1);
        let other = client.once("8e03978e-40d5-43dd-bc93-6894a57f9324", "POST /v1/aliases", "{}").await;
        assert_eq!(other.status, 422, "{}", other.body);
        assert!(detail(&other).starts_with("Idempotency-Key: "));
        let elsewhere =
            client.once("8e03978e-40d5-43dd-bc93-6894a57f9324", "POST /v1/blocks", "{\"sender\":\"spam.example\"}").await;
        assert_eq!(elsewhere.status, 422, "{}", elsewhere.body);
        // A day later nobody asks again: the key is new.
        client.app.clock.advance(Duration::from_hours(25));
        let later = client.once("8e03978e-40d5-43dd-bc93-6894a57f9324", "POST /v1/aliases", body).await;
        assert_eq!((later.status, later.header("idempotency-replayed")), (201, None));
        assert_ne!(later.json()["id"], first.json()["id"]);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn many_at_once_make_one() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let asked = (0..8).map(|_| client.once("k", "POST /v1/aliases", "{\"site\":\"lg.com\"}"));
        let answers = futures_util::future::join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
        assert_eq!(made(&client).await, 1);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_what_was_done_is_kept_and_a_key_is_one_users() {
    each_driver(async |database| {
        let mut client = Client::start(&database).await;
        assert_eq!(client.once("k", "POST /v1/aliases", "{\"site\":\"localhost\"}").await.status, 422);
        client.app.alias("shop").await;
        assert_eq!(client.once("k", "POST /v1/aliases", "{\"name\":\"shop\"}").await.status, 409);
        let made = client.once("k", "POST /v1/aliases", "{\"name\":\"shop2\"}").await;
        assert_eq!(made.status, 201);
        let mine = std::mem::take(&mut client.token);
        client.token = client.stranger().await;
        let theirs = client.once("k", "POST /v1/aliases", "{\"name\":\"shop3\"}").await;
        assert_eq!((theirs.status, theirs.header("idempotency-replayed")), (201, None), "{}", theirs.body);
        client.token = mine;
        let long = "x".repeat(256);
        for wrong in ["", "a b", long.as_str()] {
            let answer = client.once(wrong, "POST /v1/aliases", "{}").await;
            assert_eq!(answer.status, 400, "{wrong}");
            assert!(detail(&answer).starts_with("Idempotency-Key: "));
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_sweep_forgets_old_answers() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        client.once("k", "POST /v1/aliases", "{}").await;
        client.app.clock.advance(Duration::from_hours(25));
        postern::delivery::sweep(&client.app.running.broker).await.unwrap();
        let user = client.app.user;
        let kept = client.app.read(async |tx| postern::storage::idempotency::find(tx, user, "k").await).await;
        assert_eq!(json!(kept.is_none()), json!(true));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_is_answered_as_it_was_made_though_its_mailbox_or_it_itself_is_gone() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        client.app.mailbox("second@inbox.example").await;
        let mailboxes = client.expect(200, "GET /v1/mailboxes", "").await;
        let (default, second) = (&each(&mailboxes, "id")[0], &each(&mailboxes, "id")[1]);
        let by_id = json!({ "site": "lg.com", "mailboxes": [second] }).to_string();
        let by_address = json!({ "site": "lg.com", "mailboxes": ["second@inbox.example"] }).to_string();
        let asked =
            [("by id", by_id.as_str()), ("by address", by_address.as_str())].map(|(key, body)| (key.replace(' ', "-"), body));
        let mut first = Vec::new();
        for (key, body) in &asked {
            let answer = client.once(key, "POST /v1/aliases", body).await;
            assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, None), "{}", answer.body);
            let path = format!("/v1/aliases/{}", text(&answer.json()["id"]));
            client.expect(200, &format!("PATCH {path}"), &json!({ "mailboxes": [default] }).to_string()).await;
            first.push(answer);
        }
        client.done(&format!("DELETE /v1/mailboxes/{second}"), "").await;
        for ((key, body), was) in asked.iter().zip(&first) {
            let again = client.once(key, "POST /v1/aliases", body).await;
            assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")), "{key}: {}", again.body);
            assert_eq!((&again.body, again.header("location")), (&was.body, was.header("location")), "{key}");
            let anew = client.refused(422, "POST /v1/aliases", body).await;
            assert!(anew.starts_with("mailboxes: "), "{anew}");
        }
        for ((key, body), was) in asked.iter().zip(&first) {
            let path = format!("/v1/aliases/{}", text(&was.json()["id"]));
            client.done(&format!("DELETE {path}"), "").await;
            assert_eq!(client.ask(&format!("GET {path}"), "").await.status, 404);
            let again = client.once(key, "POST /v1/aliases", body).await;
            assert_eq!((again.status, &again.body), (201, &was.body), "{key}");
            assert_eq!(client.ask(&format!("GET {path}"), "").await.status, 404, "it is told of again, not made again");
        }
        assert_eq!(made(&client).await, 0);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_is_answered_as_it_was_added_though_it_is_gone_and_nobody_is_written_to_again() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let body = "{\"address\":\"new@inbox.example\"}";
        let first = client.once("m", "POST /v1/mailboxes", body).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{}", first.body);
        let path = format!("/v1/mailboxes/{}", text(&first.json()["id"]));
        assert_eq!(client.app.sink.wait_for(1).await[0].recipients(), ["new@inbox.example"]);
        client.done(&format!("DELETE {path}"), "").await;
        let again = client.once("m", "POST /v1/mailboxes", body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")), "{}", again.body);
        assert_eq!((&again.body, again.header("location")), (&first.body, Some(path.as_str())));
        assert_eq!(client.ask(&format!("GET {path}"), "").await.status, 404);
        assert_eq!(each(&client.expect(200, "GET /v1/mailboxes", "").await, "id").len(), 1);
        client.app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert_eq!(client.app.sink.messages().len(), 1);
        let fresh = client.once("n", "POST /v1/mailboxes", body).await;
        assert_eq!((fresh.status, fresh.header("idempotency-replayed")), (201, None), "another key is another wish");
        assert_ne!(fresh.json()["id"], first.json()["id"]);
        client.app.finish().await;
    })
    .await;
}
