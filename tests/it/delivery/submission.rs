//! Mail that its owner hands in: out from an alias to anybody, with nothing of the owner in it, and from no other's alias.

use std::time::Duration;

use data_encoding::BASE64;
use postern::config::Config;
use postern::model::alias::{Alias, AliasState};
use postern::model::app_password::AppPassword;
use postern::model::delivery::DeliveryKind;
use postern::model::{Clock, DomainName};
use postern::service::{self, app_password, domain};
use postern::storage::{self, contact};

use crate::smtp::write_certificate;
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::client::Client;
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::sink::{Message, Point, Script};

const TLS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
const OTHER: &str = "other@mailbox-provider.example";

/// An instance that takes mail of its users, and what one of them logs in with.
pub struct House {
    pub app: TestApp,
    pub secret: String,
    pub app_password: AppPassword,
    pub folder: tempfile::TempDir,
    roots: rustls::RootCertStore,
}

impl House {
    pub async fn build(database: &Database) -> Self {
        Self::with(database, |_| {}).await
    }

    async fn with(database: &Database, adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = write_certificate(folder.path());
        let app = TestApp::with(database, |config| {
            let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
            config.smtp.submission = vec![any_port];
            config.smtp.submissions = vec![any_port];
            config.smtp.tls_cert = Some(folder.path().join("cert.pem"));
            config.smtp.tls_key = Some(folder.path().join("key.pem"));
            adjust(config);
        })
        .await;
        let (app_password, secret) = app_password::create(&app.running.broker.desk, app.user, "phone").await.unwrap();
        Self { app, secret: secret.shown(), app_password, folder, roots }
    }

    /// Over TLS, greeted, not logged in.
    async fn stranger(&self) -> Client {
        let mut client = Client::connect(self.app.running.submissions[0]).await;
        assert!(client.handshake(self.roots.clone(), TLS).await);
        client.expect("220 ").await;
        client.ask("EHLO [192.168.7.7]", "250").await;
        client
    }

    /// The answer to a login.
    async fn log_in(&self, name: &str, password: &str) -> String {
        log_in(&mut self.stranger().await, name, password).await
    }

    async fn client(&self) -> Client {
        let mut client = self.stranger().await;
        assert_eq!(log_in(&mut client, MAILBOX, &self.secret).await, "235 2.7.0 Authentication succeeded");
        client
    }

    /// The last answer to a message of this user's.
    pub async fn submit(&self, recipients: &[&str], data: &str) -> String {
        submit(&mut self.client().await, recipients, data).await
    }

    /// What went out to others than the owner.
    pub fn sent(&self) -> Vec<Message> {
        self.app.sink.messages().into_iter().filter(|message| message.recipients() != [MAILBOX]).collect()
    }

    /// A domain of the user's own.
    async fn own_domain(&self, name: &str) -> DomainName {
        let (name, desk): (DomainName, _) = (name.parse().unwrap(), &self.app.running.broker.desk);
        domain::add(desk, name.clone(), Some(self.app.user)).await.unwrap();
        self.app.running.broker.signing.keep_up(desk).await.unwrap();
        name
    }

    async fn alias_of(&self, text: &str) -> Option<Alias> {
        self.app.read(async |tx| storage::alias::find_by_address(tx, text).await).await
    }
}

async fn log_in(client: &mut Client, name: &str, password: &str) -> String {
    client.send(format!("AUTH PLAIN {}\r\n", BASE64.encode(format!("\0{name}\0{password}").as_bytes()))).await;
    client.read_reply().await.unwrap().trim_end().to_owned()
}

