//! The mailbox address and its host never leave towards a correspondent, wherever the owner's mail program or a server on
//! the way hides them: in replies, in automatic answers, in bounces of either.
//!
//! Of a reply the envelope and the header block are looked at: a body that quotes the owner is reported, not changed. Its
//! `Subject`, names of correspondents and `Content-` fields are the owner's own words: no address may be in there, the
//! name of a provider may. A report of a failure goes to nobody but the owner.

use std::time::Duration;

use data_encoding::BASE64;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{Database, address, each_driver};
use crate::support::sink::Message;

/// A host of the owner's provider.
const HOST: &str = "mx7.mailbox-provider.example";
const PROVIDER: &str = "mailbox-provider";

/// Ways to write a text in a header field that some reader takes for the text itself.
fn spelled(text: &str, way: usize) -> String {
    let (start, end) = text.split_at(text.len() / 2);
    let hex = text.bytes().map(|byte| format!("={byte:02X}")).collect::<Vec<_>>().concat();
    match way {
        0 => text.to_owned(),
        1 => text.to_uppercase(),
        2 => format!("=?utf-8?q?{hex}?="),
        3 => format!("=?UTF-8?B?{}?=", BASE64.encode(text.as_bytes())),
        4 => format!("=?utf-8?b?{}?= =?utf-8?b?{}?=", BASE64.encode(start.as_bytes()), BASE64.encode(end.as_bytes())),
        5 => text.replace('@', "%40").replace('.', "%2e"),
        6 => format!("{start}\r\n {end}"),
        7 => text.replace('@', " @ "),
        8 => match text.split_once('@') {
            Some((local, domain)) => format!("\"{local}\"@{domain}"),
            None => format!("\"{text}\""),
        },
        9 => format!("=?utf-8?b?{}?=", BASE64.encode(format!("{start}\u{200b}{end}").as_bytes())),
        _ => format!("<{text}>"),
    }
}

/// Fields that a mail program, its user or a server may have put the secret into; each stands once.
fn field(kind: usize, secret: &str) -> String {
    let name = match kind {
        0 => "Received: from laptop by",
        1 => "X-Originating-Host:",
        2 => "X-Sender:",
        3 => "Reply-To:",
        4 => "Sender:",
        5 => "Disposition-Notification-To:",
        6 => "Return-Receipt-To:",
        7 => "List-Unsubscribe: mailto:",
        8 => "List-Id:",
        9 => "Organization:",
        10 => "Comments:",
        11 => "Keywords:",
        12 => "Resent-From:",
        13 => "Content-ID:",
        14 => "Content-Description:",
        15 => "Subject: Re: written by",
        16 => "Importance:",
        17 => "Auto-Submitted:",
        18 => "Auto-Submitted: auto-replied; owner-email=",
        19 => "X-Auto-Response-Suppress:",
        20 => return format!("MIME-Version: 1.0 ({secret})\r\n"),
        21 => return format!("Message-ID: <{secret}>\r\n"),
        22 => return format!("References: <1@lg.example> <{secret}> <a.{secret}@third.example>\r\n"),
        23 => return format!("In-Reply-To: <{secret}@{HOST}>\r\n"),
        24 => return format!("Content-Type: text/plain; name=\"{secret}\"\r\n"),
        25 => return format!("Content-Type: multipart/mixed; boundary=\"{secret}\"\r\n"),
        26 => {
            let secret = secret.replace("\r\n", "").replace('"', "");
            let (start, end) = secret.split_at(secret.len() / 2);
            return format!("Content-Type: text/plain; name*1=\"{end}\"; name*0=\"{start}\"\r\n");
        }
        27 => return format!("Content-Disposition: inline; filename*=utf-8''{secret}\r\n"),
        28 => return format!("Content-Transfer-Encoding: 7bit ({secret})\r\n"),
        29 => return format!("Date: Fri, 15 Jan 2027 17:00:00 +0900 ({secret})\r\n"),
        _ => "DKIM-Signature: v=1; d=x; i=",
    };
    format!("{name} {secret}\r\n")
}

const KINDS: usize = 31;

