//! Everything a user has, taken away and brought back: byte for byte the same, on either database and from one to the other.

use std::io::{Cursor, Read};
use std::time::Duration;

use postern::model::activity::{Activity, ActivityKey};
use postern::model::alias::{Alias, AliasState, MadeBy};
use postern::model::client_setting::{ClientSettings, Generator};
use postern::model::contact::ReverseToken;
use postern::model::id::UserId;
use postern::model::pgp_key::PgpKey;
use postern::model::sighting::{Proof, Seen, SightingKey};
use postern::model::site::Site;
use postern::model::transfer;
use postern::model::user::OnQuarantine;
use postern::service::alias::{self, NewAlias};
use postern::service::export::NameKeyIs;
use postern::service::import::{self, Job, Source};
use postern::service::{Desk, block, domain, export, mailbox, user};
use postern::storage::{self, Tx, account_copy, alias_import};

use super::import::job;
use super::{add_user, ann, called, desk, name, plain};
use crate::support::database::{Database, address, each_driver};

/// The two parts that are compared, and the whole archive.
pub async fn exported(desk: &Desk, user: UserId) -> (String, String) {
    let archive = archive(desk, user).await;
    (part(&archive, "postern.json"), part(&archive, "aliases.csv"))
}

async fn archive(desk: &Desk, user: UserId) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut counts = Vec::new();
    let count = export::write(desk, user, NameKeyIs::In, &mut bytes, &mut |count| counts.push(count)).await.unwrap();
    assert!(counts.is_empty() || counts.last() == Some(&count));
    bytes.into_inner()
}

fn part(archive: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

async fn write<T: Send + 'static>(
    desk: &Desk,
    work: impl for<'t> FnOnce(&'t mut Tx) -> futures_util::future::BoxFuture<'t, Result<T, storage::Error>> + Send + 'static,
) -> T {
    desk.storage.write(work).await.unwrap()
}

/// An account with everything there is.
async fn rich(database: &Database) -> (Desk, UserId) {
    let desk = desk(database);
    let ann = ann(&desk).await.id;
    add_user(&desk, "bob@inbox.example", true).await;
    let later = || database.clock.advance(Duration::from_micros(1_234_567));
    later();
    let work = mailbox::add(&desk, ann, address("Work@inbox.example"), true).await.unwrap();
    mailbox::add(&desk, ann, address("new@inbox.example"), false).await.unwrap();
    mailbox::make_default(&desk, ann, &address("work@inbox.example")).await.unwrap();
    let settings = user::Settings { on_quarantine: Some(OnQuarantine::Hold), replace_quoted: Some(true) };
    user::set(&desk, ann, settings).await.unwrap();
    later();
    let own = domain::add(&desk, name("ann.example"), Some(ann)).await.unwrap();
    let (now, uuid) = (database.now(), database.uuid());
    let set = transfer::Domain {
        name: "ann.example".into(),
        proven_at: Some(now),
        submission_creates: true,
        catch_all: "pattern".into(),
        catch_all_pattern: Some("shop-*".into()),
        created_at: own.created_at,
    };
    let hook = transfer::Webhook {
        url: "https://hooks.example/x".into(),
        events: "alias.created delivery.failed".into(),
        created_at: now,
    };
    write(&desk, move |tx| {
        Box::pin(async move {
            account_copy::set_domain(tx, own.id, &set).await?;
            account_copy::add_webhook(tx, ann, uuid, b"secret of a webhook", &hook, now).await?;
            let key = PgpKey {
                mailbox_id: work.id,
                public_key: vec![0x99, 0xff, 0],
                fingerprint: "ABCDEF0123".into(),
                expires_at: Some(now.plus(Duration::from_hours(9))),
                hide_subject: true,
                created_at: now,
            };
            storage::pgp_key::set(tx, &key).await?;
            storage::made_alias::set_name_key(tx, ann, Some(&[7; 20])).await?;
            let clients = ClientSettings { generator: Generator::Uuid, domain: Some(name("ann.example")), ..Default::default() };
            storage::client_setting::put(tx, ann, &clients).await
        })
    })
    .await;
    block::add(&desk, ann, "@spam.example".parse().unwrap()).await.unwrap();
    later();
    block::add(&desk, ann, "A.b@else.example".parse().unwrap()).await.unwrap();
    aliases(database, &desk, ann).await;
    (desk, ann)
}

