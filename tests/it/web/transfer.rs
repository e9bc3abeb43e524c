//! Import and export by the page.

use std::io::{Cursor, Read};
use std::time::Duration;

use postern::model::id::UserId;
use postern::service::alias::{self, AliasFilter};
use postern::service::session::form_token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::http::{Answer, request};

const TABLE: &str = "address,note\nshop@you.example,<b>bold</b>\nold@elsewhere.example,x\npostmaster@you.example,\n";

async fn upload(app: &TestApp, browser: &Browser, token: &str, fields: &[(&str, &str)], file: &str) -> Answer {
    let part =
        |(name, value): &(&str, &str)| format!("--b1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parts: Vec<String> = [("form_token", token)].iter().chain(fields).map(part).collect();
    let mut body = parts.concat();
    body += "--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n";
    body += file;
    body += "\r\n--b1--\r\n";
    let cookie = format!("postern={}", browser.cookie.as_deref().unwrap());
    let kind = "multipart/form-data; boundary=b1";
    let headers = [("Content-Type", kind), ("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
    request(app.running.http, "POST /transfer", &headers, &body).await
}

async fn count(app: &TestApp, user_id: UserId) -> usize {
    let filter = AliasFilter { user_id, site: None, state: None, before: None, limit: 100 };
    alias::list(&app.running.broker.desk, &filter)
        .await
        .unwrap()
        .iter()
        .filter(|alias| alias.address.local() != "postmaster")
        .count()
}

#[tokio::test]
async fn a_file_is_looked_at_first_and_then_imported() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let token = form_token(browser.cookie.as_deref().unwrap());
        let page = browser.get("/transfer").await;
        assert!(page.body.contains("Make them anew on you.example"), "{}", page.body);
        let fields = [("source", "csv"), ("remap", "you.example")];
        let taken = upload(&app, &browser, &token, &fields, TABLE).await;
        assert_eq!((taken.status, taken.header("location")), (303, Some("transfer/look")), "{}", taken.body);
        let look = browser.get("/transfer/look").await;
        assert!(look.body.contains("Would be made") && look.body.contains("now old@you.example"), "{}", look.body);
        assert!(look.body.contains("the name is reserved for the instance") && look.body.contains("Import now"));
        assert_eq!(count(&app, app.user).await, 0);
        let done = browser.post("/transfer/import", &[]).await;
        assert!(done.status == 200 && done.body.contains("<dt>Made</dt><dd>1</dd>"), "{}", done.body);
        assert_eq!(count(&app, app.user).await, 2);
        let again = browser.post("/transfer/import", &[]).await;
        assert_eq!((again.status, again.header("location")), (303, Some("../transfer?said=gone")));

        upload(&app, &browser, &token, &[("source", "csv")], TABLE).await;
        let dropped = browser.post("/transfer/drop", &[]).await;
        assert_eq!(dropped.header("location"), Some("../transfer?said=dropped"));
        assert_eq!(browser.get("/transfer/look").await.status, 303);
        upload(&app, &browser, &token, &[("source", "csv")], TABLE).await;
        app.clock.advance(Duration::from_hours(2));
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert_eq!(browser.get("/transfer/look").await.status, 303, "nobody came back to it");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_and_a_form_that_is_not_ours_does_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let token = form_token(browser.cookie.as_deref().unwrap());
        for (source, file, says) in [
            ("csv", "a,b\n1,2\n", "one must be called address or site"),
            ("postern", "[]", "no export of Postern"),
            ("csv", "", "Choose the file"),
            ("gmail", TABLE, "Say where the file comes from"),
        ] {
            let refused = upload(&app, &browser, &token, &[("source", source)], file).await;
            assert!(refused.status == 422 && refused.body.contains(says), "{} {}", refused.status, refused.body);
        }
        let foreign = upload(&app, &browser, &token, &[("source", "csv"), ("remap", "their.example")], TABLE).await;
        assert!(foreign.status == 422 && foreign.body.contains("not a domain this user can use"), "{}", foreign.body);
        assert_eq!(upload(&app, &browser, "", &[("source", "csv")], TABLE).await.status, 403);
        assert_eq!(browser.get("/transfer/look").await.status, 303, "no file is kept");
        let stranger = request(app.running.http, "POST /transfer", &[], "x").await;
        assert_eq!((stranger.status, stranger.header("location")), (303, Some("sign-in")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_whole_list_of_old_and_new_addresses_is_downloaded_before_and_after_the_import() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let token = form_token(browser.cookie.as_deref().unwrap());
        assert_eq!(browser.get("/transfer/list").await.header("location"), Some("../transfer?said=gone"));
        let rows: Vec<String> = (0..150).map(|at| format!("old{at}@elsewhere.example,")).collect();
        let table = format!("address,note\n{}\n", rows.join("\n"));
        upload(&app, &browser, &token, &[("source", "csv"), ("remap", "you.example")], &table).await;
        let look = browser.get("/transfer/look").await.body;
        assert!(look.contains("And 50 more.") && look.contains("Download the whole list (CSV)"), "{look}");
        let holds_all = |answer: &Answer| {
            let new = answer.body.lines().filter(|line| line.contains("@elsewhere.example,remapped,,old")).count();
            answer.status == 200 && new == 150
        };
        let list = browser.get("/transfer/list").await;
        assert!(holds_all(&list), "{list:?}");
        assert_eq!(list.header("content-disposition"), Some("attachment; filename=postern-import.csv"));
        let done = browser.post("/transfer/import", &[]).await;
        assert!(done.body.contains("It is kept for an hour."), "{}", done.body);
        let list = browser.get("/transfer/list").await;
        assert!(holds_all(&list), "{list:?}");
        assert_eq!(browser.get("/transfer/look").await.status, 303, "a list is no file to bring in");
        app.clock.advance(Duration::from_hours(2));
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert_eq!(browser.get("/transfer/list").await.status, 303);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_of_another_service_is_noticed() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let browser = Browser::signed_in(&app).await;
        let token = form_token(browser.cookie.as_deref().unwrap());
        let table = "alias,note,enabled,mailboxes\nshop@you.example,,false,\n";
        let refused = upload(&app, &browser, &token, &[("source", "addy")], table).await;
        assert!(refused.status == 422 && refused.body.contains("This looks like a file of SimpleLogin"), "{}", refused.body);
        assert!(refused.body.contains("value=\"simplelogin\" selected"), "{}", refused.body);
        assert_eq!(upload(&app, &browser, &token, &[("source", "simplelogin")], table).await.status, 303);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn everything_is_downloaded_by_who_just_proved_who_they_are() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        app.alias("shop").await;
        let archive = download(&app, browser.cookie.as_deref().unwrap()).await;
        let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
        let mut text = String::new();
        archive.by_name("aliases.csv").unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains("\nshop@you.example,"), "{text}");
        app.clock.advance(Duration::from_mins(16));
        let asked = browser.get("/transfer/export").await;
        assert_eq!((asked.status, asked.header("location")), (303, Some("../confirm?next=%2Ftransfer%2Fexport")));
        app.finish().await;
    })
    .await;
}

/// The body of the answer, which is no text.
async fn download(app: &TestApp, cookie: &str) -> Vec<u8> {
    let mut stream = tokio::net::TcpStream::connect(app.running.http).await.unwrap();
    let ask = format!(
        "GET /transfer/export HTTP/1.1\r\nHost: gate.you.example\r\nConnection: close\r\nCookie: postern={cookie}\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let fields = String::from_utf8_lossy(&answer[..head]).to_lowercase();
    assert!(fields.starts_with("http/1.1 200") && fields.contains("attachment; filename=postern-export.zip"), "{fields}");
    assert!(fields.contains("cache-control: no-store"), "{fields}");
    answer.split_off(head + 4)
}

#[tokio::test]
async fn a_file_that_comes_while_another_is_brought_in_takes_nobody_s_place() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let token = form_token(browser.cookie.as_deref().unwrap());
        let gate = &app.running.broker.imports;
        upload(&app, &browser, &token, &[("source", "csv")], TABLE).await;
        let running = gate.enter(app.user).unwrap();
        let second = upload(&app, &browser, &token, &[("source", "csv")], "address\nsecond@you.example\n").await;
        assert!(second.status == 422 && second.body.contains("under way"), "{} {}", second.status, second.body);
        assert_eq!(browser.post("/transfer/import", &[]).await.status, 409);
        assert_eq!(browser.get("/transfer/export").await.status, 409, "one of either");
        drop(running);
        let look = browser.get("/transfer/look").await;
        assert!(look.body.contains("<dt>Would be made</dt><dd>1</dd>") && look.body.contains("postmaster@"), "{}", look.body);
        assert_eq!(browser.get("/transfer/export").await.status, 200);

        let four: Vec<_> = (1..=4).map(|user| gate.receive(UserId(-user)).unwrap()).collect();
        let busy = upload(&app, &browser, &token, &[("source", "csv")], TABLE).await;
        assert!(busy.status == 503 && busy.body.contains("Others send files just now"), "{} {}", busy.status, busy.body);
        drop(four);
        let mine = gate.receive(app.user).unwrap();
        assert_eq!(upload(&app, &browser, &token, &[("source", "csv")], TABLE).await.status, 409);
        drop(mine);
        assert_eq!(upload(&app, &browser, &token, &[("source", "csv")], TABLE).await.status, 303);
        app.finish().await;
    })
    .await;
}
