//! What belongs to another user is as unknown as what never was, whatever is asked.

use serde_json::json;

use super::{Client, MESSAGE};
use crate::api::with_bearer;
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

/// Every route with an id in its path (`ID`) or body, and whose id it is.
const ROUTES: &[(&str, &str, &str)] = &[
    ("alias", "GET /api/v1/aliases/ID", ""),
    ("alias", "PATCH /api/v1/aliases/ID", "{\"description\":\"mine\"}"),
    ("alias", "DELETE /api/v1/aliases/ID", ""),
    ("alias", "DELETE /api/v1/aliases/ID/forget", ""),
    ("alias", "PATCH /api/v1/aliases/ID/restore", ""),
    ("alias", "POST /api/v1/active-aliases", "{\"id\":\"ID\"}"),
    ("alias", "DELETE /api/v1/active-aliases/ID", ""),
    ("alias", "POST /api/v1/pinned-aliases", "{\"id\":\"ID\"}"),
    ("alias", "DELETE /api/v1/pinned-aliases/ID", ""),
    ("alias", "POST /api/v1/attached-recipients-only", "{\"id\":\"ID\"}"),
    ("alias", "DELETE /api/v1/attached-recipients-only/ID", ""),
    ("alias", "POST /api/v1/alias-recipients", "{\"alias_id\":\"ID\",\"recipient_ids\":[]}"),
    ("alias", "POST /api/v1/aliases/get/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/activate/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/deactivate/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/pin/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/unpin/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/delete/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/restore/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/forget/bulk", "{\"ids\":[\"ID\"]}"),
    ("alias", "POST /api/v1/aliases/recipients/bulk", "{\"ids\":[\"ID\"],\"recipient_ids\":[]}"),
    ("recipient", "GET /api/v1/recipients/ID", ""),
    ("recipient", "DELETE /api/v1/recipients/ID", ""),
    ("recipient", "POST /api/v1/recipients/email/resend", "{\"recipient_id\":\"ID\"}"),
    ("recipient", "PATCH /api/v1/recipient-keys/ID", "{\"key_data\":\"x\"}"),
    ("recipient", "DELETE /api/v1/recipient-keys/ID", ""),
    ("recipient", "POST /api/v1/encrypted-recipients", "{\"id\":\"ID\"}"),
    ("recipient", "DELETE /api/v1/encrypted-recipients/ID", ""),
    ("recipient", "POST /api/v1/protected-headers-recipients", "{\"id\":\"ID\"}"),
    ("recipient", "DELETE /api/v1/protected-headers-recipients/ID", ""),
    ("recipient", "POST /api/v1/allowed-recipients", "{\"id\":\"ID\"}"),
    ("recipient", "DELETE /api/v1/allowed-recipients/ID", ""),
    ("recipient", "POST /api/v1/inline-encrypted-recipients", "{\"id\":\"ID\"}"),
    ("recipient", "DELETE /api/v1/inline-encrypted-recipients/ID", ""),
    ("recipient", "POST /api/v1/remove-pgp-keys-recipients", "{\"id\":\"ID\"}"),
    ("recipient", "DELETE /api/v1/remove-pgp-keys-recipients/ID", ""),
    ("recipient", "POST /api/v1/remove-pgp-signatures-recipients", "{\"id\":\"ID\"}"),
    ("recipient", "DELETE /api/v1/remove-pgp-signatures-recipients/ID", ""),
    ("domain", "GET /api/v1/domains/ID", ""),
    ("domain", "PATCH /api/v1/domains/ID", "{}"),
    ("domain", "DELETE /api/v1/domains/ID", ""),
    ("domain", "PATCH /api/v1/domains/ID/default-recipient", "{}"),
    ("domain", "POST /api/v1/active-domains", "{\"id\":\"ID\"}"),
    ("domain", "DELETE /api/v1/active-domains/ID", ""),
    ("domain", "POST /api/v1/catch-all-domains", "{\"id\":\"ID\"}"),
    ("domain", "DELETE /api/v1/catch-all-domains/ID", ""),
    ("user", "GET /api/v1/usernames/ID", ""),
    ("user", "PATCH /api/v1/usernames/ID", "{}"),
    ("user", "DELETE /api/v1/usernames/ID", ""),
    ("user", "PATCH /api/v1/usernames/ID/default-recipient", "{}"),
    ("user", "POST /api/v1/active-usernames", "{\"id\":\"ID\"}"),
    ("user", "DELETE /api/v1/active-usernames/ID", ""),
    ("user", "POST /api/v1/catch-all-usernames", "{\"id\":\"ID\"}"),
    ("user", "DELETE /api/v1/catch-all-usernames/ID", ""),
    ("user", "POST /api/v1/loginable-usernames", "{\"id\":\"ID\"}"),
    ("user", "DELETE /api/v1/loginable-usernames/ID", ""),
    ("failed", "GET /api/v1/failed-deliveries/ID", ""),
    ("failed", "GET /api/v1/failed-deliveries/ID/download", ""),
    ("failed", "POST /api/v1/failed-deliveries/ID/resend", ""),
    ("failed", "DELETE /api/v1/failed-deliveries/ID", ""),
    ("block", "DELETE /api/v1/blocklist/ID", ""),
    ("block", "POST /api/v1/blocklist/delete/bulk", "{\"ids\":[\"ID\"]}"),
];

