//! The pages of whoever administers the instance.

use std::time::Duration;

use postern::service::{admin, user};

use crate::support::app::{DOMAIN, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::sink::{Point, Script};

const PAGES: [&str; 5] = ["/admin/users", "/admin/invites", "/admin/queue", "/admin/domains", "/admin/health"];

/// An instance whose user administers it, and a browser of theirs.
async fn start(database: &Database) -> (TestApp, Browser) {
    let app = TestApp::start(database).await;
    let desk = &app.running.broker.desk;
    let uuid = user::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap().uuid;
    admin::set_admin(desk, uuid, true).await.unwrap();
    let browser = Browser::signed_in(&app).await;
    (app, browser)
}

/// One more user, who administers nothing.
async fn ann(app: &TestApp) -> postern::model::user::User {
    let desk = &app.running.broker.desk;
    let new = user::NewUser { email: address("ann@inbox.example"), is_admin: false, verified: false };
    user::add(desk, new).await.unwrap().0
}

#[tokio::test]
async fn for_everybody_else_there_are_no_such_pages() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let ann = ann(&app).await;
        let mut other = Browser::of(&app, ann.id).await;
        for path in PAGES {
            assert_eq!(browser.get(path).await.status, 200, "{path}");
            assert_eq!(other.get(path).await.status, 404, "{path}");
            assert_eq!(Browser::new(&app).get(path).await.status, 303, "{path}");
        }
        assert_eq!(browser.get("/admin").await.header("location"), Some("admin/users"));
        let of_ann = format!("/admin/users/{}", ann.uuid);
        assert_eq!(other.get(&of_ann).await.status, 404);
        for path in [&format!("{of_ann}/admin"), &format!("{of_ann}/remove"), "/admin/invites", "/admin/queue/retry"] {
            assert_eq!(other.post(path, &[("to", "admin"), ("email", "ann@inbox.example"), ("days", "7")]).await.status, 404);
        }
        for path in ["/admin/users/x", "/admin/users/00000000-0000-7000-8000-000000000000", "/admin/queue/x", "/admin/queue/9"] {
            assert_eq!(browser.get(path).await.status, 404, "{path}");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn users_are_listed_made_administrators_and_removed() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let ann = ann(&app).await;
        app.alias("shop").await;
        let page = browser.get("/admin/users").await.body;
        for text in [MAILBOX, "ann@inbox.example", "0 of 1 confirmed", "1 of 1 confirmed", "administrator"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        let path = format!("/admin/users/{}", ann.uuid);
        let one = browser.get(&path).await;
        assert!(one.status == 200 && one.body.contains("Make an administrator"), "{}", one.body);
        assert_eq!(browser.post(&format!("{path}/admin"), &[("to", "admin")]).await.status, 303);
        let mut other = Browser::of(&app, ann.id).await;
        assert_eq!(other.get("/admin/users").await.status, 200);
        assert_eq!(browser.post(&format!("{path}/admin"), &[("to", "user")]).await.status, 303);
        assert_eq!(other.get("/admin/users").await.status, 404);

        let wrong = browser.post(&format!("{path}/remove"), &[("email", MAILBOX)]).await;
        assert!(wrong.status == 422 && wrong.body.contains("not the address"), "{}", wrong.body);
        let gone = browser.post(&format!("{path}/remove"), &[("email", " Ann@inbox.example")]).await;
        assert_eq!(gone.header("location"), Some("../../../admin/users?said=removed"));
        assert_eq!(browser.get(&path).await.status, 404);
        assert_eq!(user::list(&app.running.broker.desk, None, 9).await.unwrap().len(), 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn dangerous_acts_take_a_fresh_proof_of_who_it_is() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let ann = ann(&app).await;
        app.clock.advance(Duration::from_mins(16));
        let path = format!("/admin/users/{}", ann.uuid);
        let asked = browser.get(&path).await;
        assert!(asked.status == 303 && asked.header("location").unwrap().contains("confirm?next="), "{:?}", asked.headers);
        for (act, fields) in [("admin", ("to", "admin")), ("remove", ("email", "ann@inbox.example"))] {
            let answer = browser.post(&format!("{path}/{act}"), &[fields]).await;
            assert!(answer.status == 303 && answer.header("location").unwrap().ends_with("confirm"), "{act}");
        }
        let found = user::find_by_email(&app.running.broker.desk, &ann.email).await.unwrap().unwrap();
        assert!(!found.is_admin);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let desk = &app.running.broker.desk;
        let me = user::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap();
        let path = format!("/admin/users/{}", me.uuid);
        for (act, fields) in [("admin", ("to", "user")), ("remove", ("email", MAILBOX))] {
            let answer = browser.post(&format!("{path}/{act}"), &[fields]).await;
            assert!(answer.status == 422 && answer.body.contains("Nobody else administers"), "{act}: {}", answer.body);
        }
        let ann = ann(&app).await;
        admin::set_admin(desk, ann.uuid, true).await.unwrap();
        // Of two who step down at once, one stays.
        let (one, other) = tokio::join!(admin::set_admin(desk, ann.uuid, false), admin::set_admin(desk, me.uuid, false));
        assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|done| **done).count(), 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_can_be_taken_back() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let made = browser.post("/admin/invites", &[("note", "for <Ann>"), ("days", "3")]).await;
        assert!(made.status == 200 && made.body.contains("http://127.0.0.1:8080/invite/"), "{}", made.body);
        let list = browser.get("/admin/invites").await.body;
        assert!(list.contains("for &#60;Ann&#62;") && !list.contains("/invite/"), "{list}");
        for fields in
            [[("note", "x"), ("days", "0")], [("note", "x"), ("days", "soon")], [("note", &*"x".repeat(201)), ("days", "1")]]
        {
            assert_eq!(browser.post("/admin/invites", &fields).await.status, 422, "{fields:?}");
        }
        let [invite] = postern::service::invite::list(&app.running.broker.desk).await.unwrap().try_into().unwrap();
        let path = format!("/admin/invites/{}/revoke", invite.uuid);
        assert_eq!((browser.post(&path, &[]).await.status, browser.post(&path, &[]).await.status), (303, 404));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_queue_shows_no_mailbox_and_is_tried_again_and_dropped_with_a_reason() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let alias = app.alias("shop").await;
        let answer = format!("451 4.2.2 <{MAILBOX}> is full\r\n");
        app.next_hop(Script::new().reply(Point::Rcpt, &answer));
        let accepted = app.send("news@lg.example", &alias, "From: News <news@lg.example>\r\nSubject: x\r\n\r\nx\r\n").await;
        assert!(accepted.starts_with("250"), "{accepted}");
        app.wait_until(async |app| app.queue().await.iter().any(|delivery| delivery.last_failure.is_some())).await;
        let id = app.queue().await[0].id;
        let (list, path) = (browser.get("/admin/queue").await.body, format!("/admin/queue/{id}"));
        let one = browser.get(&path).await.body;
        for page in [&list, &one] {
            // Above it stands who is signed in: the same address here.
            let page = page.split_once("<main").unwrap().1;
            assert!(page.contains("mailbox-provider.example") && !page.contains("jane.roe"), "{page}");
        }
        assert!(list.contains("Waiting (1)") && one.contains("is full"), "{one}");
        assert!(browser.get("/admin/queue?state=failed").await.body.contains("None is in this state"));
        assert_eq!(browser.post(&format!("{path}/retry"), &[]).await.status, 303);
        assert_eq!(browser.post("/admin/queue/retry", &[]).await.status, 303);
        let unsaid = browser.post(&format!("{path}/drop"), &[("reason", " ")]).await;
        assert!(unsaid.status == 422 && unsaid.body.contains("write your reason first"), "{}", unsaid.body);
        let dropped = browser.post(&format!("{path}/drop"), &[("reason", "it hangs")]).await;
        assert_eq!(dropped.header("location"), Some("../../../admin/queue?said=dropped"));
        let queue = app.queue().await;
        assert!(queue[0].last_failure.as_ref().unwrap().detail.reveal().contains("dropped by the operator: it hangs"));
        assert!(browser.get(&path).await.body.contains("<dt>Given up because</dt><dd>it hangs</dd>"));
        let owners = browser.get("/failures").await.body;
        assert!(
            owners.contains("Whoever runs this Postern gave it up.") && owners.contains("Their reason: it hangs"),
            "{owners}"
        );
        assert!(!owners.contains("you killed") && !owners.contains("dropped by the operator"), "{owners}");
        assert_eq!(browser.post(&format!("{path}/drop"), &[("reason", "again")]).await.status, 409);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn health_and_domains_say_what_there_is() {
    each_driver(async |database| {
        let (app, mut browser) = start(&database).await;
        let health = browser.get("/admin/health").await.body;
        for text in [
            "takes mail",
            env!("CARGO_PKG_VERSION"),
            "gate.you.example",
            "Ed25519",
            "signs",
            "every server that mail goes to answers",
        ] {
            assert!(health.contains(text), "{text}: {health}");
        }
        assert!(health.contains("SQLite") || health.contains("PostgreSQL"));
        let domains = browser.get("/admin/domains").await.body;
        assert!(domains.contains(DOMAIN) && domains.contains("v=spf1") && domains.contains("missing"), "{domains}");
        app.finish().await;
    })
    .await;
}
