//! Files in and out over the API: an archive that is whole, a report that says what came of each row, refusals with a place.

use std::io::Cursor;

use postern::model::api_token::Scope;
use postern::model::id::UserId;
use postern::service::export::{self, NameKeyIs};
use postern::storage;
use serde_json::{Value, json};

use super::{Client, detail};
use crate::support::database::each_driver;
use crate::support::http::{Answer, replay, request};

const TABLE: &str = "address,note\nshop@you.example,tv\nold@elsewhere.example,y\nbad\npostmaster@you.example,\n";

async fn send(client: &Client, token: &str, query: &str, file: &[u8]) -> Answer {
    let head = format!(
        "POST /v1/imports{query} HTTP/1.1\r\nHost: gate.you.example\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    replay(client.app.running.http, &[head.as_bytes(), file].concat()).await
}

async fn import(client: &Client, query: &str, file: &[u8]) -> Value {
    let answer = send(client, &client.token, query, file).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{}", answer.body);
    answer.json()
}

async fn export(client: &Client, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    request(client.app.running.http, "GET /v1/export", &[("Authorization", &authorization)], "").await
}

fn part(archive: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    std::io::read_to_string(archive.by_name(name).unwrap()).unwrap()
}

async fn addresses(client: &Client) -> Vec<String> {
    super::each(&client.expect(200, "GET /v1/aliases?sort=address", "").await, "address")
}

#[tokio::test]
async fn a_file_is_tried_brought_in_and_harmless_the_second_time() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let remap = "&remap=elsewhere.example%3Dyou.example,you.example";
        let before = addresses(&client).await;
        let tried = import(&client, &format!("?format=csv&dry_run=true{remap}"), TABLE.as_bytes()).await;
        assert_eq!((&tried["dry_run"], &tried["made"], &tried["remapped"]), (&true.into(), &1.into(), &1.into()));
        assert_eq!(addresses(&client).await, before, "a dry run writes nothing");
        let done = import(&client, &format!("?format=csv{remap}"), TABLE.as_bytes()).await;
        let expected = json!({
            "dry_run": false, "rows": 4, "made": 1, "remapped": 1, "there": 0, "skipped": 2,
            "reasons": { "the address is not valid": 1, "the name is reserved for the instance": 1 },
            "remarks": {}, "contacts_renewed": 0, "notes": [], "account": [],
            "lines": [
                { "row": 2, "address": "old@elsewhere.example", "outcome": "remapped", "new_address": "old@you.example" },
                { "row": 3, "address": "bad", "outcome": "skipped", "reason": "the address is not valid" },
                { "row": 4, "address": "postmaster@you.example", "outcome": "skipped", "reason": "the name is reserved for the instance" },
            ],
            "lines_left_out": 0,
        });
        assert_eq!(done, expected);
        let after = addresses(&client).await;
        assert_eq!(after.len(), before.len() + 2);
        let again = import(&client, &format!("?format=csv&lines=all{remap}"), TABLE.as_bytes()).await;
        assert_eq!((&again["there"], &again["made"], &again["skipped"]), (&2.into(), &0.into(), &2.into()));
        assert_eq!(again["lines"][0], json!({ "row": 1, "address": "shop@you.example", "outcome": "there" }));
        assert_eq!(addresses(&client).await, after);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_the_fix() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let before = addresses(&client).await;
        let part = br#"{"postern": 1, "aliases": [{"address": 7}]}"#;
        for (query, file, status, says) in [
            ("", TABLE.as_bytes(), 400, "format"),
            ("?format=gmail", TABLE.as_bytes(), 400, "one of `simplelogin`"),
            ("?format=csv&dry_run=perhaps", TABLE.as_bytes(), 400, "dry_run"),
            ("?format=csv&trust=true", TABLE.as_bytes(), 400, "trust"),
            ("?format=csv&remap=a%20b", TABLE.as_bytes(), 400, "remap: not a domain"),
            ("?format=csv&remap=their.example", TABLE.as_bytes(), 422, "remap: their.example is not a domain you can use"),
            ("?format=csv", b"", 422, "the file is empty"),
            ("?format=csv", b"a,b\n1,2\n", 422, "one must be called address or site"),
            ("?format=relay", b"[{\"a\": 1,\n x", 422, "line 2, column 2"),
            ("?format=postern", part, 422, "entry 1 of aliases can't be read: invalid type"),
            ("?format=postern", b"PK\x03\x04 and no more", 422, "no ZIP archive"),
            ("?format=simplelogin", b"PK\x05\x06", 422, "no ZIP archive"),
        ] {
            let answer = send(&client, &client.token, query, file).await;
            let said = detail(&answer);
            assert!(answer.status == status && said.contains(says), "{query}: {} {said}", answer.status);
        }
        let kind = crate::api::with_bearer(&client.app, &client.token, "POST /v1/imports?format=csv", TABLE).await;
        assert!(kind.status == 415 && detail(&kind).contains("application/octet-stream"), "{}", kind.body);
        // Refused by its length, before it is sent.
        let head = format!(
            "POST /v1/imports?format=csv HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: 33554433\r\n\r\n",
            client.token
        );
        let large = replay(client.app.running.http, head.as_bytes()).await;
        assert!(large.status == 413 && detail(&large).contains("32 MiB"), "{}", large.body);
        for scope in [Scope::AliasCreate, Scope::Read] {
            let token = client.token(&[scope]).await;
            assert_eq!(send(&client, &token, "?format=csv", TABLE.as_bytes()).await.status, 403);
        }
        assert_eq!(addresses(&client).await, before);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn more_than_a_megabyte_is_taken_and_many_rows_are_told_of_up_to_a_number() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let rows: Vec<String> = (0..50_003).map(|number| format!("not-an-address-{number},x\n")).collect();
        let file = format!("address,note\n{}", rows.concat());
        assert!(file.len() > 1 << 20);
        let done = import(&client, "?format=csv&dry_run=true", file.as_bytes()).await;
        assert_eq!((&done["skipped"], &done["lines_left_out"]), (&50_003.into(), &3.into()));
        assert_eq!(done["lines"].as_array().unwrap().len(), 50_000);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_file_of_a_user_at_a_time_and_few_in_all() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let gate = &client.app.running.broker.imports;
        let own = gate.enter(client.app.user).unwrap();
        let busy = send(&client, &client.token, "?format=csv", TABLE.as_bytes()).await;
        assert!(busy.status == 409 && detail(&busy).contains("under way"), "{}", busy.body);
        assert_eq!(export(&client, &client.token).await.status, 409);
        drop(own);
        let sending = gate.receive(client.app.user).unwrap();
        assert_eq!(send(&client, &client.token, "?format=csv", TABLE.as_bytes()).await.status, 409);
        drop(sending);
        let others = (gate.enter(UserId(-1)).unwrap(), gate.enter(UserId(-2)).unwrap());
        let busy = send(&client, &client.token, "?format=csv", TABLE.as_bytes()).await;
        assert!(busy.status == 503 && detail(&busy).contains("in a minute"), "{}", busy.body);
        drop(others);
        let four: Vec<_> = (1..=4).map(|user| gate.receive(UserId(-user)).unwrap()).collect();
        let busy = send(&client, &client.token, "?format=csv", TABLE.as_bytes()).await;
        assert!(busy.status == 503 && detail(&busy).contains("in a minute"), "{}", busy.body);
        drop(four);
        assert_eq!(send(&client, &client.token, "?format=csv&dry_run=true", TABLE.as_bytes()).await.status, 200);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_export_is_under_way_until_it_is_sent_and_keeps_nobody_else_waiting() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let (broker, user) = (&client.app.running.broker, client.app.user);
        let pass = broker.imports.enter(user).unwrap();
        let made = export::make(&broker.desk, user, NameKeyIs::In, &broker.rules.data_dir).await.unwrap();
        let pieces = made.pieces(pass);
        assert_eq!(export(&client, &client.token).await.status, 409);
        let others = (broker.imports.enter(UserId(-1)).unwrap(), broker.imports.enter(UserId(-2)).unwrap());
        drop(pieces);
        assert_eq!(export(&client, &client.token).await.status, 503);
        drop(others);
        for _ in 0..3 {
            assert_eq!(export(&client, &client.token).await.status, 200, "whoever has it all may ask again");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn everything_comes_as_one_archive_and_goes_into_another_instance() {
    each_driver(async |from| {
        let client = Client::start(&from).await;
        for number in 0..5 {
            let alias = client.app.alias(&format!("n{number}")).await;
            let body = "{\"address\":\"a@lg.com\"}";
            client.expect(201, &format!("POST /v1/aliases/{}/contacts", alias.uuid), body).await;
        }
        let user = client.app.user;
        let set = client
            .app
            .storage()
            .write(move |tx| Box::pin(async move { storage::made_alias::set_name_key(tx, user, Some(&[7; 20])).await }));
        assert!(set.await.unwrap());
        let answer = export(&client, &client.token(&[Scope::Read]).await).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/zip")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-length"), Some(answer.bytes.len().to_string().as_str()));
        let document: Value = serde_json::from_str(&part(&answer.bytes, "postern.json")).unwrap();
        assert_eq!(document["aliases"].as_array().unwrap().len(), 5);
        let about: Value = serde_json::from_str(&part(&answer.bytes, "about.json")).unwrap();
        assert_eq!((&about["aliases"], &about["left_out"]), (&5.into(), &json!(["name_key"])));
        assert!(document["account"]["name_key"].is_null() && part(&answer.bytes, "README.txt").contains("postern.json"));
        // Whoever may see how the user signs in gets the key that signs names.
        let whole = export(&client, &client.token(&[Scope::Read, Scope::Account]).await).await;
        let keyed: Value = serde_json::from_str(&part(&whole.bytes, "postern.json")).unwrap();
        assert!(keyed["account"]["name_key"].is_string());
        let about: Value = serde_json::from_str(&part(&whole.bytes, "about.json")).unwrap();
        assert_eq!(about["left_out"], json!([]));
        for scope in [Scope::AliasCreate, Scope::Account] {
            assert_eq!(export(&client, &client.token(&[scope]).await).await.status, 403);
        }
        each_driver(async |to| {
            let other = Client::start(&to).await;
            let done = import(&other, "?format=postern", &answer.bytes).await;
            assert_eq!((&done["made"], &done["skipped"], &done["contacts_renewed"]), (&5.into(), &0.into(), &0.into()));
            let again = export(&other, &other.token).await;
            assert_eq!(part(&again.bytes, "aliases.csv"), part(&answer.bytes, "aliases.csv"));
            let list = |archive: &[u8]| serde_json::from_str::<Value>(&part(archive, "postern.json")).unwrap()["aliases"].clone();
            assert_eq!(list(&again.bytes), list(&answer.bytes));
            other.app.finish().await;
        })
        .await;
        client.app.finish().await;
    })
    .await;
}
