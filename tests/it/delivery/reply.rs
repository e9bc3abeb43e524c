//! The owner answers: proven mail to a reverse address goes out from the alias, anything else is refused in the dialogue.

use std::time::Duration;

use postern::model::Address;
use postern::model::alias::{Alias, AliasState};
use postern::model::contact::ReverseToken;
use postern::model::delivery::{DeliveryKind, DeliveryState};
use postern::service::alias::Edit;
use postern::service::{self, alias};
use postern::storage::contact;

use crate::storage::plans::execute;
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::client::Client;
use crate::support::database::{Database, address, each_driver};
use crate::support::dkim;
use crate::support::signer::{How, Signer};
use crate::support::sink::{Message, Point, Script};
use crate::web::letter::{find, link};

pub const ZONE: &str = "$TTL 60\n\
    mailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n\
    sub.mailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n\
    evil.example. IN TXT \"v=spf1 +all\"\n";

/// An instance whose alias has one correspondent.
pub struct House {
    pub app: TestApp,
    pub alias: Alias,
    /// Stands for `news@lg.example`.
    pub lg: Address,
    _zone: tempfile::TempDir,
}

impl House {
    pub async fn build(database: &Database, zone: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zone");
        std::fs::write(&file, zone).unwrap();
        let app = TestApp::with(database, |config| {
            config.dns.zone_file = Some(file.clone());
            // The client is a stranger here, so that its address is held against SPF.
            config.smtp.trusted_networks = Vec::new();
        })
        .await;
        let alias = app.alias("shop").await;
        let lg = meet(&app, &alias, "LG <news@lg.example>").await;
        Self { app, alias, lg, _zone: folder }
    }

    /// The answer to a message of the owner's, properly sent.
    pub async fn reply(&self, recipients: &[&Address], message: &str) -> String {
        self.app.send_to(MAILBOX, recipients, message).await
    }

    /// Waits until the owner was told so many times that an attempt was refused; the last of these messages.
    async fn told(&self, times: usize) -> String {
        let notices = || {
            let all = self.app.sink.messages().into_iter().map(|message| text(&message));
            all.filter(|text| text.contains("\r\nAuto-Submitted: auto-generated\r\n")).collect::<Vec<_>>()
        };
        self.app.wait_until(async |app| notices().len() >= times && app.queue().await.is_empty()).await;
        assert_eq!(notices().len(), times);
        notices().pop().unwrap()
    }

    pub fn sent(&self) -> Vec<Message> {
        self.app.sink.messages().into_iter().filter(|message| message.recipients() != [MAILBOX]).collect()
    }
}

/// Somebody writes to the alias; the reverse address the owner sees.
async fn meet(app: &TestApp, alias: &Alias, author: &str) -> Address {
    let before = app.sink.messages().len();
    let message =
        format!("From: {author}\r\nTo: {}\r\nSubject: Sale\r\nMessage-ID: <1@lg.example>\r\n\r\nHello\r\n", alias.address);
    assert!(app.send("news@lg.example", alias, &message).await.starts_with("250 "));
    let text = text(app.sink.wait_for(before + 1).await.last().unwrap());
    let at = text.find("<reply+").unwrap() + 1;
    address(&text[at..].chars().take_while(|c| *c != '>').collect::<String>())
}

pub fn text(message: &Message) -> String {
    String::from_utf8(message.content.clone()).unwrap()
}

/// A reply as a mail client writes it.
pub fn letter(to: &str, rest: &str) -> String {
    format!(
        "Received: from [192.168.1.23] (dsl-7.home.example) by smtp.mailbox-provider.example; Wed, 15 Nov 2023 07:13:20 +0900\r\n\
         From: Jane Roe <{MAILBOX}>\r\n{to}\r\nSubject: Re: Sale\r\nDate: Wed, 15 Nov 2023 07:13:20 +0900\r\n\
         User-Agent: Mozilla Thunderbird\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n{rest}\r\nThank you.\r\n..\r\n"
    )
}

