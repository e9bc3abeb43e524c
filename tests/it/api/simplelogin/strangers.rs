//! What belongs to another user is as unknown as what never was, whatever is asked.

use postern::model::api_token::Scopes;
use postern::service::token;

use super::{Client, emails};
use crate::api::with_key;
use crate::support::app::user;
use crate::support::database::each_driver;

#[tokio::test]
async fn another_users_things_are_neither_shown_nor_changed_nor_told_from_nothing() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        let contact =
            client.expect(201, &format!("POST /api/aliases/{}/contacts", alias.id), "{\"contact\":\"a@lg.example\"}").await;
        let options = client.expect(200, "GET /api/v4/alias/options", "").await;
        let desk = &client.app.running.broker.desk;
        let own = postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(client.app.user)).await.unwrap();
        let (stranger, _) = user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        let key = token::create(desk, stranger, "eve", Scopes::new(vec![]), None).await.unwrap().1.into_inner();

        let requests = [
            ("GET /api/aliases/ID", "alias", ""),
            ("PUT /api/aliases/ID", "alias", "{\"note\":\"mine\"}"),
            ("PATCH /api/aliases/ID", "alias", "{\"pinned\":true}"),
            ("DELETE /api/aliases/ID", "alias", ""),
            ("POST /api/aliases/ID/toggle", "alias", ""),
            ("GET /api/aliases/ID/activities?page_id=0", "alias", ""),
            ("GET /api/aliases/ID/contacts?page_id=0", "alias", ""),
            ("POST /api/aliases/ID/contacts", "alias", "{\"contact\":\"b@lg.example\"}"),
            ("DELETE /api/contacts/ID", "contact", ""),
            ("POST /api/contacts/ID/toggle", "contact", ""),
            ("PUT /api/mailboxes/ID", "mailbox", "{\"default\":true}"),
            ("DELETE /api/mailboxes/ID", "mailbox", ""),
            ("PATCH /api/custom_domains/ID", "domain", "{\"catch_all\":true}"),
            ("GET /api/custom_domains/ID/trash", "domain", ""),
        ];
        for (head, what, body) in requests {
            let id = match what {
                "alias" => alias.id.to_string(),
                "contact" => contact["id"].to_string(),
                "mailbox" => client.app.mailbox.to_string(),
                _ => own.id.to_string(),
            };
            let theirs = with_key(&client.app, &key, &head.replace("ID", &id), body).await;
            let nothing = with_key(&client.app, &key, &head.replace("ID", "999999"), body).await;
            assert_eq!((theirs.status, &theirs.body), (403, &nothing.body), "{head}");
            assert_eq!(nothing.status, 403, "{head}");
        }
        let mine = with_key(&client.app, &key, "GET /api/v2/aliases?page_id=0", "").await;
        assert!(emails(&mine.json()).is_empty());
        let csv = with_key(&client.app, &key, "GET /api/export/aliases", "").await;
        assert_eq!(csv.body.lines().count(), 1);
        let domains = with_key(&client.app, &key, "GET /api/v2/setting/domains", "").await;
        assert!(!domains.body.contains("mine.example"));
        let signed = options["suffixes"][0][1].as_str().unwrap();
        let body = serde_json::json!({ "alias_prefix": "x", "signed_suffix": signed }).to_string();
        assert_eq!(with_key(&client.app, &key, "POST /api/v2/alias/custom/new", &body).await.status, 400);
        let body = format!("{{\"mailbox_ids\":[{}]}}", client.app.mailbox);
        let alias_of_eve = with_key(&client.app, &key, "POST /api/alias/random/new", "").await.json();
        let stolen = with_key(&client.app, &key, &format!("PUT /api/aliases/{}", alias_of_eve["id"]), &body).await;
        assert_eq!(stolen.status, 400);

        let shown = client.expect(200, &format!("GET /api/aliases/{}", alias.id), "").await;
        assert_eq!((&shown["note"], &shown["pinned"], &shown["enabled"]), (&().into(), &false.into(), &true.into()));
        let contacts = client.expect(200, &format!("GET /api/aliases/{}/contacts?page_id=0", alias.id), "").await;
        assert_eq!(
            (contacts["contacts"].as_array().unwrap().len(), &contacts["contacts"][0]["block_forward"]),
            (1, &false.into())
        );
        client.app.finish().await;
    })
    .await;
}
