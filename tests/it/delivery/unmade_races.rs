//! What changes between the question for a name that nobody made and its first message, and while that is under way.

use std::time::Duration;

use postern::config::sender_auth::DmarcMode;
use postern::model::alias::{Alias, AliasState, MadeBy};
use postern::model::catch_all::CatchAll;
use postern::model::delivery::{DeliveryKind, DeliveryState, Failure};
use postern::model::id::AliasId;
use postern::model::{Address, Clock, DomainName, Private};
use postern::service::signed_name::{self, KeyChangeError};
use postern::service::{Desk, block, domain, mailbox};
use postern::storage::alias::NewAlias;
use postern::storage::delivery::NewFailure;
use postern::storage::made_alias::{self, Kept};
use postern::storage::user::NewUser;
use postern::storage::{self, Tx};

use super::authentication::instance;
use crate::support::app::{DOMAIN, MAILBOX, TestApp, user};
use crate::support::client::Client;
use crate::support::database::{address, each_driver, on_postgres, on_sqlite};
use crate::support::log::Log;
use crate::support::signer::{How, Signer};

const LETTER: &str = "From: Shop <news@mail.lg.com>\r\nTo: you\r\nMessage-ID: <1@lg.com>\r\nSubject: Hi\r\n\r\nHello\r\n";
const TAKEN: &str = "250 2.0.0 Ok, message accepted";
const UNKNOWN: &str = "550 5.1.1 No such address here";
const NOT_NOW: &str = "450 4.2.1 This address takes no mail at the moment";

/// Writes to the database of an instance.
macro_rules! write {
    ($app:expr, $tx:ident => $work:expr) => {
        $app.storage().write(move |$tx| Box::pin(async move { $work }))
    };
}

fn desk(app: &TestApp) -> &Desk {
    &app.running.broker.desk
}

fn own() -> DomainName {
    "own.example".parse().unwrap()
}

async fn catch_all(app: &TestApp, choice: CatchAll) {
    domain::set_catch_all(desk(app), app.user, own(), choice).await.unwrap();
}

/// The user's own domain, every name of which is good.
async fn catching(app: &TestApp) {
    domain::add(desk(app), own(), Some(app.user)).await.unwrap();
    catch_all(app, CatchAll::On).await;
    app.running.broker.signing.keep_up(desk(app)).await.unwrap();
}

async fn alias_of(app: &TestApp, text: &str) -> Option<Alias> {
    app.read(async |tx| storage::alias::find_by_address(tx, text).await).await
}

/// A client whose recipients were accepted and whose message is still to come.
async fn asked(app: &TestApp, to: &[&Address]) -> Client {
    let mut client = app.client().await;
    client.ask("MAIL FROM:<bounces@lists.example>", "250").await;
    for to in to {
        client.ask(&format!("RCPT TO:<{to}>"), "250").await;
    }
    client
}

/// The reply to its message.
async fn told(mut client: Client) -> String {
    client.ask("DATA", "354").await;
    client.send(format!("{LETTER}.\r\n")).await;
    client.read_reply().await.unwrap().trim_end().to_owned()
}

/// An alias as its first message made it, with that message still under way somewhere.
async fn provisional(app: &TestApp, text: &str) -> Alias {
    let domain = app.read(async |tx| storage::domain::find_by_name(tx, &own()).await).await.unwrap();
    let new = NewAlias {
        uuid: uuid::Uuid::from_u128(rand::random()),
        user_id: app.user,
        domain_id: domain.id,
        address: address(text),
        site: None,
        note: MadeBy::CatchAll.note().into(),
        expires_at: None,
        max_messages: None,
        mailboxes: vec![app.mailbox],
        created_at: app.clock.now(),
    };
    let made = write!(app, tx => {
        let made = storage::alias::create(tx, &new).await?;
        made_alias::insert(tx, made.id, domain.id, MadeBy::CatchAll, new.created_at.day()).await?;
        Ok::<_, storage::Error>(made)
    });
    made.await.unwrap()
}

