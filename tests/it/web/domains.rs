//! The pages of domains: bringing one, what DNS says, catch-all, names without network.

use postern::model::catch_all::CatchAll;
use postern::model::domain::Domain;
use postern::service::{domain, domain_claim, signed_name};
use postern::storage;

use crate::support::app::{TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::each_driver;

const OWN: &str = "own.example";

async fn own(app: &TestApp) -> Domain {
    let domain = domain::add(&app.running.broker.desk, OWN.parse().unwrap(), Some(app.user)).await.unwrap();
    app.running.broker.signing.keep_up(&app.running.broker.desk).await.unwrap();
    domain
}

async fn stored(app: &TestApp) -> Option<Domain> {
    app.read(async |tx| storage::domain::find_by_name(tx, &OWN.parse().unwrap()).await).await
}

#[tokio::test]
async fn a_domain_is_brought_proven_and_taken_away_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut browser = Browser::signed_in(&app).await;
        let list = browser.get("/domains").await;
        assert!(list.status == 200 && list.body.contains("you.example"), "{}", list.body);
        for (name, says) in
            [("co.uk", "Nobody can own"), ("http://x", "not the name of a domain"), ("a.you.example", "belongs to this")]
        {
            let refused = browser.post("/domains", &[("domain", name)]).await;
            assert!(refused.status == 422 && refused.body.contains(says), "{name}: {}", refused.body);
            assert!(refused.body.contains(&format!("value=\"{name}\"")), "what was written is kept");
        }
        let added = browser.post("/domains", &[("domain", "Own.Example.")]).await;
        assert_eq!(added.status, 303);
        let path = format!("/{}", added.header("location").unwrap());
        let page = browser.get(&path).await;
        let claim = domain_claim::list(&app.running.broker.desk, app.user).await.unwrap().remove(0);
        assert!(page.body.contains(&format!("data-copy=\"{}\"", claim.record())), "{}", page.body);
        assert!(page.body.contains("not there yet") && page.body.contains("look now") && !page.body.contains("catch_all"));
        let looked = browser.post(&format!("{path}/check"), &[]).await;
        assert_eq!((looked.status, looked.header("location")), (303, Some(format!("../..{path}?said=not-yet").as_str())));
        assert!(stored(&app).await.is_none());

        std::fs::write(app.config.dns.zone_file.as_ref().unwrap(), format!("own.example. TXT \"{}\"\n", claim.record())).unwrap();
        let app = app.restart().await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get(&path).await;
        assert!(page.body.contains("look now") && stored(&app).await.is_none(), "looking records nothing");
        let looked = browser.post(&format!("{path}/check"), &[]).await;
        assert_eq!(looked.header("location"), Some(format!("../..{path}?said=proven").as_str()));
        assert_eq!(stored(&app).await.unwrap().user_id, Some(app.user));
        let page = browser.get(&format!("{path}?said=proven")).await;
        assert!(page.body.contains("The domain is yours now") && page.body.contains("_domainkey.own.example."), "{}", page.body);
        let removed = browser.post(&format!("{path}/remove"), &[]).await;
        assert_eq!(removed.header("location"), Some("../../domains?said=removed"));
        assert!(stored(&app).await.is_none());
        assert_eq!(browser.get(&path).await.status, 404);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_domain_does_with_mail_is_chosen_on_its_page() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let path = format!("/domains/{}", own(&app).await.uuid);
        let mut browser = Browser::signed_in(&app).await;
        let fields = [("catch_all", "pattern"), ("patterns", "Shop-*  *.web")];
        let chosen = browser.post(&format!("{path}/catch-all"), &fields).await;
        assert_eq!(chosen.header("location"), Some(format!("../..{path}?said=catch-all").as_str()));
        let page = browser.get(&path).await;
        assert!(page.body.contains("value=\"shop-* *.web\"") && page.body.contains("value=\"pattern\" checked"), "{}", page.body);
        for (patterns, says) in [("", "at least one pattern"), ("a+b", "A pattern has letters")] {
            let refused = browser.post(&format!("{path}/catch-all"), &[("catch_all", "pattern"), ("patterns", patterns)]).await;
            assert!(refused.status == 422 && refused.body.contains(says), "{}", refused.body);
        }
        assert!(matches!(stored(&app).await.unwrap().catch_all, CatchAll::Pattern(_)));
        browser.post(&format!("{path}/sending"), &[("submission_creates", "on")]).await;
        assert!(stored(&app).await.unwrap().submission_creates);
        browser.post(&format!("{path}/sending"), &[]).await;
        assert!(!stored(&app).await.unwrap().submission_creates);

        let alias = app.alias_to("shop", vec![app.mailbox], |_| {}).await;
        let mut new = postern::service::alias::NewAlias {
            user: app.user,
            site: None,
            domain: Some(OWN.parse().unwrap()),
            format: postern::model::alias_name::NameFormat::Random,
            chosen: Some("x".into()),
            note: String::new(),
            mailboxes: Vec::new(),
            expires_at: None,
            max_messages: None,
        };
        postern::service::alias::create(&app.running.broker.desk, new.clone()).await.unwrap();
        let refused = browser.post(&format!("{path}/remove"), &[]).await;
        assert!(refused.status == 422 && refused.body.contains("One alias on it is still alive"), "{}", refused.body);
        new.chosen = Some("y".into());
        postern::service::alias::create(&app.running.broker.desk, new).await.unwrap();
        let refused = browser.post(&format!("{path}/remove"), &[]).await;
        assert!(refused.body.contains("2 aliases on it are still alive"), "{}", refused.body);
        assert!(stored(&app).await.is_some() && alias.user_id == app.user);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn another_users_domain_is_not_there_and_the_instances_is_its_administrators() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let path = format!("/domains/{}", own(&app).await.uuid);
        let shared = app.read(async |tx| storage::domain::find_by_name(tx, &"you.example".parse().unwrap()).await).await.unwrap();
        let shared = format!("/domains/{}", shared.uuid);
        let (eve, _) = user(app.storage(), &*app.clock, "eve@inbox.example").await;
        let mut browser = Browser::of(&app, eve).await;
        assert!(!browser.get("/domains").await.body.contains(OWN));
        for path in [&path, &shared] {
            assert_eq!(browser.get(path).await.status, 404);
            for act in ["check", "catch-all", "sending", "remove"] {
                assert_eq!(browser.post(&format!("{path}/{act}"), &[("catch_all", "on")]).await.status, 404, "{act}");
            }
        }
        assert_eq!(browser.get("/domains/nonsense").await.status, 404);
        assert_eq!(stored(&app).await.unwrap().catch_all, CatchAll::Off);

        let root =
            postern::service::user::NewUser { email: "root@inbox.example".parse().unwrap(), is_admin: true, verified: true };
        let (admin, _) = postern::service::user::add(&app.running.broker.desk, root).await.unwrap();
        let mut browser = Browser::of(&app, admin.id).await;
        let page = browser.get(&shared).await;
        assert!(page.status == 200 && page.body.contains("_dmarc.you.example."), "{}", page.body);
        assert!(!page.body.contains("Remove the domain") && !page.body.contains("catch_all"), "it is nobody's own");
        for act in ["catch-all", "sending", "remove"] {
            assert_eq!(browser.post(&format!("{shared}/{act}"), &[("catch_all", "on")]).await.status, 404, "{act}");
        }
        assert_eq!(browser.get(&path).await.status, 404, "another's own domain is none of their business");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn names_without_network_are_shown_after_proving_who_one_is() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let desk = &app.running.broker.desk;
        let mut browser = Browser::signed_in(&app).await;
        assert!(browser.get("/domains/names").await.body.contains("Draw a key"));
        assert_eq!(browser.get("/domains/offline.html").await.status, 404);
        let drawn = browser.post("/domains/names", &[]).await;
        assert_eq!(drawn.header("location"), Some("../domains/names?said=new"));
        let key = signed_name::key(desk, app.user).await.unwrap().unwrap();
        let address = key.address("lg.com", &"you.example".parse().unwrap()).unwrap().to_string();
        let page = browser.get("/domains/names?site=LG.com&domain=you.example").await;
        assert!(page.body.contains(&address) && page.body.contains(&key.shown()), "{}", page.body);
        let wrong = browser.get("/domains/names?site=a+b&domain=you.example").await;
        assert!(wrong.body.contains("A site has 1 to 57"), "{}", wrong.body);
        assert!(browser.get("/domains/names?site=a&domain=x.example").await.body.contains("Choose one of the domains"));
        let file = browser.get("/domains/offline.html").await;
        assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"postern-names.html\""));
        assert!(
            file.body.contains(&format!("data-key=\"{}\"", key.shown())) && file.body.contains("<option>you.example</option>")
        );
        assert!(!file.body.contains("http"), "it asks nobody for anything");
        assert!(
            app.send_to("x@lists.example", &[&address.parse().unwrap()], "From: a@lg.com\r\n\r\nHello\r\n")
                .await
                .starts_with("250 ")
        );
        let off = browser.post("/domains/names", &[("off", "yes")]).await;
        assert_eq!(off.header("location"), Some("../domains/names?said=off"));
        assert!(signed_name::key(desk, app.user).await.unwrap().is_none());

        app.clock.advance(std::time::Duration::from_mins(16));
        for path in ["/domains/names", "/domains/offline.html"] {
            let asked = browser.get(path).await;
            assert!(asked.status == 303 && asked.header("location").unwrap().contains("confirm?next="), "{path}");
        }
        assert_eq!(browser.post("/domains/names", &[]).await.status, 303);
        assert!(signed_name::key(desk, app.user).await.unwrap().is_none(), "nothing was drawn");
        app.finish().await;
    })
    .await;
}
