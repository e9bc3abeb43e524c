//! Webhooks: made on their page, told over real HTTP, signed, tried again, given up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use postern::delivery::webhook::post_due;
use postern::model::alias::AliasState;
use postern::model::webhook::EventKinds;
use postern::service::webhook;
use sha2::Sha256;

use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::database::each_driver;

/// What a receiver got.
#[derive(Debug, Clone)]
struct Got {
    fields: HashMap<String, String>,
    body: String,
}

/// A receiver that answers with a status chosen by the test.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Self {
        let (got, status) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU16::new(200)));
        let (kept, chosen) = (Arc::clone(&got), Arc::clone(&status));
        let hook = move |headers: HeaderMap, body: String| async move {
            let fields = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
            kept.lock().push(Got { fields, body });
            (StatusCode::from_u16(chosen.load(Ordering::Relaxed)).unwrap(), [("location", "http://127.0.0.1:1/elsewhere")])
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hook));
        // It ends with the test's runtime.
        tokio_util::task::TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Self { url, got, status }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    fn take(&self) -> Vec<Got> {
        std::mem::take(&mut self.got.lock())
    }
}

/// The kinds of events that were told, with what was said.
fn kinds(got: &[Got]) -> Vec<(String, serde_json::Value)> {
    let read = |got: &Got| serde_json::from_str::<serde_json::Value>(&got.body).unwrap();
    got.iter().map(read).map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone())).collect()
}

/// Everything posted until nothing is due; the worker of the instance may take its part.
async fn told(app: &TestApp, receiver: &Receiver, wanted: usize) -> Vec<Got> {
    let mut got = Vec::new();
    app.wait_until(async |app| {
        post_due(&app.running.broker).await.unwrap();
        got.extend(receiver.take());
        got.len() >= wanted
    })
    .await;
    got
}

const MESSAGE: &str = "From: news@lg.example\r\nSubject: x\r\n\r\nx\r\n";

#[tokio::test]
async fn what_happens_is_told_signed_and_to_those_who_asked_only() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.outbound.allow_private_targets = true).await;
        let receiver = Receiver::start().await;
        let mut browser = Browser::signed_in(&app).await;
        let made =
            browser.post("/webhooks", &[("url", &receiver.url), ("event", "alias.created"), ("event", "mail.blocked")]).await;
        assert_eq!((made.status, made.header("location")), (303, Some("webhooks?said=made")));
        let page = browser.get("/webhooks").await.body;
        let secret = page.split("<code>whsec_").nth(1).unwrap().split('<').next().unwrap().to_owned();

        let alias = browser_alias(&app).await;
        let got = told(&app, &receiver, 1).await;
        let told_of = kinds(&got);
        assert_eq!((told_of[0].0.as_str(), told_of[0].1["alias"]["address"].as_str()), ("alias.created", Some(alias.as_str())));
        let field = |name: &str| got[0].fields[name].clone();
        let mut mac = Hmac::<Sha256>::new_from_slice(&data_encoding::BASE64.decode(secret.as_bytes()).unwrap()).unwrap();
        mac.update(format!("{}.{}.{}", field("webhook-id"), field("webhook-timestamp"), got[0].body).as_bytes());
        let signature = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
        assert_eq!(field("webhook-signature"), format!("v1,{signature}"));
        assert!(!got[0].body.contains("mailbox-provider"), "{}", got[0].body);

        let shop = app.alias("shop").await;
        app.set_state(&shop, AliasState::Killed).await;
        for _ in 0..3 {
            assert!(app.send("news@lg.example", &shop, MESSAGE).await.starts_with("550 "));
        }
        app.running.broker.ledger.flush(app.storage()).await.unwrap();
        let got = told(&app, &receiver, 1).await;
        let event = kinds(&got).into_iter().find(|(kind, _)| kind == "mail.blocked").unwrap().1;
        assert_eq!(
            (event["aliases"][0]["address"].as_str(), &event["more"]),
            (Some(shop.address.folded().as_str()), &serde_json::json!(0))
        );
        let blocked: i64 =
            kinds(&got).iter().filter(|(kind, _)| kind == "mail.blocked").filter_map(|(_, data)| data["count"].as_i64()).sum();
        assert!((1..=3).contains(&blocked), "{got:?}");
        app.finish().await;
    })
    .await;
}

/// Waits until it is recorded that the first webhook failed that often.
async fn failed(app: &TestApp, times: i32) {
    app.wait_until(async |app| webhook::list(&app.running.broker.desk, app.user).await.unwrap()[0].webhook.failures == times)
        .await;
}

/// An alias made as people make it.
async fn browser_alias(app: &TestApp) -> String {
    let new = postern::service::alias::NewAlias {
        user: app.user,
        site: None,
        domain: None,
        format: postern::model::alias_name::NameFormat::Random,
        chosen: None,
        note: String::new(),
        mailboxes: Vec::new(),
        expires_at: None,
        max_messages: None,
    };
    postern::service::alias::create(&app.running.broker.desk, new).await.unwrap().address.folded()
}

