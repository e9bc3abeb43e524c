//! `/holds`: suspicious mail lies there until its owner delivers or discards it.

use postern::model::alias::Alias;
use postern::model::delivery::DeliveryState;
use postern::service::user as users;
use postern::storage::alias::NewAlias;

use crate::support::app::{self, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver};

const ZONE: &str = "_dmarc.shop.example. 60 IN TXT \"v=DMARC1; p=quarantine\"\n";
const FORGED: &str = "From: \"<b>Shop</b>\" <news@shop.example>\r\nTo: lg@you.example\r\nSubject: Off<i>ers\r\n\r\nHello\r\n";

async fn instance(database: &Database) -> (TestApp, Alias, Browser, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, ZONE).unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(path);
        config.smtp.trusted_networks.clear();
    })
    .await;
    let second = app.mailbox("second@inbox.example").await;
    let alias = app.alias_to("lg", vec![app.mailbox, second], |_| {}).await;
    let browser = Browser::signed_in(&app).await;
    (app, alias, browser, folder)
}

/// The ids of the messages on the page, newest first.
fn shown(page: &str) -> Vec<String> {
    let forms = page.split("holds/").skip(1).filter_map(|rest| rest.split_once("/release\"")).map(|(id, _)| id.to_owned());
    forms.filter(|id| id.len() == 36).collect()
}

/// Messages that arrived, notices left out.
fn arrived(app: &TestApp) -> Vec<(String, String)> {
    let all = app.sink.messages().into_iter();
    let all = all.map(|message| (message.recipients().concat(), String::from_utf8(message.content.clone()).unwrap()));
    all.filter(|(_, text)| !text.contains("\r\nAuto-Submitted: ")).collect()
}

async fn settled(app: &TestApp) {
    app.wait_until(async |app| app.queue().await.iter().all(|row| row.state != DeliveryState::Waiting)).await;
}

#[tokio::test]
async fn what_is_held_arrives_when_it_is_released_and_not_when_it_is_discarded() {
    each_driver(async |database| {
        let (app, alias, mut browser, _folder) = instance(&database).await;
        let page = browser.get("/holds").await.body;
        assert!(page.contains("such mail is delivered with a warning"), "{page}");
        assert_eq!(browser.post("/holds/choice", &[("on_quarantine", "perhaps")]).await.status, 422);
        let answer = browser.post("/holds/choice", &[("on_quarantine", "hold")]).await;
        assert_eq!(answer.header("location"), Some("../holds?said=hold"));
        for _ in 0..2 {
            assert!(app.send("x@evil.example", &alias, FORGED).await.starts_with("250 "));
        }
        settled(&app).await;
        assert!(arrived(&app).is_empty());
        let page = browser.get("/holds").await.body;
        let ids = shown(&page);
        assert_eq!(ids.len(), 2, "one for each message, not for each mailbox: {page}");
        assert!(page.contains("&#60;b&#62;Shop&#60;/b&#62;") && page.contains("Off&#60;i&#62;ers"), "{page}");
        assert!(!page.contains("<b>") && !page.contains("<i>") && page.contains("x@evil.example"), "{page}");
        assert!(page.contains("Deliver all 2 messages to lg@you.example"), "{page}");

        let answer = browser.post(&format!("/holds/{}/release", ids[0]), &[]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("../../holds?said=released")));
        settled(&app).await;
        let mut copies = arrived(&app);
        copies.sort();
        assert_eq!(copies.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), [MAILBOX, "second@inbox.example"]);
        assert!(copies.iter().all(|(_, text)| text.ends_with("\r\n\r\nHello\r\n")));

        let unsure = browser.post(&format!("/holds/{}/discard", ids[1]), &[]).await;
        assert!(unsure.status == 422 && unsure.body.contains("Nothing was discarded"), "{}", unsure.body);
        assert_eq!(shown(&browser.get("/holds").await.body), [ids[1].clone()]);
        let answer = browser.post(&format!("/holds/{}/discard", ids[1]), &[("sure", "yes")]).await;
        assert_eq!(answer.header("location"), Some("../../holds?said=discarded"));
        assert!(browser.get("/holds").await.body.contains("Nothing is held for you right now."));
        assert_eq!(arrived(&app).len(), 2);
        assert!(app.queue().await.iter().all(|row| row.state == DeliveryState::Cancelled && row.message_id.is_none()));
        for act in ["release", "discard"] {
            let answer = browser.post(&format!("/holds/{}/{act}", ids[1]), &[("sure", "yes")]).await;
            assert_eq!(answer.status, 404, "it was decided on");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn all_of_an_alias_are_released_at_once_and_only_by_its_owner() {
    each_driver(async |database| {
        let (app, alias, mut browser, _folder) = instance(&database).await;
        let desk = &app.running.broker.desk;
        let other = app.alias("other").await;
        let settings = users::Settings { on_quarantine: Some(postern::model::user::OnQuarantine::Hold), ..Default::default() };
        users::set(desk, app.user, settings).await.unwrap();
        for to in [&alias, &alias, &other] {
            assert!(app.send("x@evil.example", to, FORGED).await.starts_with("250 "));
        }
        settled(&app).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        let mut stranger = Browser::of(&app, bob).await;
        let ids = shown(&browser.get("/holds").await.body);
        assert_eq!((ids.len(), shown(&stranger.get("/holds").await.body).len()), (3, 0));
        for act in ["release", "discard"] {
            assert_eq!(stranger.post(&format!("/holds/{}/{act}", ids[0]), &[("sure", "yes")]).await.status, 404);
        }
        assert_eq!(stranger.post("/holds/release", &[("alias", &alias.uuid.to_string())]).await.status, 404);
        assert_eq!(browser.post("/holds/release", &[("alias", &theirs.uuid.to_string())]).await.status, 404);
        assert_eq!(browser.post("/holds/release", &[("alias", "nonsense")]).await.status, 404);
        let page = browser.get("/holds").await.body;
        assert!(page.contains("(in 30 days)") && page.contains("Block x@evil.example"), "{page}");
        assert!(page.contains("Kill lg@you.example") && page.contains("Discard all 2 messages to lg@you.example"), "{page}");
        let overview = browser.get(&format!("/aliases/{}", alias.uuid)).await.body;
        assert!(
            overview.contains("2 messages are held until you decide") && !overview.contains("No mail was ever"),
            "{overview}"
        );
        let answer = browser.post("/holds/release", &[("alias", &alias.uuid.to_string())]).await;
        assert_eq!(answer.header("location"), Some("../holds?said=all-released"));
        settled(&app).await;
        assert_eq!(arrived(&app).len(), 4, "two messages, two mailboxes");
        assert_eq!(shown(&browser.get("/holds").await.body).len(), 1, "that of the other alias stays");
        let all = [("alias", other.uuid.to_string())];
        let all = [("alias", all[0].1.as_str()), ("sure", "yes")];
        assert_eq!(stranger.post("/holds/discard", &all).await.status, 404);
        let unsure = browser.post("/holds/discard", &all[..1]).await;
        assert!(unsure.status == 422 && unsure.body.contains("tick the box"), "{}", unsure.body);
        let answer = browser.post("/holds/discard", &all).await;
        assert_eq!(answer.header("location"), Some("../holds?said=all-discarded"));
        assert!(shown(&browser.get("/holds").await.body).is_empty());
        assert!(browser.get("/failures").await.body.contains("It was held, and you discarded it."));
        app.finish().await;
    })
    .await;
}