async fn aliases(database: &Database, desk: &Desk, ann: UserId) {
    let states = [AliasState::Active, AliasState::Locked, AliasState::Paused, AliasState::Killed];
    for number in 0..1100_u32 {
        if number > 3 && number < 1090 {
            // Enough for three pages; only some are looked at closely.
            if number % 2 == 0 {
                alias::create(desk, called(ann, &format!("n{number}"))).await.unwrap();
            }
            continue;
        }
        let new = NewAlias {
            domain: Some(name(if number % 2 == 0 { "ann.example" } else { "alias.example" })),
            site: (number % 3 == 0).then(|| Site::parse("lg.com").unwrap()),
            note: format!("=\"n\u{f6}te\"; {number},\r\n'x"),
            mailboxes: vec![address("ann@inbox.example"), address("work@inbox.example")],
            expires_at: (number == 1).then(|| database.now().plus(Duration::from_hours(3))),
            max_messages: std::num::NonZeroU32::new(number),
            ..called(ann, &format!("whole-{number}"))
        };
        let made = alias::create(desk, new).await.unwrap();
        database.clock.advance(Duration::from_micros(77_001));
        let edit = alias::Edit { display_name: Some(Some("Ann Röe".into())), note: None };
        alias::edit(desk, ann, &made.address, edit).await.unwrap();
        alias::set_state(desk, ann, &made.address, states[number as usize % 4]).await.unwrap();
        history(database, desk, ann, &made).await;
    }
}

async fn history(database: &Database, desk: &Desk, ann: UserId, alias: &Alias) {
    let (id, domain) = (alias.id, alias.domain_id);
    let (now, uuids, chance) = (database.now(), [database.uuid(), database.uuid(), database.uuid()], database.chance.clone());
    write(desk, move |tx| {
        Box::pin(async move {
            alias_import::tag(tx, ann, &[(id, "travel".into()), (id, "über".into())]).await?;
            storage::made_alias::insert(tx, id, domain, MadeBy::CatchAll, now.day() - 2).await?;
            for (place, (text, uuid)) in ["News@shop.example", "\"a b\"@x.example", "z@y.example"].iter().zip(uuids).enumerate() {
                let token = ReverseToken::draw(&chance);
                let made = storage::contact::get_or_create(tx, id, &address(text), &token, uuid, now).await?;
                if place == 1 {
                    storage::contact::set_blocked(tx, made.id, Some(now)).await?;
                    storage::contact::set_hidden(tx, made.id, Some(now)).await?;
                }
            }
            for back in [3, 1, 0] {
                let count = Activity { forwarded: back + 1, refused: 2, ..Activity::default() };
                storage::activity::add(tx, &[(ActivityKey { alias_id: id, day: now.day() - back }, count)]).await?;
            }
            for (organisation, proof) in [("shop.example", Proof::Dkim), ("b.example", Proof::None), ("", Proof::Spf)] {
                let (organisation, signer) = (organisation.to_owned(), String::new());
                let key = SightingKey { alias_id: id, organisation, proof, signer };
                storage::sighting::add(tx, &[(key, Seen::once(now))]).await?;
            }
            Ok(())
        })
    })
    .await;
}

async fn fresh(database: &Database) -> (Desk, UserId) {
    let desk = desk(database);
    database.clock.advance(Duration::from_hours(5));
    let ann = ann(&desk).await.id;
    (desk, ann)
}