/// A reply with some of those fields, each spelled in some way, the mailbox or a host in each.
fn reply(lg: String) -> impl Strategy<Value = String> {
    let hidden = (0..KINDS, 0..11_usize, any::<bool>());
    (prop::collection::vec(hidden, 1..5), 0..11_usize, any::<bool>()).prop_map(move |(hidden, way, is_named)| {
        let mut seen = std::collections::BTreeSet::new();
        let mut message = format!("From: Jane Roe <{MAILBOX}>\r\n");
        // The name the owner's address book has for the correspondent; quotation marks inside it are escaped.
        let name = spelled(MAILBOX, way).replace(['<', '>'], "").replace('"', "\\\"");
        let to = if !is_named {
            format!("To: {lg}\r\nCc: Me <{MAILBOX}>, shop@you.example\r\n")
        } else if name.contains("=?") {
            format!("To: {name} <{lg}>\r\n")
        } else {
            format!("To: \"{name}\" <{lg}>\r\n")
        };
        message.push_str(&to);
        for (kind, way, is_host) in hidden {
            let field = field(kind, &spelled(if is_host { HOST } else { MAILBOX }, way));
            if seen.insert(field.split(':').next().unwrap().to_owned()) {
                message += &field;
            }
        }
        message + "\r\nThank you.\r\n"
    })
}

/// The text without what stands between its letters only to the eye of a program.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !"\"\\\u{200b}".contains(*c)).collect::<String>().to_lowercase()
}

/// Everything a reader may see in a header block: as it is, with encoded words, percent signs and pieces of parameters
/// put together. Read here on its own, not by the code under test.
fn readings(header: &str) -> Vec<String> {
    let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut decoded = String::new();
    for (number, piece) in unfolded.replace("?= =?", "?==?").split("=?").enumerate() {
        let parts: Vec<&str> = piece.splitn(4, '?').collect();
        let word = match parts.as_slice() {
            [_, kind, text, rest] if number > 0 => {
                let bytes = if kind.eq_ignore_ascii_case("b") {
                    BASE64.decode(text.as_bytes()).unwrap_or_default()
                } else {
                    unescaped(text, '=')
                };
                format!("{}{}", String::from_utf8_lossy(&bytes), rest.strip_prefix('=').unwrap_or(rest))
            }
            _ => piece.to_owned(),
        };
        decoded.push_str(&word);
    }
    let mut parts: Vec<(String, String)> = Vec::new();
    for piece in unfolded.split([';', '\n']) {
        if let Some((name, value)) = piece.split_once("*0=").or_else(|| piece.split_once("*1=")) {
            let number = if piece.contains("*0=") { "0" } else { "1" };
            parts.push((format!("{}{number}", name.trim()), value.trim().to_owned()));
        }
    }
    parts.sort();
    let joined: String = parts.into_iter().map(|(_, value)| value).collect();
    let texts = [unfolded, decoded, joined];
    let percent = texts.clone().map(|text| String::from_utf8_lossy(&unescaped(&text, '%')).into_owned());
    texts.iter().chain(&percent).map(|text| squeezed(text)).collect()
}

fn unescaped(text: &str, mark: char) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, piece) in text.split(mark).enumerate() {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| number > 0);
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(piece.bytes().skip(2));
            }
            None => bytes.extend(piece.bytes()),
        }
    }
    bytes
}

/// The fields that are not in the owner's own words.
fn written_by_programs(header: &str) -> String {
    let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", " ");
    let is_own = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        let is_words =
            ["content-type", "content-disposition", "content-description", "content-language"].contains(&name.as_str());
        !is_words && !["subject", "to", "cc"].contains(&name.as_str())
    };
    unfolded.lines().filter(is_own).collect::<Vec<_>>().join("\n")
}

/// What in a message to a correspondent names the owner.
fn leak(message: &Message) -> Option<String> {
    let text = String::from_utf8_lossy(&message.content);
    let header = text.split("\r\n\r\n").next().unwrap_or_default();
    let envelope = format!("{} {}", message.mail, message.recipients().join(" "));
    let address = |text: &String| text.contains(MAILBOX);
    let host = |text: &String| text.contains(PROVIDER) || text.contains("jane");
    let found = readings(&envelope).into_iter().chain(readings(&written_by_programs(header))).find(host);
    found.or_else(|| readings(header).into_iter().find(address))
}

async fn instance(database: &Database) -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zone");
    let text = "$TTL 60\nmailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\nlg.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n";
    std::fs::write(&zone, text).unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(zone);
        config.smtp.trusted_networks.clear();
        config.smtp.connections_per_minute = 100_000;
        config.smtp.recipients_per_minute = 100_000;
    });
    (app.await, folder)
}

/// Somebody writes to the alias: what the owner's copy was sent from, and the reverse address in it.
async fn meet(app: &TestApp) -> (String, String) {
    let message =
        "From: LG <news@lg.example>\r\nTo: shop@you.example\r\nSubject: Sale\r\nMessage-ID: <1@lg.example>\r\n\r\nHello\r\n";
    let answer = app.send_to("news@lg.example", &[&address("shop@you.example")], message).await;
    assert!(answer.starts_with("250 "), "{answer}");
    let copy = app.sink.messages().pop().unwrap();
    let text = String::from_utf8(copy.content.clone()).unwrap();
    let at = text.find("<reply+").unwrap() + 1;
    (copy.sender().to_owned(), text[at..].chars().take_while(|c| *c != '>').collect())
}