#[tokio::test]
async fn what_is_not_taken_comes_again_under_the_same_id_and_after_a_day_the_webhook_pauses() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.outbound.allow_private_targets = true).await;
        let receiver = Receiver::start().await;
        let desk = &app.running.broker.desk;
        let hook = webhook::create(desk, app.user, &receiver.url, EventKinds::new(vec![]), true).await.unwrap();
        receiver.answer(302);
        browser_alias(&app).await;
        let first = told(&app, &receiver, 1).await;
        failed(&app, 1).await;
        receiver.answer(500);
        app.clock.advance(Duration::from_mins(1));
        let second = told(&app, &receiver, 1).await;
        assert_eq!(first[0].fields["webhook-id"], second[0].fields["webhook-id"]);
        assert_ne!(first[0].fields["webhook-timestamp"], second[0].fields["webhook-timestamp"]);
        app.wait_until(async |app| {
            app.clock.advance(Duration::from_hours(6));
            post_due(&app.running.broker).await.unwrap();
            let listed = webhook::get(&app.running.broker.desk, app.user, hook.uuid).await.unwrap();
            listed.webhook.paused_at.is_some() && listed.waiting == 0
        })
        .await;
        let mut browser = Browser::signed_in(&app).await;
        let page = browser.get("/webhooks").await.body;
        assert!(page.contains("paused") && page.contains("HTTP 500"), "{page}");
        receiver.take();
        receiver.answer(204);
        let refused = browser.post(&format!("/webhooks/{}/test", hook.uuid), &[]).await;
        assert_eq!(refused.header("location"), Some("../../webhooks?said=paused"));
        assert_eq!(browser.post(&format!("/webhooks/{}/resume", hook.uuid), &[]).await.status, 303);
        assert_eq!(browser.post(&format!("/webhooks/{}/test", hook.uuid), &[]).await.status, 303);
        assert_eq!(kinds(&told(&app, &receiver, 1).await)[0].0, "webhook.test");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_dead_receiver_costs_one_attempt_a_step_and_holds_nobody_up() {
    each_driver(async |database| {
        let app = TestApp::with(&database, |config| config.outbound.allow_private_targets = true).await;
        let (dead, alive) = (Receiver::start().await, Receiver::start().await);
        let desk = &app.running.broker.desk;
        dead.answer(503);
        for receiver in [&dead, &alive] {
            webhook::create(desk, app.user, &receiver.url, EventKinds::new(vec![]), true).await.unwrap();
        }
        for _ in 0..9 {
            browser_alias(&app).await;
        }
        assert_eq!(told(&app, &alive, 9).await.len(), 9);
        assert_eq!(told(&app, &dead, 1).await.len(), 1, "it waits as a whole");
        failed(&app, 1).await;
        app.clock.advance(Duration::from_secs(31));
        assert_eq!(told(&app, &dead, 1).await.len(), 1);
        failed(&app, 2).await;
        // A day ahead at once: the clock jumped, and two attempts are not many.
        app.clock.advance(Duration::from_hours(30));
        assert_eq!(told(&app, &dead, 1).await.len(), 1);
        failed(&app, 3).await;
        assert!(webhook::list(desk, app.user).await.unwrap()[0].webhook.paused_at.is_none());
        // One that is refused does not keep the others from those that are taken.
        app.clock.advance(Duration::from_hours(6));
        dead.answer(200);
        assert_eq!(told(&app, &dead, 9).await.len(), 9);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_posted_to_the_inside_of_the_network() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let receiver = Receiver::start().await;
        let mut browser = Browser::signed_in(&app).await;
        let refused = browser.post("/webhooks", &[("url", &receiver.url)]).await;
        assert!(refused.status == 422 && refused.body.contains("must begin with https://"), "{}", refused.body);
        let desk = &app.running.broker.desk;
        for url in [receiver.url.replace("http://", "https://"), "https://localhost/x".to_owned()] {
            let hook = webhook::create(desk, app.user, &url, EventKinds::new(vec![]), false).await.unwrap();
            webhook::test(desk, app.user, hook.uuid).await.unwrap();
            app.wait_until(async |app| {
                post_due(&app.running.broker).await.unwrap();
                webhook::get(&app.running.broker.desk, app.user, hook.uuid).await.unwrap().webhook.last_status.is_some()
            })
            .await;
        }
        assert!(receiver.take().is_empty());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn another_user_s_webhook_is_no_webhook() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let desk = &app.running.broker.desk;
        let hook = webhook::create(desk, app.user, "https://you.example/", EventKinds::new(vec![]), false).await.unwrap();
        let (other, _) = crate::support::app::user(app.storage(), &*app.clock, "other@else.example").await;
        let mut browser = Browser::of(&app, other).await;
        for act in ["test", "resume", "remove"] {
            for id in [hook.uuid.to_string(), "nonsense".to_owned()] {
                assert_eq!(browser.post(&format!("/webhooks/{id}/{act}"), &[]).await.status, 404);
            }
        }
        assert!(!browser.get("/webhooks").await.body.contains(&hook.uuid.to_string()));
        let mut owner = Browser::signed_in(&app).await;
        assert_eq!(owner.post(&format!("/webhooks/{}/remove", hook.uuid), &[]).await.status, 303);
        assert!(webhook::list(desk, app.user).await.unwrap().is_empty());
        app.finish().await;
    })
    .await;
}
