//! The links in forwarded mail, followed over real HTTP.

use std::time::Duration;

use postern::model::alias::{Alias, AliasState};
use postern::model::contact::Contact;
use postern::service::alias_change::Change;
use postern::{service, storage};

use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{Database, address, each_driver};
use crate::support::http::request;
use crate::support::sink::{Point, Script};

const URL: &str = "https://postern.you.example";
const FORM: &str = "application/x-www-form-urlencoded";
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";
const MESSAGE: &str = "From: LG <news@lg.example>\r\nSubject: Sale\r\n\r\nHello\r\n";

/// An instance whose owner got one message, and the path of the link in it.
struct House {
    app: TestApp,
    alias: Alias,
    path: String,
}

impl House {
    async fn build(database: &Database) -> Self {
        let app = TestApp::with(database, |config| config.instance.public_url = URL.into()).await;
        let alias = app.alias("shop").await;
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("250 "));
        let message = app.sink.wait_for(1).await.pop().unwrap();
        let text = String::from_utf8(message.content).unwrap();
        let link = text.split("\r\nList-Unsubscribe: <").nth(1).unwrap().split('>').next().unwrap();
        let path = link.strip_prefix(URL).unwrap().to_owned();
        Self { app, alias, path }
    }

    /// Status, head in lower case and body of the answer to one request.
    async fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> (u16, String, String) {
        let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("Content-Type", kind)] };
        let answer = request(self.app.running.http, &format!("{method} {path}"), headers, body).await;
        let head: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_lowercase())).collect();
        (answer.status, head.join("\n"), answer.body)
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let (status, _, page) = self.ask("POST", path, FORM, body).await;
        (status, page)
    }

    async fn page(&self) -> String {
        let (status, _, page) = self.ask("GET", &self.path, "", "").await;
        assert_eq!(status, 200);
        page
    }

    async fn state(&self) -> AliasState {
        self.app.read(async |tx| storage::alias::find(tx, self.alias.id).await).await.unwrap().state
    }

    async fn contact(&self) -> Contact {
        let key = ["news@lg.example".to_owned()];
        self.app.read(async |tx| storage::contact::find_many(tx, self.alias.id, &key).await).await.pop().unwrap()
    }

    async fn send(&self) -> String {
        self.app.send("news@lg.example", &self.alias, MESSAGE).await
    }
}

/// Where the form goes that a button with this word sends.
fn action(page: &str, word: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!("name=\"do\" value=\"{word}\""))?;
    let action = before.rsplit_once("action=\"").unwrap().1.split('"').next().unwrap();
    Some(format!("/u/{action}"))
}

