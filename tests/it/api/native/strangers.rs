//! What belongs to another user is as unknown as what never was: made of the document, so that no route is left out.

use postern::model::api_token::Scope;
use serde_json::json;

use super::document::{Operation, operations};
use super::second_factor::passkey;
use super::{Client, EVE, MESSAGE, detail, each, text};
use crate::api::with_bearer;
use crate::storage::plans::execute;
use crate::support::app::MAILBOX;
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver};
use crate::support::http::Answer;
use crate::support::sink::{Point, Script};

/// One of everything that has an id, by the name it has in paths.
async fn belongings(client: &Client, database: &Database) -> Vec<(&'static str, String)> {
    let alias = client.app.alias("shop").await;
    client.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
    for _ in 0..2 {
        client.app.send("news@lg.example", &alias, MESSAGE).await;
    }
    client.app.wait_until(async |app| app.queue().await.iter().all(|one| one.last_failure.is_some())).await;
    // What is counted in memory would else be written between two looks at the same thing.
    let path = format!("GET /v1/aliases/{}/senders", alias.uuid);
    client
        .app
        .wait_until(async |app| {
            app.activity(&alias).await;
            client.expect(200, &path, "").await["items"][0]["messages"] == json!(2)
        })
        .await;
    execute(database, "UPDATE deliveries SET state = 'held' WHERE id = (SELECT MIN(id) FROM deliveries)".into()).await;
    let desk = &client.app.running.broker.desk;
    let domain = postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(client.app.user)).await.unwrap();
    let made = async |path: &str, body: &str| client.expect(201, &format!("POST {path}"), body).await;
    let contact = made(&format!("/v1/aliases/{}/contacts", alias.uuid), "{\"address\":\"a@lg.com\"}").await;
    let block = made("/v1/blocks", "{\"sender\":\"spam.example\"}").await;
    let mailbox = made("/v1/mailboxes", "{\"address\":\"second@inbox.example\"}").await;
    let token = made("/v1/tokens", "{\"name\":\"x\",\"scopes\":[\"read\"]}").await;
    let app_password = made("/v1/app-passwords", "{\"name\":\"x\"}").await;
    let claim = made("/v1/domain-claims", "{\"name\":\"claimed.example\"}").await;
    let webhook = made("/v1/webhooks", "{\"url\":\"https://you.example/hook\"}").await;
    let week = std::time::Duration::from_hours(168);
    let (invite, _) = postern::service::invite::create(desk, None, "", week).await.unwrap();
    Browser::signed_in(&client.app).await;
    let first = async |path: &str| each(&client.expect(200, &format!("GET {path}"), "").await, "id").remove(0);
    vec![
        ("alias", alias.uuid.to_string()),
        ("contact", text(&contact["id"])),
        ("block", text(&block["id"])),
        ("mailbox", text(&mailbox["id"])),
        ("domain", domain.uuid.to_string()),
        ("claim", text(&claim["id"])),
        ("webhook", text(&webhook["webhook"]["id"])),
        ("delivery", first("/v1/deliveries?state=waiting").await),
        ("hold", first("/v1/holds").await),
        ("token", text(&token["token"]["id"])),
        ("app_password", text(&app_password["app_password"]["id"])),
        ("invite", invite.uuid.to_string()),
        ("session", first("/v1/sessions").await),
        ("passkey", passkey(&client.app, "phone").await),
    ]
}

/// What an answer says: JSON, or all that is in an archive.
fn shown(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    if answer.header("content-type") == Some("application/json") {
        return answer.json().to_string();
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&answer.bytes)).unwrap();
    (0..archive.len()).map(|place| std::io::read_to_string(archive.by_index(place).unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn another_users_things_are_neither_shown_nor_changed_nor_told_from_nothing() {
    each_driver(async |database| {
        let mut client = Client::start(&database).await;
        client.token = client.token(&[Scope::Write, Scope::Account]).await;
        let ids = belongings(&client, &database).await;
        let of = |name: &str| ids.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name} yet")).1.clone();
        let eve = client.stranger().await;
        // One who administered the instance once, and kept the token.
        client.make_admin(MAILBOX, true).await;
        client.make_admin(EVE, true).await;
        let lost = client.token_of_eve(&[Scope::Write, Scope::Account, Scope::Admin]).await;
        client.make_admin(EVE, false).await;
        let user = client.expect(200, "GET /v1/account", "").await;
        let of_admins = |name: &str| if name == "user" { text(&user["id"]) } else { of(name) };
        let mut before = Vec::new();
        let mut asked = 0;
        // What is below /v1/admin belongs to nobody: that it is closed to who administers nothing is shown below.
        let (admins, all): (Vec<_>, Vec<_>) = operations(&client).await.into_iter().partition(Operation::is_admins);
        for operation in all.iter().filter(|operation| operation.method == "GET") {
            before.push((operation.head(of), shown(&with_bearer(&client.app, &client.token, &operation.head(of), "").await)));
        }
        for operation in all.iter().filter(|operation| operation.path.contains('{')) {
            let theirs = with_bearer(&client.app, &eve, &operation.head(of), &operation.body()).await;
            let nil = |_: &str| uuid::Uuid::nil().to_string();
            let nothing = with_bearer(&client.app, &eve, &operation.head(nil), &operation.body()).await;
            assert_eq!((theirs.status, &theirs.body), (404, &nothing.body), "{}", operation.name());
            assert_eq!(nothing.status, 404, "{}", operation.name());
            asked += 1;
        }
        assert!(asked >= 20, "{asked}");
        assert!(admins.len() >= 14, "{}", admins.len());
        for operation in &admins {
            let name = operation.name();
            let answer = with_bearer(&client.app, &eve, &operation.head(of_admins), &operation.body()).await;
            assert_eq!((answer.status, detail(&answer).as_str()), (403, "this needs a token with the scope admin"), "{name}");
            let answer = with_bearer(&client.app, &lost, &operation.head(of_admins), &operation.body()).await;
            let why = "the user of this token does not administer the instance; ask an administrator to make them one";
            assert_eq!((answer.status, detail(&answer).as_str()), (403, why), "{name}");
        }
        // Nothing of it can be seen in lists, either, nor be named in a body.
        for operation in all.iter().filter(|operation| operation.method == "GET" && !operation.path.contains('{')) {
            let list = with_bearer(&client.app, &eve, &operation.head(of), "").await;
            let text = shown(&list);
            assert!(ids.iter().all(|(_, id)| !text.contains(id)), "{}: {text}", operation.name());
        }
        for body in [json!({ "mailboxes": [of("mailbox")] }), json!({ "domain": "mine.example" })] {
            let answer = with_bearer(&client.app, &eve, "POST /v1/aliases", &body.to_string()).await;
            assert_eq!(answer.status, 422, "{body}: {}", answer.body);
        }
        let list = with_bearer(&client.app, &eve, &format!("GET /v1/aliases?mailbox={}", of("mailbox")), "").await;
        assert_eq!(list.json()["items"], json!([]));
        for (head, was) in before {
            assert_eq!(shown(&with_bearer(&client.app, &client.token, &head, "").await), was, "{head}");
        }
        client.done(&format!("DELETE /v1/deliveries/{}", of("delivery")), "").await;
        // The letter to the new mailbox.
        client.app.next_hop(Script::new());
        client.app.deliver_after(std::time::Duration::from_hours(1)).await;
        client.app.finish().await;
    })
    .await;
}