#[tokio::test]
async fn another_users_things_are_neither_shown_nor_changed_nor_told_from_nothing() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        client.app.send("news@unknown.example", &alias, MESSAGE).await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 gone\r\n"));
        client.app.deliver_after(std::time::Duration::from_hours(1)).await;
        client.expect(201, "POST /api/v1/blocklist", "{\"type\":\"domain\",\"value\":\"spam.example\"}").await;
        let desk = &client.app.running.broker.desk;
        postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(client.app.user)).await.unwrap();
        let first = async |path: &str| {
            let list = client.expect(200, &format!("GET /api/v1/{path}"), "").await;
            super::text(&list["data"][0]["id"])
        };
        let id_of = [
            ("alias", alias.uuid.to_string()),
            ("recipient", first("recipients").await),
            ("domain", first("domains").await),
            ("user", first("usernames").await),
            ("failed", first("failed-deliveries").await),
            ("block", first("blocklist").await),
        ];
        let eve = client.stranger().await;
        let ask = async |head: &str, body: &str| {
            client.app.clock.advance(std::time::Duration::from_secs(1));
            with_bearer(&client.app, &eve, head, body).await
        };
        for (what, head, body) in ROUTES {
            let id = &id_of.iter().find(|(name, _)| name == what).unwrap().1;
            let theirs = ask(&head.replace("ID", id), &body.replace("ID", id)).await;
            let nil = uuid::Uuid::nil().to_string();
            let nothing = ask(&head.replace("ID", &nil), &body.replace("ID", &nil)).await;
            assert_eq!((theirs.status, &theirs.body), (404, &nothing.body), "{head}");
            assert_eq!(nothing.status, 404, "{head}");
        }
        for path in ["aliases?filter[deleted]=with", "domains", "failed-deliveries", "blocklist"] {
            let list = ask(&format!("GET /api/v1/{path}"), "").await.json();
            assert_eq!(list["data"], json!([]), "{path}");
        }
        let made = ask("POST /api/v1/aliases", "{\"domain\":\"mine.example\"}").await;
        assert_eq!(made.status, 422);
        let stolen = json!({ "domain": "you.example", "recipient_ids": [id_of[1].1] }).to_string();
        assert_eq!(ask("POST /api/v1/aliases", &stolen).await.status, 422);

        let shown = client.expect(200, &format!("GET /api/v1/aliases/{}", alias.uuid), "").await["data"].clone();
        assert_eq!((&shown["description"], &shown["pinned"], &shown["active"]), (&json!(null), &json!(false), &json!(true)));
        assert_eq!(first("failed-deliveries").await, id_of[4].1);
        assert_eq!(first("blocklist").await, id_of[5].1);
        client.app.finish().await;
    })
    .await;
}
