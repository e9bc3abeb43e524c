//! `/activity` and `/blocks`: what happened lately, and whom one wants nothing from.

use postern::model::activity::{Activity, ActivityKey};
use postern::model::id::AliasId;
use postern::model::sighting::{Proof, Seen, SightingKey};
use postern::model::site::Site;
use postern::model::{Clock, Timestamp};
use postern::service::user as users;
use postern::storage::alias::NewAlias;
use postern::storage::{activity, sighting};

use crate::support::app::{self, TestApp};
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: shop@you.example\r\nSubject: Hi\r\n\r\nHello\r\n";

async fn count(app: &TestApp, alias_id: AliasId, ago: i64, counts: Activity) {
    let day = app.clock.now().day() - ago;
    let write = app
        .storage()
        .write(move |tx| Box::pin(async move { activity::add(tx, &[(ActivityKey { alias_id, day }, counts)]).await }));
    write.await.unwrap();
}

async fn sight(app: &TestApp, alias_id: AliasId, organisation: &str, first: Timestamp) {
    let key = SightingKey { alias_id, organisation: organisation.into(), proof: Proof::None, signer: String::new() };
    let seen = Seen { first, last: first, messages: 1 };
    app.storage().write(move |tx| Box::pin(async move { sighting::add(tx, &[(key, seen)]).await })).await.unwrap();
}

#[tokio::test]
async fn what_waits_is_said_where_nothing_is_counted_yet() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        let (lately, own) = ("/activity", format!("/aliases/{}", alias.uuid));
        assert!(browser.get(lately).await.body.contains("No mail in this time."));
        assert!(browser.get(&own).await.body.contains("No mail was ever sent to this alias."));
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        for _ in 0..2 {
            assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        }
        for path in [lately, &own] {
            let page = browser.get(path).await.body;
            assert!(page.contains("2 messages wait to be delivered"), "{page}");
            assert!(!page.contains("No mail in this time") && !page.contains("No mail was ever"), "{page}");
        }
        app.next_hop(Script::new());
        app.clock.advance(std::time::Duration::from_hours(1));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn all_of_ones_own_mail_is_added_up_and_nobody_elses() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        let site = Site::parse("shop.example").unwrap();
        let (one, two) = (app.alias_to("shop", vec![app.mailbox], |new| new.site = Some(site)).await, app.alias("two").await);
        let of = |forwarded, blocked, quoted| Activity { forwarded, blocked, quoted, ..Activity::default() };
        count(&app, one.id, 0, of(2, 1, 1)).await;
        count(&app, two.id, 0, of(5, 0, 0)).await;
        count(&app, two.id, 50, of(9, 0, 0)).await;
        count(&app, theirs.id, 0, of(1000, 0, 0)).await;
        let now = app.clock.now();
        sight(&app, one.id, "<evil>.example", now).await;
        sight(&app, two.id, "friend.example", now).await;
        sight(&app, theirs.id, "secret.example", now).await;
        sight(&app, one.id, "long.example", now.minus(std::time::Duration::from_hours(24 * 60))).await;

        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/activity").await.body;
        assert!(page.contains("7 came through, 1 turned away. At most 8 on one day."), "{page}");
        assert!(page.contains("That happened in 1 of your replies"), "{page}");
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not in {page}"));
        assert!(
            place("two@you.example</a></th><td data-label=\"Came through\">5</td>")
                < place("shop@you.example</a></th><td data-label=\"Came through\">2</td><td data-label=\"Turned away\">1</td>")
        );
        assert!(page.contains("&#60;evil&#62;.example <span class=\"tag killed\">not the site</span>"), "{page}");
        assert!(page.contains("friend.example</th>") && !page.contains("long.example"), "{page}");
        assert!(!page.contains("secret.example") && !page.contains("bob@"), "{page}");
        let page = browser.get("/activity?days=90").await.body;
        assert!(page.contains("16 came through") && page.contains("long.example"), "{page}");
        assert_eq!(browser.get("/activity?days=-1&said=%22%3E").await.status, 200);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_choice_about_quoted_addresses_is_kept() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let email = app::MAILBOX.parse().unwrap();
        for (fields, kept, said) in [(&[("replace_quoted", "yes")][..], true, "replace"), (&[], false, "keep")] {
            let answer = browser.post("/activity/replies", fields).await;
            assert_eq!(answer.header("location"), Some(format!("../activity?said={said}").as_str()));
            let user = users::find_by_email(&app.running.broker.desk, &email).await.unwrap().unwrap();
            assert_eq!(user.replace_quoted, kept);
            let ticked = browser.get("/activity").await.body.contains("name=\"replace_quoted\" value=\"yes\" checked");
            assert_eq!(ticked, kept);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_tried_again_from_there() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Dot, "451 4.4.5 busy\r\n"));
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        app.wait_until(async |app| app.queue().await.iter().any(|row| row.last_failure.is_some())).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/activity").await.body;
        assert!(page.contains("The receiving server is too busy.") && page.contains("1 waiting, 0 failed"), "{page}");
        let row = app.queue().await[0].uuid;
        app.next_hop(Script::new());
        let answer = browser.post(&format!("/failures/{row}/retry"), &[("back", "activity")]).await;
        assert_eq!(answer.header("location"), Some("../../activity?said=due"));
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_block_holds_at_all_aliases_until_it_is_taken_back() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        let answer = browser.post("/blocks", &[("sender", "Shop.example")]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("blocks?said=added&sender=%40shop.example")));
        let page = browser.get("/blocks?said=added&sender=%40shop.example").await.body;
        assert!(page.contains("everybody at shop.example") && page.contains(">Undo</button>"), "{page}");
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("550 5.7.1 "));
        let again = browser.post("/blocks", &[("sender", "@shop.example")]).await;
        assert_eq!(again.header("location"), Some("blocks?said=there&sender=%40shop.example"));
        let answer = browser.post("/blocks/remove", &[("sender", "@shop.example")]).await;
        assert_eq!(answer.header("location"), Some("../blocks?said=removed&sender=%40shop.example"));
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        for wrong in ["", "<b>", "a b@c", "@"] {
            let answer = browser.post("/blocks", &[("sender", wrong)]).await;
            assert!(answer.status == 422 && answer.body.contains("neither an address"), "{wrong}: {}", answer.body);
            assert!(!answer.body.contains("<b>"));
        }
        let page = browser.get("/blocks?said=added&sender=%3Cscript%3E").await.body;
        assert!(!page.contains("<script>"), "{page}");
        app.finish().await;
    })
    .await;
}
