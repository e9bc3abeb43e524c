//! Recipients and their keys.

use postern::service::mailbox;
use serde_json::json;

use super::{Client, text};
use crate::support::app::MAILBOX;
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_recipient_is_added_listed_and_removed() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let made = client.expect(201, "POST /api/v1/recipients", "{\"email\":\"new@inbox.example\"}").await["data"].clone();
        assert_eq!((&made["email_verified_at"], &made["aliases"], &made["aliases_count"]), (&json!(null), &json!([]), &json!(0)));
        let list = async |query: &str| {
            let all = client.expect(200, &format!("GET /api/v1/recipients{query}"), "").await;
            all["data"].as_array().unwrap().iter().map(|found| text(&found["email"])).collect::<Vec<_>>()
        };
        assert_eq!(list("").await, [MAILBOX, "new@inbox.example"]);
        assert_eq!(list("?filter[verified]=true").await, [MAILBOX]);
        assert_eq!(list("?filter%5Bverified%5D%3D=false&filter%5Balias_count%5D=true").await, ["new@inbox.example"]);
        for email in ["new@inbox.example", "x@you.example", "nonsense", ""] {
            let refused = client.expect(422, "POST /api/v1/recipients", &json!({ "email": email }).to_string()).await;
            assert!(refused["errors"]["email"][0].is_string(), "{email}");
        }
        let resend = json!({ "recipient_id": made["id"] }).to_string();
        for _ in 0..4 {
            assert_eq!(client.ask("POST /api/v1/recipients/email/resend", &resend).await.status, 200);
        }
        client.expect(429, "POST /api/v1/recipients/email/resend", &resend).await;
        client.app.wait_until(async |app| app.sink.messages().len() == 5).await;
        for letter in client.app.sink.messages() {
            assert_eq!(letter.recipients(), ["new@inbox.example"]);
            assert!(String::from_utf8(letter.content).unwrap().contains("/verify/"));
        }
        client.done(&format!("DELETE /api/v1/recipients/{}", text(&made["id"])), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_default_recipient_and_the_only_one_of_an_alias_stay() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let work = client.app.mailbox("work@inbox.example").await;
        client.app.alias_to("desk", vec![work], |_| {}).await;
        let recipients = client.recipients().await;
        for (id, word) in [(&recipients[0], "default"), (&recipients[1], "only mailbox of 1")] {
            let refused = client.expect(403, &format!("DELETE /api/v1/recipients/{id}"), "").await;
            assert!(text(&refused["message"]).contains(word), "{refused}");
        }
        let desk = &client.app.running.broker.desk;
        mailbox::make_default(desk, client.app.user, &address("work@inbox.example")).await.unwrap();
        let refused = client.expect(403, &format!("DELETE /api/v1/recipients/{}", recipients[0]), "").await;
        assert!(text(&refused["message"]).contains("you sign in with this address"), "{refused}");
        let verified = json!({ "recipient_id": recipients[0] }).to_string();
        client.expect(422, "POST /api/v1/recipients/email/resend", &verified).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_key_nothing_can_be_encrypted_and_nothing_is() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let id = client.recipients().await[0].clone();
        let body = json!({ "id": id }).to_string();
        client.expect(422, "POST /api/v1/encrypted-recipients", &body).await;
        client.expect(422, "POST /api/v1/protected-headers-recipients", &body).await;
        client.expect(200, "POST /api/v1/allowed-recipients", &body).await;
        client.expect(403, &format!("DELETE /api/v1/allowed-recipients/{id}"), "").await;
        for path in ["inline-encrypted", "remove-pgp-keys", "remove-pgp-signatures"] {
            client.expect(403, &format!("POST /api/v1/{path}-recipients"), &body).await;
            client.done(&format!("DELETE /api/v1/{path}-recipients/{id}"), "").await;
        }
        client.done(&format!("DELETE /api/v1/encrypted-recipients/{id}"), "").await;
        client.done(&format!("DELETE /api/v1/protected-headers-recipients/{id}"), "").await;
        client.done(&format!("DELETE /api/v1/recipient-keys/{id}"), "").await;
        let head = format!("PATCH /api/v1/recipient-keys/{id}");
        assert!(client.expect(422, &head, "{\"key_data\":\"nonsense\"}").await["errors"]["key_data"][0].is_string());
        client.expect(422, &head, "").await;
        client.app.finish().await;
    })
    .await;
}

#[cfg(feature = "pgp")]
#[tokio::test]
async fn with_a_key_everything_is_encrypted() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let id = client.recipients().await[0].clone();
        let body = json!({ "id": id }).to_string();
        let key = json!({ "key_data": include_str!("../../../keys/plain.asc") }).to_string();
        let set = client.expect(200, &format!("PATCH /api/v1/recipient-keys/{id}"), &key).await["data"].clone();
        assert_eq!((&set["should_encrypt"], &set["protected_headers"]), (&json!(true), &json!(false)));
        assert_eq!(text(&set["fingerprint"]).len(), 40);
        client.expect(200, "POST /api/v1/encrypted-recipients", &body).await;
        client.expect(403, &format!("DELETE /api/v1/encrypted-recipients/{id}"), "").await;
        let hidden = client.expect(200, "POST /api/v1/protected-headers-recipients", &body).await;
        assert_eq!(hidden["data"]["protected_headers"], true);
        let again = client.expect(200, &format!("PATCH /api/v1/recipient-keys/{id}"), &key).await;
        assert_eq!(again["data"]["protected_headers"], true, "another key changes no switch");
        client.done(&format!("DELETE /api/v1/protected-headers-recipients/{id}"), "").await;
        client.done(&format!("DELETE /api/v1/recipient-keys/{id}"), "").await;
        let shown = client.expect(200, &format!("GET /api/v1/recipients/{id}"), "").await;
        assert_eq!((&shown["data"]["should_encrypt"], &shown["data"]["fingerprint"]), (&json!(false), &json!(null)));
        client.app.finish().await;
    })
    .await;
}