#[tokio::test]
async fn looking_changes_nothing_and_one_click_pauses_however_often_it_comes() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let (status, head, page) = house.ask("GET", &house.path, "", "").await;
        assert_eq!(status, 200);
        for line in
            ["content-type: text/html", "referrer-policy: same-origin", "cache-control: no-store", "frame-ancestors 'none'"]
        {
            assert!(head.contains(line), "{line} is missing in {head}");
        }
        assert!(page.contains("shop@you.example") && page.contains("news@lg.example") && !page.contains("jane.roe"), "{page}");
        assert!(!page.contains("<script") && !page.contains("style=") && page.contains("<html lang=\"en\">"), "{page}");
        let (status, _, body) = house.ask("HEAD", &house.path, "", "").await;
        assert_eq!((status, body.as_str()), (200, ""));
        for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
            assert_eq!(house.ask(method, &house.path, FORM, ONE_CLICK).await.0, 405);
        }
        assert_eq!((house.state().await, house.contact().await.is_blocked), (AliasState::Active, false));

        let (status, head, page) = house.ask("POST", &house.path, FORM, ONE_CLICK).await;
        assert_eq!((status, house.state().await), (200, AliasState::Paused));
        assert!(!head.contains("set-cookie") && !head.contains("location:"), "{head}");
        assert!(
            page.contains("<h1>Paused</h1>") && action(&page, "undo").is_some() && action(&page, "pause").is_none(),
            "{page}"
        );
        assert!(house.send().await.starts_with("450 "));
        let (status, page) = house.post(&house.path, ONE_CLICK).await;
        assert_eq!((status, house.state().await), (200, AliasState::Paused));
        assert!(page.contains("Paused already") && action(&page, "undo").is_none(), "{page}");
        assert!(house.page().await.contains("paused: nothing comes through"));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_multipart_form_of_a_provider_is_understood() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let form =
            "--0123456789\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--0123456789--\r\n";
        let (status, ..) = house.ask("POST", &house.path, "multipart/form-data; boundary=0123456789", form).await;
        assert_eq!((status, house.state().await), (200, AliasState::Paused));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_good_link_or_no_good_form_changes_nothing() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let mut forged = house.path.clone();
        let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
        forged.push(last);
        for path in [forged.as_str(), "/u/x", "/u/%FF", "/u/..%2F", &format!("{}A", house.path)] {
            for (method, body) in [("GET", ""), ("POST", ONE_CLICK)] {
                let (status, _, page) = house.ask(method, path, FORM, body).await;
                assert_eq!(status, 404, "{method} {path} {page}");
            }
        }
        assert!(house.post(&forged, ONE_CLICK).await.1.contains("This link is not valid"));
        for body in ["", "List-Unsubscribe=1", "do=kill&sure=yes", "do=undo", "do=block"] {
            let (status, page) = house.post(&house.path, body).await;
            assert_eq!(status, 400, "{body} {page}");
        }
        assert_eq!(house.ask("POST", &house.path, "text/plain", ONE_CLICK).await.0, 400);
        assert_eq!(house.post(&house.path, &"a".repeat(9000)).await.0, 413);
        assert_eq!(house.state().await, AliasState::Active);

        house.app.clock.advance(Duration::from_hours(366 * 24));
        assert_eq!(house.ask("GET", &house.path, "", "").await.0, 200);
        house.app.clock.advance(Duration::from_hours(24));
        for (method, body) in [("GET", ""), ("POST", ONE_CLICK)] {
            let (status, _, page) = house.ask(method, &house.path, FORM, body).await;
            assert_eq!(status, 410);
            assert!(page.contains("This link has expired"), "{page}");
        }
        assert_eq!(house.state().await, AliasState::Active);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_pause_can_be_taken_back_for_an_hour_and_a_locked_alias_is_locked_again() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        for state in [AliasState::Active, AliasState::Locked] {
            if state == AliasState::Locked {
                house.app.set_state(&house.alias, state).await;
            }
            let undo = action(&house.post(&house.path, ONE_CLICK).await.1, "undo").unwrap();
            assert_eq!(house.ask("GET", &undo, "", "").await.0, 200);
            assert_eq!(house.post(&undo, ONE_CLICK).await.0, 400);
            assert_eq!(house.state().await, AliasState::Paused);
            assert!(house.post(&undo, "do=undo").await.1.contains("<h1>Open again</h1>"));
            assert_eq!(house.state().await, state);
            assert!(house.post(&undo, "do=undo").await.1.contains("<h1>Nothing to undo</h1>"));
        }
        let undo = action(&house.post(&house.path, "do=pause").await.1, "undo").unwrap();
        house.app.clock.advance(Duration::from_mins(61));
        assert_eq!(house.post(&undo, "do=undo").await.0, 410);
        assert_eq!(house.state().await, AliasState::Paused);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_kill_takes_its_own_link_and_a_second_yes_and_is_instant() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        house.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        assert!(house.send().await.starts_with("250 "));
        let kill = action(&house.page().await, "kill").unwrap();
        assert_ne!(kill, house.path);
        for body in [ONE_CLICK, "do=kill", "do=pause&sure=yes"] {
            assert_eq!(house.post(&kill, body).await.0, 400, "{body}");
        }
        assert_eq!(house.state().await, AliasState::Active);
        let (status, page) = house.post(&kill, "do=kill&sure=yes").await;
        assert_eq!(status, 200);
        assert!(page.contains("<h1>Killed</h1>") && action(&page, "undo").is_none(), "{page}");
        assert!(house.send().await.starts_with("550 "));
        assert!(house.post(&kill, "do=kill&sure=yes").await.1.contains("Killed already"));

        // What waited is cancelled, and a pause that comes late opens nothing.
        house.app.next_hop(Script::new());
        assert_eq!(house.app.deliver_after(Duration::from_hours(1)).await, 0);
        assert!(house.post(&house.path, ONE_CLICK).await.1.contains("This address is killed"));
        assert_eq!(house.state().await, AliasState::Killed);
        assert!(house.page().await.contains("This address is closed"));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_sender_is_blocked_and_can_be_let_in_again() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let block = action(&house.page().await, "block").unwrap();
        assert_eq!(house.post(&block, ONE_CLICK).await.0, 400);
        assert!(!house.contact().await.is_blocked);
        let (status, page) = house.post(&block, "do=block").await;
        assert_eq!((status, house.contact().await.is_blocked), (200, true));
        assert!(house.post(&block, "do=block").await.1.contains("Blocked already"));
        assert!(action(&house.page().await, "block").is_none());
        let undo = action(&page, "undo").unwrap();
        assert_eq!((house.post(&undo, "do=undo").await.0, house.contact().await.is_blocked), (200, false));
        assert_eq!(house.state().await, AliasState::Active);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn links_in_an_inbox_that_the_alias_left_are_not_followed_any_more() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let (desk, new) = (&house.app.running.broker.desk, "jane@new-provider.example");
        service::mailbox::relocate(desk, house.app.user, &address(MAILBOX), address(new), true).await.unwrap();
        assert_eq!(house.ask("GET", &house.path, "", "").await.0, 410);
        assert_eq!(house.post(&house.path, ONE_CLICK).await.0, 410);
        assert_eq!(house.state().await, AliasState::Active);
        // What arrives in the new one is good.
        assert!(house.send().await.starts_with("250 "));
        let text = String::from_utf8(house.app.sink.wait_for(2).await.pop().unwrap().content).unwrap();
        let link = text.split("\r\nList-Unsubscribe: <").nth(1).unwrap().split('>').next().unwrap();
        assert_eq!(house.post(link.strip_prefix(URL).unwrap(), ONE_CLICK).await.0, 200);
        assert_eq!(house.state().await, AliasState::Paused);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_look_is_served_and_may_be_kept() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let (status, head, css) = house.ask("GET", "/static/postern.css", "", "").await;
        assert!(status == 200 && head.contains("content-type: text/css") && head.contains("max-age=300"), "{head}");
        assert!(css.contains("prefers-color-scheme: dark"));
        assert!(house.ask("GET", "/static/icon.svg", "", "").await.1.contains("content-type: image/svg+xml"));
        assert!(house.page().await.contains("href=\"../static/postern.css\""));
        assert!(house.app.sink.messages().iter().all(|message| message.recipients() == [MAILBOX]));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_when_its_alias_leaves_the_mailbox_it_lies_in() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let (app, desk) = (&house.app, &house.app.running.broker.desk);
        let second = app.mailbox("second@inbox.example").await;
        let forward_to = async |mailboxes: Vec<_>| {
            let change = Change { mailboxes: Some(mailboxes), ..Change::default() };
            service::alias_change::change(desk, app.user, house.alias.id, change).await.unwrap();
        };
        forward_to(vec![app.mailbox, second]).await;
        assert!(house.page().await.contains("open: mail to it comes through"), "one more inbox takes no link away");
        forward_to(vec![second]).await;
        assert_eq!(house.ask("GET", &house.path, "", "").await.0, 410, "who reads the old inbox has no say any more");
        assert_eq!(house.post(&house.path, ONE_CLICK).await.0, 410);
        assert_eq!(house.state().await, AliasState::Active);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn at_a_locked_alias_it_says_who_comes_through() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        house.app.set_state(&house.alias, AliasState::Locked).await;
        assert!(house.page().await.contains("locked: only mail from its known senders comes through"));
        house.app.finish().await;
    })
    .await;
}
