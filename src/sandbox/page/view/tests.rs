//! What the page says, from facts alone.

use bytes::Bytes;

use super::*;

fn event(alias: &str, sender: &str, subject: &str, reply: &str) -> Event {
    let verdict = Verdict { recipient: alias.into(), sender: sender.into(), subject: subject.into(), reply: reply.into() };
    Event { at: Timestamp::from_micros(1_700_000_000_000_000), alias: alias.into(), what: What::Mail(verdict) }
}

fn message(recipient: &str, bytes: &str) -> Arc<Received> {
    let bytes = Bytes::copy_from_slice(bytes.as_bytes());
    Arc::new(Received::read(1, "bounce@you.example".into(), vec![recipient.into()], bytes, true))
}

fn facts() -> Facts {
    Facts {
        real_address: "me@inbox.example".into(),
        other_addresses: Vec::new(),
        pages: "http://localhost:1/".into(),
        smtp: SocketAddr::from(([127, 0, 0, 1], 2525)),
        cards: vec![
            Card { sender: &SENDERS[0], address: "lumen.1@you.example".into(), state: AliasState::Killed },
            Card { sender: &SENDERS[1], address: "book.2@you.example".into(), state: AliasState::Active },
        ],
        events: Vec::new(),
        heard: Heard::default(),
        messages: Vec::new(),
    }
}

#[test]
fn a_hostile_subject_stays_text() {
    let hostile = "<script>alert(1)</script>";
    let facts = Facts {
        events: vec![event("lumen.1@you.example", "<b>@evil.example", hostile, "250 2.0.0 <i>")],
        messages: vec![message("me@inbox.example", &format!("From: <x@y.example>\r\nSubject: {hostile}\r\n\r\n{hostile}\r\n"))],
        ..facts()
    };
    let page = Page::new(&facts).render().unwrap();
    assert!(!page.contains("<script>alert") && !page.contains("<b>@evil") && !page.contains("<i>"));
    assert_eq!(page.matches("&#60;script&#62;alert(1)&#60;/script&#62;").count(), 4, "{page}");
}

#[test]
fn events_are_told_in_plain_words() {
    let facts = Facts {
        events: vec![
            event("lumen.1@you.example", "news@lumen-phones.example", "=?utf-8?B?R3LDvMOfZQ==?=", "250 2.0.0 Ok"),
            event("lumen.1@you.example", "spam@evil.example", "", "550 5.1.1 No such address"),
            event("unknown@you.example", "", "Hi", "450 4.2.1 Later"),
        ],
        ..facts()
    };
    let page = Page::new(&facts).render().unwrap();
    for text in [
        "Lumen Phones wrote to its own alias: “Grüße”",
        "spam@evil.example knocked at the alias of Lumen Phones<",
        "A mail server wrote to unknown@you.example: “Hi”",
        "Turned away",
        "Asked to come back later",
        "Mail so far: 1 let in, 1 turned away",
        "22:13:20",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn the_check_counts_what_gave_the_real_address_away() {
    let page = |facts: &Facts| Page::new(facts).render().unwrap();
    assert!(page(&facts()).contains("<strong>nowhere</strong>"));
    let heard = Heard { conversations: 3, lines: 20, leaks: 1 };
    let leaking = Facts { heard, messages: vec![message("stranger@evil.example", "X: Me@Inbox.example\r\n\r\n")], ..facts() };
    assert!(page(&leaking).contains("<strong>2 times</strong>"));
    // After a move both addresses count, and mail to the new one is the owner's.
    let messages = vec![
        message("stranger@evil.example", "X: New@Elsewhere.example\r\n\r\n"),
        message("new@elsewhere.example", "Subject: Moved\r\n\r\nto new@elsewhere.example\r\n"),
    ];
    let moved = page(&Facts { other_addresses: vec!["new@elsewhere.example".into()], messages, ..facts() });
    assert!(moved.contains("<strong>1 time</strong>") && moved.contains("<code>new@elsewhere.example</code>"), "{moved}");
    assert!(moved.contains("Moved"), "{moved}");
}

#[test]
fn only_the_owners_mail_stands_in_the_inbox() {
    let facts = Facts { messages: vec![message("stranger@evil.example", "Subject: Elsewhere\r\n\r\n")], ..facts() };
    let page = Page::new(&facts).render().unwrap();
    assert!(!page.contains("Elsewhere") && page.contains("No mail yet"));
}

#[test]
fn a_killed_alias_offers_its_revival() {
    let page = Page::new(&facts()).render().unwrap();
    assert!(page.contains("action=\"/revive/lumen-phones.example\"") && page.contains("action=\"/kill/bookworm.example\""));
}
