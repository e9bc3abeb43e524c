//! Mailboxes.

use postern::service::mailbox_move;

use super::{Client, path};
use crate::support::app::MAILBOX;
use crate::support::database::{address, each_driver};
use crate::web::letter::{subject, text};

#[tokio::test]
async fn a_new_mailbox_waits_for_its_proof() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let made = client.expect(201, "POST /api/mailboxes", "{\"email\":\" new@inbox.example \"}").await;
        assert_eq!(
            (&made["email"], &made["verified"], &made["default"]),
            (&"new@inbox.example".into(), &false.into(), &false.into())
        );
        assert!(made["id"].is_i64() && made["creation_timestamp"].is_i64() && made["nb_alias"].is_i64());
        let verified = client.expect(200, "GET /api/mailboxes", "").await;
        assert_eq!(verified["mailboxes"].as_array().unwrap().len(), 1);
        let all = client.expect(200, "GET /api/v2/mailboxes", "").await;
        assert_eq!(all["mailboxes"].as_array().unwrap().len(), 2);
        client.expect(400, &format!("PUT /api/mailboxes/{}", made["id"]), "{\"default\":true}").await;
        for wrong in ["{}", "{\"email\":\"x\"}", "{\"email\":\"a@you.example\"}", "{\"email\":\"new@inbox.example\"}"] {
            client.expect(400, "POST /api/mailboxes", wrong).await;
        }
        let letter = client.app.sink.wait_for(1).await.remove(0);
        assert_eq!(letter.recipients(), ["new@inbox.example"]);
        assert!(String::from_utf8(letter.content).unwrap().contains("/verify/"));
        client.app.wait_until(async |app| app.queue().await.is_empty()).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_goes_only_with_somewhere_for_its_aliases() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let (old, new) = (client.app.mailbox, client.app.mailbox("new@inbox.example").await);
        client.expect(400, &format!("DELETE /api/mailboxes/{old}"), "").await;
        let updated = client.expect(200, &format!("PUT /api/mailboxes/{new}"), "{\"default\":true}").await;
        assert_eq!(updated, serde_json::json!({ "updated": true }));
        let refused = client.expect(400, &format!("DELETE /api/mailboxes/{old}"), "{\"transfer_aliases_to\":-1}").await;
        assert!(refused["error"].as_str().unwrap().contains("you sign in with this address"), "{refused}");
        client.expect(400, &format!("DELETE /api/mailboxes/{old}"), &format!("{{\"transfer_aliases_to\":{old}}}")).await;
        client.expect(403, &format!("DELETE /api/mailboxes/{old}"), "{\"transfer_aliases_to\":999}").await;
        client.expect(400, &format!("PUT /api/mailboxes/{old}"), "{\"email\":\"new@inbox.example\"}").await;
        client.expect(400, &format!("PUT /api/mailboxes/{old}"), "{\"email\":\"x@you.example\"}").await;
        client.expect(200, &format!("PUT /api/mailboxes/{old}"), "{\"email\":\"elsewhere@inbox.example\"}").await;
        client.expect(400, &format!("PUT /api/mailboxes/{old}"), "{\"email\":\"third@inbox.example\"}").await;
        client.app.sink.wait_for(2).await;
        client.app.wait_until(async |app| app.queue().await.is_empty()).await;
        client
            .expect(
                200,
                &format!("PUT /api/mailboxes/{old}"),
                &format!("{{\"email\":\"{MAILBOX}\",\"cancel_email_change\":true}}"),
            )
            .await;
        let heir = format!("{{\"transfer_aliases_to\":{new}}}");
        for body in ["", &heir] {
            let refused = client.expect(400, &format!("DELETE /api/mailboxes/{old}"), body).await;
            assert!(refused["error"].as_str().unwrap().contains("you sign in with this address"), "{refused}");
        }
        let desk = &client.app.running.broker.desk;
        let (from, to) = (address(MAILBOX), address("new@inbox.example"));
        assert!(mailbox_move::follow(desk, client.app.user, &from, &to).await.unwrap());
        let refused = client.expect(400, &format!("DELETE /api/mailboxes/{old}"), "{\"transfer_aliases_to\":-1}").await;
        assert!(refused["error"].as_str().unwrap().contains("1 aliases"), "{refused}");
        let gone =
            client.expect(200, &format!("DELETE /api/mailboxes/{old}"), &format!("{{\"transfer_aliases_to\":{new}}}")).await;
        assert_eq!(gone, serde_json::json!({ "deleted": true }));
        let shown = client.expect(200, &format!("GET {}", path(&alias, "")), "").await;
        assert_eq!(shown["mailboxes"], serde_json::json!([{ "id": new, "email": "new@inbox.example" }]));
        let letter = client.app.sink.wait_for(3).await.remove(2);
        assert_eq!((letter.recipients(), subject(&letter).as_str()), (vec![MAILBOX], "One of your mailboxes has moved"));
        assert!(text(&letter).contains("goes to new@inbox.example from now on"), "{}", text(&letter));
        client.app.wait_until(async |app| app.queue().await.is_empty()).await;
        let left = client.expect(200, "GET /api/v2/mailboxes", "").await;
        assert_eq!((left["mailboxes"].as_array().unwrap().len(), &left["mailboxes"][0]["nb_alias"]), (1, &1.into()));
        client.app.finish().await;
    })
    .await;
}
