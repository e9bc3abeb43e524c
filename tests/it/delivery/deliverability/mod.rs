//! Mail of every kind goes through and arrives whole, signed, and with what it carries still valid. The table of it is
//! `docs/deliverability.md`, which this test makes and compares.

mod authors;
mod bodies;
mod fields;
mod inside;
mod refused;
mod row;
mod table;

use std::process::{Command, Stdio};
use std::time::Duration;

use mail_auth::AuthenticatedMessage;
use postern::config::dkim::Dkim;
use postern::config::duration::Span;
use postern::model::{Address, Clock};

use self::inside::{Inside, Tools, body, tampered};
use self::row::{ALIAS, Row, Senders};
use crate::support::app::{DOMAIN, TestApp};
use crate::support::database::{Database, each_driver, on_sqlite};
use crate::support::dkim::{Records, assert_signed, check, check_with_mail_auth, records_of};
use crate::support::sink::{Point, Script};

/// An instance that checks and signs, for a sender who is a stranger.
async fn start(database: &Database, zone: &str) -> (TestApp, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, zone).unwrap();
    let app = TestApp::with(database, |config| {
        config.dns.zone_file = Some(path);
        config.dkim = Dkim::default();
        config.smtp.trusted_networks.clear();
        // All from one address, and faster than a stranger may.
        config.smtp.connections_per_minute = 10_000;
        // The largest message needs more than a moment in an unoptimised build.
        config.outbound.inline_deadline = Span(Duration::from_mins(1));
    });
    let app = app.await;
    // mail-auth reads the machine's clock.
    app.clock.catch_up();
    app.alias("lg.k7f3qz2m").await;
    (app, folder)
}

/// Sends the bytes as they are and declares what they need; the last reply.
async fn send(app: &TestApp, row: &Row) -> String {
    let mut client = app.client().await;
    let header = &row.message[..row.message.len() - body(&row.message).len()];
    let eight_bit = if row.message.is_ascii() { "" } else { " BODY=8BITMIME" };
    let utf8 = if !header.is_ascii() && str::from_utf8(header).is_ok() { " SMTPUTF8" } else { "" };
    client.ask(&format!("MAIL FROM:<{}>{eight_bit}{utf8}", row.sender), "250").await;
    client.ask(&format!("RCPT TO:<{ALIAS}>"), "250").await;
    client.ask("DATA", "354").await;
    let mut text = Vec::with_capacity(row.message.len());
    for line in row.message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            text.push(b'.');
        }
        text.extend_from_slice(line);
    }
    text.extend_from_slice(b".\r\n");
    client.send(text).await;
    client.read_reply().await.unwrap().trim_end().to_owned()
}

/// The results told to the owner's server, without the names they are about.
fn told(message: &[u8]) -> String {
    let header = String::from_utf8_lossy(&message[..message.len() - body(message).len()]).replace("\r\n\t", " ");
    let results = header.lines().find_map(|line| line.strip_prefix("Authentication-Results: gate.you.example; ")).unwrap();
    let word = |result: &str| {
        let end = [" header.", " smtp."].iter().filter_map(|property| result.find(property)).min().unwrap_or(result.len());
        result[..end].to_owned()
    };
    let mut words: Vec<String> = results.split("; ").map(word).collect();
    words.extend(header.contains("\r\nX-Postern-Warning: ").then(|| "warned".to_owned()));
    words.join("; ")
}

/// Whether the programs are there that make and check what messages carry.
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "who runs the tests says what is there, and must see what was left out"
)]
fn has_programs() -> bool {
    let answers = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let all = answers("openssl", &["version"])
        && answers("gpg", &["--version"])
        && answers("gpgconf", &["--version"])
        && answers("/usr/bin/python3", &["-c", "import dkim, nacl"]);
    let is_required = std::env::var("POSTERN_TEST_REQUIRE_DKIM").is_ok_and(|value| value == "1");
    assert!(all || !is_required, "openssl, gpg, python3-dkim and python3-nacl have to be installed; tests/run does it");
    if !all {
        println!("skipped: openssl, gpg, python3-dkim or python3-nacl is not installed");
    }
    all
}

/// The message arrived whole, from our domain, and what the owner's server is told is true.
fn assert_whole(row: &Row, arrived: &[u8], tools: &Tools) {
    let name = row.name;
    assert!(body(arrived) == body(&row.message), "{name}: the body was changed");
    let author = AuthenticatedMessage::parse(arrived).unwrap().from.concat();
    assert_eq!(Address::parse(&author).unwrap().domain().as_str(), DOMAIN, "{name}");
    if !matches!(row.inside, Inside::Nothing | Inside::Message(_)) {
        assert!(tools.holds(&row.inside, &row.message), "{name}: it did not hold before");
        assert!(tools.holds(&row.inside, arrived), "{name}: what it carries does not hold any more");
        assert!(!tools.holds(&row.inside, &tampered(arrived)), "{name}: a change was not noticed");
    }
}

/// The message with no white space at line ends of its body: the same in the relaxed form.
fn without_space_at_ends(message: &[u8]) -> Vec<u8> {
    let (header, body) = message.split_at(message.len() - body(message).len());
    let lines = body.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec());
    [header, &lines.collect::<Vec<_>>().join(&b"\r\n"[..])].concat()
}

