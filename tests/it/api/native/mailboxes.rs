//! The keys and the moves of mailboxes: what decides who reads mail takes a token for the account, and a proof.

use postern::model::Private;
use postern::model::api_token::Scope;
use postern::service::password;
use serde_json::{Value, json};

use super::{Client, each, text};
use crate::support::app::MAILBOX;
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver};
use crate::web::verify::{link, settled};

const PASSWORD: &str = "correct horse battery staple";

/// A client that may do all that users may, and the path of its mailbox.
async fn start(database: &Database) -> (Client, String) {
    let mut client = Client::start(database).await;
    password::set(&client.app.running.broker.desk, client.app.user, &Private::new(PASSWORD.into())).await.unwrap();
    client.token = client.token(&[Scope::Write, Scope::Account]).await;
    let list = client.expect(200, "GET /v1/mailboxes", "").await;
    let path = format!("/v1/mailboxes/{}", each(&list, "id")[0]);
    (client, path)
}

fn proven(mut body: Value, password: &str) -> String {
    body["proof"] = json!({ "password": password });
    body.to_string()
}

#[cfg(feature = "pgp")]
#[tokio::test]
async fn a_key_is_set_shown_and_removed() {
    each_driver(async |database| {
        let (client, path) = start(&database).await;
        let key = include_str!("../../../keys/plain.asc");
        assert_eq!(client.expect(200, &format!("GET {path}/key"), "").await, json!({ "key": null }));
        let body = json!({ "key": key, "hide_subject": true });
        assert!(client.refused(422, &format!("POST {path}/key"), &proven(body.clone(), "wrong")).await.starts_with("proof: "));
        let said = client.refused(422, &format!("POST {path}/key"), &proven(json!({ "key": "nonsense" }), "wrong")).await;
        assert!(said.starts_with("key: "), "{said}");
        let set = client.expect(200, &format!("POST {path}/key"), &proven(body, PASSWORD)).await;
        assert_eq!((&set["hide_subject"], &set["problem"]), (&json!(true), &json!(null)));
        assert!(text(&set["fingerprint"]).len() == 40, "{set}");
        assert_eq!(client.expect(200, &format!("GET {path}/key"), "").await["key"], set);
        client.refused(422, &format!("POST {path}/key/remove"), &proven(json!({}), "wrong")).await;
        client.done(&format!("POST {path}/key/remove"), &proven(json!({}), PASSWORD)).await;
        client.refused(404, &format!("POST {path}/key/remove"), &proven(json!({}), "wrong")).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_moves_once_the_new_one_is_proven() {
    each_driver(async |database| {
        let (client, path) = start(&database).await;
        let begin = format!("POST {path}/move");
        let to = |address: &str, password: &str| proven(json!({ "address": address, "sign_in": true }), password);
        assert!(client.refused(422, &begin, &to("jane@second.example", "wrong")).await.starts_with("proof: "));
        assert!(client.refused(422, &begin, &to(MAILBOX, "wrong")).await.starts_with("address: "), "it needs no proof");
        for wrong in ["nobody", MAILBOX, "jane@you.example"] {
            assert!(client.refused(422, &begin, &to(wrong, PASSWORD)).await.starts_with("address: "), "{wrong}");
        }
        client.refused(409, &format!("DELETE {path}/move"), "").await;
        let begun = client.expect(200, &begin, &to("jane@second.example", PASSWORD)).await;
        assert_eq!((&begun["done"], &begun["mailbox"]["verified"]), (&json!(false), &json!(false)));
        client.refused(409, &begin, &to("jane@third.example", PASSWORD)).await;
        client.refused(409, &format!("POST {path}/move/finish"), "").await;
        client.done(&format!("DELETE {path}/move"), "").await;
        client.expect(200, &begin, &to("jane@second.example", PASSWORD)).await;
        settled(&client.app, "jane@second.example", 2).await;
        let verify = link(&client.app, "jane@second.example");
        assert_eq!(Browser::new(&client.app).post(&verify, &[]).await.status, 200);
        let moved = client.expect(200, &format!("POST {path}/move/finish"), "").await;
        assert_eq!((&moved["mailbox"]["address"], &moved["signs_in"]), (&json!("jane@second.example"), &json!(true)));
        assert_eq!(client.expect(200, "GET /v1/account", "").await["email"], "jane@second.example");
        client.refused(404, &format!("POST {path}/move/finish"), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_made_by_mistake_is_taken_back() {
    each_driver(async |database| {
        let (client, _) = start(&database).await;
        let made = client.expect(201, "POST /v1/aliases", "{\"site\":\"lg.com\"}").await;
        let path = format!("/v1/aliases/{}", text(&made["id"]));
        client.done(&format!("POST {path}/unmake"), "").await;
        client.refused(404, &format!("POST {path}/unmake"), "").await;
        let made = client.expect(201, "POST /v1/aliases", "{\"site\":\"lg.com\"}").await;
        client.app.clock.advance(std::time::Duration::from_mins(61));
        let said = client.refused(409, &format!("POST /v1/aliases/{}/unmake", text(&made["id"])), "").await;
        assert!(said.contains("within an hour"), "{said}");
        client.app.finish().await;
    })
    .await;
}
