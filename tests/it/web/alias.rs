//! The page of one alias: what it says, what its buttons change, and nothing else.

use std::time::Duration;

use postern::model::activity::{Activity, ActivityKey};
use postern::model::alias::{Alias, AliasState};
use postern::model::sighting::{Proof, Seen, SightingKey};
use postern::model::site::Site;
use postern::model::{Address, Clock};
use postern::service::{alias_page, contact};
use postern::storage::alias::NewAlias;
use postern::storage::{self, activity, sighting};

use crate::support::app::{self, DOMAIN, MAILBOX, TestApp};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::http::{Answer, request};
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: shop@you.example\r\nSubject: Hi\r\n\r\nHello\r\n";

fn path(alias: &Alias, rest: &str) -> String {
    format!("/aliases/{}{rest}", alias.uuid)
}

async fn set(browser: &mut Browser, alias: &Alias, state: &str) -> Answer {
    browser.post(&path(alias, "/state"), &[("state", state), ("sure", "yes")]).await
}

/// Where a form led to, seen from the root.
fn led(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").unwrap().trim_start_matches("../")
}

#[tokio::test]
async fn its_buttons_change_what_senders_are_told() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get(&path(&alias, "")).await;
        assert_eq!(page.status, 200);
        assert!(
            page.body.contains("<h1 id=\"address\">shop<wbr>@you.example</h1>") && page.body.contains(MAILBOX),
            "{}",
            page.body
        );
        assert!(page.body.contains("Open. Mail to it comes through to you."));

        let answer = set(&mut browser, &alias, "paused").await;
        let led_to = led(&answer).to_owned();
        assert_eq!(led_to, format!("aliases/{}?said=paused&was=active", alias.uuid));
        let page = browser.get(&format!("/{led_to}")).await;
        assert!(page.body.contains("The alias is paused") && page.body.contains(">Undo</button>"), "{}", page.body);
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("450 4.2.1 "));

        assert_eq!(led(&set(&mut browser, &alias, "active").await), format!("aliases/{}?said=active&was=paused", alias.uuid));
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        assert_eq!(app.sink.wait_for(1).await.len(), 1);

        let unsure = browser.post(&path(&alias, "/state"), &[("state", "killed")]).await;
        assert_eq!(unsure.status, 422);
        assert!(unsure.body.contains("tick the box"), "{}", unsure.body);
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        let killed = set(&mut browser, &alias, "killed").await;
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("550 5.1.1 "));
        let page = browser.get(&format!("/{}", led(&killed))).await;
        assert!(page.body.contains("The alias is killed") && page.body.contains("Revive"), "{}", page.body);
        let revived = set(&mut browser, &alias, "active").await;
        let page = browser.get(&format!("/{}", led(&revived))).await;
        assert!(!page.body.contains(">Undo</button>"), "a kill asks for its own yes");
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));

        let nonsense = browser.post(&path(&alias, "/state"), &[("state", "drop table")]).await;
        assert_eq!(nonsense.status, 422);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn it_is_nobody_elses_and_changes_only_by_its_own_forms() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let (bob, inbox) = app::user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let theirs = app.alias_to("bob", vec![inbox], |new: &mut NewAlias| new.user_id = bob).await;
        let ours = app.alias("shop").await;
        let desk = &app.running.broker.desk;
        let contact = contact::create(desk, bob, &theirs.address, address("x@y.example")).await.unwrap().contact.uuid;
        let mut browser = Browser::signed_in(&app).await;
        let missing = browser.get(&format!("/aliases/{}", uuid::Uuid::nil())).await;
        assert_eq!(missing.status, 404);
        for id in [theirs.uuid.to_string(), "nonsense".into(), "%ff".into(), "..%2f".into()] {
            let answer = browser.get(&format!("/aliases/{id}")).await;
            assert_eq!((answer.status, &answer.body), (404, &missing.body), "{id}");
        }
        let acts = ["/state", "/settings", "/forget", "/contacts"].map(str::to_owned);
        let of_contact = ["block", "unblock", "hide"].map(|act| format!("/contacts/{contact}/{act}"));
        for act in acts.iter().chain(&of_contact) {
            let fields = [("state", "killed"), ("sure", "yes"), ("address", "a@b.example")];
            assert_eq!(browser.post(&path(&theirs, act), &fields).await.status, 404, "{act}");
            assert_eq!(
                browser.post(&path(&ours, act).replace("shop", "x"), &[]).await.status == 404,
                act.contains(&contact.to_string()),
                "{act}"
            );
            let cookie = format!("postern={}", browser.cookie.clone().unwrap());
            let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
            let target = format!("POST {}", path(&ours, act));
            let answer = request(app.running.http, &target, &headers, "state=killed&sure=yes").await;
            assert_eq!(answer.status, 403, "{act}");
            let answer = request(app.running.http, &target, &[headers[0]], "state=killed&sure=yes").await;
            assert_eq!(answer.status, 303, "{act}: whoever is not signed in signs in");
        }
        for alias in [&theirs, &ours] {
            let now = alias_page::get(desk, alias.user_id, alias.id).await.unwrap();
            assert_eq!(now.alias.state, AliasState::Active);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn it_shows_who_wrote_and_how_much_and_escapes_what_strangers_chose() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let site = postern::model::site::Site::parse("shop.example").unwrap();
        let alias = app
            .alias_to("shop", vec![app.mailbox], |new: &mut NewAlias| {
                new.site = Some(site);
                new.note = "<b>note</b>".into();
            })
            .await;
        let (id, now) = (alias.id, app.clock.now());
        let write = app.storage().write(move |tx| {
            Box::pin(async move {
                let counts = |day, counts| (ActivityKey { alias_id: id, day: now.day() - day }, counts);
                let one = Activity { forwarded: 3, blocked: 1, ..Activity::default() };
                let other = Activity { forwarded: 4, replied: 2, ..Activity::default() };
                activity::add(tx, &[counts(0, one), counts(40, other)]).await?;
                let key = |organisation: &str, proof, signer: &str| SightingKey {
                    alias_id: id,
                    organisation: organisation.into(),
                    proof,
                    signer: signer.into(),
                };
                let seen = |messages| Seen { first: now, last: now, messages };
                let rows = [
                    (key("", Proof::None, ""), seen(7)),
                    (key("<img src=x>", Proof::None, "\"><script>"), seen(1)),
                    (key("shop.example", Proof::Dkim, "shop.example"), seen(12)),
                ];
                sighting::add(tx, &rows).await
            })
        });
        write.await.unwrap();
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get(&path(&alias, "")).await.body;
        for there in [
            "Mail per day, the last 30 days",
            "3 came through, 1 turned away. At most 4 on one day.",
            "7 messages came through",
            "proven by signature",
            "&#60;img src=x&#62; <span class=\"tag killed\">not the site</span>",
            "not proven; signed by &#34;&#62;&#60;script&#62;",
            "all others together",
            "&#60;b&#62;note&#60;/b&#62;",
        ] {
            assert!(page.contains(there), "{there} is not in {page}");
        }
        assert!(!page.contains("<img") && !page.contains("<b>note"), "{page}");
        assert_eq!(page.matches("not the site").count(), 1);
        assert_eq!(page.matches("<rect class=\"delivered\"").count(), 1);
        let page = browser.get(&path(&alias, "?days=90")).await.body;
        assert!(page.contains("7 came through, 1 turned away, 2 sent by you"), "{page}");
        assert_eq!(page.matches("<rect class=\"delivered\"").count(), 2);
        assert!(browser.get(&path(&alias, "?days=365&said=%3Cscript%3E&from=-1")).await.body.contains("Mail per week"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn settings_are_kept_whole_or_come_back_as_written() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let second = app.mailbox("second@inbox.example").await;
        let desk = app.running.broker.desk.clone();
        let all = postern::service::mailbox::list(&desk, app.user).await.unwrap();
        let uuid = |id| all.iter().find(|mailbox| mailbox.id == id).unwrap().uuid.to_string();
        let (one, two) = (uuid(app.mailbox), uuid(second));
        let mut browser = Browser::signed_in(&app).await;
        let good = [
            ("note", "for <the> shop\r\nsecond line"),
            ("display_name", "Jane Roe"),
            ("tags", "Shopping, travel"),
            ("mailbox", one.as_str()),
            ("mailbox", two.as_str()),
            ("last_day", "2099-01-31"),
            ("max_messages", "5"),
            ("pinned", "yes"),
        ];
        let answer = browser.post(&path(&alias, "/settings"), &good).await;
        assert_eq!(led(&answer), format!("aliases/{}?said=saved", alias.uuid));
        let kept = alias_page::get(&desk, app.user, alias.id).await.unwrap();
        assert_eq!((kept.alias.note.as_str(), kept.pinned, kept.mailboxes.len()), ("for <the> shop\nsecond line", true, 2));
        assert_eq!((kept.alias.display_name.as_deref(), kept.alias.max_messages), (Some("Jane Roe"), Some(5)));
        assert_eq!(kept.alias.expires_at.unwrap().to_rfc3339(), "2099-02-01T00:00:00Z");
        assert_eq!(kept.tags.iter().map(postern::model::tag::Tag::as_str).collect::<Vec<_>>(), ["shopping", "travel"]);
        let page = browser.get(&path(&alias, "")).await.body;
        assert!(page.contains("value=\"2099-01-31\"") && page.contains("It took 0 so far."), "{page}");

        for (name, value, words) in [
            ("last_day", "2001-01-01", "lies in the past"),
            ("last_day", "tomorrow", "is not a date"),
            ("max_messages", "0", "is not a number"),
            ("max_messages", "-5", "is not a number"),
            ("display_name", "jane@inbox.example", "holds no address"),
            ("tags", &"x".repeat(41), "40 letters"),
            ("mailbox", "nonsense", "at least one mailbox"),
        ] {
            let mut bad: Vec<_> = good.iter().copied().filter(|(field, _)| *field != name).collect();
            bad.push((name, value));
            bad.push(("extra", "x"));
            bad[0] = ("note", "typed <i>just</i> now");
            let answer = browser.post(&path(&alias, "/settings"), &bad).await;
            assert_eq!(answer.status, 422, "{name} {value}");
            assert!(
                answer.body.contains("The settings are not saved.") && answer.body.contains(words),
                "{words}: {}",
                answer.body
            );
            assert!(answer.body.contains("typed &#60;i&#62;just&#60;/i&#62; now"), "what was written is lost: {}", answer.body);
        }
        assert_eq!(alias_page::get(&desk, app.user, alias.id).await.unwrap().alias.note, kept.alias.note);

        let cleared = [("mailbox", two.as_str())];
        led(&browser.post(&path(&alias, "/settings"), &cleared).await);
        let kept = alias_page::get(&desk, app.user, alias.id).await.unwrap();
        assert_eq!(
            (kept.alias.expires_at, kept.alias.max_messages, kept.alias.display_name, kept.pinned),
            (None, None, None, false)
        );
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        assert_eq!(app.sink.wait_for(1).await[0].recipients(), ["second@inbox.example"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn correspondents_are_written_to_blocked_and_hidden() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        let answer = browser.post(&path(&alias, "/contacts"), &[("address", "news@shop.example")]).await;
        let page = browser.get(&format!("/{}", led(&answer))).await.body;
        let reverse = page.split("<code id=\"reverse-").nth(1).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap();
        assert!(reverse.starts_with("reply+") && reverse.ends_with(DOMAIN), "{reverse}");
        let token = contact::list(&app.running.broker.desk, app.user, &alias.address, None, 10).await.unwrap();
        assert_eq!((token.len(), token[0].reverse.to_string()), (1, reverse.to_owned()));
        let contact = token[0].contact.uuid;
        for (written, words) in [
            ("nonsense", "no e-mail address"),
            ("shop@you.example", "write to itself"),
            (MAILBOX, "your own mailbox"),
            (reverse, "stands for somebody else"),
        ] {
            let answer = browser.post(&path(&alias, "/contacts"), &[("address", written)]).await;
            assert!(answer.status == 422 && answer.body.contains(words) && answer.body.contains(written), "{}", answer.body);
        }
        let act = |act: &str| path(&alias, &format!("/contacts/{contact}/{act}"));
        let blocked = browser.post(&act("block"), &[]).await;
        let page = browser.get(&format!("/{}", led(&blocked))).await.body;
        assert!(page.contains("is blocked") && page.contains(&format!("contacts/{contact}/unblock\">")), "{page}");
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("550 5.7.1 "));
        led(&browser.post(&act("unblock"), &[]).await);
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        led(&browser.post(&act("hide"), &[]).await);
        assert!(!browser.get(&path(&alias, "")).await.body.contains(reverse));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn forgotten_it_is_gone_for_good() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let mut browser = Browser::signed_in(&app).await;
        assert_eq!(browser.post(&path(&alias, "/forget"), &[]).await.status, 422);
        assert_eq!(browser.get(&path(&alias, "")).await.status, 200);
        assert_eq!(led(&browser.post(&path(&alias, "/forget"), &[("sure", "yes")]).await), "aliases?said=forgotten");
        assert_eq!(browser.get(&path(&alias, "")).await.status, 404);
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("550 5.1.1 "));
        let retired: bool = app.read(async |tx| storage::alias::is_retired(tx, "shop@you.example").await).await;
        assert!(retired);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_that_must_be_reachable_has_no_such_buttons() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app
            .alias_to("x", vec![app.mailbox], |new: &mut NewAlias| {
                new.address = Address::parse("postmaster@you.example").unwrap();
            })
            .await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get(&path(&alias, "")).await.body;
        assert!(page.contains("must be reachable") && !page.contains("value=\"killed\""), "{page}");
        assert_eq!(set(&mut browser, &alias, "killed").await.status, 422);
        assert_eq!(browser.post(&path(&alias, "/forget"), &[("sure", "yes")]).await.status, 422);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn its_failures_are_tried_again_from_its_page() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        app.next_hop(Script::new().reply(Point::Dot, "452 4.2.2 <i>over</i> quota\r\n"));
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        app.wait_until(async |app| app.queue().await.iter().any(|row| row.last_failure.is_some())).await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get(&path(&alias, "")).await.body;
        assert!(page.contains("The mailbox is full.") && page.contains("&#60;i&#62;over&#60;/i&#62; quota"), "{page}");
        let row = app.queue().await[0].uuid;
        app.next_hop(Script::new());
        let fields = [("back", "alias"), ("alias", &alias.uuid.to_string())];
        let answer = browser.post(&format!("/failures/{row}/retry"), &fields).await;
        assert_eq!(led(&answer), format!("aliases/{}?said=due", alias.uuid));
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert!(app.sink.messages().iter().any(|message| message.accepted));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn it_is_locked_on_its_page_which_says_who_is_known() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let site = Site::parse("shop.example").unwrap();
        let alias = app.alias_to("shop", vec![app.mailbox], |new: &mut NewAlias| new.site = Some(site)).await;
        let seen = |organisation: &str, proof, days: u64| {
            let key = SightingKey { alias_id: alias.id, organisation: organisation.into(), proof, signer: String::new() };
            (key, Seen::once(app.clock.now().plus(Duration::from_hours(24 * days))))
        };
        let all = [
            seen("shopmail.example", Proof::Dkim, 1),
            seen("claimed.example", Proof::None, 1),
            seen("late.example", Proof::Spf, 9),
        ];
        app.storage().write(move |tx| Box::pin(async move { sighting::add(tx, &all).await })).await.unwrap();
        app.clock.advance(Duration::from_hours(24 * 10));
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get(&path(&alias, "")).await.body;
        let row =
            |who: &str| page.split(&format!("<th scope=\"row\">{who}")).nth(1).unwrap().split("</tr>").next().unwrap().to_owned();
        assert!(row("shopmail.example").contains(">known<"), "{page}");
        assert!(!row("claimed.example").contains(">known<") && !row("late.example").contains(">known<"), "{page}");
        assert!(page.contains("value=\"locked\"") && page.contains("proven to come from shop.example, from a sender"), "{page}");

        let answer = set(&mut browser, &alias, "locked").await;
        let page = browser.get(&format!("/{}", led(&answer))).await.body;
        assert!(page.contains("only mail from its known senders comes through") && page.contains(">Undo</button>"), "{page}");
        assert!(page.contains("Locked. Only mail that is proven") && !page.contains("value=\"locked\""), "{page}");
        let refused = app.send("news@shop.example", &alias, MESSAGE).await;
        assert_eq!(refused, "550 5.7.1 This address takes mail from known senders only");
        set(&mut browser, &alias, "active").await;
        assert!(app.send("news@shop.example", &alias, MESSAGE).await.starts_with("250 "));
        app.finish().await;
    })
    .await;
}