/// Both our signatures on every message are good to two verifiers, and so is the one inside a forwarded message.
async fn assert_signatures(app: &TestApp, rows: &[&Row], mut arrived: Vec<Vec<u8>>, senders: &Senders) {
    let mut records: Records = records_of(app).await;
    for (row, message) in rows.iter().zip(&arrived) {
        let message = if row.ends_in_space { &without_space_at_ends(message) } else { message };
        let verdicts = check_with_mail_auth(&AuthenticatedMessage::parse(message).unwrap(), &records).await;
        let ours: Vec<bool> = verdicts.iter().filter(|(domain, _)| domain == DOMAIN).map(|(_, is_good)| *is_good).collect();
        assert_eq!(ours, [true, true], "{}: {verdicts:?}", row.name);
    }
    let (name, text) = senders.ed25519("x.org").record_parts();
    records.insert(name, text);
    // What was forwarded is taken out of what arrived.
    let count = arrived.len();
    for (row, message) in rows.iter().zip(arrived.clone()) {
        if let Inside::Message(inner) = &row.inside {
            let at = message.windows(inner.len()).position(|window| window == inner).unwrap();
            arrived.push(message[at..at + inner.len()].to_vec());
        }
    }
    let found = check(&arrived, &records, app.clock.now().as_seconds());
    assert!(found.len() > count);
    for (number, (message, signatures)) in arrived.iter().zip(&found).enumerate() {
        if number < count {
            assert_signed(message, signatures, DOMAIN);
        } else {
            assert!(signatures.iter().all(|one| one.ok && one.domain == "x.org") && signatures.len() == 1, "{signatures:?}");
        }
    }
}

/// The sections of the table.
fn sections(senders: &Senders, tools: &Tools) -> [(&'static str, Vec<Row>); 4] {
    [
        ("How senders prove who they are", authors::rows(senders)),
        ("Addresses and fields", fields::rows(senders)),
        ("Bodies", bodies::rows(senders)),
        ("Signed and encrypted inside", inside::rows(senders, tools)),
    ]
}

/// Sends them all; every one is accepted.
async fn send_all(app: &TestApp, rows: &[&Row]) {
    for row in rows {
        assert_eq!(send(app, row).await, "250 2.0.0 Ok, message accepted", "{}", row.name);
    }
}

/// Everything that arrived is whole, and what is told of it is what each row says.
async fn assert_all(app: &TestApp, rows: &[&Row], arrived: Vec<Vec<u8>>, senders: &Senders, tools: &Tools) {
    assert_eq!(arrived.len(), rows.len());
    let told: Vec<_> = rows.iter().zip(&arrived).map(|(row, message)| (row.name, told(message))).collect();
    let wrong: Vec<_> = rows.iter().zip(&told).filter(|(row, (_, told))| row.told != told).map(|(_, told)| told).collect();
    assert!(wrong.is_empty(), "the owner's server is told: {wrong:#?}");
    for (row, message) in rows.iter().zip(&arrived) {
        assert_whole(row, message, tools);
    }
    assert_signatures(app, rows, arrived, senders).await;
}

#[tokio::test]
async fn mail_of_every_kind_arrives_whole_and_signed() {
    if !has_programs() {
        return;
    }
    let (senders, tools) = (Senders::new(), Tools::new());
    let sections = sections(&senders, &tools);
    let refused = refused::rows(&senders);
    on_sqlite(async |database| {
        let (app, _folder) = start(&database, &senders.zone()).await;
        let rows: Vec<&Row> = sections.iter().flat_map(|(_, rows)| rows).collect();
        assert!(rows.len() >= 40);
        send_all(&app, &rows).await;
        let arrived = app.sink.wait_for(rows.len()).await.into_iter().map(|message| message.content).collect();
        assert_all(&app, &rows, arrived, &senders, &tools).await;
        let mut answers = Vec::new();
        for row in &refused {
            let reply = send(&app, row).await;
            assert!(reply.starts_with('5'), "{}: {reply}", row.name);
            answers.push((row.name, reply));
        }
        assert_eq!(app.sink.messages().len(), rows.len(), "nothing that was refused was passed on");
        table::settle(&table::page(&sections, &answers));
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_had_to_wait_in_the_queue_arrives_no_different() {
    if !has_programs() {
        return;
    }
    let (senders, tools) = (Senders::new(), Tools::new());
    let mut rows: Vec<Row> = sections(&senders, &tools).into_iter().flat_map(|(_, rows)| rows).collect();
    // The largest goes straight through only: it would take most of the time.
    rows.retain(|row| row.message.len() < 1_000_000);
    // They leave in any order: a field that nobody signs tells which is which.
    for (number, row) in rows.iter_mut().enumerate() {
        row.message.splice(0..0, format!("X-Row: {number:03}\r\n").into_bytes());
    }
    let rows: Vec<&Row> = rows.iter().collect();
    each_driver(async |database| {
        let (app, _folder) = start(&database, &senders.zone()).await;
        app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        send_all(&app, &rows).await;
        assert!(app.sink.messages().is_empty());
        app.next_hop(Script::new());
        app.deliver_after(Duration::from_hours(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        let mut arrived: Vec<Vec<u8>> = app.sink.messages().into_iter().map(|message| message.content).collect();
        arrived.sort_by_cached_key(|message| {
            let at = message.windows(9).position(|window| window == b"\r\nX-Row: ").unwrap();
            message[at..at + 12].to_vec()
        });
        assert_all(&app, &rows, arrived, &senders, &tools).await;
        app.finish().await;
    })
    .await;
}
