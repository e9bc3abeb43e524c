//! Mail for names that nobody made: catch-all, and names signed without network.

use std::time::Duration;

use postern::model::alias::{Alias, AliasState, MadeBy};
use postern::model::catch_all::CatchAll;
use postern::model::delivery::DeliveryState;
use postern::model::id::UserId;
use postern::model::{Address, DomainName};
use postern::service::{Desk, alias, block, domain, signed_name};
use postern::storage;
use postern::storage::made_alias;

use crate::support::app::{DOMAIN, MAILBOX, TestApp, user};
use crate::support::database::{address, each_driver, on_sqlite};
use crate::support::sink::{Point, Script};

const OWN: &str = "own.example";
const LETTER: &str = "From: Shop <news@mail.lg.com>\r\nTo: you\r\nMessage-ID: <1@lg.com>\r\nSubject: Hi\r\n\r\nHello\r\n";
const TAKEN: &str = "250 2.0.0 Ok, message accepted";
const UNKNOWN: &str = "550 5.1.1 No such address here";
const NOT_NOW: &str = "450 4.2.1 This address takes no mail at the moment";

fn desk(app: &TestApp) -> &Desk {
    &app.running.broker.desk
}

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

/// The user's own domain, with this catch-all.
async fn own(app: &TestApp, word: &str, patterns: &str) {
    domain::add(desk(app), name(OWN), Some(app.user)).await.unwrap();
    choose(app, word, patterns).await;
    app.running.broker.signing.keep_up(desk(app)).await.unwrap();
}

async fn choose(app: &TestApp, word: &str, patterns: &str) {
    domain::set_catch_all(desk(app), app.user, name(OWN), CatchAll::parse(word, patterns).unwrap()).await.unwrap();
}

async fn send(app: &TestApp, to: &str) -> String {
    app.send_to("bounces@lists.example", &[&address(to)], LETTER).await
}

async fn alias_of(app: &TestApp, text: &str) -> Option<Alias> {
    app.read(async |tx| storage::alias::find_by_address(tx, text).await).await
}

async fn made_by(app: &TestApp, alias: &Alias) -> Option<MadeBy> {
    app.read(async |tx| made_alias::of_alias(tx, alias.id).await).await
}

/// The address a key of this user gives.
async fn signed(app: &TestApp, user: UserId, site: &str, domain: &str) -> Address {
    let key = signed_name::key(desk(app), user).await.unwrap().unwrap();
    key.address(site, &name(domain)).unwrap()
}

