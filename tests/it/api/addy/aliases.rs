//! What happens to one alias, and to many at once.

use postern::model::alias::AliasState;
use serde_json::json;

use super::{Client, text};
use crate::support::database::each_driver;

#[tokio::test]
async fn an_alias_has_every_field_and_nulls_only_where_clients_expect_them() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let account = client.expect(200, "GET /api/v1/account-details", "").await;
        let mut shown = client.expect(200, &format!("GET /api/v1/aliases/{}", alias.uuid), "").await["data"].clone();
        let recipients = shown.as_object_mut().unwrap().remove("recipients").unwrap();
        assert_eq!(recipients[0]["id"], account["data"]["default_recipient_id"]);
        let created = text(&shown["created_at"]);
        assert_eq!(
            shown,
            json!({
                "id": alias.uuid.to_string(),
                "user_id": account["data"]["id"],
                "aliasable_id": null,
                "aliasable_type": null,
                "local_part": "shop",
                "extension": null,
                "domain": "you.example",
                "email": "shop@you.example",
                "active": true,
                "pinned": false,
                "description": null,
                "from_name": null,
                "attached_recipients_only": true,
                "emails_forwarded": 0,
                "emails_blocked": 0,
                "emails_replied": 0,
                "emails_sent": 0,
                "last_forwarded": null,
                "last_blocked": null,
                "last_replied": null,
                "last_sent": null,
                "created_at": created,
                "updated_at": created,
                "deleted_at": null,
            })
        );
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_alias_is_killed_and_must_be_restored_before_it_is_activated() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let id = alias.uuid.to_string();
        let body = json!({ "id": id }).to_string();
        client.done(&format!("DELETE /api/v1/aliases/{id}"), "").await;
        let state = async || client.app.read(async |tx| postern::storage::alias::find(tx, alias.id).await).await.unwrap().state;
        assert_eq!(state().await, AliasState::Killed);
        let shown = client.expect(200, &format!("GET /api/v1/aliases/{id}"), "").await;
        assert_eq!((&shown["data"]["active"], &shown["data"]["deleted_at"]), (&json!(false), &shown["data"]["updated_at"]));
        let refused = client.expect(422, "POST /api/v1/active-aliases", &body).await;
        assert!(text(&refused["message"]).contains("restore"));
        client.expect(200, &format!("PATCH /api/v1/aliases/{id}/restore"), "").await;
        assert_eq!(state().await, AliasState::Active);
        client.app.set_state(&alias, AliasState::Locked).await;
        assert_eq!(client.expect(200, "POST /api/v1/active-aliases", &body).await["data"]["active"], true);
        assert_eq!(state().await, AliasState::Locked, "a locked one is active and stays locked");
        client.done(&format!("DELETE /api/v1/active-aliases/{id}"), "").await;
        assert_eq!(state().await, AliasState::Paused);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_address_is_never_given_out_again() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.done(&format!("DELETE /api/v1/aliases/{}/forget", alias.uuid), "").await;
        assert!(client.app.read(async |tx| postern::storage::alias::find(tx, alias.id).await).await.is_none());
        client.expect(404, &format!("PATCH /api/v1/aliases/{}/restore", alias.uuid), "").await;
        let body = json!({ "domain": "you.example", "format": "custom", "local_part": "shop" }).to_string();
        client.expect(422, "POST /api/v1/aliases", &body).await;
        assert!(client.app.send("news@lg.example", &alias, "Subject: x\r\n\r\nx\r\n").await.starts_with("550 "));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_what_is_named_is_changed() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let head = format!("PATCH /api/v1/aliases/{}", client.app.alias("shop").await.uuid);
        let fields = |answer: &serde_json::Value| (answer["data"]["description"].clone(), answer["data"]["from_name"].clone());
        let answer = client.expect(200, &head, "{\"description\":\"LG\",\"from_name\":\"Jane\"}").await;
        assert_eq!(fields(&answer), (json!("LG"), json!("Jane")));
        assert_eq!(fields(&client.expect(200, &head, "{\"description\":null}").await), (json!(null), json!("Jane")));
        assert_eq!(fields(&client.expect(200, &head, "{\"from_name\":\"\"}").await), (json!(null), json!(null)));
        assert_eq!(fields(&client.expect(200, &head, "").await), (json!(null), json!(null)));
        let long = json!({ "description": "x".repeat(201) }).to_string();
        assert!(client.expect(422, &head, &long).await["errors"]["description"][0].is_string());
        assert!(client.expect(422, &head, "{\"from_name\":\"a\\u0000b\"}").await["errors"]["from_name"][0].is_string());
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn many_are_changed_at_once_and_those_of_others_passed_over() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let ids =
            [client.app.alias("a").await.uuid, client.app.alias("b").await.uuid, uuid::Uuid::nil()].map(|id| id.to_string());
        let body = json!({ "ids": ids }).to_string();
        for (act, changed) in [
            ("deactivate", 2),
            ("deactivate", 0),
            ("activate", 2),
            ("pin", 2),
            ("unpin", 2),
            ("delete", 2),
            ("restore", 2),
            ("forget", 2),
            ("forget", 0),
        ] {
            let status = if changed > 0 { 200 } else { 404 };
            let answer = client.expect(status, &format!("POST /api/v1/aliases/{act}/bulk"), &body).await;
            assert_eq!(answer["ids"].as_array().map_or(0, Vec::len), changed, "{act}: {answer}");
            if changed == 0 {
                assert_eq!(answer["message"], "No aliases found");
            }
        }
        let id = client.app.alias("c").await.uuid.to_string();
        let found = client.expect(200, "POST /api/v1/aliases/get/bulk", &json!({ "ids": [id] }).to_string()).await;
        assert_eq!(found["data"][0]["local_part"], "c");
        let many: Vec<_> = (0..26).map(|number| uuid::Uuid::from_u128(number).to_string()).collect();
        let refused = client.expect(422, "POST /api/v1/aliases/get/bulk", &json!({ "ids": many }).to_string()).await;
        assert!(refused["errors"]["ids"][0].is_string());
        client.expect(422, "POST /api/v1/aliases/get/bulk", "{}").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_forwards_to_the_recipients_it_is_given() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        client.app.mailbox("work@inbox.example").await;
        let alias = client.app.alias("shop").await.uuid.to_string();
        let recipients = client.recipients().await;
        let set = async |ids: &[String]| {
            let body = json!({ "alias_id": alias, "recipient_ids": ids }).to_string();
            let answer = client.expect(200, "POST /api/v1/alias-recipients", &body).await;
            let shown = answer["data"]["recipients"].as_array().unwrap().iter().map(|found| text(&found["id"]));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(set(&recipients).await, recipients);
        assert_eq!(set(&recipients[1..]).await, recipients[1..]);
        assert_eq!(set(&[]).await, recipients[..1], "none is the default one");
        let unknown = json!({ "alias_id": alias, "recipient_ids": [uuid::Uuid::nil().to_string()] }).to_string();
        client.expect(422, "POST /api/v1/alias-recipients", &unknown).await;
        let bulk = json!({ "ids": [alias], "recipient_ids": recipients }).to_string();
        client.expect(200, "POST /api/v1/aliases/recipients/bulk", &bulk).await;
        let only = json!({ "id": alias }).to_string();
        client.expect(200, "POST /api/v1/attached-recipients-only", &only).await;
        client.expect(403, &format!("DELETE /api/v1/attached-recipients-only/{alias}"), "").await;
        client.app.finish().await;
    })
    .await;
}