#[tokio::test]
async fn a_proven_reply_goes_out_from_the_alias_and_tells_nothing_else() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let House { app, alias, lg, .. } = &house;
        let to = format!("To: \"LG - news at lg.example\" <{lg}>");
        let rest =
            format!("Message-ID: <client-1@mailbox-provider.example>\r\nIn-Reply-To: <1@lg.example>\r\nSender: {MAILBOX}\r\n");
        assert_eq!(app.send_to(MAILBOX, &[lg], &letter(&to, &rest)).await, "250 2.0.0 Ok, message accepted");
        let message = app.sink.wait_for(2).await.pop().unwrap();
        assert_eq!(message.recipients(), ["news@lg.example"]);
        assert!(message.sender().starts_with("bounce+") && message.sender().ends_with("@you.example"));
        let text = text(&message);
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "Thank you.\r\n.\r\n");
        assert!(header.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=you.example;"), "{header}");
        assert!(header.contains("\r\nFrom: <shop@you.example>\r\nTo: LG <news@lg.example>\r\n"), "{header}");
        assert!(
            header.contains("\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n")
                && header.contains("\r\nIn-Reply-To: <1@lg.example>")
        );
        // Behind the signature, whose base64 may spell anything.
        let told = &text[text.find("\r\nFrom:").unwrap()..];
        for secret in
            ["jane", "Jane", "Roe", "mailbox-provider", "192.168", "Thunderbird", "reply+", "client-1", "Sender", "+0900"]
        {
            assert!(!told.contains(secret) && !message.mail.contains(secret), "{secret} in {text}");
        }
        let counts = app.activity(alias).await;
        assert_eq!((counts.replied, counts.unproven, counts.quoted), (1, 0, 0));
        assert!(app.queue().await.is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn threads_hold_on_both_sides() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (app, lg) = (&house.app, &house.lg);
        let to = format!("To: {lg}");
        let first = "Message-ID: <client-1@mailbox-provider.example>\r\nReferences: <1@lg.example>\r\n";
        assert!(house.reply(&[lg], &letter(&to, first)).await.starts_with("250 "));
        let sent = text(&house.sent()[0]);
        let ours = sent.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned();
        assert!(ours.ends_with("@you.example>"), "{ours}");

        // The correspondent answers, and the owner's client finds its own message named.
        let answer = format!(
            "From: news@lg.example\r\nTo: shop@you.example\r\nMessage-ID: <2@lg.example>\r\nIn-Reply-To: {ours}\r\n\
             References: <1@lg.example>\r\n\t{ours}\r\nX-Other: {ours}\r\n\r\nYes\r\n"
        );
        assert!(app.send("news@lg.example", &house.alias, &answer).await.starts_with("250 "));
        let copy = text(app.sink.messages().last().unwrap());
        assert!(
            copy.contains(
                "Message-ID: <2@lg.example>\r\nIn-Reply-To: <client-1@mailbox-provider.example>\r\n\
                 References: <1@lg.example>\r\n\t<client-1@mailbox-provider.example>\r\n"
            ) && copy.contains(&format!("X-Other: {ours}\r\n")),
            "{copy}"
        );

        // The owner follows up on both.
        let next = "Message-ID: <client-2@mailbox-provider.example>\r\nIn-Reply-To: <client-1@mailbox-provider.example>\r\n\
                    References: <1@lg.example> <client-1@mailbox-provider.example>\r\n <2@lg.example> <other@mailbox-provider.example>\r\n";
        assert!(house.reply(&[lg], &letter(&to, next)).await.starts_with("250 "));
        let sent = text(&house.sent()[1]);
        assert!(sent.contains(&format!("\r\nIn-Reply-To: {ours}\r\nReferences: <1@lg.example>\r\n {ours}\r\n <2@lg.example>\r\n")), "{sent}");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_to_all_is_one_message_for_each_contact() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (app, lg) = (&house.app, &house.lg);
        let bob = meet(app, &house.alias, "Bob <bob@corp.example>").await;
        let eve = meet(app, &house.alias, "eve@far.example").await;
        // The alias itself is in the list of a reply to all; Eve is in Bcc.
        let message =
            letter(&format!("To: {lg}\r\nCc: Bob <{bob}>, shop@you.example, {MAILBOX}"), "Message-ID: <c@x.example>\r\n");
        let own = house.alias.address.clone();
        assert!(house.reply(&[lg, &own, &bob, &eve], &message).await.starts_with("250 "));
        let sent = house.sent();
        let mut recipients: Vec<_> = sent.iter().map(|message| message.recipients()[0].to_owned()).collect();
        recipients.sort();
        assert_eq!(recipients, ["bob@corp.example", "eve@far.example", "news@lg.example"]);
        for message in &sent {
            assert_eq!(text(message), text(&sent[0]), "all see the same");
        }
        assert!(text(&sent[0]).contains("\r\nTo: <news@lg.example>\r\nCc: Bob <bob@corp.example>\r\n"));
        assert!(!text(&sent[0]).contains("eve@"));
        let senders: std::collections::HashSet<_> = sent.iter().map(|message| message.sender().to_owned()).collect();
        assert_eq!(senders.len(), 3, "each has a bounce address of its own");
        assert_eq!(app.activity(&house.alias).await.replied, 3);
        house.app.finish().await;
    })
    .await;
}

