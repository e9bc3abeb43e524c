//! Lists of aliases: pages, filters, search, the older form, exports.

use postern::model::alias::AliasState;

use super::{Client, assert_is_alias, emails};
use crate::support::database::each_driver;

#[tokio::test]
async fn a_list_is_paged_filtered_and_searched() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for number in 0..22 {
            client.app.alias(&format!("a{number:02}")).await;
        }
        let paused = client.app.alias("paused").await;
        client.app.set_state(&paused, AliasState::Paused).await;
        let locked = client.app.alias("locked").await;
        client.app.set_state(&locked, AliasState::Locked).await;
        let list = async |query: &str| emails(&client.expect(200, &format!("GET /api/v2/aliases?{query}"), "").await);
        assert_eq!((list("page_id=0").await.len(), list("page_id=1").await.len(), list("page_id=2").await.len()), (20, 4, 0));
        assert_eq!(list("page_id=0&disabled").await, ["paused@you.example"]);
        assert_eq!(list("page_id=0&enabled").await[0], "locked@you.example");
        assert_eq!(list("page_id=1&enabled=true").await.len(), 3);
        assert_eq!(list("page_id=0&pinned").await.len(), 0);
        assert_eq!(list("page_id=4000000000").await.len(), 0);
        let found = client.expect(200, "GET /api/v2/aliases?page_id=0", "{\"query\":\"A07\"}").await;
        assert_eq!(emails(&found), ["a07@you.example"]);
        let shown = client.expect(200, "POST /api/aliases?page_id=0", "").await;
        shown["aliases"].as_array().unwrap().iter().for_each(assert_is_alias);
        for wrong in ["", "page_id", "page_id=x", "page_id=-1"] {
            client.expect(400, &format!("GET /api/v2/aliases?{wrong}"), "").await;
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn everything_can_be_taken_along() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for number in 0..501 {
            client.app.alias(&format!("a{number}")).await;
        }
        let note = "{\"note\":\"one, \\\"two\\\"\"}";
        let alias = client.expect(201, "POST /api/alias/random/new?mode=uuid", note).await;
        let csv = crate::api::with_key(&client.app, &client.key, "GET /api/export/aliases", "").await;
        assert_eq!((csv.status, csv.header("content-type")), (200, Some("text/csv; charset=utf-8")));
        assert_eq!(csv.header("content-disposition"), Some("attachment; filename=aliases.csv"));
        let lines: Vec<_> = csv.body.lines().collect();
        assert_eq!((lines.len(), lines[0]), (503, "alias,note,enabled,mailboxes"));
        assert_eq!(lines[1], "a0@you.example,,True,jane.roe@mailbox-provider.example");
        let last = format!("{},\"one, \"\"two\"\"\",True,jane.roe@mailbox-provider.example", alias["alias"].as_str().unwrap());
        assert_eq!(lines[502], last);
        let data = client.expect(200, "GET /api/export/data", "").await;
        assert_eq!(data["aliases"].as_array().unwrap().len(), 502);
        client.app.finish().await;
    })
    .await;
}
