//! What belongs to another user is on no page: every route of the pages that names something, taken from the source so that
//! none is left out, asked by a stranger with the owner's ids.

use std::collections::BTreeSet;
use std::path::Path;

use crate::storage::plans::execute;
use crate::support::app::{TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_driver};
use crate::support::sink::{Point, Script};

const MESSAGE: &str = "From: news@lg.example\r\nSubject: x\r\n\r\nx\r\n";

/// The paths with a part that names something, as the source has them.
fn routes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let named = text.split(".route(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            found.extend(named.filter(|path| path.contains('{')).map(str::to_owned));
        }
    }
}

/// The id that follows `before` in a page.
fn id_after(page: &str, before: &str) -> String {
    assert!(page.contains(before), "no {before} in {page}");
    page.split(before).nth(1).unwrap()[..36].to_owned()
}

/// One of everything, by the beginning of the paths that name it.
async fn belongings(app: &TestApp, database: &Database, owner: &mut Browser) -> Vec<(&'static str, String)> {
    let alias = app.alias("shop").await;
    app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
    for _ in 0..2 {
        app.send("news@lg.example", &alias, MESSAGE).await;
    }
    app.wait_until(async |app| app.queue().await.iter().all(|one| one.last_failure.is_some())).await;
    execute(database, "UPDATE deliveries SET state = 'held' WHERE id = (SELECT MIN(id) FROM deliveries)".into()).await;
    let desk = &app.running.broker.desk;
    let domain = postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(app.user)).await.unwrap();
    let mailbox = app.mailbox("second@inbox.example").await;
    let mailbox = app.read(async |tx| postern::storage::mailbox::find(tx, mailbox).await).await.unwrap();
    for (path, fields) in [
        (format!("/aliases/{}/contacts", alias.uuid), [("address", "a@lg.com"), ("x", "")]),
        ("/webhooks".to_owned(), [("url", "https://you.example/hook"), ("x", "")]),
        ("/access/tokens".to_owned(), [("name", "phone"), ("may", "see")]),
    ] {
        let made = owner.post(&path, &fields).await;
        assert!(matches!(made.status, 200 | 303), "{path}: {} {}", made.status, made.body);
    }
    postern::service::app_password::create(desk, app.user, "phone").await.unwrap();
    let mut page = async |path: &str| owner.get(path).await.body;
    let access = page("/access").await;
    let queue = app.queue().await;
    let held = queue.iter().min_by_key(|one| one.id).unwrap();
    let waiting = queue.iter().max_by_key(|one| one.id).unwrap();
    vec![
        ("/access/tokens", id_after(&access, "access/tokens/")),
        ("/access/passwords", id_after(&access, "access/passwords/")),
        ("/aliases/", alias.uuid.to_string()),
        ("contact", id_after(&page(&format!("/aliases/{}", alias.uuid)).await, "/contacts/")),
        ("/domains", domain.uuid.to_string()),
        ("/failures", waiting.uuid.to_string()),
        ("/holds", held.uuid.to_string()),
        ("/mailboxes", mailbox.uuid.to_string()),
        ("/security/sessions", id_after(&page("/security").await, "security/sessions/")),
        ("/security/passkeys", uuid::Uuid::nil().to_string()),
        ("/webhooks", id_after(&page("/webhooks").await, "webhooks/")),
        ("/admin/users", uuid::Uuid::nil().to_string()),
        ("/admin/invites", uuid::Uuid::nil().to_string()),
        ("/admin/queue", waiting.uuid.to_string()),
    ]
}

/// The path with the owner's ids in it.
fn fill(route: &str, ids: &[(&'static str, String)]) -> String {
    let parts = route.split('/').map(|part| match part {
        "{contact}" => ids.iter().find(|(name, _)| *name == "contact").unwrap().1.clone(),
        part if part.starts_with('{') => {
            let whose = ids.iter().find(|(name, _)| route.starts_with(name));
            assert!(whose.is_some(), "nothing is known that {route} could name");
            whose.unwrap().1.clone()
        }
        part => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn another_user_s_things_are_on_no_page_and_no_form_changes_them() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let mut owner = Browser::signed_in(&app).await;
        let ids = belongings(&app, &database, &mut owner).await;
        let (eve, _) = user(app.storage(), &*app.clock, "eve@else.example").await;
        let mut eve = Browser::of(&app, eve).await;
        let mut all = BTreeSet::new();
        routes(Path::new("src/web"), &mut all);
        // What these name is a secret that proves itself, whoever has it.
        all.retain(|route| !route.contains("{secret}") && !route.contains("{token}"));
        assert!(all.len() >= 30, "{all:?}");
        for route in &all {
            let path = fill(route, &ids);
            let mut answered = 0;
            for answer in [eve.get(&path).await, eve.post(&path, &[("sure", "yes"), ("state", "killed")]).await] {
                assert!(matches!(answer.status, 404 | 405), "{route}: {} {:?}", answer.status, answer.header("location"));
                answered += u32::from(answer.status == 404);
            }
            assert!(answered > 0, "{route} answers neither GET nor POST");
        }
        for page in
            ["/aliases", "/mailboxes", "/domains", "/activity", "/failures", "/holds", "/access", "/webhooks", "/security"]
        {
            let seen = eve.get(page).await;
            assert_eq!(seen.status, 200, "{page}");
            assert!(ids.iter().all(|(_, id)| id.starts_with("00000000") || !seen.body.contains(id)), "{page}: {}", seen.body);
        }
        // All of it is still there, and works.
        let access = owner.get("/access").await.body;
        assert!(access.contains(&ids[0].1) && access.contains(&ids[1].1), "{access}");
        assert!(owner.get("/webhooks").await.body.contains(&ids[10].1));
        assert!(owner.get("/holds").await.body.contains(&ids[6].1));
        assert!(owner.get("/mailboxes").await.body.contains(&ids[7].1));
        app.next_hop(Script::new());
        app.deliver_after(std::time::Duration::from_hours(1)).await;
        let arrived = app.sink.messages();
        // A letter told of the new key, too.
        let mail = arrived.iter().filter(|one| String::from_utf8_lossy(&one.content).contains("\r\nSubject: x\r\n"));
        assert_eq!(mail.count(), 1, "the waiting message arrives");
        app.finish().await;
    })
    .await;
}
