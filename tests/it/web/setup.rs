//! The first run: one administrator, made by whoever has the link of this start.

use postern::service::user;
use postern::storage;

use super::letter::{link, subject};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

const PASSWORD: &str = "correct horse battery";
const FORM: [(&str, &str); 3] = [("email", MAILBOX), ("password", PASSWORD), ("again", PASSWORD)];

/// An instance where nobody has an account, and the path of its link.
async fn empty(database: &crate::support::database::Database) -> (TestApp, String) {
    let app = TestApp::start(database).await;
    let old = path(&app);
    user::remove(&app.running.broker.desk, app.user).await.unwrap();
    let app = app.restart().await;
    let new = path(&app);
    assert_ne!(old, new, "drawn anew at each start");
    assert_eq!(Browser::new(&app).get(&old).await.status, 404);
    (app, new)
}

fn path(app: &TestApp) -> String {
    let link = app.running.setup_link.as_ref().unwrap().reveal();
    link.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned()
}

async fn users(app: &TestApp) -> Vec<postern::model::user::User> {
    user::list(&app.running.broker.desk, None, 10).await.unwrap()
}

#[tokio::test]
async fn whoever_has_the_link_makes_the_first_account_and_nobody_another() {
    each_driver(async |database| {
        let (app, path) = empty(&database).await;
        let mut browser = Browser::new(&app);
        assert_eq!(browser.get("/").await.header("location"), Some("setup"));
        let page = browser.get("/setup").await;
        assert!(page.status == 200 && page.body.contains("postern user add") && !page.body.contains("<form"), "{}", page.body);
        let guess = format!("/setup/{}", "A".repeat(43));
        assert_eq!((browser.get(&guess).await.status, browser.post(&guess, &FORM).await.status), (404, 404));
        assert_eq!(browser.get(&path).await.status, 200);

        for (wrong, word) in [
            ([("email", "jane"), FORM[1], FORM[2]], "no mail address"),
            ([("email", "jane@you.example"), FORM[1], FORM[2]], "inbox elsewhere"),
            ([FORM[0], ("password", "short"), ("again", "short")], "8 characters"),
            ([FORM[0], FORM[1], ("again", "correct horse")], "not the same"),
        ] {
            let answer = browser.post(&path, &wrong).await;
            assert!(answer.status == 422 && answer.body.contains(word), "{word}: {} {}", answer.status, answer.body);
        }
        assert!(users(&app).await.is_empty());
        // All that is wrong is said at once.
        let all = browser.post(&path, &[("email", "jane"), ("password", "short"), ("again", "shorter")]).await;
        for word in ["no mail address", "not the same", "8 characters"] {
            assert!(all.status == 422 && all.body.contains(word), "{word}: {}", all.body);
        }
        let easy = browser.post(&path, &[FORM[0], ("password", "password1234"), ("again", "password1234")]).await;
        assert!(easy.status == 422 && easy.body.contains("first that anybody would try"), "{}", easy.body);

        let made = browser.post(&path, &FORM).await;
        assert_eq!((made.status, made.header("location")), (303, Some("../setup/domain")));
        let [admin] = users(&app).await.try_into().unwrap();
        assert!(admin.is_admin && admin.email.to_string() == MAILBOX);
        let letter = app.sink.wait_for(1).await.remove(0);
        assert_eq!((letter.recipients(), subject(&letter).as_str()), (vec![MAILBOX], "Please confirm your mailbox"));
        link(&letter, "/verify/");

        assert_eq!(browser.get(&path).await.status, 404);
        let other = [("email", "eve@else.example"), FORM[1], FORM[2]];
        assert_eq!(Browser::new(&app).post(&path, &other).await.status, 404);
        assert_eq!(Browser::new(&app).get("/setup").await.header("location"), Some("./"));
        assert_eq!(users(&app).await.len(), 1);
        let app = app.restart().await;
        assert!(app.running.setup_link.is_none());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn two_at_once_make_one_administrator() {
    each_driver(async |database| {
        let (app, path) = empty(&database).await;
        let (mut one, mut two) = (Browser::new(&app), Browser::new(&app));
        let other = [("email", "eve@else.example"), FORM[1], FORM[2]];
        let (first, second) = tokio::join!(one.post(&path, &FORM), two.post(&path, &other));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 404]);
        assert_eq!(users(&app).await.len(), 1);
        app.sink.wait_for(1).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_made_at_the_command_line_ends_the_link() {
    each_driver(async |database| {
        let (app, path) = empty(&database).await;
        let desk = &app.running.broker.desk;
        let new = user::NewUser { email: MAILBOX.parse_address(), is_admin: true, verified: true };
        let made = user::add(desk, new).await.unwrap().0;
        assert_eq!(Browser::new(&app).post(&path, &FORM).await.status, 404);
        user::remove(desk, made.id).await.unwrap();
        assert_eq!(Browser::new(&app).get(&path).await.status, 404, "void for good");
        app.finish().await;
    })
    .await;
}

trait ParseAddress {
    fn parse_address(&self) -> postern::model::Address;
}

impl ParseAddress for str {
    fn parse_address(&self) -> postern::model::Address {
        crate::support::database::address(self)
    }
}

#[tokio::test]
async fn the_steps_say_what_to_publish_and_whether_mail_gets_out() {
    each_driver(async |database| {
        let (app, path) = empty(&database).await;
        let mut browser = Browser::new(&app);
        browser.post(&path, &FORM).await;
        app.sink.wait_for(1).await;
        let domain = browser.get("/setup/domain").await;
        assert_eq!(domain.status, 200);
        for text in ["10 gate.you.example.", "v=spf1", "_dmarc.you.example", "_domainkey.you.example", "missing", "do this later"]
        {
            assert!(domain.body.contains(text), "{text}: {}", domain.body);
        }
        let page = browser.get("/setup/mail").await;
        assert!(page.body.contains("Send me a test message") && page.body.contains("127.0.0.1"), "{}", page.body);
        let tried = browser.post("/setup/mail", &[("do", "test")]).await;
        assert!(tried.status == 200 && tried.body.contains("has taken the test message"), "{}", tried.body);
        assert_eq!(app.sink.wait_for(2).await[1].recipients(), [MAILBOX]);
        app.next_hop(Script::new().reply(Point::Rcpt, "550 5.7.1 not from you\r\n"));
        let refused = browser.post("/setup/mail", &[("do", "test")]).await;
        assert!(refused.body.contains("refused the test message") && refused.body.contains("not from you"), "{}", refused.body);
        app.next_hop(Script::new());
        let again = browser.post("/setup/mail", &[("do", "link")]).await;
        assert!(again.body.contains("Another link is on its way"), "{}", again.body);
        let done = browser.get("/setup/done").await;
        assert!(done.status == 200 && done.body.contains("Make your first alias") && done.body.contains("One thing is left"));

        // The steps are the administrator's alone.
        let (other, _) = crate::support::app::user(app.storage(), &*app.clock, "ann@inbox.example").await;
        let mut other = Browser::of(&app, other).await;
        for path in ["/setup/domain", "/setup/mail", "/setup/done"] {
            assert_eq!(other.get(path).await.status, 404, "{path}");
        }
        assert_eq!(other.post("/setup/mail", &[("do", "test")]).await.status, 404);
        app.wait_until(async |app| app.read(async |tx| storage::queue::counts(tx).await).await.waiting == 0).await;
        app.finish().await;
    })
    .await;
}