#[tokio::test]
async fn no_reply_names_its_owner_wherever_the_name_was_hidden() {
    each_driver(async |database| {
        let (app, _zone) = instance(&database).await;
        app.alias("shop").await;
        let (_, lg) = meet(&app).await;
        let strategy = reply(lg.clone());
        let (mut runner, mut accepted, mut leaks) = (TestRunner::deterministic(), 0, Vec::new());
        const CASES: usize = 300;
        for _ in 0..CASES {
            let message = strategy.new_tree(&mut runner).unwrap().current();
            let before = app.sink.messages().len();
            let answer = app.send_to(MAILBOX, &[&address(&lg)], &message).await;
            assert!(answer.starts_with("250 ") || answer.starts_with("550 "), "{answer}\n{message}");
            let sent = app.sink.messages().split_off(before);
            assert_eq!(sent.len(), usize::from(answer.starts_with("250 ")), "{answer}");
            accepted += sent.len();
            for message_sent in &sent {
                if let Some(found) = leak(message_sent) {
                    leaks.push(format!("{found}\n--- of\n{message}"));
                }
            }
        }
        assert!(leaks.is_empty(), "{} leaks, the first:\n{}", leaks.len(), leaks[..leaks.len().min(4)].join("\n\n"));
        assert!(accepted > CASES / 3, "only {accepted} went out, which proves little");
        app.finish().await;
    })
    .await;
}

/// A report of a mail server that says too much, in one of the shapes they have.
fn report() -> impl Strategy<Value = String> {
    (0..11_usize, 0..11_usize, any::<bool>(), 0..4_usize).prop_map(|(first, second, is_final, shape)| {
        let (who, host) = (spelled(MAILBOX, first), spelled(HOST, second));
        let action = if is_final { "failed" } else { "delayed" };
        let fields = format!(
            "Reporting-MTA: dns; {host}\r\n\r\nFinal-Recipient: rfc822; {who}\r\nOriginal-Recipient: rfc822; {MAILBOX}\r\n\
             Action: {action}\r\nStatus: 5.1.1\r\nRemote-MTA: dns; {host}\r\nDiagnostic-Code: smtp; 550 <{who}> unknown at {host}\r\n"
        );
        let top = format!("From: MAILER-DAEMON@{HOST}\r\nSubject: Undelivered: {who}\r\nX-Failed-Recipients: {MAILBOX}\r\n");
        match shape {
            0 => format!("{top}\r\n<{MAILBOX}>: host {HOST} said: 550 no such user\r\n"),
            1 => format!("{top}Content-Type: text/plain\r\n\r\n{fields}"),
            _ => format!(
                "{top}Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n{who} is gone\r\n\
                 --b\r\nContent-Type: message/delivery-status\r\n\r\n{fields}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
                 To: {who}\r\nReceived: by {host}\r\n\r\n{MAILBOX}\r\n--b--\r\n"
            ),
        }
    })
}

#[tokio::test]
async fn no_bounce_of_either_direction_takes_the_mailbox_along() {
    each_driver(async |database| {
        let (app, _zone) = instance(&database).await;
        app.alias("shop").await;
        let mut runner = TestRunner::deterministic();
        // All of them first: a mailbox whose mail comes back is paused.
        let mut addresses = Vec::new();
        for _ in 0..60 {
            let (of_copy, lg) = meet(&app).await;
            let own = format!("From: {MAILBOX}\r\nTo: {lg}\r\nSubject: Re: Sale\r\n\r\nThank you.\r\n");
            assert!(app.send_to(MAILBOX, &[&address(&lg)], &own).await.starts_with("250 "));
            let of_reply = app.sink.messages().pop().unwrap().sender().to_owned();
            addresses.push([of_copy, of_reply]);
        }
        for (number, pair) in addresses.into_iter().enumerate() {
            let before = app.sink.messages().len();
            for bounce in pair {
                let message = report().new_tree(&mut runner).unwrap().current();
                let answer = app.send_to("", &[&address(&bounce)], &message).await;
                assert!(readings(&answer).iter().all(|text| !text.contains("jane") && !text.contains(PROVIDER)), "{answer}");
            }
            app.deliver_after(Duration::from_mins(90)).await;
            let told = app.sink.messages().split_off(before);
            assert!(told.iter().all(|message| message.recipients() == [MAILBOX]), "case {number}: a report went on");
        }
        app.finish().await;
    })
    .await;
}