/// Says a message over a connection from `source`; the last reply.
async fn submit(app: &TestApp, source: &str, sender: &str, recipient: &Address, data: &str) -> String {
    let mut client = Client::connect_from(source, app.running.smtp[0]).await;
    client.expect("220 ").await;
    client.ask("EHLO mailbox-provider.example", "250").await;
    client.deliver(sender, &recipient.to_string(), &format!("{data}.\r\n")).await
}

#[tokio::test]
async fn nobody_else_can_send_from_the_alias() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (app, lg) = (&house.app, &house.lg);
        user(app.storage(), &*app.clock, "other@mailbox-provider.example").await;
        let arrived = app.sink.messages().len();
        let results = format!("Authentication-Results: gate.you.example; spf=pass smtp.mailfrom={MAILBOX}; dmarc=pass\r\n");
        let sub = "jane.roe@sub.mailbox-provider.example";
        let cases = [
            ("MAIL FROM only", "127.0.0.1", MAILBOX, "From: evil@evil.example\r\n".to_owned()),
            ("From only", "127.0.0.1", "evil@evil.example", format!("From: {MAILBOX}\r\n")),
            ("both, from elsewhere", "127.0.0.2", MAILBOX, format!("From: {MAILBOX}\r\n")),
            ("forged results", "127.0.0.2", MAILBOX, format!("{results}From: {MAILBOX}\r\n")),
            ("display name", "127.0.0.1", "evil@evil.example", format!("From: \"{MAILBOX}\" <evil@evil.example>\r\n")),
            ("comment", "127.0.0.1", "evil@evil.example", format!("From: evil@evil.example ({MAILBOX})\r\n")),
            ("sub-domain", "127.0.0.1", sub, format!("From: {sub}\r\n")),
            ("tag", "127.0.0.1", MAILBOX, "From: jane.roe+x@mailbox-provider.example\r\n".to_owned()),
            (
                "another user",
                "127.0.0.1",
                "other@mailbox-provider.example",
                "From: other@mailbox-provider.example\r\n".to_owned(),
            ),
            ("null sender", "127.0.0.1", "", format!("From: {MAILBOX}\r\n")),
            ("two fields", "127.0.0.1", MAILBOX, format!("From: {MAILBOX}\r\nFrom: evil@evil.example\r\n")),
            ("two authors", "127.0.0.1", MAILBOX, format!("From: {MAILBOX}, evil@evil.example\r\n")),
            ("Sender", "127.0.0.1", MAILBOX, format!("From: evil@evil.example\r\nSender: {MAILBOX}\r\n")),
            ("no From", "127.0.0.1", MAILBOX, "Subject: x\r\n".to_owned()),
            ("the alias itself", "127.0.0.1", "shop@you.example", "From: shop@you.example\r\n".to_owned()),
        ];
        let count = i64::try_from(cases.len()).unwrap();
        for (what, source, sender, fields) in cases {
            let answer = submit(app, source, sender, lg, &format!("{fields}To: {lg}\r\n\r\nSend me the money\r\n")).await;
            let code = if what == "two fields" { "550 5.6.0 " } else { "550 5.7.1 " };
            assert!(answer.starts_with(code), "{what}: {answer}");
            assert!(!answer.contains("jane") && !answer.contains("provider"), "{answer}");
        }
        let told = house.told(1).await;
        assert!(told.contains("\r\nSubject: A message through shop@you.example was refused\r\n"), "{told}");
        let letter = find(app, "A message through shop@you.example was refused");
        assert_eq!(link(&letter, "/aliases/"), format!("/aliases/{}", house.alias.uuid));
        assert!(!told.contains("evil") && told.starts_with("DKIM-Signature: "), "{told}");
        assert_eq!(app.sink.messages().len(), arrived + 1, "nothing else went out");
        let counts = app.activity(&house.alias).await;
        assert_eq!((counts.replied, counts.unproven), (0, count), "the owner sees every attempt");
        assert!(app.queue().await.is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_can_t_be_found_out_now_is_put_off() {
    each_driver(async |database| {
        let zone = ZONE.replace(
            "mailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"",
            "mailbox-provider.example. IN TXT \"v=spf1 exists:%{i}.x.example -all\"",
        );
        let house = House::build(&database, &zone).await;
        let answer = house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await;
        assert!(answer.starts_with("451 4.7.0 "), "{answer}");
        assert!(house.sent().is_empty());
        assert_eq!(house.app.activity(&house.alias).await.unproven, 0);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_goes_out_from_a_closed_alias_or_to_a_blocked_contact() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (app, lg) = (&house.app, &house.lg);
        let message = letter(&format!("To: {lg}"), "");
        for state in [AliasState::Paused, AliasState::Killed] {
            app.set_state(&house.alias, state).await;
            assert!(house.reply(&[lg], &message).await.starts_with("550 5.7.1 "), "{state}");
        }
        app.set_state(&house.alias, AliasState::Active).await;

        // A kill between RCPT and the final dot counts.
        let mut client = app.client().await;
        client.ask(&format!("MAIL FROM:<{MAILBOX}>"), "250").await;
        client.ask(&format!("RCPT TO:<{lg}>"), "250").await;
        client.ask("DATA", "354").await;
        app.set_state(&house.alias, AliasState::Killed).await;
        client.send(format!("{message}.\r\n")).await;
        client.expect("550 5.7.1").await;
        app.set_state(&house.alias, AliasState::Active).await;

        let token = ReverseToken::from_local_part(lg.local()).unwrap();
        let found = app.read(async |tx| contact::find_by_token(tx, &token).await).await.unwrap().0;
        let now = postern::model::Clock::now(&*app.clock);
        let write = app.storage().write(move |tx| Box::pin(async move { contact::set_blocked(tx, found.id, Some(now)).await }));
        write.await.unwrap();
        assert_eq!(house.reply(&[lg], &message).await, "550 5.7.1 Mail to this correspondent is blocked");
        let unknown = address("reply+aaaaaaaaaaaaaaaaaaaa@you.example");
        assert!(house.reply(&[&unknown], &message).await.starts_with("550 5.1.1 "));
        assert!(house.sent().is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_can_t_be_written_to_from_the_alias_stops_the_whole_message() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (app, lg) = (&house.app, &house.lg);
        let other = app.alias("other").await;
        let of_other = meet(app, &other, "news@lg.example").await;
        for cc in ["friend@far.example", "reply+aaaaaaaaaaaaaaaaaaaa@you.example", "other@you.example", &of_other.to_string()] {
            let answer = house.reply(&[lg], &letter(&format!("To: {lg}\r\nCc: {cc}"), "")).await;
            assert!(answer.starts_with("550 5.7.1 To and Cc"), "{cc}: {answer}");
        }
        for second in [&of_other, &other.address] {
            let answer = house.reply(&[lg, second], &letter(&format!("To: {lg}"), "")).await;
            assert_eq!(answer, "550 5.7.1 A reply goes to correspondents of one address only");
        }
        assert!(house.sent().is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_the_contact_s_server_is_told_at_once() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        house.app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 no such news\r\n"));
        let answer = house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await;
        assert_eq!(answer, "550 5.0.0 The recipient's mail system refused the message");
        assert_eq!(house.app.activity(&house.alias).await.refused, 1);
        assert!(house.app.queue().await.is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_waits_is_delivered_later_or_seen_to_fail() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let app = &house.app;
        let message = letter(&format!("To: {}", house.lg), "");
        let deferred = Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n");
        app.next_hop(deferred.clone());
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        let [row] = &app.queue().await[..] else { panic!("one row") };
        assert_eq!((row.kind, row.state, row.mailbox_id), (DeliveryKind::Reply, DeliveryState::Waiting, None));
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_mins(2)).await, 1);
        let sent = house.sent();
        assert!(sent[0].content.ends_with(b"\r\n\r\nThank you.\r\n.\r\n") && sent[0].recipients() == ["news@lg.example"]);
        assert_eq!(app.activity(&house.alias).await.replied, 1);

        app.next_hop(deferred);
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        app.next_hop(Script::new());
        app.sink.next(Script::new().reply(Point::Rcpt, "550 5.1.1 gone\r\n"));
        app.deliver_after(Duration::from_mins(2)).await;
        app.wait_until(async |app| app.queue().await.len() == 1).await;
        let [row] = &app.queue().await[..] else { panic!("the failed reply: {:#?}", app.queue().await) };
        assert_eq!((row.kind, row.state), (DeliveryKind::Reply, DeliveryState::Failed));
        assert_eq!(house.sent().len(), 1);
        assert_eq!(app.activity(&house.alias).await.failed, 1);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_kill_cancels_a_reply_that_waits() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let app = &house.app;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 greylisted\r\n"));
        assert!(house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await.starts_with("250 "));
        app.set_state(&house.alias, AliasState::Killed).await;
        app.next_hop(Script::new());
        assert_eq!(app.deliver_after(Duration::from_hours(1)).await, 0);
        assert_eq!(app.queue().await[0].state, DeliveryState::Cancelled);
        assert!(house.sent().is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_bounce_of_a_reply_is_told_to_its_owner_and_goes_to_nobody_else() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let app = &house.app;
        assert!(house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await.starts_with("250 "));
        let arrived = app.sink.messages().len();
        let verp = address(house.sent()[0].sender());
        let report = "From: MAILER-DAEMON@lg.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
                      --b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; news@lg.example\r\n\
                      Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <b>gone</b>, see http://lg.example/\r\n\r\n\
                      --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: raw\r\n\r\n--b--\r\n";
        for _ in 0..2 {
            assert_eq!(app.send_to("", &[&verp], report).await, "250 2.0.0 Ok, report recorded");
        }
        let [row] = &app.queue().await.into_iter().filter(|row| row.kind == DeliveryKind::Reply).collect::<Vec<_>>()[..] else {
            panic!("one row")
        };
        assert_eq!((row.state, row.recipient.to_string()), (DeliveryState::Failed, "news@lg.example".into()));
        let told = app.sink.wait_for(arrived + 1).await.pop().unwrap();
        assert_eq!((told.recipients(), told.sender()), (vec![MAILBOX], ""));
        assert_eq!(link(&told, "/failures"), "/failures");
        let told = text(&told);
        let line = "Your message from shop@you.example to news@lg.example of 2027-01-15 could not be delivered: its recipient's \
                    server says that there is no such address.";
        assert!(unwrapped(&told).contains(line), "{told}");
        assert!(unwrapped(&told).contains("> 550 5.1.1 <b>gone</b>, see http: //lg.example/"), "{told}");
        assert!(unwrapped(&told).contains("550 5.1.1 &lt;b&gt;gone&lt;/b&gt;") && !told.contains("raw"), "{told}");
        app.wait_until(async |app| app.queue().await.len() == 1).await;
        assert_eq!(app.sink.messages().len(), arrived + 1, "told once, and nobody else");
        house.app.finish().await;
    })
    .await;
}

/// Without the soft line breaks of quoted-printable.
fn unwrapped(text: &str) -> String {
    text.replace("=\r\n", "").replace("=3D", "=")
}

#[tokio::test]
async fn a_reply_the_queue_gives_up_is_told_to_its_owner_and_a_machine_s_is_not() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let app = &house.app;
        for (rest, told) in [("", true), ("Auto-Submitted: auto-replied\r\n", false)] {
            let arrived = app.sink.messages().len();
            app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 later\r\n"));
            assert!(house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), rest)).await.starts_with("250 "));
            app.wait_until(async |app| app.queue().await.iter().any(|row| row.attempts == 1)).await;
            app.next_hop(Script::new());
            app.sink.next(Script::new().reply(Point::Rcpt, "550 5.1.1 nobody of this name\r\n"));
            app.deliver_after(Duration::from_hours(1)).await;
            app.wait_until(async |app| app.queue().await.iter().all(|row| row.state == DeliveryState::Failed)).await;
            let new: Vec<_> = app.sink.messages().split_off(arrived);
            assert_eq!(new.len(), usize::from(told), "{rest}");
            if let [told] = &new[..] {
                assert_eq!(told.recipients(), [MAILBOX]);
                let told = unwrapped(&text(told));
                assert!(told.contains("from shop@you.example to news@lg.example of Fri, 15 Jan 2027"), "{told}");
                assert!(told.contains("nobody of this name"), "{told}");
            }
        }
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_whose_owner_cant_be_told_is_over_all_the_same() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let app = &house.app;
        app.mailbox("second@elsewhere.example").await;
        app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 later\r\n"));
        assert!(house.reply(&[&house.lg], &letter(&format!("To: {}", house.lg), "")).await.starts_with("250 "));
        app.wait_until(async |app| app.queue().await.iter().any(|row| row.attempts == 1)).await;
        execute(&database, "UPDATE mailboxes SET address = 'no address' WHERE address LIKE 'second@%'".into()).await;
        app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 nobody of this name\r\n"));
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.queue().await.iter().all(|row| row.state == DeliveryState::Failed)).await;
        assert_eq!(app.queue().await.len(), 1, "seen, and not handed off again with every lease");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_quotes_the_mailbox_goes_out_untouched_and_its_owner_is_told() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let message = letter(&format!("To: {}", house.lg), "")
            .replace("Thank you.", "On Tuesday, Jane.Roe=40mailbox-=\r\nprovider.example wrote:");
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        assert!(text(&house.sent()[0]).contains("\r\n\r\nOn Tuesday, Jane.Roe=40mailbox-=\r\nprovider.example wrote:\r\n"));
        let counts = house.app.activity(&house.alias).await;
        assert_eq!((counts.replied, counts.quoted), (1, 1));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_signature_of_the_mailbox_s_domain_is_proof_enough() {
    each_driver(async |database| {
        let owner = Signer::rsa("mailbox-provider.example", "s1");
        let stranger = Signer::rsa("evil.example", "s1");
        let zone = format!("{ZONE}{}{}", owner.record(), stranger.record());
        let house = House::build(&database, &zone).await;
        let (app, lg) = (&house.app, &house.lg);
        let message = dated(lg, "Auto-Submitted: auto-replied\r\n");
        let signed = owner.sign(&message, &whole());

        // From anywhere. What a program wrote, or was sent with the null sender, must not be bounced to.
        let by_hand = owner.sign(&dated(lg, ""), &whole());
        assert!(submit(app, "127.0.0.2", MAILBOX, lg, &signed).await.starts_with("250 "));
        assert!(submit(app, "127.0.0.2", "", lg, &by_hand).await.starts_with("250 "));
        assert!(submit(app, "127.0.0.2", MAILBOX, lg, &by_hand).await.starts_with("250 "));
        let sent = house.sent();
        assert_eq!(sent.len(), 3);
        assert!(sent[0].sender().is_empty() && sent[1].sender().is_empty() && sent[2].sender().starts_with("bounce+"));
        assert!(
            text(&sent[0]).matches("DKIM-Signature").count() == 1
                && text(&sent[0]).contains("\r\nAuto-Submitted: auto-replied\r\n")
        );

        for forged in [
            stranger.sign(&message, &whole()),
            signed.replace("Thank you", "Send me money"),
            signed.replace("Re: Sale", "Your account"),
        ] {
            let answer = submit(app, "127.0.0.2", MAILBOX, lg, &forged).await;
            assert!(answer.starts_with("550 5.7.1 "), "{answer}");
        }
        let counts = app.activity(&house.alias).await;
        assert_eq!((counts.replied, counts.unproven, house.sent().len()), (3, 3, 3));
        house.told(1).await;
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_read_receipt_is_refused_with_a_reason() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let receipt = letter(&format!("To: {}", house.lg), "").replace(
            "Content-Type: text/plain",
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
        );
        let answer = house.reply(&[&house.lg], &receipt).await;
        assert_eq!(answer, "550 5.7.1 Read receipts and other reports are not passed on: they name your mailbox");
        assert!(house.sent().is_empty());
        house.app.finish().await;
    })
    .await;
}