#[tokio::test]
async fn the_first_message_makes_the_alias_and_the_second_finds_it() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        assert_eq!(send(&app, "Anything@own.example").await, TAKEN);
        let made = alias_of(&app, "anything@own.example").await.unwrap();
        assert_eq!((made.user_id, made.state), (app.user, AliasState::Active));
        assert!(made.site.is_none(), "nothing proves who wrote");
        assert_eq!(made.note, "made by catch-all when the first message came");
        let shown = alias::show(desk(&app), app.user, &made.address).await.unwrap();
        assert_eq!(shown.made_by, Some(MadeBy::CatchAll));
        assert_eq!(send(&app, "anything@own.example").await, TAKEN);
        let messages = app.sink.wait_for(2).await;
        assert!(messages.iter().all(|message| message.recipients() == [MAILBOX]));
        assert_eq!(app.activity(&shown.alias).await.forwarded, 2);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_names_that_are_asked_for_are_made() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "off", "").await;
        assert_eq!(send(&app, "shop-lg@own.example").await, UNKNOWN);
        choose(&app, "pattern", "shop-* *.web").await;
        assert_eq!(send(&app, "shop-lg@own.example").await, TAKEN);
        assert_eq!(send(&app, "LG.Web@own.example").await, TAKEN);
        for text in ["lg@own.example", "my-shop-lg@own.example", "shop@own.example"] {
            assert_eq!(send(&app, text).await, UNKNOWN, "{text}");
            assert!(alias_of(&app, text).await.is_none(), "{text}");
        }
        choose(&app, "on", "").await;
        for text in ["postmaster@own.example", "abuse@own.example", "admin@own.example", "a+b@own.example", "reply+x@own.example"]
        {
            assert_eq!(send(&app, text).await, UNKNOWN, "{text}");
        }
        for text in ["\" a\"@own.example", "\u{e4}@own.example", "bounce+x@own.example"] {
            assert!(!send(&app, text).await.starts_with("250"), "{text}");
        }
        assert_eq!(send(&app, "anything@you.example").await, UNKNOWN, "a shared domain has no catch-all");
        assert_eq!(send(&app, "anything@sub.own.example").await, UNKNOWN);
        choose(&app, "off", "").await;
        assert_eq!(send(&app, "new@own.example").await, UNKNOWN);
        assert_eq!(send(&app, "lg.web@own.example").await, TAKEN, "what was made lives on");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_probe_makes_nothing_and_neither_does_a_message_that_is_not_taken() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        let mut client = app.client().await;
        client.ask("MAIL FROM:<bounces@lists.example>", "250").await;
        for number in 0..20 {
            client.ask(&format!("RCPT TO:<probe{number}@own.example>"), "250 2.1.5").await;
        }
        client.ask("RSET", "250").await;
        assert!(alias_of(&app, "probe0@own.example").await.is_none());
        // No author, so nothing of ours takes it.
        let refused = app.send_to("x@lists.example", &[&address("a@own.example")], "Subject: x\r\n\r\nHello\r\n").await;
        assert!(refused.starts_with("55"), "{refused}");
        assert!(alias_of(&app, "a@own.example").await.is_none());
        app.next_hop(Script::new().reply(Point::Dot, "550 5.7.1 spam\r\n"));
        assert!(send(&app, "b@own.example").await.starts_with("55"));
        assert!(alias_of(&app, "b@own.example").await.is_none(), "the next hop refused it");
        app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert_eq!(send(&app, "c@own.example").await, TAKEN);
        assert!(alias_of(&app, "c@own.example").await.is_some(), "kept for later is taken");
        app.next_hop(Script::new());
        assert_eq!(send(&app, "b@own.example").await, TAKEN, "what was taken back can be made");
        app.deliver_after(Duration::from_mins(10)).await;
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_of_several_recipients_may_be_new() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        let known = app.alias("shop").await;
        let to = [&known.address, &address("one@own.example"), &address("two@own.example")];
        assert_eq!(app.send_to("bounces@lists.example", &to, LETTER).await, TAKEN);
        app.sink.wait_for(3).await;
        assert!(alias_of(&app, "one@own.example").await.is_some() && alias_of(&app, "two@own.example").await.is_some());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn two_messages_at_once_make_one_alias() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        let sent = futures_util::future::join_all((0..4).map(|_| send(&app, "both@own.example"))).await;
        assert_eq!(sent, [TAKEN; 4]);
        app.sink.wait_for(4).await;
        let made = alias_of(&app, "both@own.example").await.unwrap();
        assert_eq!(app.activity(&made).await.forwarded, 4);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_that_died_stays_dead() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        let name_ = signed(&app, app.user, "lg.com", OWN).await.to_string();
        for text in ["killed@own.example", name_.as_str()] {
            assert_eq!(send(&app, text).await, TAKEN);
            let made = alias_of(&app, text).await.unwrap();
            app.set_state(&made, AliasState::Killed).await;
            assert_eq!(send(&app, text).await, UNKNOWN, "killed");
            let (gone, now) = (made.clone(), postern::model::Clock::now(&*app.clock));
            let retired = app.storage().write(move |tx| Box::pin(async move { storage::alias::retire(tx, &gone, now).await }));
            retired.await.unwrap();
            assert!(alias_of(&app, text).await.is_none());
            assert_eq!(send(&app, text).await, UNKNOWN, "retired");
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_days_list_is_full_and_the_next_day_has_room_again() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        let names: Vec<Address> = (0..100).map(|number| address(&format!("n{number}@own.example"))).collect();
        for names in names.chunks(50) {
            assert_eq!(app.send_to("x@lists.example", &names.iter().collect::<Vec<_>>(), LETTER).await, TAKEN);
        }
        assert_eq!(send(&app, "more@own.example").await, NOT_NOW);
        assert_eq!(send(&app, "n7@own.example").await, TAKEN, "those that are there go on");
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        let own_name = signed(&app, app.user, "lg.com", OWN).await;
        assert_eq!(app.send_to("x@lists.example", &[&own_name], LETTER).await, TAKEN, "a signed name is nobody's guess");
        app.clock.advance(Duration::from_hours(24));
        assert_eq!(send(&app, "more@own.example").await, TAKEN);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn without_room_for_all_recipients_none_is_made() {
    on_sqlite(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        let names: Vec<Address> = (0..99).map(|number| address(&format!("n{number}@own.example"))).collect();
        for names in names.chunks(33) {
            assert_eq!(app.send_to("x@lists.example", &names.iter().collect::<Vec<_>>(), LETTER).await, TAKEN);
        }
        // Both are let in at RCPT; the second finds the list full.
        let to = [&address("last@own.example"), &address("beyond@own.example")];
        assert_eq!(app.send_to("x@lists.example", &to, LETTER).await, NOT_NOW);
        assert!(alias_of(&app, "last@own.example").await.is_none() && alias_of(&app, "beyond@own.example").await.is_none());
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn it_goes_to_the_default_mailbox_once_that_is_verified() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        let unread = postern::service::mailbox::add(desk(&app), app.user, address("new@inbox.example"), false).await.unwrap();
        let (owner, id) = (app.user, unread.id);
        let change = app.storage().write(move |tx| Box::pin(async move { storage::mailbox::make_default(tx, owner, id).await }));
        change.await.unwrap();
        assert_eq!(send(&app, "x@own.example").await, NOT_NOW);
        assert!(alias_of(&app, "x@own.example").await.is_none());
        let now = postern::model::Clock::now(&*app.clock);
        let verify = app.storage().write(move |tx| Box::pin(async move { storage::mailbox::verify(tx, id, now).await }));
        verify.await.unwrap();
        assert_eq!(send(&app, "x@own.example").await, TAKEN);
        assert_eq!(app.sink.wait_for(1).await[0].recipients(), ["new@inbox.example"]);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whom_the_owner_blocked_makes_nothing() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "on", "").await;
        block::add(desk(&app), app.user, "lists.example".parse().unwrap()).await.unwrap();
        assert!(send(&app, "x@own.example").await.starts_with("550 5.7.1 "));
        block::add(desk(&app), app.user, "lg.com".parse().unwrap()).await.unwrap();
        let by_author = app.send_to("x@other.example", &[&address("x@own.example")], LETTER).await;
        assert!(by_author.starts_with("550 5.7.1 "), "{by_author}");
        assert!(alias_of(&app, "x@own.example").await.is_none());
        // The alias never was, but its owner sees that something was kept out.
        let recent = postern::service::activity::recent(desk(&app), app.user, 7).await.unwrap();
        assert_eq!((recent.total.blocked, recent.days.last().unwrap().1.blocked), (1, 1));
        app.next_hop(Script::new().reply(Point::Dot, "550 5.7.1 spam\r\n"));
        let harmless = LETTER.replace("mail.lg.com", "lg.example");
        assert!(app.send_to("x@other.example", &[&address("y@own.example")], &harmless).await.starts_with("55"));
        app.next_hop(Script::new());
        let recent = postern::service::activity::recent(desk(&app), app.user, 7).await.unwrap();
        assert_eq!((recent.total.blocked, recent.total.refused), (1, 1));
        let figures = postern::service::overview::figures(desk(&app), app.user).await.unwrap();
        assert_eq!((figures.aliases, figures.total.blocked), (0, 1));
        // Beside one that takes it, it is made: its owner sees what was kept out.
        let known = app.alias("shop").await;
        let other = user(app.storage(), &*app.clock, "bob@inbox.example").await;
        domain::add(desk(&app), name("bob.example"), Some(other.0)).await.unwrap();
        domain::set_catch_all(desk(&app), other.0, name("bob.example"), CatchAll::On).await.unwrap();
        app.running.broker.signing.keep_up(desk(&app)).await.unwrap();
        let to = [&address("x@bob.example"), &address("x@own.example"), &known.address];
        assert_eq!(app.send_to("x@other.example", &to, LETTER).await, TAKEN);
        assert!(alias_of(&app, "x@bob.example").await.is_some());
        let kept_out = alias_of(&app, "x@own.example").await.unwrap();
        assert_eq!((app.activity(&kept_out).await.blocked, app.activity(&kept_out).await.forwarded), (1, 0));
        app.wait_until(async |app| !app.queue().await.is_empty()).await;
        let failed: Vec<_> = app.queue().await.into_iter().filter(|row| row.state == DeliveryState::Failed).collect();
        assert!(failed.iter().all(|row| [Some(known.id), Some(kept_out.id)].contains(&row.alias_id)), "{failed:?}");
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_signed_name_is_its_signers_on_own_and_shared_domains() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "off", "").await;
        let (bob, _) = user(app.storage(), &*app.clock, "bob@inbox.example").await;
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        signed_name::renew_key(desk(&app), bob).await.unwrap();
        let expected =
            [(app.user, DOMAIN, "lg.com"), (bob, DOMAIN, "lg.com"), (app.user, OWN, "shop.example.co.uk"), (app.user, OWN, "lg")];
        for (owner, domain, site) in expected {
            let name = signed(&app, owner, site, domain).await;
            assert_eq!(app.send_to("x@lists.example", &[&address(&name.to_string().to_uppercase())], LETTER).await, TAKEN);
            let made = alias_of(&app, &name.folded()).await.unwrap();
            // A bare word is no site, and nothing proves who wrote.
            let site = if site == "shop.example.co.uk" { Some("example.co.uk") } else { Some(site).filter(|site| *site != "lg") };
            assert_eq!((made.user_id, made.site.as_ref().map(postern::model::site::Site::as_str)), (owner, site));
            assert_eq!(made_by(&app, &made).await, Some(MadeBy::Signed));
        }
        let others = signed(&app, bob, "lg.com", OWN).await;
        assert_eq!(app.send_to("x@lists.example", &[&others], LETTER).await, UNKNOWN, "another's key on an own domain");
        let good = signed(&app, app.user, "new.example", OWN).await.to_string();
        let wrong = format!("{}{}", if good.contains(".new") { "x" } else { "y" }, good);
        assert_eq!(send(&app, &wrong).await, UNKNOWN, "the symbols are for another site");
        assert_eq!(send(&app, "lg.com.000000@you.example").await, UNKNOWN);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn with_another_key_names_that_had_no_mail_are_unknown() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "off", "").await;
        let ten_seconds = Duration::from_secs(10);
        for domain in [DOMAIN, OWN] {
            signed_name::renew_key(desk(&app), app.user).await.unwrap();
            app.clock.advance(ten_seconds);
            let (used, unused) = (signed(&app, app.user, "lg.com", domain).await, signed(&app, app.user, "lg.de", domain).await);
            assert_eq!(send(&app, &used.to_string()).await, TAKEN);
            signed_name::renew_key(desk(&app), app.user).await.unwrap();
            app.clock.advance(ten_seconds);
            assert_eq!(send(&app, &unused.to_string()).await, UNKNOWN);
            assert_eq!(send(&app, &used.to_string()).await, TAKEN);
            let fresh = signed(&app, app.user, "lg.de", domain).await;
            signed_name::remove_key(desk(&app), app.user).await.unwrap();
            app.running.broker.name_keys.forget();
            assert_eq!(send(&app, &fresh.to_string()).await, UNKNOWN);
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_is_slowed_like_everybody_who_asks_for_unknown_names() {
    on_sqlite(async |database| {
        let app = TestApp::with(&database, |config| {
            config.smtp.trusted_networks.clear();
            config.smtp.unknown_recipients_per_minute = 3;
            config.smtp.recipients_per_minute = 1000;
        })
        .await;
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        let mut client = app.client().await;
        client.ask("MAIL FROM:<x@lists.example>", "250").await;
        for number in 0..3 {
            client.ask(&format!("RCPT TO:<lg.com.00000{number}@you.example>"), "550 5.1.1").await;
        }
        let mut last = String::new();
        for number in 3..8 {
            client.send(format!("RCPT TO:<lg.com.00000{number}@you.example>\r\n")).await;
            last = client.read_reply().await.unwrap();
        }
        assert!(last.starts_with("450 4.7.1 Too many unknown recipients"), "{last}");
        app.finish().await;
    })
    .await;
}

/// Names of the signed form that nobody signed, and one that somebody did, asked for over one connection; the replies.
async fn ask_all(app: &TestApp, names: &[String]) -> Vec<String> {
    let mut client = app.client().await;
    client.ask("MAIL FROM:<x@lists.example>", "250").await;
    let mut replies = Vec::new();
    for names in names.chunks(50) {
        client.send(names.iter().map(|name| format!("RCPT TO:<{name}>\r\n")).collect::<Vec<_>>().concat()).await;
        for _ in names {
            replies.push(client.read_reply().await.unwrap().trim_end().to_owned());
        }
    }
    replies
}

#[tokio::test]
async fn beyond_a_thousand_wrong_guesses_an_hour_only_known_names_are_answered() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        own(&app, "off", "").await;
        signed_name::renew_key(desk(&app), app.user).await.unwrap();
        let known = signed(&app, app.user, "known.example", DOMAIN).await;
        assert_eq!(send(&app, &known.to_string()).await, TAKEN);
        let right = signed(&app, app.user, "right.example", DOMAIN).await;
        let on_own = signed(&app, app.user, "right.example", OWN).await;
        app.alias("shop").await;
        // None of these is right: the site says which guess it is, the symbols are those of another one.
        let symbols = right.local().rsplit_once('.').unwrap().1.to_owned();
        let wrong = |number: usize| format!("guess{number}.example.{symbols}@{DOMAIN}");
        let guesses: Vec<String> = (0..1000).map(wrong).collect();
        // One in a thousand million fits by chance.
        assert!(ask_all(&app, &guesses).await.iter().all(|reply| reply == UNKNOWN));

        let names = [wrong(1000), wrong(0), right.to_string(), known.to_string(), format!("shop@{DOMAIN}")];
        let names = [&names[..], &[format!("nobody@{DOMAIN}"), on_own.to_string(), format!("lg.com.{symbols}@{OWN}")]].concat();
        let fine = "250 2.1.5 Recipient OK";
        let replies = ask_all(&app, &names).await;
        let expected = [NOT_NOW, NOT_NOW, NOT_NOW, fine, fine, UNKNOWN, fine, UNKNOWN];
        assert!(replies.iter().zip(expected).all(|(reply, expected)| reply.starts_with(&expected[..9])), "{replies:#?}");
        assert_eq!(send(&app, &known.to_string()).await, TAKEN, "what is there goes on");
        assert_eq!(send(&app, &on_own.to_string()).await, TAKEN, "what one key signs can't be guessed at among many");

        app.clock.advance(Duration::from_mins(59));
        assert_eq!(send(&app, &right.to_string()).await, NOT_NOW);
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(send(&app, &right.to_string()).await, TAKEN);
        assert_eq!(send(&app, &wrong(1001)).await, UNKNOWN);
        app.finish().await;
    })
    .await;
}
