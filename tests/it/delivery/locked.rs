//! A locked alias takes mail of known senders only, and only when it is proven to be theirs; a fault is no refusal.

use std::time::Duration;

use postern::config::sender_auth::DmarcMode;
use postern::model::alias::{Alias, AliasState};
use postern::model::site::Site;
use postern::storage::alias::NewAlias;
use postern::storage::{contact, sighting};

use super::authentication::instance;
use super::reply::{House, ZONE, letter};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::each_driver;
use crate::support::signer::{How, Signer, txt};
use crate::support::sink::{Point, Script};

const TAKEN: &str = "250 2.0.0 Ok, message accepted";
const LOCKED_OUT: &str = "550 5.7.1 This address takes mail from known senders only";
const PUT_OFF: &str = "451 4.7.0 The domain in From can't be checked now, please try again later";
const DAY: Duration = Duration::from_hours(24);

fn message(author: &str) -> String {
    format!("From: {author}\r\nTo: shop@you.example\r\nSubject: x\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHello\r\n")
}

fn signed(signer: &Signer, author: &str) -> String {
    signer.sign(&message(author), &How::default())
}

/// An alias that was made for shop.example.
async fn for_shop(app: &TestApp) -> Alias {
    let site = Site::parse("shop.example").unwrap();
    app.alias_to("shop", vec![app.mailbox], |new: &mut NewAlias| new.site = Some(site)).await
}

async fn lock(app: &TestApp, alias: &Alias) {
    app.set_state(alias, AliasState::Locked).await;
}

