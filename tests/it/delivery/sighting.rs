//! Who wrote to an alias is kept with how far it was proven, whether or not the message went straight through.

use std::time::Duration;

use postern::config::sender_auth::DmarcMode;
use postern::model::Clock;
use postern::model::alias::Alias;
use postern::model::notice::NoticeKind;
use postern::model::sighting::{Proof, Seen, SightingKey};
use postern::storage::{notice, sighting};

use super::authentication::instance;
use crate::support::app::TestApp;
use crate::support::database::each_driver;
use crate::support::signer::{How, Signer, txt};
use crate::support::sink::{Point, Script};

fn message(author: &str) -> String {
    format!("From: {author}\r\nTo: lg@you.example\r\nSubject: x\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello\r\n")
}

async fn sightings(app: &TestApp, alias: &Alias) -> Vec<(SightingKey, Seen)> {
    app.running.broker.ledger.flush(app.storage()).await.unwrap();
    app.read(async |tx| sighting::of_alias(tx, alias.id, 10).await).await
}

#[tokio::test]
async fn each_sender_is_kept_with_what_proved_it() {
    each_driver(async |database| {
        let shop = Signer::ed25519("news.shop.example", "s1");
        let list = Signer::ed25519("mailer.example", "s1");
        let zone = shop.record() + &list.record() + &txt("club.example", "v=spf1 ip4:127.0.0.1 -all");
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        let began = app.clock.now();
        let signed = shop.sign(&message("a@news.shop.example"), &How::default());
        assert!(app.send("x@bounces.example", &alias, &signed).await.starts_with("250 "));
        app.clock.advance(Duration::from_mins(1));
        // This one has to wait: it counts all the same, once.
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(app.send("x@bounces.example", &alias, &signed).await.starts_with("250 "));
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_hours(1)).await, 1);
        assert!(app.send("me@club.example", &alias, &message("me@club.example")).await.starts_with("250 "));
        let foreign = list.sign(&message("b@other.example"), &How::default());
        app.clock.advance(Duration::from_mins(1));
        assert!(app.send("x@bounces.example", &alias, &foreign).await.starts_with("250 "));
        let seen = sightings(&app, &alias).await;
        let short: Vec<_> =
            seen.iter().map(|(key, seen)| (key.organisation.as_str(), key.proof, key.signer.as_str(), seen.messages)).collect();
        assert_eq!(
            short,
            [
                ("other.example", Proof::None, "mailer.example", 1),
                ("club.example", Proof::Spf, "", 1),
                ("shop.example", Proof::Dkim, "shop.example", 2),
            ]
        );
        assert_eq!((seen[2].1.first, seen[2].1.last), (began, began.plus(Duration::from_mins(1))));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_leaves_no_sighting_and_where_nobody_asks_it_says_so() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database, "", DmarcMode::Off, false).await;
        app.next_hop(Script::new().reply(Point::Dot, "550 5.7.1 no\r\n"));
        assert!(app.send("a@shop.example", &alias, &message("a@shop.example")).await.starts_with("550 "));
        app.next_hop(Script::new());
        assert!(sightings(&app, &alias).await.is_empty());
        assert!(app.send("a@shop.example", &alias, &message("a@shop.example")).await.starts_with("250 "));
        let seen = sightings(&app, &alias).await;
        assert_eq!((seen.len(), seen[0].0.proof), (1, Proof::Unasked));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_sweep_forgets_whom_nothing_proved_and_what_was_told_long_ago() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database, "", DmarcMode::Off, false).await;
        let day = Duration::from_hours(24);
        let tell = async |app: &TestApp| {
            let (user, now) = (app.user, app.clock.now());
            let work = app.storage().write(move |tx| {
                Box::pin(async move {
                    notice::record(tx, user, NoticeKind::MessageHeld, "x", now, Duration::from_hours(24 * 400)).await
                })
            });
            work.await.unwrap()
        };
        assert!(app.send("a@shop.example", &alias, &message("a@shop.example")).await.starts_with("250 "));
        assert!(tell(&app).await && !tell(&app).await);
        assert_eq!(sightings(&app, &alias).await.len(), 1);
        app.clock.advance(day * 60);
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert!(!tell(&app).await);
        app.clock.advance(day * 30);
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert_eq!(sightings(&app, &alias).await.len(), 1);
        assert!(tell(&app).await, "what was told is forgotten");
        app.clock.advance(Duration::from_secs(1));
        postern::delivery::sweep(&app.running.broker).await.unwrap();
        assert!(sightings(&app, &alias).await.is_empty());
        app.finish().await;
    })
    .await;
}