#[tokio::test]
async fn an_export_that_was_imported_is_exported_as_it_was_on_both_databases_and_from_one_to_the_other() {
    each_driver(async |from| {
        let (desk, ann) = rich(&from).await;
        let archive = archive(&desk, ann).await;
        let (json, csv) = (part(&archive, "postern.json"), part(&archive, "aliases.csv"));
        assert_eq!((json.matches("{\"uuid\"").count(), json.lines().count()), (557, 557 + 21));
        for secret in ["secret of a webhook", "password", "hash", "bob"] {
            assert!(!json.contains(secret) && !csv.contains(secret), "{secret}");
        }
        assert!(json.contains("\"catch_all_pattern\":\"shop-*\"") && json.contains("\"tags\":[\"travel\",\"über\"]"));
        assert_eq!(json.matches(",\"made_by\":{\"how\":\"catch-all\",\"day\":").count(), 14);
        let about: serde_json::Value = serde_json::from_str(&part(&archive, "about.json")).unwrap();
        assert_eq!(about["made_at"], desk.clock.now().to_rfc3339());
        assert_eq!((&about["aliases"], about["left_out"].as_array().map(Vec::len)), (&557.into(), Some(0)));
        each_driver(async |to| {
            let (desk, ann) = fresh(&to).await;
            let before = exported(&desk, ann).await;
            let job = Job { trust: true, ..super::import::job(Source::Own, archive.clone()) };
            let tried = import::run(&desk, ann, &Job { dry_run: true, ..job.clone() }, &mut ()).await.unwrap();
            assert_eq!(exported(&desk, ann).await, before, "a dry run writes nothing");
            let done = import::run(&desk, ann, &job, &mut ()).await.unwrap();
            assert_eq!((done.made, done.skipped, done.contacts_renewed, &done.remarks.len()), (557, 0, 0, &0));
            assert_eq!(done, tried);
            assert_eq!(exported(&desk, ann).await, (json.clone(), csv.clone()));
            // Once more, and from the document without its archive.
            let bare = Job { open: super::import::job(Source::Own, json.clone()).open, ..job };
            assert_eq!(import::run(&desk, ann, &bare, &mut ()).await.unwrap().there, 557);
            assert_eq!(exported(&desk, ann).await, (json.clone(), csv.clone()));
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn without_trust_mailboxes_are_verified_anew_and_domains_proven_first() {
    each_driver(async |database| {
        let (desk, ann) = rich(&database).await;
        let archive = archive(&desk, ann).await;
        each_driver(async |to| {
            let desk = super::desk(&to);
            domain::ensure_instance_domains(&desk, &[name("alias.example")]).await.unwrap();
            let ann = add_user(&desk, "ann@inbox.example", false).await.id;
            let done = import::run(&desk, ann, &job(Source::Own, archive.clone()), &mut ()).await.unwrap();
            assert_eq!((done.made, done.skipped), (550, 7));
            assert_eq!(done.reasons["its domain is not one of yours here"], 7);
            assert!(done.account.iter().any(|said| said.contains("ann.example must be added")), "{:?}", done.account);
            let mailboxes = mailbox::list(&desk, ann).await.unwrap();
            assert_eq!(mailboxes.len(), 3);
            assert!(mailboxes.iter().all(|mailbox| mailbox.verified_at.is_none()));
            assert!(mailboxes[0].is_default, "mail goes nowhere but where its owner proved to be");
            // What was encrypted stays so.
            assert_eq!(postern::service::pgp_key::list(&desk, ann).await.unwrap().len(), 1);
            // Then it goes on.
            domain::add(&desk, name("ann.example"), Some(ann)).await.unwrap();
            let done = import::run(&desk, ann, &job(Source::Own, archive.clone()), &mut ()).await.unwrap();
            assert_eq!((done.made, done.there, done.skipped), (7, 550, 0));
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_file_without_trust_neither_keys_nor_prefers_a_mailbox_that_was_there() {
    each_driver(async |database| {
        let (desk, ann) = rich(&database).await;
        let file = exported(&desk, ann).await.0;
        let bob = user::find_by_email(&desk, &address("bob@inbox.example")).await.unwrap().unwrap().id;
        mailbox::add(&desk, bob, address("work@inbox.example"), true).await.unwrap();
        for _ in 0..2 {
            let done = import::run(&desk, bob, &job(Source::Own, file.clone()), &mut ()).await.unwrap();
            let said = |what: &str| done.account.iter().any(|said| said.starts_with(what));
            assert!(said("work@inbox.example was here before and is given no PGP key by a file"), "{:?}", done.account);
            assert!(said("work@inbox.example was here before and is not made the default"), "{:?}", done.account);
            assert!(postern::service::pgp_key::list(&desk, bob).await.unwrap().is_empty());
            let mailboxes = mailbox::list(&desk, bob).await.unwrap();
            let default = mailboxes.iter().find(|mailbox| mailbox.is_default).unwrap();
            assert_eq!(default.address.to_string(), "bob@inbox.example");
        }
        let trusted = Job { trust: true, ..job(Source::Own, file) };
        import::run(&desk, bob, &trusted, &mut ()).await.unwrap();
        assert_eq!(postern::service::pgp_key::list(&desk, bob).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_copy_on_the_same_instance_takes_nothing_from_the_first() {
    each_driver(async |database| {
        let (desk, ann) = rich(&database).await;
        let (archive, before) = (archive(&desk, ann).await, exported(&desk, ann).await);
        domain::add(&desk, name("third.example"), None).await.unwrap();
        let bob = user::find_by_email(&desk, &address("bob@inbox.example")).await.unwrap().unwrap().id;
        let taken = import::run(&desk, bob, &job(Source::Own, archive.clone()), &mut ()).await.unwrap();
        assert_eq!((taken.made, taken.reasons["somebody else has this address"]), (0, 550));
        let remap = vec![import::Remap { from: Some(name("ann.example")), to: name("third.example") }];
        let moved = import::run(&desk, bob, &Job { remap, ..job(Source::Own, archive) }, &mut ()).await.unwrap();
        assert_eq!((moved.remapped, moved.contacts_renewed), (7, 21));
        let (copy, _) = exported(&desk, bob).await;
        assert_eq!(copy.matches("\"token\":").count(), 21, "each contact is there, under another reverse address");
        assert_eq!(copy.matches("\"blocked_at\":\"").count(), 7);
        assert_eq!(exported(&desk, ann).await, before);
    })
    .await;
}

#[tokio::test]
async fn the_table_of_an_export_is_a_table_that_can_be_imported() {
    each_driver(async |from| {
        let (desk, ann) = rich(&from).await;
        let (_, csv) = exported(&desk, ann).await;
        each_driver(async |to| {
            let (desk, ann) = fresh(&to).await;
            mailbox::add(&desk, ann, address("work@inbox.example"), true).await.unwrap();
            domain::add(&desk, name("ann.example"), Some(ann)).await.unwrap();
            let done = import::run(&desk, ann, &job(Source::Plain, csv.clone()), &mut ()).await.unwrap();
            assert_eq!((done.made, done.skipped, done.remarks.len()), (557, 0, 0));
            let (_, again) = exported(&desk, ann).await;
            assert_eq!(again.replace("work@", "Work@"), csv);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn who_is_gone_has_nothing_to_take_away() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await.id;
        alias::create(&desk, plain(ann)).await.unwrap();
        user::remove(&desk, ann).await.unwrap();
        let failed = export::write(&desk, ann, NameKeyIs::In, Cursor::new(Vec::new()), &mut |_| {}).await;
        assert!(matches!(failed, Err(export::ExportError::Unknown)));
    })
    .await;
}

/// What is in the database and not in the export has its reason in the document; who adds a table says which it is.
#[tokio::test]
async fn every_table_is_exported_or_the_document_says_why_not() {
    crate::support::database::on_sqlite(async |database| {
        let tx = &mut database.storage.read().await.unwrap();
        let Tx::Sqlite(connection) = tx else { panic!("SQLite was asked for") };
        let text = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                    AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY name";
        let tables: Vec<String> = sqlx::query_scalar(text).fetch_all(&mut **connection).await.unwrap();
        let document = std::fs::read_to_string("docs/import-export.md").unwrap();
        let (_, listed) = document.split_once("### Table by table").unwrap();
        let (listed, _) = listed.split_once("\n#").unwrap();
        let missing: Vec<&String> = tables.iter().filter(|table| !listed.contains(&format!("`{table}`"))).collect();
        assert!(tables.len() > 20, "{tables:?}");
        assert!(
            missing.is_empty(),
            "export {missing:?} (src/service/export.rs), or say in docs/import-export.md, \"Table by table\", why they stay"
        );
    })
    .await;
}
