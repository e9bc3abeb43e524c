//! The pages of mailboxes.

use std::time::Duration;

use postern::service::{alias, mailbox, user};
use postern::storage;

use super::letter::text as letter_text;
use super::verify::{arrived, link, settled};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::http::Answer;
use crate::support::sink::{Point, Script};

const NEW: &str = "jane@second.example";

async fn path(app: &TestApp, text: &str) -> String {
    let found = mailbox::find(&app.running.broker.desk, app.user, &address(text)).await.unwrap().unwrap();
    format!("/mailboxes/{}", found.uuid)
}

fn holds(answer: &Answer, status: u16, words: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.body);
    for word in words {
        assert!(answer.body.contains(word), "{word}: {}", answer.body);
    }
}

fn leads(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(to)), "{}", answer.body);
}

#[tokio::test]
async fn a_mailbox_is_added_confirmed_made_the_default_and_removed() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        holds(&browser.get("/mailboxes").await, 200, &[MAILBOX, "default", "0 aliases forward here"]);
        for (email, word) in [("nonsense", "no e-mail address"), ("x@you.example", "in circles"), (MAILBOX, "there already")] {
            holds(&browser.post("/mailboxes", &[("email", email)]).await, 422, &[word, &format!("value=\"{email}\"")]);
        }
        leads(&browser.post("/mailboxes", &[("email", NEW)]).await, "mailboxes?said=added");
        holds(&browser.get("/mailboxes?said=added").await, 200, &[NEW, "waits for its link", "A link is on its way there"]);
        settled(&app, NEW, 1).await;
        let page = path(&app, NEW).await;
        holds(&browser.post(&format!("{page}/default"), &[]).await, 409, &["not confirmed yet"]);
        holds(&browser.post(&format!("{page}/test"), &[]).await, 409, &["not confirmed yet"]);
        let here = page.trim_start_matches('/');
        for _ in 0..4 {
            leads(&browser.post(&format!("{page}/resend"), &[]).await, &format!("../../{here}?said=sent"));
        }
        holds(&browser.post(&format!("{page}/resend"), &[]).await, 429, &["Enough links"]);
        settled(&app, NEW, 5).await;
        browser.post(&link(&app, NEW), &[]).await;
        leads(&browser.post(&format!("{page}/test"), &[]).await, &format!("../../{here}?said=taken"));
        leads(&browser.post(&format!("{page}/default"), &[]).await, &format!("../../{here}?said=default"));
        holds(&browser.post(&format!("{page}/remove"), &[]).await, 409, &["Make another mailbox the default first"]);
        let old = path(&app, MAILBOX).await;
        leads(&browser.post(&format!("{old}/remove"), &[]).await, "../../mailboxes?said=removed");
        assert_eq!(browser.get(&old).await.status, 404);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn somebody_else_s_mailbox_is_not_there() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let new = user::NewUser { email: address("eve@evil.example"), is_admin: true, verified: true };
        let (eve, _) = user::add(&app.running.broker.desk, new).await.unwrap();
        let mut browser = Browser::of(&app, eve.id).await;
        let page = path(&app, MAILBOX).await;
        for path in [page.clone(), format!("{page}/move"), "/mailboxes/x".into()] {
            assert_eq!(browser.get(&path).await.status, 404, "{path}");
        }
        for act in ["resend", "default", "test", "remove", "key", "key/remove", "move", "cancel-move"] {
            let answer = browser.post(&format!("{page}/{act}"), &[("email", "eve@third.example"), ("key", "x")]).await;
            assert_eq!(answer.status, 404, "{act}");
        }
        assert!(!browser.get("/mailboxes").await.body.contains(MAILBOX));
        leads(&Browser::new(&app).get(&page).await, &format!("../sign-in?next={}", page.replace('/', "%2F")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_moves_from_the_page() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        let page = path(&app, MAILBOX).await;
        let here = page.trim_start_matches('/').to_owned();
        holds(&browser.get(&format!("{page}/move")).await, 200, &["Sign in with it from then on", "your alias"]);
        for (email, word) in [("x", "no e-mail address"), (MAILBOX, "already"), ("x@you.example", "in circles")] {
            holds(&browser.post(&format!("{page}/move"), &[("email", email)]).await, 422, &[word]);
        }
        let form = [("email", NEW), ("sign_in", "on")];
        leads(&browser.post(&format!("{page}/move"), &form).await, &format!("../../{here}?said=asked"));
        holds(&browser.get(&page).await, 200, &["Is being moved to jane@second.example.", "Cancel the move"]);
        holds(&browser.get(&path(&app, NEW).await).await, 200, &["Takes the place of", "Send the link again"]);
        leads(&browser.post(&format!("{page}/cancel-move"), &[]).await, "../../mailboxes?said=cancelled");
        browser.post(&format!("{page}/move"), &form).await;
        settled(&app, NEW, 2).await;
        holds(&browser.post(&link(&app, NEW), &[]).await, 200, &["sign in with now"]);
        // Whoever reads the address that was left is told, also that it does not sign in any more.
        let told = |app: &TestApp| {
            let letters = app.sink.messages().into_iter().filter(|letter| letter.recipients() == [MAILBOX]);
            letters.map(|letter| letter_text(&letter).split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        app.wait_until(async |app| {
            told(app).iter().any(|text| text.contains("You sign in with jane@second.example from now on"))
        })
        .await;
        assert!(told(&app).iter().any(|text| text.contains("The address you sign in with moves, too")), "{:?}", told(&app));
        let list = browser.get("/mailboxes").await;
        holds(&list, 200, &[NEW, "1 alias forwards here"]);
        assert!(!list.body.contains(MAILBOX), "{}", list.body);
        // Whoever finds a browser that was left open does not get further.
        app.clock.advance(Duration::from_mins(16));
        let page = path(&app, NEW).await;
        let to = format!("../../confirm?next={}", format!("{page}/move").replace('/', "%2F"));
        leads(&browser.get(&format!("{page}/move")).await, &to);
        leads(&browser.post(&format!("{page}/move"), &[("email", "third@second.example")]).await, &to);
        for act in ["default", "key", "key/remove"] {
            let answer = browser.post(&format!("{page}/{act}"), &[("key", "x")]).await;
            assert!(answer.header("location").is_some_and(|to| to.contains("confirm?next=%2Fmailboxes%2F")), "{act}");
        }
        let added = browser.post("/mailboxes", &[("email", "third@second.example")]).await;
        leads(&added, "confirm?next=%2Fmailboxes%3Femail%3Dthird%2540second.example");
        holds(&browser.get("/mailboxes?email=third%40second.example").await, 200, &["value=\"third@second.example\""]);
        assert_eq!(arrived(&app, "third@second.example").len(), 0);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_paused_mailbox_says_why_and_is_tested_from_its_page() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let (id, now) = (app.mailbox, postern::model::Clock::now(&*app.clock));
        let pause = app.storage().write(move |tx| Box::pin(async move { storage::mailbox::pause(tx, id, "5.1.1", now).await }));
        assert!(pause.await.unwrap());
        let page = path(&app, MAILBOX).await;
        holds(
            &browser.get(&page).await,
            200,
            &["Nothing is sent here for now", "no such mailbox (status 5.1.1)", "Test it, and"],
        );
        app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 who is <b>that</b>\r\n"));
        holds(&browser.post(&format!("{page}/test"), &[]).await, 409, &["status 5.1.1", "who is"]);
        app.next_hop(Script::new());
        let to = format!("../../{}?said=resumed", page.trim_start_matches('/'));
        leads(&browser.post(&format!("{page}/test"), &[]).await, &to);
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_only_mailbox_of_an_alias_stays() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let second = app.mailbox(NEW).await;
        let alias = app.alias_to("shop", vec![second], |_| {}).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = path(&app, NEW).await;
        holds(&browser.post(&format!("{page}/remove"), &[]).await, 409, &["One alias forwards here and nowhere else"]);
        assert_eq!(alias::show(&app.running.broker.desk, app.user, &alias.address).await.unwrap().mailboxes.len(), 1);
        app.finish().await;
    })
    .await;
}

#[cfg(feature = "pgp")]
#[tokio::test]
async fn a_key_is_pasted_shown_and_removed() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = path(&app, MAILBOX).await;
        let refused = browser.post(&format!("{page}/key"), &[("key", "no <key>")]).await;
        holds(&refused, 422, &["This key can’t be used", "no &#60;key&#62;</textarea>"]);
        let key = include_str!("../../keys/plain.asc");
        let to = |word: &str| format!("../../{}?said={word}", page.trim_start_matches('/'));
        leads(&browser.post(&format!("{page}/key"), &[("key", key), ("hide_subject", "on")]).await, &to("key"));
        holds(&browser.get(&page).await, 200, &["Fingerprint", "encrypted as well", "Stop encrypting"]);
        let removed = browser.post(&format!("{page}/key/remove"), &[]).await;
        leads(&removed, &format!("../{}", to("key-removed")));
        assert!(!browser.get(&page).await.body.contains("Fingerprint"));
        app.finish().await;
    })
    .await;
}