/// The answer to a message with the null reverse-path from a host that calls itself so.
async fn bounce(app: &TestApp, host: &str, alias: &Alias, data: &str) -> String {
    let mut client = app.client().await;
    client.ask(&format!("EHLO {host}"), "250").await;
    client.ask("MAIL FROM:<>", "250").await;
    client.ask(&format!("RCPT TO:<{}>", alias.address), "250").await;
    client.ask("DATA", "354").await;
    client.send(format!("{data}.\r\n")).await;
    client.read_reply().await.unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn nobody_but_the_site_itself_comes_through_and_only_when_it_is_proven() {
    each_driver(async |database| {
        let names = [
            "shop.example",
            "news.shop.example",
            "mailer.example",
            "shop.example.evil.example",
            "sh0p.example",
            "t.shop.example",
        ];
        let [shop, news, mailer, evil, look_alike, testing] = names.map(|name| Signer::ed25519(name, "s1"));
        let (name, text) = testing.record_parts();
        let zone = [&shop, &news, &mailer, &evil, &look_alike].map(Signer::record).concat()
            + &txt(&name, &format!("{text}; t=y"))
            + &txt("evil.example", "v=spf1 +all")
            + &txt("bounce.shop.example", "v=spf1 ip4:127.0.0.1 -all")
            + &txt("mail.shop.example", "v=spf1 ip4:127.0.0.1 -all");
        let (app, _, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        let alias = for_shop(&app).await;
        lock(&app, &alias).await;
        let attacks = [
            // Nothing proves the site: no signature, the client of another domain, the greeting alone.
            ("x@evil.example", message("news@shop.example")),
            // Somebody else vouches: the site's mailer in its own name only, or anybody.
            ("x@mailer.example", signed(&mailer, "news@shop.example")),
            ("x@evil.example", signed(&evil, "news@shop.example")),
            // Others that are proven to be themselves.
            ("x@evil.example", signed(&evil, "news@shop.example.evil.example")),
            ("x@sh0p.example", signed(&look_alike, "news@sh0p.example")),
            ("x@mailer.example", signed(&mailer, "news@mailer.example")),
            ("x@evil.example", message("news@evil.example")),
            // Changed on the way, or by a key that its domain does not stand for.
            ("x@evil.example", signed(&shop, "news@shop.example").replace("Hello", "Pay here")),
            ("x@evil.example", signed(&testing, "news@shop.example")),
            // The name in front of the address is not the address.
            ("x@evil.example", signed(&evil, "\"news@shop.example\" <x@shop.example.evil.example>")),
        ];
        for (sender, data) in &attacks {
            assert_eq!(app.send(sender, &alias, data).await, LOCKED_OUT, "{data}");
        }
        assert_eq!(bounce(&app, "mail.shop.example", &alias, &message("mailer-daemon@shop.example")).await, LOCKED_OUT);
        let attacks = i64::try_from(attacks.len()).unwrap() + 1;
        assert_eq!(app.activity(&alias).await.blocked, attacks, "counted and shown");
        let kept = app.read(async |tx| contact::list(tx, alias.id, None, 10).await).await;
        assert!(kept.is_empty() && app.sink.messages().is_empty() && app.queue().await.is_empty(), "no trace but the count");
        let seen = app.read(async |tx| sighting::of_alias(tx, alias.id, 10).await).await;
        assert!(seen.is_empty(), "whoever is refused does not become known: {seen:?}");

        for (sender, data) in [
            ("x@evil.example", signed(&shop, "news@shop.example")),
            ("x@evil.example", signed(&shop, "a@deep.mail.shop.example")),
            ("x@evil.example", signed(&news, "news@shop.example")),
            ("x@bounce.shop.example", message("news@shop.example")),
        ] {
            assert_eq!(app.send(sender, &alias, &data).await, TAKEN, "{data}");
        }
        assert_eq!(bounce(&app, "x.example", &alias, &signed(&shop, "mailer-daemon@shop.example")).await, TAKEN);
        let counts = app.activity(&alias).await;
        assert_eq!((counts.forwarded, counts.blocked), (5, attacks));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_site_that_forbids_forgeries_is_heard_first() {
    each_driver(async |database| {
        let shop = Signer::ed25519("sub.shop.example", "s1");
        // Only the very domain counts.
        let zone = shop.record() + &txt("_dmarc.shop.example", "v=DMARC1; p=none; adkim=s");
        let (app, _, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        let alias = for_shop(&app).await;
        lock(&app, &alias).await;
        assert_eq!(app.send("x@evil.example", &alias, &signed(&shop, "news@shop.example")).await, LOCKED_OUT);
        assert_eq!(app.send("x@evil.example", &alias, &signed(&shop, "news@sub.shop.example")).await, TAKEN);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_found_out_is_put_off_and_never_refused() {
    for mode in [DmarcMode::Enforce, DmarcMode::Tag, DmarcMode::Off] {
        each_driver(async |database| {
            let (shop, evil) = (Signer::ed25519("shop.example", "s1"), Signer::ed25519("evil.example", "s1"));
            let zone = evil.record() + "; servfail: _domainkey.shop.example\n; servfail: spf.shop.example\n";
            let (app, _, _folder) = instance(&database, &zone, mode, false).await;
            let alias = for_shop(&app).await;
            lock(&app, &alias).await;
            assert_eq!(app.send("x@evil.example", &alias, &signed(&shop, "news@shop.example")).await, PUT_OFF);
            assert_eq!(app.send("x@spf.shop.example", &alias, &message("news@shop.example")).await, PUT_OFF);
            // These are not known whatever could be looked up, and this one does not even claim to be signed.
            assert_eq!(app.send("x@evil.example", &alias, &signed(&evil, "news@evil.example")).await, LOCKED_OUT);
            assert_eq!(app.send("x@evil.example", &alias, &signed(&evil, "news@shop.example")).await, LOCKED_OUT);
            assert_eq!(app.activity(&alias).await.blocked, 2, "what is put off is not kept out");
            assert!(app.sink.messages().is_empty() && app.queue().await.is_empty());
            app.finish().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_may_be_strict() {
    each_driver(async |database| {
        let shop = Signer::ed25519("sub.shop.example", "s1");
        let zone = shop.record() + "; servfail: _dmarc.shop.example\n";
        let (app, _, _folder) = instance(&database, &zone, DmarcMode::Tag, false).await;
        let alias = for_shop(&app).await;
        lock(&app, &alias).await;
        assert_eq!(app.send("x@evil.example", &alias, &signed(&shop, "news@shop.example")).await, PUT_OFF);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn where_the_operator_asks_nobody_a_locked_alias_asks_for_itself() {
    each_driver(async |database| {
        let shop = Signer::ed25519("shop.example", "s1");
        let (app, _, _folder) = instance(&database, &shop.record(), DmarcMode::Off, false).await;
        let alias = for_shop(&app).await;
        lock(&app, &alias).await;
        assert_eq!(app.send("x@evil.example", &alias, &message("news@shop.example")).await, LOCKED_OUT);
        assert_eq!(app.send("x@evil.example", &alias, &signed(&shop, "news@shop.example")).await, TAKEN);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_site_only_those_are_known_who_proved_themselves_before_the_lock() {
    each_driver(async |database| {
        let (friend, other) = (Signer::ed25519("friend.example", "s1"), Signer::ed25519("other.example", "s1"));
        let zone = friend.record() + &other.record();
        let (app, alias, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        lock(&app, &alias).await;
        let by_friend = signed(&friend, "ann@friend.example");
        assert_eq!(app.send("x@y.example", &alias, &by_friend).await, LOCKED_OUT, "the first mail ever");
        app.set_state(&alias, AliasState::Active).await;
        // Proven once, and not proven.
        assert_eq!(app.send("x@y.example", &alias, &by_friend).await, TAKEN);
        assert_eq!(app.send("x@y.example", &alias, &message("bob@other.example")).await, TAKEN);
        app.activity(&alias).await;
        app.clock.advance(DAY * 100);
        lock(&app, &alias).await;
        assert_eq!(app.send("x@y.example", &alias, &by_friend).await, TAKEN);
        assert_eq!(app.send("x@y.example", &alias, &message("ann@friend.example")).await, LOCKED_OUT);
        assert_eq!(app.send("x@y.example", &alias, &signed(&other, "bob@other.example")).await, LOCKED_OUT);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_sites_other_names_are_learned_in_the_first_days_and_the_stranger_who_comes_later_is_not() {
    each_driver(async |database| {
        let (sister, stranger) = (Signer::ed25519("shopmail.example", "s1"), Signer::ed25519("stranger.example", "s1"));
        let zone = sister.record() + &stranger.record();
        let (app, _, _folder) = instance(&database, &zone, DmarcMode::Enforce, false).await;
        let alias = for_shop(&app).await;
        let (welcome, spam) = (signed(&sister, "hello@shopmail.example"), signed(&stranger, "buy@stranger.example"));
        assert_eq!(app.send("x@y.example", &alias, &welcome).await, TAKEN);
        app.clock.advance(DAY * 30);
        // The address has leaked; that is why its owner locks it.
        assert_eq!(app.send("x@y.example", &alias, &spam).await, TAKEN);
        app.activity(&alias).await;
        lock(&app, &alias).await;
        assert_eq!(app.send("x@y.example", &alias, &welcome).await, TAKEN);
        assert_eq!(app.send("x@y.example", &alias, &spam).await, LOCKED_OUT);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn each_recipient_is_decided_by_itself_and_what_is_kept_out_is_shown() {
    each_driver(async |database| {
        let shop = Signer::ed25519("shop.example", "s1");
        let (app, open, _folder) = instance(&database, &shop.record(), DmarcMode::Enforce, false).await;
        let (alias, other) = (for_shop(&app).await, app.alias("other").await);
        lock(&app, &alias).await;
        let stranger = message("me@stranger.example");
        assert_eq!(app.send_to("x@y.example", &[&alias.address, &open.address], &stranger).await, TAKEN);
        app.wait_until(async |app| !app.queue().await.is_empty()).await;
        let row = app.queue().await.pop().unwrap();
        assert_eq!((row.alias_id, row.last_failure.unwrap().status), (Some(alias.id), "5.7.1".into()));
        let counts = app.activity(&alias).await;
        assert_eq!((counts.blocked, counts.failed, counts.forwarded), (1, 0, 0));
        assert_eq!(app.sink.messages().len(), 1, "no report goes out to whoever wrote");

        // Whoever knocks again and again pushes nothing else out of the owner's sight.
        for _ in 0..24 {
            assert_eq!(app.send_to("x@y.example", &[&alias.address, &open.address], &stranger).await, TAKEN);
        }
        app.wait_until(async |app| app.queue().await.len() >= 20).await;
        assert_eq!((app.activity(&alias).await.blocked, app.queue().await.len()), (25, 20));

        lock(&app, &other).await;
        assert_eq!(app.send_to("x@y.example", &[&alias.address, &other.address], &stranger).await, LOCKED_OUT);
        assert_eq!((app.activity(&alias).await.blocked, app.activity(&other).await.blocked), (26, 1));
        let by_shop = signed(&shop, "news@shop.example");
        assert_eq!(app.send_to("x@y.example", &[&other.address, &alias.address], &by_shop).await, TAKEN);
        assert_eq!((app.activity(&other).await.blocked, app.activity(&alias).await.forwarded), (2, 1));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_opened_or_killed_since_the_question_is_what_it_is_now() {
    each_driver(async |database| {
        let (app, alias, _folder) = instance(&database, "", DmarcMode::Enforce, false).await;
        lock(&app, &alias).await;
        for (state, expected) in
            [(AliasState::Active, "250 "), (AliasState::Paused, "450 4.2.1 "), (AliasState::Killed, "550 5.1.1 ")]
        {
            let mut client = app.client().await;
            client.ask("MAIL FROM:<x@y.example>", "250").await;
            client.ask(&format!("RCPT TO:<{}>", alias.address), "250").await;
            app.set_state(&alias, state).await;
            client.ask("DATA", "354").await;
            client.send(format!("{}.\r\n", message("me@stranger.example"))).await;
            let reply = client.read_reply().await.unwrap();
            assert!(reply.starts_with(expected), "{state:?}: {reply}");
            app.set_state(&alias, AliasState::Locked).await;
        }
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whom_the_owner_wrote_to_is_known_by_address_and_whom_a_machine_answered_is_not() {
    each_driver(async |database| {
        let (lg, bob) = (Signer::ed25519("lg.example", "s1"), Signer::ed25519("corp.example", "s1"));
        let house = House::build(&database, &(ZONE.to_owned() + &lg.record() + &bob.record())).await;
        let House { app, alias, lg: reverse, .. } = &house;
        // The owner's holiday note goes to whoever writes, so it must make nobody known.
        let note =
            letter(&format!("To: {reverse}"), "Message-ID: <n@mailbox-provider.example>\r\nAuto-Submitted: auto-replied\r\n");
        assert_eq!(app.send_to(MAILBOX, &[reverse], &note).await, TAKEN);
        lock(app, alias).await;
        let answer = signed(&lg, "news@lg.example");
        assert_eq!(app.send("x@y.example", alias, &answer).await, LOCKED_OUT);

        // What the owner writes goes out from a locked alias as from an open one. That the next hop refuses it changes nothing.
        let reply = letter(&format!("To: {reverse}"), "Message-ID: <1@mailbox-provider.example>\r\n");
        app.next_hop(Script::new().reply(Point::Dot, "550 5.7.1 no\r\n"));
        assert!(house.reply(&[reverse], &reply).await.starts_with("550 "));
        app.next_hop(Script::new());
        assert_eq!(app.send("x@y.example", alias, &answer).await, TAKEN);
        assert_eq!(app.send("news@lg.example", alias, &message("news@lg.example")).await, LOCKED_OUT, "not proven");
        assert_eq!(app.send("x@y.example", alias, &signed(&lg, "other@lg.example")).await, LOCKED_OUT, "another address");
        assert_eq!(app.send("x@y.example", alias, &signed(&bob, "news@corp.example")).await, LOCKED_OUT);
        house.app.finish().await;
    })
    .await;
}
