//! The list of aliases: found, made, taken back, changed many at once; and nobody else's.

use std::collections::BTreeSet;
use std::time::Duration;

use postern::model::Clock;
use postern::model::activity::{Activity, ActivityKey};
use postern::model::alias::{Alias, AliasState};
use postern::model::id::UserId;
use postern::model::sighting::{Proof, Seen, SightingKey};
use postern::model::site::Site;
use postern::model::tag::Tag;
use postern::service::alias_page::{self, Listed, PageFilter, PageOrder, PageStart};
use postern::service::{alias_change, alias_tag};
use postern::storage;

use crate::support::app::{self, DOMAIN, TestApp};
use crate::support::browser::Browser;
use crate::support::database::each_driver;
use crate::support::http::{Answer, request};
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: News <news@lg.example>\r\nSubject: Hello\r\n\r\nText\r\n";

async fn for_site(app: &TestApp, name: &str, site: &str, note: &str) -> Alias {
    let (site, note) = (Site::parse(site).unwrap(), note.to_owned());
    let adjust = |new: &mut storage::alias::NewAlias| (new.site, new.note) = (Some(site), note);
    app.alias_to(name, vec![app.mailbox], adjust).await
}

async fn tag(app: &TestApp, alias: &Alias, tags: &str) {
    let tags = Tag::parse_list(tags).unwrap();
    alias_tag::set(&app.running.broker.desk, app.user, alias.uuid, tags).await.unwrap();
}

async fn all(app: &TestApp, user: UserId) -> Vec<Listed> {
    let desk = &app.running.broker.desk;
    alias_page::list(desk, &PageFilter::all(user), PageOrder::Oldest, &PageStart::Offset(0), 1000).await.unwrap()
}

async fn listed(app: &TestApp, alias: &Alias) -> Listed {
    alias_page::get(&app.running.broker.desk, alias.user_id, alias.id).await.unwrap()
}

async fn state(app: &TestApp, alias: &Alias) -> AliasState {
    listed(app, alias).await.alias.state
}

/// The names of the rows of a page, in their order.
fn rows(page: &Answer) -> Vec<String> {
    let rows = page.body.split("aria-label=\"Tick ").skip(1).filter(|row| !row.starts_with("all "));
    rows.map(|row| row.split('@').next().unwrap().to_owned()).collect()
}

/// Where the link with that relation leads.
fn link(page: &Answer, relation: &str) -> Option<String> {
    let (_, rest) = page.body.split_once(&format!("rel=\"{relation}\" href=\""))?;
    Some(format!("/{}", rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")))
}

/// The fields of the form with that action that a page holds hidden.
fn hidden(page: &Answer, action: &str) -> Vec<(String, String)> {
    let form = page.body.split("<form").find(|form| form.contains(&format!("{action}\""))).unwrap_or_default();
    let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
    let fields = inputs.map(|input| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        (name.to_owned(), rest.split('"').next().unwrap().replace("&#38;", "&"))
    });
    fields.filter(|(name, _)| name != "form_token").collect()
}

async fn post(browser: &mut Browser, path: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(path, &fields).await
}

async fn bulk(browser: &mut Browser, act: &str, aliases: &[&Alias], more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("do".to_owned(), act.to_owned())];
    fields.extend(aliases.iter().map(|alias| ("alias".to_owned(), alias.uuid.to_string())));
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    post(browser, "/aliases/bulk", &fields).await
}