async fn submit(client: &mut Client, recipients: &[&str], data: &str) -> String {
    let mut lines = vec![format!("MAIL FROM:<{MAILBOX}> BODY=8BITMIME")];
    lines.extend(recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>")));
    lines.push("DATA".into());
    for line in lines {
        client.send(format!("{line}\r\n")).await;
        let reply = client.read_reply().await.unwrap();
        if !reply.starts_with(['2', '3']) {
            client.ask("RSET", "250").await;
            return reply.trim_end().to_owned();
        }
    }
    client.send(format!("{data}.\r\n")).await;
    client.read_reply().await.unwrap().trim_end().to_owned()
}

pub fn text(message: &Message) -> String {
    String::from_utf8(message.content.clone()).unwrap()
}

/// A message as a mail client writes it.
fn letter(from: &str, to: &str) -> String {
    format!("From: {from}\r\n{to}\r\nSubject: Question\r\nMessage-ID: <c1@mailbox-provider.example>\r\n\r\nHello\r\n")
}

/// Somebody writes to the alias; the reverse address the owner sees.
async fn meet(app: &TestApp, alias: &Alias, author: &str) -> String {
    let before = app.sink.messages().len();
    let message = format!("From: {author}\r\nTo: {}\r\nMessage-ID: <1@lg.example>\r\n\r\nHello\r\n", alias.address);
    assert!(app.send("news@lg.example", alias, &message).await.starts_with("250 "));
    let text = text(app.sink.wait_for(before + 1).await.last().unwrap());
    let at = text.find("<reply+").unwrap() + 1;
    text[at..].chars().take_while(|c| *c != '>').collect()
}

#[tokio::test]
async fn new_mail_goes_out_from_the_alias_and_tells_nothing_else() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let alias = house.app.alias("shop").await;
        let message = format!(
            "Received: from phone (dsl-7.home.example [203.0.113.9]) by phone.local; Wed, 15 Nov 2023 07:13:20 +0900\r\n\
             From: Jane Roe <Shop@you.example>\r\nSender: {MAILBOX}\r\nReply-To: {MAILBOX}\r\nTo: Bob <bob@far.example>\r\n\
             Cc: carol@near.example, Jane <{MAILBOX}>\r\nBcc: dan@deep.example\r\nSubject: Question for {MAILBOX}\r\n\
             Date: Wed, 15 Nov 2023 07:13:20 +0900\r\nMessage-ID: <client-1@phone.local>\r\nUser-Agent: K-9 Mail\r\n\
             X-Originating-IP: [203.0.113.9]\r\nAutocrypt: addr={MAILBOX}; keydata=AAAA\r\nResent-From: {MAILBOX}\r\n\
             Disposition-Notification-To: {MAILBOX}\r\nReturn-Path: <{MAILBOX}>\r\nMIME-Version: 1.0 (Mac OS X Mail)\r\n\
             Content-Type: text/plain\r\n\r\nHello\r\n..\r\n"
        );
        let answer = house.submit(&["bob@far.example", "carol@near.example", "Dan@deep.example"], &message).await;
        assert_eq!(answer, "250 2.0.0 Ok, message accepted");
        let sent = house.sent();
        let mut recipients: Vec<_> = sent.iter().map(|message| message.recipients()[0].to_owned()).collect();
        recipients.sort();
        assert_eq!(recipients, ["Dan@deep.example", "bob@far.example", "carol@near.example"], "a copy for each");
        for message in &sent {
            assert!(message.sender().starts_with("bounce+") && message.sender().ends_with("@you.example"));
            let text = text(message);
            assert!(text.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=you.example;"), "{text}");
            let told = &text[text.find("\r\nFrom:").unwrap()..];
            assert!(
                told.starts_with("\r\nFrom: <shop@you.example>\r\nTo: Bob <bob@far.example>\r\nCc: <carol@near.example>\r\n"),
                "{text}"
            );
            assert!(told.contains("\r\nSubject: Question for shop@you.example\r\n"), "{text}");
            assert!(
                told.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n") && told.ends_with("\r\n\r\nHello\r\n.\r\n"),
                "{text}"
            );
            for secret in [
                "jane",
                "Jane",
                "mailbox-provider",
                "203.0.113",
                "192.168",
                "127.0.0",
                "K-9",
                "Mac OS",
                "phone",
                "dan@",
                "Bcc",
                "Received",
            ] {
                assert!(!told.contains(secret) && !message.mail.contains(secret), "{secret} in {text}");
            }
        }
        assert_eq!(house.app.activity(&alias).await.replied, 3);

        // The answer finds its way into the owner's thread.
        let ours = text(&sent[0]).lines().find_map(|line| line.strip_prefix("Message-ID: ").map(str::to_owned)).unwrap();
        let reply = format!("From: bob@far.example\r\nTo: shop@you.example\r\nIn-Reply-To: {ours}\r\n\r\nYes\r\n");
        assert!(house.app.send("bob@far.example", &alias, &reply).await.starts_with("250 "));
        let copy = text(house.app.sink.messages().last().unwrap());
        assert!(copy.contains("\r\nIn-Reply-To: <client-1@phone.local>\r\n"), "{copy}");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_is_proven_by_the_login() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let alias = house.app.alias("shop").await;
        let lg = meet(&house.app, &alias, "LG <news@lg.example>").await;
        // From the mailbox, as a mail client that knows of no alias answers; nobody asks SPF or DKIM about it.
        let message = letter(&format!("Jane <{MAILBOX}>"), &format!("To: {lg}\r\nIn-Reply-To: <1@lg.example>"));
        assert!(house.submit(&[&lg], &message).await.starts_with("250 "));
        // From the alias, to the same correspondent by both addresses, to somebody new, and to the alias itself.
        let message = letter(
            "shop@you.example",
            &format!("To: \"LG - news at lg.example\" <{lg}>\r\nCc: bob@far.example, shop@you.example"),
        );
        let all = [lg.as_str(), "news@lg.example", "bob@far.example", "shop@you.example"];
        assert!(house.submit(&all, &message).await.starts_with("250 "));
        let sent = house.sent();
        let mut recipients: Vec<_> = sent.iter().map(|message| message.recipients()[0].to_owned()).collect();
        recipients.sort();
        assert_eq!(recipients, ["bob@far.example", "news@lg.example", "news@lg.example"]);
        let first = text(&sent[0]);
        assert!(first.contains("\r\nFrom: <shop@you.example>\r\nTo: <news@lg.example>\r\n"), "{first}");
        assert!(first.contains("\r\nIn-Reply-To: <1@lg.example>\r\n") && !first.contains("Jane"), "{first}");
        let second = text(&sent[1]);
        assert!(second.contains("\r\nTo: LG <news@lg.example>\r\nCc: <bob@far.example>\r\n"), "{second}");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_speaks_as_another_and_no_mailbox_speaks_to_strangers() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let app = &house.app;
        let (other, inbox) = user(app.storage(), &*app.clock, OTHER).await;
        let theirs = app.alias_to("theirs", vec![inbox], |new| new.user_id = other).await;
        let shop = app.alias("shop").await;
        let spare = app.alias("spare").await;
        let spare_contact = meet(app, &spare, "news@lg.example").await;
        let their_contact = meet(app, &theirs, "news@lg.example").await;
        for (name, state) in [("paused", AliasState::Paused), ("killed", AliasState::Killed)] {
            app.set_state(&app.alias(name).await, state).await;
        }
        app.alias_to("old", vec![app.mailbox], |new| new.expires_at = Some(new.created_at)).await;
        let arrived = app.sink.messages().len();
        let not_yours = "550 5.7.1 From is not an address of yours to send from";
        let (bob, to) = ("bob@far.example", "To: bob@far.example");
        let cases: &[(&str, &str, &str, &str)] = &[
            ("theirs@you.example", to, bob, not_yours),
            ("nobody@you.example", to, bob, not_yours),
            ("x@elsewhere.example", to, bob, not_yours),
            ("bounce+x@you.example", to, bob, not_yours),
            (&their_contact, to, bob, not_yours),
            ("paused@you.example", to, bob, "550 5.7.1 This alias is paused: revive"),
            ("killed@you.example", to, bob, "550 5.7.1 This alias is killed: revive"),
            ("old@you.example", to, bob, "550 5.7.1 This alias has expired"),
            (MAILBOX, to, bob, "550 5.7.1 From is your mailbox"),
            (OTHER, to, bob, not_yours),
            ("\"shop@you.example\" <theirs@you.example>", to, bob, not_yours),
            ("theirs@you.example (shop@you.example)", to, bob, not_yours),
            ("shop@you.example, theirs@you.example", to, bob, "550 5.7.1"),
            ("shop@you.example\r\nFrom: theirs@you.example", to, bob, "550 5.6.0"),
            ("Us: shop@you.example;", to, bob, "550 5.7.1"),
            ("=?utf-8?q?shop=40you.example?=", to, bob, "550 5.7.1"),
            ("<shop@you.example> <theirs@you.example>", to, bob, "550 5.7.1"),
            ("undisclosed:;", to, bob, "550 5.7.1"),
            ("shop@you.example", "To: x", &spare_contact, "550 5.7.1 The recipients include"),
            (MAILBOX, "To: x", "spare@you.example", "550 5.7.1 From is your mailbox"),
            ("shop@you.example", "To: x", "spare@you.example", "550 5.7.1 The recipients include"),
            ("shop@you.example", "To: x", "shop@you.example", "550 5.7.1 An alias can't write to itself"),
            ("shop@you.example", "To: x", "theirs@you.example", "550 5.7.1 This address is one of this instance"),
            ("shop@you.example", "To: x", "nobody@you.example", "550 5.7.1 This address is one of this instance; mail"),
            ("shop@you.example", "To: x", "Postmaster@you.example", "550 5.7.1 This address is one of this instance: write"),
            ("shop@you.example", "To: x", "abuse@you.example", "550 5.7.1 This address is one of this instance: write"),
            ("shop@you.example", "To: x", "postmaster", "550 5.7.1 This address is one of this instance: write"),
            ("shop@you.example", "To: x", &their_contact, "550 5.1.1"),
            ("shop@you.example", "To: x", "reply+00000000000000000000@you.example", "550 5.1.1"),
            ("shop@you.example", "To: spare@you.example", bob, "550 5.7.1 To or Cc names"),
            ("shop@you.example", &format!("Cc: {spare_contact}"), bob, "550 5.7.1 To or Cc names"),
        ];
        let mut client = house.client().await;
        for (from, to, recipient, expected) in cases {
            let answer = submit(&mut client, &[recipient], &letter(from, to)).await;
            assert!(answer.starts_with(expected), "{from} {to} {recipient}: {answer}");
            assert!(!answer.contains("jane") && !answer.contains("provider"), "{answer}");
        }
        assert_eq!(app.sink.messages().len(), arrived, "nothing went out");
        assert!(app.queue().await.is_empty());
        assert_eq!(app.activity(&theirs).await.unproven, 3, "its owner sees who tried");
        assert_eq!(app.activity(&shop).await.replied, 0);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_is_made_by_sending_from_it_where_its_owner_allows_that() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let desk = &house.app.running.broker.desk;
        let own = house.own_domain("jane.example").await;
        let bob = ["bob@far.example"];
        let message = letter("Lidl <lidl@jane.example>", "To: bob@far.example");
        assert!(house.submit(&bob, &message).await.starts_with("550 5.7.1 There is no such alias: make it first"));
        domain::set_submission_creates(desk, house.app.user, own.clone(), true).await.unwrap();
        for (from, expected) in [
            ("admin@jane.example", "550 5.7.1 The alias can't be made: its name is reserved"),
            ("reply+00000000000000000000@jane.example", "550 5.7.1 The alias can't be made"),
            ("\"a b\"@jane.example", "550 5.7.1 The alias can't be made: its name has other"),
            ("x@sub.jane.example", "550 5.7.1 From is not an address of yours"),
        ] {
            let answer = house.submit(&bob, &letter(from, "To: bob@far.example")).await;
            assert!(answer.starts_with(expected), "{from}: {answer}");
        }
        // Nothing is made for a message that can't go out.
        let shows = letter("lidl@jane.example", "To: bob@far.example, x@you.example");
        assert!(house.submit(&bob, &shows).await.starts_with("550 5.7.1 To or Cc names"));
        assert!(house.alias_of("lidl@jane.example").await.is_none() && house.sent().is_empty());

        assert!(house.submit(&bob, &message).await.starts_with("250 "));
        let alias = house.alias_of("lidl@jane.example").await.unwrap();
        assert_eq!((alias.state, alias.site), (AliasState::Active, None));
        let sent = text(&house.sent()[0]);
        assert!(sent.contains("d=jane.example;") && sent.contains("\r\nFrom: <lidl@jane.example>\r\n"), "{sent}");
        // It forwards like any other, and an alias that is there is not made again.
        let answer = house.app.send_to("bob@far.example", &[&alias.address], "From: bob@far.example\r\n\r\nHi\r\n").await;
        assert!(answer.starts_with("250 "), "{answer}");
        assert!(house.submit(&bob, &message).await.starts_with("250 "));
        house.app.set_state(&house.alias_of("lidl@jane.example").await.unwrap(), AliasState::Killed).await;
        assert!(house.submit(&bob, &message).await.starts_with("550 5.7.1 This alias is killed"));
        // Another user may not, whatever the domain allows.
        let (other, _) = user(house.app.storage(), &*house.app.clock, OTHER).await;
        let (_, secret) = app_password::create(desk, other, "phone").await.unwrap();
        let mut client = house.stranger().await;
        assert!(log_in(&mut client, OTHER, &secret.shown()).await.starts_with("235"));
        let answer = submit(&mut client, &bob, &letter("fresh@jane.example", "To: bob@far.example")).await;
        assert!(answer.starts_with("550 5.7.1 From is not an address of yours"), "{answer}");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_password_logs_in_its_own_user_until_it_is_revoked() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        house.app.alias("shop").await;
        let desk = &house.app.running.broker.desk;
        user(house.app.storage(), &*house.app.clock, OTHER).await;
        let wrong = "535 5.7.8 Authentication credentials invalid";
        let other_end = if house.secret.ends_with('0') { "2" } else { "0" };
        let nearly = format!("{}{other_end}", &house.secret[..house.secret.len() - 1]);
        for (name, password) in
            [(OTHER, house.secret.as_str()), ("no@body.example", &house.secret), (MAILBOX, "guess"), (MAILBOX, &nearly)]
        {
            assert_eq!(house.log_in(name, password).await, wrong, "{name} {password}");
        }
        let typed = house.secret.replace('-', " ").to_uppercase();
        assert!(house.log_in(&MAILBOX.to_uppercase(), &typed).await.starts_with("235 "));
        let listed = app_password::list(desk, house.app.user).await.unwrap();
        assert_eq!(listed[0].last_used_at, Some(house.app.clock.now()));

        let mut early = house.client().await;
        let mut late = house.client().await;
        late.ask("MAIL FROM:<x@y.example>", "250").await;
        late.ask("RCPT TO:<bob@far.example>", "250").await;
        app_password::revoke(desk, house.app.user, house.app_password.uuid).await.unwrap();
        assert_eq!(house.log_in(MAILBOX, &house.secret).await, wrong);
        early.ask("MAIL FROM:<x@y.example>", "530 5.7.0 The app password was revoked").await;
        late.ask("DATA", "354").await;
        late.send(letter("shop@you.example", "To: bob@far.example") + ".\r\n").await;
        late.expect("530 5.7.0 The app password was revoked").await;
        assert!(house.sent().is_empty());
        // With another one, the connection is as good as before.
        let (_, fresh) = app_password::create(desk, house.app.user, "phone again").await.unwrap();
        late.ask("MAIL FROM:<x@y.example>", "530 5.7.0 The app password was revoked").await;
        for mut client in [early, late] {
            client.ask("MAIL FROM:<x@y.example>", "530 5.7.0 Authentication required").await;
            assert_eq!(log_in(&mut client, MAILBOX, &house.secret).await, wrong);
            assert!(log_in(&mut client, MAILBOX, &fresh.shown()).await.starts_with("235 "));
            client.ask("MAIL FROM:<x@y.example>", "250").await;
            client.ask("RSET", "250").await;
        }
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_guesses_has_to_wait_and_the_owner_elsewhere_has_not() {
    on_sqlite(async |database| {
        let house = House::build(&database).await;
        for _ in 0..10 {
            assert!(house.log_in(MAILBOX, "guess").await.starts_with("535 5.7.8 "));
        }
        let slow_down = "454 4.7.0 Too many failed logins, please try again later";
        assert_eq!(house.log_in(MAILBOX, &house.secret).await, slow_down, "also with the right one");
        assert!(house.log_in(OTHER, "guess").await.starts_with("535 "), "a user who does not exist looks the same");
        house.app.clock.advance(Duration::from_mins(15));
        assert!(house.log_in(MAILBOX, &house.secret).await.starts_with("235 "));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn behind_a_trusted_address_one_who_guesses_keeps_nobody_out() {
    for (networks, expected) in [(&[][..], "454 4.7.0 Too many failed logins"), (&["127.0.0.0/8"][..], "235 ")] {
        on_sqlite(async |database| {
            let trusted = networks.iter().map(|network| network.parse().unwrap()).collect();
            let house = House::with(&database, |config| config.smtp.trusted_networks = trusted).await;
            let ip = std::net::IpAddr::from([127, 0, 0, 1]);
            for number in 0..50 {
                let name = format!("{number}@x.example");
                let answer = service::submit::login(&house.app.running.broker, ip, &name, "guess").await;
                assert_eq!(answer.unwrap_err().code(), 535);
            }
            assert!(house.log_in(MAILBOX, &house.secret).await.starts_with(expected), "{expected}");
            house.app.finish().await;
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_sent_any_more_once_the_disk_has_failed() {
    on_sqlite(async |database| {
        let house = House::build(&database).await;
        house.app.alias("shop").await;
        let mut client = house.client().await;
        client.ask(&format!("MAIL FROM:<{MAILBOX}>"), "250").await;
        client.ask("RCPT TO:<bob@far.example>", "250").await;
        client.ask("DATA", "354").await;
        house.app.running.broker.fatal.cancel();
        client.send(letter("shop@you.example", "To: bob@far.example") + ".\r\n").await;
        client.expect("421 4.3.2 Service is shutting down").await;
        assert!(house.sent().is_empty() && house.app.queue().await.is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_day_has_so_many_messages() {
    on_sqlite(async |database| {
        let house = House::with(&database, |config| config.smtp.submission_per_day = 3).await;
        house.app.alias("shop").await;
        let message = letter("shop@you.example", "To: bob@far.example");
        assert!(house.submit(&["bob@far.example", "c@far.example"], &message).await.starts_with("250 "));
        assert!(house.submit(&["bob@far.example", "c@far.example"], &message).await.starts_with("450 4.7.1 "));
        let refused = letter("other@you.example", "To: bob@far.example");
        assert!(house.submit(&["bob@far.example"], &refused).await.starts_with("550 "), "what is refused does not count");
        assert!(house.submit(&["bob@far.example"], &message).await.starts_with("250 "));
        house.app.clock.advance(Duration::from_hours(24));
        assert!(house.submit(&["bob@far.example"], &message).await.starts_with("250 "));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_other_servers_saw_counts_even_if_they_refused_it() {
    on_sqlite(async |database| {
        let house = House::with(&database, |config| config.smtp.submission_per_day = 2).await;
        house.app.alias("shop").await;
        house.app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 nobody\r\n"));
        let message = letter("shop@you.example", "To: bob@far.example");
        for expected in ["550 ", "550 ", "450 4.7.1 You have sent"] {
            let answer = house.submit(&["bob@far.example"], &message).await;
            assert!(answer.starts_with(expected), "{expected}: {answer}");
        }
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_next_hop_puts_off_is_kept_and_goes_out_later() {
    each_driver(async |database| {
        let house = House::build(&database).await;
        let alias = house.app.alias("shop").await;
        house.app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 not now\r\n"));
        let message = letter("shop@you.example", "To: bob@far.example");
        assert!(house.submit(&["bob@far.example"], &message).await.starts_with("250 "));
        let queue = house.app.queue().await;
        assert_eq!((queue.len(), queue[0].kind, queue[0].alias_id), (1, DeliveryKind::Reply, Some(alias.id)));
        house.app.next_hop(Script::new());
        house.app.deliver_after(Duration::from_hours(1)).await;
        assert!(text(&house.sent()[0]).contains("\r\nFrom: <shop@you.example>\r\n"));

        // A contact its owner blocked is not written to, and what a server refuses for good is said at once.
        let (id, now) = (alias.id, house.app.clock.now());
        let key = vec!["bob@far.example".to_owned()];
        let bob = house.app.read(async |tx| contact::find_many(tx, id, &key).await).await.pop().unwrap().id;
        let block = house.app.storage().write(move |tx| Box::pin(async move { contact::set_blocked(tx, bob, Some(now)).await }));
        block.await.unwrap();
        assert!(
            house.submit(&["bob@far.example"], &message).await.starts_with("550 5.7.1 Mail to this correspondent is blocked")
        );
        house.app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 who is jane\r\n"));
        let answer = house.submit(&["carol@far.example"], &message).await;
        assert!(answer.starts_with("550 ") && !answer.contains("jane"), "{answer}");
        assert_eq!(house.app.activity(&alias).await.replied, 1);
        house.app.finish().await;
    })
    .await;
}