async fn take_back(app: &TestApp, id: AliasId) -> bool {
    write!(app, tx => made_alias::take_back(tx, id).await).await.unwrap()
}

/// Waits until something in the database waits for a lock.
async fn somebody_waits(app: &TestApp) {
    app.wait_until(async |app| {
        let waiting: i64 = app
            .read(async |tx| {
                let Tx::PostgresRead(connection) = tx else { unreachable!("not PostgreSQL") };
                let text =
                    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
                Ok(sqlx::query_scalar(text).fetch_one(&mut **connection).await.unwrap())
            })
            .await;
        waiting > 0
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_paused_since_the_question_takes_nothing_and_nothing_is_lost() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let (to, other) = (address("x@own.example"), address("y@own.example"));
        // One that is found made by then, and one that is still to be made.
        let (late, first) = (asked(&app, &[&to]).await, asked(&app, &[&other]).await);
        assert_eq!(app.send_to("a@lists.example", &[&to], LETTER).await, TAKEN);
        let (id, now) = (app.mailbox, app.clock.now());
        write!(app, tx => storage::mailbox::pause(tx, id, "5.1.1", now).await).await.unwrap();
        assert_eq!(told(late).await, NOT_NOW);
        assert_eq!(told(first).await, NOT_NOW);
        assert!(alias_of(&app, "y@own.example").await.is_none());
        write!(app, tx => storage::mailbox::resume(tx, id).await).await.unwrap();
        assert_eq!(app.send_to("a@lists.example", &[&other], LETTER).await, TAKEN);
        assert_eq!(app.sink.wait_for(2).await.len(), 2);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_made_since_the_question_is_asked_for_its_state() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let (to, known) = (address("x@own.example"), app.alias("shop").await);
        let early = [asked(&app, &[&to]).await, asked(&app, &[&to]).await, asked(&app, &[&to]).await];
        let beside = asked(&app, &[&known.address, &to]).await;
        assert_eq!(app.send_to("a@lists.example", &[&to], LETTER).await, TAKEN);
        let made = alias_of(&app, "x@own.example").await.unwrap();
        let states = [AliasState::Paused, AliasState::Locked, AliasState::Killed];
        for ((client, state), expected) in early.into_iter().zip(states).zip(["450 4.2.1", "550 5.7.1", "550 5.1.1"]) {
            app.set_state(&made, state).await;
            let reply = told(client).await;
            assert!(reply.starts_with(expected), "{state:?}: {reply}");
        }
        assert_eq!(told(beside).await, TAKEN);
        let is_it =
            |row: &postern::model::delivery::Delivery| row.state == DeliveryState::Failed && row.alias_id == Some(made.id);
        app.wait_until(async |app| app.queue().await.iter().any(is_it)).await;
        assert_eq!(alias_of(&app, "x@own.example").await.unwrap().state, AliasState::Killed);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_owner_took_away_since_the_question_is_gone_and_never_silently() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        let key = signed_name::key(desk(&app), app.user).await.unwrap().unwrap();
        let (signed, shared) = (key.address("lg.com", &own()).unwrap(), key.address("lg.com", &DOMAIN.parse().unwrap()).unwrap());
        let (caught, known) = (address("x@own.example"), app.alias("shop").await);
        let alone = [asked(&app, &[&caught]).await, asked(&app, &[&signed]).await, asked(&app, &[&shared]).await];
        let beside = asked(&app, &[&known.address, &caught]).await;
        catch_all(&app, CatchAll::Off).await;
        signed_name::remove_key(desk(&app), app.user).await.unwrap();
        for client in alone {
            assert_eq!(told(client).await, UNKNOWN);
        }
        // The sender asks again, and is told at RCPT which one is unknown.
        assert_eq!(told(beside).await, NOT_NOW);
        assert!(app.sink.messages().is_empty());
        for address in [&caught, &signed, &shared] {
            assert!(alias_of(&app, &address.folded()).await.is_none(), "{address}");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_its_owner_or_another_message_touched_is_not_taken_back() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let now = app.clock.now().plus(Duration::from_secs(1));
        let untouched = provisional(&app, "a@own.example").await;
        assert!(take_back(&app, untouched.id).await && !take_back(&app, untouched.id).await);
        let killed = provisional(&app, "b@own.example").await.id;
        write!(app, tx => storage::alias::set_state(tx, killed, AliasState::Killed, now).await).await.unwrap();
        let revived = provisional(&app, "c@own.example").await.id;
        for state in [AliasState::Paused, AliasState::Active] {
            write!(app, tx => storage::alias::set_state(tx, revived, state, now).await).await.unwrap();
        }
        let noted = provisional(&app, "d@own.example").await.id;
        write!(app, tx => storage::alias::set_texts(tx, noted, None, "tv").await).await.unwrap();
        let tagged = provisional(&app, "e@own.example").await.id;
        let owner = app.user;
        let tag = postern::model::tag::Tag::parse("shops").unwrap();
        write!(app, tx => storage::alias_tag::add(tx, owner, tagged, &tag).await).await.unwrap();
        let met = provisional(&app, "f@own.example").await.id;
        assert_eq!(write!(app, tx => made_alias::keep(tx, met, now).await).await.unwrap(), Kept::Now);
        assert_eq!(write!(app, tx => made_alias::keep(tx, met, now).await).await.unwrap(), Kept::Before);
        let moved = provisional(&app, "g@own.example").await.id;
        let second = app.mailbox("second@inbox.example").await;
        write!(app, tx => storage::alias_change::set_mailboxes(tx, moved, &[second]).await).await.unwrap();
        for id in [killed, revived, noted, tagged, met, moved] {
            assert!(!take_back(&app, id).await, "{id:?}");
        }
        assert_eq!(alias_of(&app, "b@own.example").await.unwrap().state, AliasState::Killed);
        let gone = untouched.id;
        assert_eq!(write!(app, tx => made_alias::keep(tx, gone, now).await).await.unwrap(), Kept::Gone);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_to_a_fresh_alias_keeps_it_or_is_asked_to_come_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let fresh = provisional(&app, "x@own.example").await;
        // As on another node: it goes straight through and leaves no row behind.
        assert_eq!(app.send("a@lists.example", &fresh, LETTER).await, TAKEN);
        assert!(!take_back(&app, fresh.id).await);
        let lost = provisional(&app, "y@own.example").await;
        let client = asked(&app, &[&lost.address]).await;
        assert!(take_back(&app, lost.id).await);
        let (log, guard) = Log::begin();
        assert_eq!(told(client).await, NOT_NOW, "asked to come again");
        drop(guard);
        assert!(!log.text().contains("WARN") && !log.text().contains("ERROR"), "no failure of ours: {}", log.text());
        assert_eq!(app.sink.messages().len(), 1);
        assert_eq!(app.send("a@lists.example", &lost, LETTER).await, TAKEN);
        // Its own first message keeps it as well.
        assert!(!take_back(&app, alias_of(&app, "y@own.example").await.unwrap().id).await);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_fresh_alias_whose_message_was_refused_beside_others_stays_to_show_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let (bob, inbox) = user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let of_bob = app.alias_to("bob", vec![inbox], |new| new.user_id = bob).await;
        let fresh = provisional(&app, "x@own.example").await;
        block::add(desk(&app), app.user, "lg.com".parse().unwrap()).await.unwrap();
        let to = [&of_bob.address, &fresh.address];
        assert_eq!(app.send_to("a@lists.example", &to, LETTER).await, TAKEN);
        assert!(!take_back(&app, fresh.id).await, "its owner sees what was kept out");
        assert_eq!(app.activity(&fresh).await.blocked, 1);
        assert_eq!(app.sink.wait_for(1).await[0].recipients(), ["bob@inbox.example"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_delivery_committed_while_it_is_taken_back_keeps_an_alias() {
    on_postgres(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let fresh = provisional(&app, "x@own.example").await;
        let row = NewFailure {
            uuid: uuid::Uuid::from_u128(rand::random()),
            kind: DeliveryKind::Forward,
            alias_id: Some(fresh.id),
            mailbox_id: Some(app.mailbox),
            sender: None,
            recipient: address(MAILBOX),
            failure: Failure { code: None, status: "5.0.0".into(), detail: Private::new(String::new()) },
            at: app.clock.now(),
        };
        let (held, is_held) = tokio::sync::oneshot::channel();
        let (go, may_go) = tokio::sync::oneshot::channel::<()>();
        let inserted = write!(app, tx => {
            storage::alias::hold_state(tx, row.alias_id.unwrap()).await?;
            held.send(()).unwrap();
            may_go.await.unwrap();
            storage::delivery::insert_failed(tx, &row).await
        });
        let taken = async {
            is_held.await.unwrap();
            take_back(&app, fresh.id).await
        };
        let release = async {
            somebody_waits(&app).await;
            go.send(()).unwrap();
        };
        let (inserted, taken, ()) = tokio::join!(inserted, taken, release);
        inserted.unwrap();
        assert!(!taken && alias_of(&app, "x@own.example").await.is_some());
        assert_eq!(app.queue().await.len(), 1);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_made_by_hand_at_the_same_moment_takes_the_message() {
    on_postgres(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let domain = app.read(async |tx| storage::domain::find_by_name(tx, &own()).await).await.unwrap();
        let to = address("x@own.example");
        let new = NewAlias {
            uuid: uuid::Uuid::from_u128(rand::random()),
            user_id: app.user,
            domain_id: domain.id,
            address: to.clone(),
            site: None,
            note: "mine".into(),
            expires_at: None,
            max_messages: None,
            mailboxes: vec![app.mailbox],
            created_at: app.clock.now(),
        };
        let client = asked(&app, &[&to]).await;
        let (made, is_made) = tokio::sync::oneshot::channel();
        let (go, may_go) = tokio::sync::oneshot::channel::<()>();
        let by_hand = write!(app, tx => {
            let alias = storage::alias::create(tx, &new).await?;
            made.send(()).unwrap();
            may_go.await.unwrap();
            Ok::<_, storage::Error>(alias)
        });
        let sent = async {
            is_made.await.unwrap();
            told(client).await
        };
        let release = async {
            somebody_waits(&app).await;
            go.send(()).unwrap();
        };
        let (by_hand, sent, ()) = tokio::join!(by_hand, sent, release);
        assert_eq!(sent, TAKEN);
        assert_eq!(alias_of(&app, "x@own.example").await.unwrap().id, by_hand.unwrap().id);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_goes_to_an_alias_in_the_making_is_not_removed() {
    on_postgres(async |database| {
        let app = TestApp::start(&database).await;
        catching(&app).await;
        let second = app.mailbox("second@inbox.example").await;
        let domain = app.read(async |tx| storage::domain::find_by_name(tx, &own()).await).await.unwrap();
        let new = NewAlias {
            uuid: uuid::Uuid::from_u128(rand::random()),
            user_id: app.user,
            domain_id: domain.id,
            address: address("x@own.example"),
            site: None,
            note: String::new(),
            expires_at: None,
            max_messages: None,
            mailboxes: vec![second],
            created_at: app.clock.now(),
        };
        let (picked, is_picked) = tokio::sync::oneshot::channel();
        let (go, may_go) = tokio::sync::oneshot::channel::<()>();
        let made = write!(app, tx => {
            storage::user::lock_shared(tx, new.user_id).await?;
            picked.send(()).unwrap();
            may_go.await.unwrap();
            storage::alias::create(tx, &new).await
        });
        let removed = async {
            is_picked.await.unwrap();
            mailbox::remove(desk(&app), app.user, &address("second@inbox.example")).await
        };
        let release = async {
            somebody_waits(&app).await;
            go.send(()).unwrap();
        };
        let (made, removed, ()) = tokio::join!(made, removed, release);
        made.unwrap();
        assert!(matches!(removed, Err(mailbox::RemoveError::OnlyOne(1))), "{removed:?}");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_a_proven_author_names_the_site() {
    each_driver(async |database| {
        let shop = Signer::ed25519("news.shop.example", "s1");
        let (app, _, _folder) = instance(&database, &shop.record(), DmarcMode::Enforce, false).await;
        catching(&app).await;
        let written =
            "From: a@news.shop.example\r\nTo: you\r\nSubject: x\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello\r\n";
        let signed = shop.sign(written, &How::default());
        let (proven, claimed) = (address("proven@own.example"), address("claimed@own.example"));
        assert_eq!(app.send_to("x@bounces.example", &[&proven], &signed).await, TAKEN);
        assert_eq!(app.send_to("x@bounces.example", &[&claimed], written).await, TAKEN);
        let site = async |text| alias_of(&app, text).await.unwrap().site.map(|site| site.to_string());
        assert_eq!(site("proven@own.example").await.as_deref(), Some("shop.example"));
        assert_eq!(site("claimed@own.example").await, None);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_drawn_by_another_process_counts_at_once() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        assert_eq!(app.send_to("x@lists.example", &[&address("lg.com.000000@you.example")], LETTER).await, UNKNOWN);
        let (bob, _) = user(app.storage(), &*app.clock, "bob@inbox.example").await;
        let key = signed_name::renew_key(desk(&app), bob).await.unwrap();
        app.clock.advance(Duration::from_secs(1));
        let name = key.address("lg.com", &DOMAIN.parse().unwrap()).unwrap();
        assert_eq!(app.send_to("x@lists.example", &[&name], LETTER).await, TAKEN);
        assert_eq!(alias_of(&app, &name.folded()).await.unwrap().user_id, bob);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn with_more_keys_than_are_compared_nobody_is_told_that_a_name_is_unknown() {
    on_sqlite(async |database| {
        let app = TestApp::start(&database).await;
        let now = app.clock.now();
        let ids = write!(app, tx => {
            let mut ids = Vec::new();
            for number in 0..4096_u32 {
                let email = address(&format!("u{number}@inbox.example"));
                let new = NewUser { uuid: uuid::Uuid::from_u128(rand::random()), email, is_admin: false, created_at: now };
                let id = storage::user::create(tx, &new).await?.id;
                made_alias::set_name_key(tx, id, Some(&rand::random::<[u8; 20]>())).await?;
                ids.push(id);
            }
            Ok::<_, storage::Error>(ids)
        });
        let last = *ids.await.unwrap().last().unwrap();
        let full = signed_name::renew_key(desk(&app), app.user).await;
        assert!(matches!(full, Err(KeyChangeError::Full)), "{full:?}");
        signed_name::renew_key(desk(&app), last).await.unwrap();
        let unknown = [&address("lg.com.000000@you.example")];
        assert_eq!(app.send_to("x@lists.example", &unknown, LETTER).await, UNKNOWN);
        let one_more = app.user;
        write!(app, tx => made_alias::set_name_key(tx, one_more, Some(&[7; 20])).await).await.unwrap();
        app.running.broker.name_keys.forget();
        assert_eq!(app.send_to("x@lists.example", &unknown, LETTER).await, NOT_NOW);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn signed_names_of_one_user_have_their_daily_number_too() {
    on_sqlite(async |database| {
        let app = TestApp::start(&database).await;
        let key = signed_name::renew_key(desk(&app), app.user).await.unwrap();
        let name = |number: u32| key.address(&format!("s{number}.example"), &DOMAIN.parse().unwrap()).unwrap();
        let names: Vec<Address> = (0..100).map(name).collect();
        for names in names.chunks(50) {
            assert_eq!(app.send_to("x@lists.example", &names.iter().collect::<Vec<_>>(), LETTER).await, TAKEN);
        }
        assert_eq!(app.send_to("x@lists.example", &[&name(100)], LETTER).await, NOT_NOW);
        assert_eq!(app.send_to("x@lists.example", &[&name(7)], LETTER).await, TAKEN, "those that are there go on");
        app.clock.advance(Duration::from_hours(24));
        assert_eq!(app.send_to("x@lists.example", &[&name(100)], LETTER).await, TAKEN);
        app.finish().await;
    })
    .await;
}