#[tokio::test]
async fn the_list_says_what_there_is_to_know_of_each_alias() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::new(&app);
        assert_eq!(browser.get("/aliases").await.header("location"), Some("sign-in?next=%2Faliases"));
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/aliases").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("You have no alias yet") && !page.body.contains("<table"), "{}", page.body);

        let shop = for_site(&app, "shop", "lg.com", "Washing machine").await;
        tag(&app, &shop, "home, shopping").await;
        let quiet = app.alias("quiet").await;
        app.set_state(&quiet, AliasState::Paused).await;
        let ends = app.alias_to("ends", vec![app.mailbox], |new| new.max_messages = Some(1)).await;
        let today = app.clock.now().day();
        let counts = |messages| Activity { forwarded: messages, ..Activity::default() };
        let key = |days| ActivityKey { alias_id: shop.id, day: today - days };
        let counted = vec![(key(40), counts(90)), (key(3), counts(5)), (key(0), counts(2))];
        let seen =
            SightingKey { alias_id: shop.id, organisation: "lg.example".into(), proof: Proof::Dkim, signer: "lg.example".into() };
        let moment = app.clock.now().minus(Duration::from_hours(2));
        let write = app.storage().write(move |tx| {
            Box::pin(async move {
                storage::activity::add(tx, &counted).await?;
                storage::sighting::add(tx, &[(seen, Seen::once(moment))]).await
            })
        });
        write.await.unwrap();
        let page = browser.get("/aliases").await;
        assert_eq!(rows(&page), ["ends", "quiet", "shop"]);
        assert!(page.body.contains("3 aliases"), "{}", page.body);
        let row = page.body.split("<tr").find(|row| row.contains("Tick shop@")).unwrap();
        for text in [
            &format!("href=\"aliases/{}\"", shop.uuid),
            "href=\"aliases?site=lg.com\">lg.com<",
            ">open<",
            ">7<",
            "lg.example",
            "2 hours ago",
            "Washing machine",
            "href=\"aliases?tag=shopping\">shopping<",
        ] {
            assert!(row.contains(text), "{text} is missing in {row}");
        }
        assert_eq!(row.matches("<rect").count(), 2, "one bar for each day with mail: {row}");
        assert!(page.body.contains("for 1 more message") && page.body.contains(">paused<"), "{}", page.body);
        assert!(!page.body.contains("style=") && !page.body.contains("onclick"), "{}", page.body);
        assert_eq!(app.send("news@lg.example", &ends, MESSAGE).await, "250 2.0.0 Ok, message accepted");
        let script = request(app.running.http, "GET /static/aliases.js", &[], "").await;
        assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn filters_keep_what_they_say() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let other = app.mailbox("second@mailbox-provider.example").await;
        let lg = for_site(&app, "one", "lg.com", "50% off_season \"quoted\" 'single' <script>alert(1)</script> !").await;
        let shop = for_site(&app, "two", "shop.example.com", "plain").await;
        let third = app.alias_to("three", vec![app.mailbox, other], |_| {}).await;
        let dead = app.alias("four").await;
        tag(&app, &shop, "work").await;
        app.set_state(&dead, AliasState::Killed).await;
        app.set_state(&third, AliasState::Locked).await;
        let mailbox = app.read(async |tx| storage::mailbox::find(tx, other).await).await.unwrap().uuid;
        let by_mailbox = format!("mailbox={mailbox}");
        let cases: Vec<(&str, &[&str])> = vec![
            ("", &["three", "two", "one"]),
            ("state=killed", &["four"]),
            ("state=locked", &["three"]),
            ("state=all", &["four", "three", "two", "one"]),
            ("state=nonsense&sort=nonsense&rows=x&after=x", &["three", "two", "one"]),
            ("site=https://www.lg.com/x", &["one"]),
            ("tag=Work", &["two"]),
            (&by_mailbox, &["three"]),
            ("q=TWO@", &["two"]),
            ("q=example.com", &["two"]),
            ("q=50%25", &["one"]),
            ("q=0%25f", &[]),
            ("q=f_s", &["one"]),
            ("q=n_", &[]),
            ("q=%25", &["one"]),
            ("q=%22quoted%22", &["one"]),
            ("q='single'", &["one"]),
            ("q='+OR+1=1--", &[]),
            ("q=%3Cscript%3E", &["one"]),
            ("q=!", &["one"]),
            ("q=%5C", &[]),
            ("q=%00", &["three", "two", "one"]),
            ("sort=oldest", &["one", "two", "three"]),
            ("sort=address", &["one", "three", "two"]),
            ("sort=mail", &["three", "two", "one"]),
            ("sort=last&q=lg.com", &["one"]),
        ];
        for (query, expected) in cases {
            let page = browser.get(&format!("/aliases?{query}")).await;
            assert_eq!(page.status, 200, "{query}");
            assert_eq!(rows(&page), expected, "{query}");
            assert!(!page.body.contains("<script>"), "{query}: {}", page.body);
            assert_eq!(expected.is_empty(), page.body.contains("Nothing found."), "{query}");
        }
        let page = browser.get("/aliases?state=all&tag=work&q=two&site=example.com").await;
        assert_eq!(rows(&page), ["two"]);
        assert!(page.body.contains("href=\"aliases?q=two&#38;state=all&#38;site=example.com\""), "{}", page.body);
        assert!(page.body.contains("name=\"site\" value=\"example.com\""), "the search keeps the site: {}", page.body);
        assert!(page.body.contains("Clear all"), "{}", page.body);
        app.set_state(&lg, AliasState::Killed).await;
        app.set_state(&shop, AliasState::Killed).await;
        app.set_state(&third, AliasState::Killed).await;
        assert!(browser.get("/aliases").await.body.contains("No alias is in use."));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn pages_lose_no_alias_and_show_none_twice() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        for number in 0..120 {
            let alias = for_site(&app, &format!("n{:03}", number * 37 % 120), "lg.com", "").await;
            if number % 40 == 5 {
                let change = alias_change::Change { pinned: Some(true), ..Default::default() };
                alias_change::change(&app.running.broker.desk, app.user, alias.id, change).await.unwrap();
            }
        }
        for sort in ["newest", "oldest", "address", "mail", "last"] {
            let first = browser.get(&format!("/aliases?sort={sort}&q=n&site=lg.com")).await;
            assert!(link(&first, "prev").is_none(), "{sort}");
            let mut pages = vec![rows(&first)];
            let mut page = first;
            while let Some(next) = link(&page, "next") {
                assert!(next.contains("q=n&site=lg.com"), "the filters are kept: {next}");
                page = browser.get(&next).await;
                pages.push(rows(&page));
            }
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20], "{sort}");
            assert_eq!(pages.iter().flatten().collect::<BTreeSet<_>>().len(), 120, "{sort}");
            for earlier in [1, 0] {
                page = browser.get(&link(&page, "prev").unwrap()).await;
                assert_eq!(rows(&page), pages[earlier], "{sort}, back to {earlier}");
            }
            assert!(link(&page, "prev").is_none(), "{sort}");
        }
        assert_eq!(rows(&browser.get("/aliases?sort=newest").await)[..3], ["n025", "n105", "n065"], "pinned ones come first");
        assert_eq!(rows(&browser.get("/aliases?rows=150").await).len(), 120);
        let unknown = format!("/aliases?after={}", uuid::Uuid::from_u128(1));
        assert_eq!(rows(&browser.get(&unknown).await).len(), 50, "who stood on one that is gone begins anew");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_field_and_one_button_make_an_alias() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let made = browser.post("/aliases/new", &[("site", "https://www.lg.com/uk/promo?x=1")]).await;
        let alias = all(&app, app.user).await.pop().unwrap().alias;
        assert_eq!((made.status, made.header("location")), (303, Some(&*format!("../aliases?made={}", alias.uuid))));
        assert_eq!(alias.site.as_ref().map(Site::as_str), Some("lg.com"));
        let address = alias.address.to_string();
        assert!(address.starts_with("lg.") && address.ends_with(DOMAIN), "{address}");
        let page = browser.get(&format!("/aliases?made={}", alias.uuid)).await;
        assert!(page.body.contains("Your new alias for lg.com") && page.body.contains(&format!("data-copy=\"{address}\"")));
        assert!(!page.body.contains("already"), "{}", page.body);

        let more = browser.post("/aliases/new", &[("site", "See https://lg.com/x, it is on sale")]).await;
        let second = all(&app, app.user).await.pop().unwrap().alias;
        let page = browser.get(more.header("location").unwrap().trim_start_matches("..")).await;
        assert!(page.body.contains(&address) && page.body.contains("for this site already"), "{}", page.body);

        let undone = browser.post("/aliases/unmake", &[("alias", &second.uuid.to_string())]).await;
        assert_eq!(undone.header("location"), Some("../aliases?said=unmade"));
        assert_eq!(all(&app, app.user).await.len(), 1);
        assert!(browser.get("/aliases?said=unmade").await.body.contains("as if it had never been made"));
        let again = browser.post("/aliases/new", &[("name", second.address.local())]).await;
        assert_eq!(again.status, 422, "an address of a shared domain is never given out twice");
        assert!(again.body.contains("never given out twice"), "{}", again.body);
        let gone = browser.post("/aliases/unmake", &[("alias", &second.uuid.to_string())]).await;
        assert_eq!(gone.status, 404);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_that_got_mail_or_is_old_is_not_taken_back() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let (used, old) = (app.alias("used").await, app.alias("old").await);
        assert_eq!(app.send("news@lg.example", &used, MESSAGE).await, "250 2.0.0 Ok, message accepted");
        let answer = browser.post("/aliases/unmake", &[("alias", &used.uuid.to_string())]).await;
        assert_eq!(answer.header("location"), Some("../aliases?said=used"));
        assert!(browser.get("/aliases?said=used").await.body.contains("role=\"alert\""));
        assert!(!browser.get(&format!("/aliases?made={}", used.uuid)).await.body.contains("aliases/unmake"));
        app.clock.advance(Duration::from_mins(61));
        let answer = browser.post("/aliases/unmake", &[("alias", &old.uuid.to_string())]).await;
        assert_eq!(answer.header("location"), Some("../aliases?said=late"));
        assert!(!browser.get(&format!("/aliases?made={}", old.uuid)).await.body.contains("Your new alias"));
        assert_eq!(all(&app, app.user).await.len(), 2);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn on_a_domain_of_ones_own_an_alias_taken_back_can_be_made_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let desk = &app.running.broker.desk;
        postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(app.user)).await.unwrap();
        for _ in 0..2 {
            let made = browser.post("/aliases/new", &[("name", "me"), ("domain", "mine.example")]).await;
            assert_eq!(made.status, 303, "{}", made.body);
            let alias = all(&app, app.user).await.pop().unwrap().alias;
            assert_eq!(alias.address.to_string(), "me@mine.example");
            browser.post("/aliases/unmake", &[("alias", &alias.uuid.to_string())]).await;
            assert!(all(&app, app.user).await.is_empty());
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_choice_is_taken_and_every_mistake_is_named() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let other = app.mailbox("second@mailbox-provider.example").await;
        let uuid = app.read(async |tx| storage::mailbox::find(tx, other).await).await.unwrap().uuid.to_string();
        let choices = [
            ("site", "lg.com"),
            ("name", "Washing"),
            ("format", "words"),
            ("domain", DOMAIN),
            ("note", "Machine & <dryer>\0"),
            ("tags", "Home, shopping,home"),
            ("expires", "2027-06-30"),
            ("max_messages", "7"),
            ("mailbox", &uuid),
        ];
        let made = browser.post("/aliases/new", &choices).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let found = all(&app, app.user).await.pop().unwrap();
        assert_eq!(found.alias.address.to_string(), format!("washing@{DOMAIN}"));
        assert_eq!((found.alias.note.as_str(), found.alias.max_messages), ("Machine & <dryer>", Some(7)));
        assert_eq!(found.alias.expires_at.unwrap().to_rfc3339(), "2027-07-01T00:00:00Z");
        assert_eq!(found.tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["home", "shopping"]);
        assert_eq!(found.mailboxes.iter().map(|mailbox| mailbox.id).collect::<Vec<_>>(), [other]);
        let page = browser.get("/aliases").await;
        assert!(page.body.contains("until 30 Jun 2027") && page.body.contains("Machine &#38; &#60;dryer&#62;"), "{}", page.body);

        let words = browser.post("/aliases/new", &[("note", "for nobody"), ("format", "words")]).await;
        assert_eq!(words.status, 303);
        assert_eq!(all(&app, app.user).await.pop().unwrap().alias.address.local().split('-').count(), 4);

        let long = "x".repeat(10_001);
        let tags: Vec<String> = (0..21).map(|number| format!("t{number}")).collect();
        let tags = tags.join(",");
        for (field, value, sentence) in [
            ("site", "", "Write which site it is for"),
            ("site", "Amazon", "Write the site’s web address"),
            ("name", "a b", "A name has 1 to 64"),
            ("name", "postmaster", "This name is reserved."),
            ("name", "washing", "never given out twice"),
            ("domain", "else.example", "There is no such domain"),
            ("format", "best", "A format is one of"),
            ("note", &long, "10000 characters"),
            ("tags", &tags, "20 tags at the most"),
            ("expires", "2020-01-01", "That day is over"),
            ("expires", "30.6.2027", "2027-01-31"),
            ("max_messages", "0", "Write a number from 1 on"),
            ("mailbox", "0195b7a4-0000-7000-8000-000000000000", "choose again"),
        ] {
            let fields = if field == "site" { vec![(field, value)] } else { vec![("site", "lg.com"), (field, value)] };
            let answer = browser.post("/aliases/new", &fields).await;
            assert_eq!(answer.status, 422, "{field}={value}");
            assert!(answer.body.contains(sentence), "{field}={value}: {}", answer.body);
            assert!(answer.body.contains("aria-invalid=\"true\"") || field == "mailbox", "{field}={value}");
            let kept = if field == "site" { value } else { "lg.com" };
            assert!(answer.body.contains(&format!("name=\"site\" value=\"{kept}\"")), "what was written is kept: {field}");
        }
        assert_eq!(all(&app, app.user).await.len(), 2);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_bookmark_fills_the_form_in_and_makes_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        for query in ["site=www.lg.com", "url=https%3A%2F%2Flg.com%2Fx", "title=LG&text=Look%3A+https%3A%2F%2Fshop.lg.com%2F"] {
            let page = browser.get(&format!("/aliases/new?{query}")).await;
            assert_eq!(page.status, 200);
            assert!(page.body.contains("name=\"site\" value=\"lg.com\""), "{query}: {}", page.body);
        }
        let page = browser.get("/aliases/new?site=%22%3E%3Cscript%3E").await;
        assert!(!page.body.contains("<script>") && page.body.contains("encodeURIComponent"), "{}", page.body);
        let manifest = request(app.running.http, "GET /static/postern.webmanifest", &[], "").await;
        assert_eq!(manifest.json()["share_target"]["action"], "../aliases/new");
        assert!(all(&app, app.user).await.is_empty());
        for_site(&app, "there", "lg.com", "").await;
        let page = browser.get("/aliases/new?site=lg.com").await;
        assert!(page.body.contains("You have one for this site already") && page.body.contains("there@"), "{}", page.body);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn many_are_changed_at_once_and_changed_back() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let [one, two, dead] = [app.alias("one").await, app.alias("two").await, app.alias("dead").await];
        app.set_state(&two, AliasState::Locked).await;
        app.set_state(&dead, AliasState::Killed).await;

        let answer = bulk(&mut browser, "pause", &[&one, &two, &dead], &[("back", "aliases?state=all&sort=oldest")]).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("2 aliases are paused") && answer.body.contains("1 was left as it was."), "{}", answer.body);
        assert_eq!(rows(&answer), ["one", "two", "dead"], "the list is the one that one came from");
        assert_eq!((state(&app, &one).await, state(&app, &two).await), (AliasState::Paused, AliasState::Paused));
        assert_eq!(state(&app, &dead).await, AliasState::Killed, "a pause brings nobody back");
        let undo = hidden(&answer, "aliases/undo");
        let undone = post(&mut browser, "/aliases/undo", &undo).await;
        assert_eq!(undone.header("location"), Some("../aliases?state=all&sort=oldest&said=undone"));
        assert_eq!((state(&app, &one).await, state(&app, &two).await), (AliasState::Active, AliasState::Locked));
        let undone = post(&mut browser, "/aliases/undo", &undo).await;
        assert_eq!(undone.header("location"), Some("../aliases?state=all&sort=oldest&said=nothing"), "once only");

        let answer = bulk(&mut browser, "revive", &[&dead, &one], &[]).await;
        assert!(answer.body.contains("1 alias is open again"), "{}", answer.body);
        bulk(&mut browser, "lock", &[&one, &dead], &[]).await;
        assert_eq!((state(&app, &one).await, state(&app, &dead).await), (AliasState::Locked, AliasState::Locked));
        let answer = bulk(&mut browser, "resume", &[&one, &two, &dead], &[]).await;
        assert!(answer.body.contains("3 aliases are open"), "{}", answer.body);
        assert!(bulk(&mut browser, "resume", &[&one], &[]).await.body.contains("Nothing had to be changed."));
        let click =
            browser.post("/aliases/bulk", &[("one", &format!("pause {}", one.uuid)), ("alias", &two.uuid.to_string())]).await;
        assert!(click.body.contains("1 alias is paused"), "{}", click.body);
        assert_eq!(state(&app, &two).await, AliasState::Active, "a click on a row is for that row");

        let answer = bulk(&mut browser, "tag", &[&one, &two], &[("tag", " Travel ")]).await;
        assert!(answer.body.contains("“travel”"), "{}", answer.body);
        assert_eq!(listed(&app, &two).await.tags, [Tag::parse("travel").unwrap()]);
        post(&mut browser, "/aliases/bulk", &hidden(&answer, "aliases/bulk")).await;
        assert!(listed(&app, &one).await.tags.is_empty() && listed(&app, &two).await.tags.is_empty());

        for (act, aliases, more, sentence) in [
            ("pause", &[][..], &[][..], "Tick at least one alias first."),
            ("", &[&one], &[], "Choose what to do"),
            ("tag", &[&one], &[("tag", " ")], "Write the tag"),
            ("move", &[&one], &[("mailbox", "")], "Choose a mailbox first."),
        ] {
            let answer = bulk(&mut browser, act, aliases, more).await;
            assert_eq!(answer.status, 422, "{act}");
            assert!(answer.body.contains(sentence), "{act}: {}", answer.body);
            assert_eq!(answer.body.contains(" checked>"), !aliases.is_empty(), "ticks are kept: {act}");
        }
        assert_eq!(browser.get("/aliases/bulk").await.header("location"), Some("../aliases"));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_changed_is_left_alone_and_said() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let [role, full, free] = [app.alias("postmaster").await, app.alias("full").await, app.alias("free").await];
        let tags: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
        tag(&app, &full, &tags.join(",")).await;
        let answer = bulk(&mut browser, "pause", &[&role, &free], &[]).await;
        assert!(answer.body.contains("postmaster and abuse were left alone"), "{}", answer.body);
        assert_eq!(state(&app, &role).await, AliasState::Active);
        assert!(!bulk(&mut browser, "kill", &[&role, &free], &[]).await.body.contains("postmaster@"));
        let answer = bulk(&mut browser, "tag", &[&full, &free], &[("tag", "more")]).await;
        assert!(answer.body.contains("1 with 20 tags already got no more."), "{}", answer.body);
        assert_eq!((listed(&app, &full).await.tags.len(), listed(&app, &free).await.tags.len()), (20, 1));
        let answer = bulk(&mut browser, "tag", &[&full], &[("tag", "t7")]).await;
        assert!(answer.body.contains("Nothing had to be changed."), "{}", answer.body);
        let mut many: Vec<(String, String)> =
            (0..501).map(|number| ("alias".to_owned(), uuid::Uuid::from_u128(number).to_string())).collect();
        many.push(("do".into(), "pause".into()));
        let answer = post(&mut browser, "/aliases/bulk", &many).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("at most 500 aliases"), "{}", answer.body);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_kill_asks_once_more_and_drops_what_waits() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let [one, two] = [app.alias("one").await, app.alias("two").await];
        app.next_hop(Script::new().reply(Point::Data, "451 4.3.0 later\r\n"));
        assert_eq!(app.send("news@lg.example", &one, MESSAGE).await, "250 2.0.0 Ok, message accepted");
        let asked = bulk(&mut browser, "kill", &[&one, &two], &[]).await;
        assert!(asked.body.contains("Kill 2 aliases?") && asked.body.contains("one@you.example"), "{}", asked.body);
        assert_eq!(state(&app, &one).await, AliasState::Active, "not yet");
        let mut sure = hidden(&asked, "aliases/bulk");
        sure.push(("do".into(), "kill".into()));
        let done = post(&mut browser, "/aliases/bulk", &sure).await;
        assert!(done.body.contains("2 aliases are killed") && done.body.contains("1 message that still waited"), "{}", done.body);
        assert_eq!((state(&app, &one).await, state(&app, &two).await), (AliasState::Killed, AliasState::Killed));
        let undone = post(&mut browser, "/aliases/undo", &hidden(&done, "aliases/undo")).await;
        assert_eq!(undone.header("location"), Some("../aliases?said=undone"));
        assert_eq!((state(&app, &one).await, state(&app, &two).await), (AliasState::Active, AliasState::Active));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn many_are_sent_to_another_mailbox_and_back() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let other = app.mailbox("second@mailbox-provider.example").await;
        let uuid = app.read(async |tx| storage::mailbox::find(tx, other).await).await.unwrap().uuid.to_string();
        let one = app.alias("one").await;
        let both = app.alias_to("both", vec![app.mailbox, other], |_| {}).await;
        let there = app.alias_to("there", vec![other], |_| {}).await;
        let answer = bulk(&mut browser, "move", &[&one, &both, &there], &[("mailbox", &uuid)]).await;
        assert!(answer.body.contains("2 aliases with another mailbox now."), "{}", answer.body);
        let mailboxes =
            async |alias: &Alias| -> Vec<_> { listed(&app, alias).await.mailboxes.iter().map(|mailbox| mailbox.id).collect() };
        assert_eq!((mailboxes(&one).await, mailboxes(&both).await), (vec![other], vec![other]));
        post(&mut browser, "/aliases/undo", &hidden(&answer, "aliases/undo")).await;
        assert_eq!((mailboxes(&one).await, mailboxes(&both).await), (vec![app.mailbox], vec![app.mailbox, other]));
        assert_eq!(mailboxes(&there).await, [other]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_sees_or_changes_another_users_aliases() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mine = app.alias("mine").await;
        let (stranger, their_mailbox) = app::user(app.storage(), &*app.clock, "other@else.example").await;
        let theirs = app.alias_to("theirs", vec![their_mailbox], |new| new.user_id = stranger).await;
        let their_uuid = app.read(async |tx| storage::mailbox::find(tx, their_mailbox).await).await.unwrap().uuid.to_string();
        let desk = &app.running.broker.desk;
        alias_tag::set(desk, stranger, theirs.uuid, Tag::parse_list("secret").unwrap()).await.unwrap();
        let mut browser = Browser::signed_in(&app).await;
        for query in
            ["", "q=theirs", "state=all", "tag=secret", &format!("after={}", theirs.uuid), &format!("made={}", theirs.uuid)]
        {
            let page = browser.get(&format!("/aliases?{query}")).await;
            assert!(!page.body.contains("theirs@") && !page.body.contains("other@else"), "{query}: {}", page.body);
            assert!(query.contains("secret") || !page.body.contains("secret"), "{query}: {}", page.body);
        }
        for act in ["pause", "lock", "revive", "tag", "untag"] {
            let answer = bulk(&mut browser, act, &[&theirs], &[("tag", "secret")]).await;
            assert!(answer.body.contains("Nothing had to be changed."), "{act}: {}", answer.body);
        }
        let answer = bulk(&mut browser, "kill", &[&theirs], &[("sure", "yes")]).await;
        assert!(answer.body.contains("Nothing had to be changed."), "{}", answer.body);
        assert!(!bulk(&mut browser, "kill", &[&theirs], &[]).await.body.contains("theirs@"));
        assert!(bulk(&mut browser, "move", &[&mine], &[("mailbox", &their_uuid)]).await.body.contains("that mailbox is gone"));
        assert_eq!(browser.post("/aliases/unmake", &[("alias", &theirs.uuid.to_string())]).await.status, 404);
        let was = format!("{} killed", theirs.uuid);
        assert_eq!(
            browser.post("/aliases/undo", &[("left", "active"), ("was", &was)]).await.header("location"),
            Some("../aliases?said=nothing")
        );
        let was = format!("{} {their_uuid}", mine.uuid);
        browser.post("/aliases/undo", &[("was", &was)]).await;
        let found = listed(&app, &theirs).await;
        assert_eq!((found.alias.state, found.tags.len(), found.mailboxes.len()), (AliasState::Active, 1, 1));
        assert_eq!(listed(&app, &mine).await.mailboxes.iter().map(|mailbox| mailbox.id).collect::<Vec<_>>(), [app.mailbox]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_done_without_the_token_of_the_session() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let browser = Browser::signed_in(&app).await;
        let cookie = format!("postern={}", browser.cookie.unwrap());
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Cookie", cookie.as_str()),
        ];
        let body = format!("site=lg.com&alias={0}&do=pause&one=pause+{0}&left=active&was={0}+killed", alias.uuid);
        for path in ["/aliases/new", "/aliases/unmake", "/aliases/bulk", "/aliases/undo"] {
            assert_eq!(request(app.running.http, &format!("POST {path}"), &headers, &body).await.status, 403, "{path}");
        }
        assert_eq!(all(&app, app.user).await.len(), 1);
        assert_eq!(state(&app, &alias).await, AliasState::Active);
        app.finish().await;
    })
    .await;
}