/// A signature over all that goes out.
fn whole() -> How {
    let names = vec!["from", "to", "cc", "subject", "date", "message-id", "content-type"];
    How { names, ..How::default() }
}

/// A letter that was written when the tests' clock starts.
fn dated(lg: &Address, rest: &str) -> String {
    letter(&format!("To: {lg}"), rest)
        .replace("\r\n..\r\n", "\r\n")
        .replace("\r\nDate: Wed, 15 Nov 2023 07:13:20 +0900", "\r\nDate: Fri, 15 Jan 2027 17:00:00 +0900")
}

#[tokio::test]
async fn no_answer_tells_whether_a_guessed_mailbox_is_the_owner_s() {
    let broken =
        ZONE.replace("mailbox-provider.example. IN TXT", "none.example. IN TXT") + "; servfail: mailbox-provider.example\n";
    for (zone, source, expected) in [(ZONE, "127.0.0.2", "550 5.7.1 "), (&broken, "127.0.0.1", "451 4.7.0 ")] {
        each_driver(async |database| {
            let house = House::build(&database, zone).await;
            let answer = async |author: &str, sender: &str, source: &str| {
                let message = format!("From: {author}\r\nTo: {}\r\n\r\nIs it you?\r\n", house.lg);
                submit(&house.app, source, sender, &house.lg, &message).await
            };
            let owner = answer(MAILBOX, MAILBOX, source).await;
            assert!(owner.starts_with(expected), "{owner}");
            assert_eq!(owner, answer("guess@mailbox-provider.example", MAILBOX, source).await);
            if expected.starts_with("550") {
                let evil = "x@evil.example";
                assert_eq!(owner, answer(evil, evil, source).await, "a proven stranger learns no more");
            }
            assert!(house.sent().is_empty());
            if expected.starts_with("550") {
                house.told(1).await;
            }
            house.app.finish().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_signed_message_can_t_be_changed_turned_elsewhere_or_sent_again_later() {
    each_driver(async |database| {
        let owner = Signer::ed25519("mailbox-provider.example", "s1");
        let testing = Signer::ed25519("mailbox-provider.example", "t");
        let zone = format!("{ZONE}{}{}", owner.record(), testing.record().replace("v=DKIM1;", "v=DKIM1; t=y;"));
        let house = House::build(&database, &zone).await;
        let (app, lg) = (&house.app, &house.lg);
        let bob = meet(app, &house.alias, "Bob <bob@corp.example>").await;
        let message = dated(lg, "Message-ID: <c1@mailbox-provider.example>\r\n");
        let signed = owner.sign(&message, &whole());
        let unproven = "550 5.7.1 Not verified as a message of the owner of this address";

        // Verifiers read the last field of a name, or do not see one with a space; we took the first.
        for field in [
            "Subject: Pay",
            "Subject : Pay",
            "Content-Type: text/html",
            "To : a@x.example",
            "References: <a@b>\r\nReferences: <c@d>",
        ] {
            let answer = submit(app, "127.0.0.2", MAILBOX, lg, &format!("{field}\r\n{signed}")).await;
            assert!(answer.starts_with("550 5.6.0 "), "{field}: {answer}");
        }
        let partly = |names: &[&'static str]| owner.sign(&message, &How { names: names.to_vec(), ..How::default() });
        let late = message.replace("15 Jan 2027", "10 Jan 2027").replace("c1@", "c2@");
        for (what, to, message) in [
            ("not named", &bob, signed.clone()),
            ("a subject that anybody could have set", lg, partly(&["from", "to", "date", "message-id", "content-type"])),
            ("a type that anybody could have set", lg, partly(&["from", "to", "date", "message-id", "subject"])),
            ("an id that anybody could have set", lg, partly(&["from", "to", "date", "subject", "content-type"])),
            ("an encoding added on the way", lg, format!("Content-Transfer-Encoding: base64\r\n{signed}")),
            ("an old one", lg, owner.sign(&late, &whole())),
            ("a key under test", lg, testing.sign(&message, &whole())),
        ] {
            assert_eq!(submit(app, "127.0.0.2", MAILBOX, to, &message).await.trim_end(), unproven, "{what}");
        }
        assert!(house.sent().is_empty());

        // The provider may say it again for a day, which does not start anew; afterwards it is somebody's copy.
        for hours in [0, 20] {
            app.clock.advance(Duration::from_hours(hours));
            assert!(submit(app, "127.0.0.2", MAILBOX, lg, &signed).await.starts_with("250 "));
        }
        app.clock.advance(Duration::from_hours(5));
        assert_eq!(submit(app, "127.0.0.2", MAILBOX, lg, &signed).await.trim_end(), unproven);
        assert_eq!(house.sent().len(), 2);
        // The client's own address is proof of its own: also for who is in Bcc only.
        assert!(submit(app, "127.0.0.1", MAILBOX, &bob, &signed).await.starts_with("250 "));
        // Told on the first day and, as it went on, on the second.
        house.told(2).await;
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_is_no_correspondent_of_its_own() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let own = meet(&house.app, &house.alias, "shop@you.example").await;
        let answer = house.reply(&[&own], &letter(&format!("To: {own}"), "Auto-Submitted: auto-replied\r\n")).await;
        assert_eq!(answer, "550 5.7.1 No mail goes out through this address any more");
        assert!(house.sent().is_empty());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_alias_with_a_display_name_shows_it_to_correspondents_only() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (desk, own) = (&house.app.running.broker.desk, &house.alias.address);
        let edit = |name: Option<&str>| Edit { display_name: Some(name.map(str::to_owned)), note: None };
        alias::edit(desk, house.app.user, own, edit(Some("Jo Roe, B\u{fc}ro"))).await.unwrap();
        let message = letter(&format!("To: {}", house.lg), "");
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        alias::edit(desk, house.app.user, own, edit(None)).await.unwrap();
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        let from: Vec<_> = house.sent().iter().map(|sent| text(sent).split("\r\nFrom: ").nth(1).unwrap().to_owned()).collect();
        let first = from[0].split("\r\nTo: ").next().unwrap();
        assert!(first.starts_with("=?utf-8?") && first.ends_with("<shop@you.example>"), "{first}");
        assert!(from[1].starts_with("<shop@you.example>\r\n"), "{}", from[1]);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_owner_writes_first_to_somebody_who_never_wrote() {
    each_driver(async |database| {
        let house = House::build(&database, ZONE).await;
        let (desk, own) = (&house.app.running.broker.desk, &house.alias.address);
        let made = service::contact::create(desk, house.app.user, own, address("Boss@corp.example")).await.unwrap();
        let again = service::contact::create(desk, house.app.user, own, address("boss@corp.example")).await.unwrap();
        assert_eq!(made.reverse, again.reverse);
        assert!(house.reply(&[&made.reverse], &letter(&format!("To: {}", made.reverse), "")).await.starts_with("250 "));
        let sent = house.sent().pop().unwrap();
        assert_eq!(sent.recipients(), ["Boss@corp.example"]);
        assert!(text(&sent).contains("\r\nFrom: <shop@you.example>\r\nTo: <Boss@corp.example>\r\n"), "{}", text(&sent));
        house.app.finish().await;
    })
    .await;
}

/// A house whose owner wants quoted mailboxes replaced.
async fn replacing(database: &Database) -> House {
    let house = House::build(database, ZONE).await;
    let settings = service::user::Settings { replace_quoted: Some(true), ..Default::default() };
    service::user::set(&house.app.running.broker.desk, house.app.user, settings).await.unwrap();
    house
}

#[tokio::test]
async fn a_quoted_mailbox_is_replaced_where_its_owner_wants_that() {
    each_driver(async |database| {
        let house = replacing(&database).await;
        let encoded = data_encoding::BASE64.encode(format!("<p>{MAILBOX}</p>").as_bytes());
        let body = format!(
            "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             On Tuesday, Jane.Roe=40mailbox-=\r\nprovider.example wrote:\r\n--b\r\nContent-Type: text/html\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"
        );
        let message = letter(&format!("To: {}", house.lg), "")
            .replace("text/plain", "multipart/alternative;\r\n boundary=b")
            .replace("Thank you.\r\n..\r\n", &body);
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        let sent = text(&house.sent()[0]);
        let changed = data_encoding::BASE64.encode(b"<p>shop@you.example</p>");
        let expected = body.replace("Jane.Roe=40mailbox-=\r\nprovider.example", "shop@you.example").replace(&encoded, &changed);
        assert_eq!(sent.split_once("\r\n\r\n").unwrap().1, expected);
        let records = dkim::records_of(&house.app).await;
        let now = postern::model::Clock::now(&*house.app.clock).as_seconds();
        for signature in dkim::check(&[sent.into_bytes()], &records, now).iter().flatten() {
            assert!(signature.ok, "what goes out is what was signed: {signature:?}");
        }
        let counts = house.app.activity(&house.alias).await;
        assert_eq!((counts.replied, counts.quoted), (1, 0), "nothing is left to be reported");
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_replaced_goes_out_untouched_and_is_reported() {
    each_driver(async |database| {
        let house = replacing(&database).await;
        let body = format!(
            "--b\r\nContent-Type: text/plain\r\n\r\nI am {MAILBOX}\r\n\
             --b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
        );
        let message = letter(&format!("To: {}", house.lg), "");
        let signed = message.replace("text/plain", "multipart/signed; boundary=b").replace("Thank you.\r\n..\r\n", &body);
        let long = format!("{MAILBOX}\r\n{}", "A long line of a long letter, over and over again.\r\n".repeat(21_000));
        for (message, body) in [(signed, &body), (message.replace("Thank you.\r\n..\r\n", &long), &long)] {
            assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
            assert!(text(house.sent().last().unwrap()).split_once("\r\n\r\n").unwrap().1 == *body);
        }
        let counts = house.app.activity(&house.alias).await;
        assert_eq!((counts.replied, counts.quoted), (2, 2));
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_has_its_quote_replaced_as_well() {
    each_driver(async |database| {
        let house = replacing(&database).await;
        house.app.next_hop(Script::new().reply(Point::Rcpt, "451 4.3.0 later\r\n"));
        let message = letter(&format!("To: {}", house.lg), "").replace("Thank you.", &format!("I am {MAILBOX}."));
        assert!(house.reply(&[&house.lg], &message).await.starts_with("250 "));
        house.app.next_hop(Script::new());
        house.app.clock.advance(Duration::from_hours(1));
        house.app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert!(text(house.sent().last().unwrap()).ends_with("\r\n\r\nI am shop@you.example.\r\n.\r\n"));
        house.app.finish().await;
    })
    .await;
}
