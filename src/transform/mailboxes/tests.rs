//! What address lists are read as, and what is not read at all.

use std::time::Instant;

use proptest::prelude::*;

use super::super::header::Limits;
use super::*;

fn pairs(value: &str) -> Vec<(String, String)> {
    let list = AddressList::parse(value.as_bytes());
    assert_eq!(list.unreadable(), 0, "{value}");
    list.mailboxes().map(|mailbox| (mailbox.name.clone(), mailbox.address.to_string())).collect()
}

fn pair(name: &str, address: &str) -> (String, String) {
    (name.to_owned(), address.to_owned())
}

#[test]
fn a_letter_that_becomes_ascii_only_in_normal_form_is_not_read() {
    assert_eq!(AddressList::parse("\u{212a}ate@x.org".as_bytes()).unreadable(), 1);
    assert_eq!(pairs("j\u{fc}rgen@b\u{fc}cher.example, ju\u{308}rgen@x.org, a@b\u{fc}cher.example").len(), 3);
}

#[test]
fn ordinary_lists_are_read() {
    assert_eq!(pairs(" a@x.org\r\n"), [pair("", "a@x.org")]);
    assert_eq!(
        pairs("Ann Lee <a@x.org>, <b@x.org>,c@x.org"),
        [pair("Ann Lee", "a@x.org"), pair("", "b@x.org"), pair("", "c@x.org")]
    );
    assert_eq!(pairs("\"Lee, Ann \\\"A\\\"\" <a@x.org>"), [pair("Lee, Ann \"A\"", "a@x.org")]);
    assert_eq!(pairs("a@x.org (Ann (the first) Lee)"), [pair("Ann (the first) Lee", "a@x.org")]);
    assert_eq!(pairs("=?utf-8?q?J=C3=BCrgen?= =?utf-8?b?IEtsb8Of?= <a@x.org>"), [pair("Jürgen Kloß", "a@x.org")]);
    assert_eq!(pairs("\"=?utf-8?q?J=C3=BCrgen?=\" <a@x.org>"), [pair("Jürgen", "a@x.org")]);
    assert_eq!(pairs("=?utf-8?q?Lee,_Ann:_(x)?= <a@x.org>, b@x.org"), [pair("Lee, Ann: (x)", "a@x.org"), pair("", "b@x.org")]);
    assert_eq!(pairs("a@x.org,\r\n\tB\r\n <b@x.org>,,"), [pair("", "a@x.org"), pair("B", "b@x.org")]);
    assert_eq!(pairs("a@x.org; b@x.org"), [pair("", "a@x.org"), pair("", "b@x.org")]);
}

#[test]
fn quoted_local_parts_are_addresses() {
    assert_eq!(pairs("\"a b\"@x.org"), [pair("", "\"a b\"@x.org")]);
    assert_eq!(pairs("X <\"a>b,c\"@x.org>"), [pair("X", "\"a>b,c\"@x.org")]);
    assert_eq!(pairs("\"a@b\"@x.org, c@x.org"), [pair("", "\"a@b\"@x.org"), pair("", "c@x.org")]);
}

#[test]
fn groups_are_flattened_and_empty_ones_kept_as_text() {
    let list = AddressList::parse(b"Team: Ann <a@x.org>, b@x.org; , undisclosed-recipients:;, c@x.org");
    assert!(list.has_group);
    assert_eq!(list.mailboxes().count(), 3);
    assert!(list.entries.iter().any(|entry| matches!(entry, Entry::Text)));
    let list = AddressList::parse(b"Undisclosed recipients: ;");
    assert!(!list.has_group);
    assert_eq!(list.entries, [Entry::Text]);
    assert_eq!(AddressList::parse(b"Undisclosed recipients").entries, [Entry::Text]);
}

#[test]
fn what_can_be_read_in_two_ways_is_unreadable() {
    for value in [
        "<a@x.org> <b@y.org>",
        "<a@x.org> b@y.org",
        "a@x.org b@y.org",
        "<a@x.org <b@y.org>>",
        "<@r.org:a@x.org>",
        "a@x.org.",
        "a@b@x.org",
        "admin@bank.com\u{1}@evil.org",
        "=?utf-8?q?a=40x.org=2C?=b@y.org",
        "=?utf-8?q?a=40x.org?=",
        "a@x.org: b@y.org",
        "a(c)@x.org",
        "a @x.org",
        "a@[127.0.0.1]",
        "<a@x.org",
        "\"a@x.org",
        "(a@x.org",
        "a@x.org>",
        "a@x.org)",
        "<>",
        "<\"a@x.org>\"@evil.org",
    ] {
        let list = AddressList::parse(value.as_bytes());
        assert!(list.unreadable() > 0, "{value:?} gave {:?}", list.entries);
    }
    let not_utf8 = AddressList::parse(b"\xff@x.org, b@x.org");
    assert_eq!((not_utf8.unreadable(), not_utf8.mailboxes().count()), (1, 1));
}

#[test]
fn the_author_is_one_clear_address_or_a_fault() {
    let author_of = |header: &str| {
        let block = HeaderBlock::parse(header.as_bytes(), Limits::default()).unwrap();
        author(&block, header.as_bytes()).map(|mailbox| mailbox.address.to_string())
    };
    assert_eq!(author_of("From: Ann <a@x.org>\r\n"), Ok("a@x.org".to_owned()));
    assert_eq!(author_of("From: user%victim.org@x.org\r\n"), Ok("user%victim.org@x.org".to_owned()));
    for (header, fault) in [
        ("To: a@x.org\r\n", HeaderFault::NoAuthor),
        ("From:\r\n", HeaderFault::NoAuthor),
        ("From: Ann\r\n", HeaderFault::NoAuthor),
        ("From: nobody:;\r\n", HeaderFault::NoAuthor),
        ("From: a@x.org\r\nFROM: a@x.org\r\n", HeaderFault::SeveralAuthors),
        ("From: a@x.org, b@x.org\r\n", HeaderFault::SeveralAuthors),
        ("From: a@x.org, Ann\r\n", HeaderFault::AmbiguousAuthor),
        ("From : a@x.org\r\n", HeaderFault::AmbiguousAuthor),
        ("From: G: a@x.org;\r\n", HeaderFault::AmbiguousAuthor),
        ("From: G: a@x.org\r\n", HeaderFault::AmbiguousAuthor),
        ("From: <a@x.org> <b@x.org>\r\n", HeaderFault::AmbiguousAuthor),
        ("From: \"a@x.org\" <b@y.org\r\n", HeaderFault::AmbiguousAuthor),
    ] {
        assert_eq!(author_of(header), Err(fault), "{header:?}");
    }
}

#[test]
fn hostile_lists_take_linear_time() {
    for unit in [
        "<", "(", "=?", "\"", ",", " =?ab?q?", " =?ab?b?", ":", ";", "\\", "a:", "((", "@", "<@", ",=?a?q?", " =?a?q?b", "\"\\",
        " x",
    ] {
        let time = |bytes: usize| {
            let value = unit.repeat(bytes / unit.len()).into_bytes();
            let start = Instant::now();
            AddressList::parse(&value);
            start.elapsed()
        };
        // 256 KiB; quadratic work would be tens of seconds in an unoptimised build.
        assert!(time(262_144).as_secs() < 2, "{unit:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_no_panic(value in proptest::collection::vec(prop_oneof![
        any::<u8>(), proptest::sample::select(b"<>()\"\\,:;@=? \r\n".to_vec())], 0..200))
    {
        AddressList::parse(&value);
    }

    #[test]
    fn every_at_sign_belongs_to_an_entry(value in "[a-z@<>()\",:; ]{0,60}") {
        let list = AddressList::parse(value.as_bytes());
        if value.contains('@') && list.entries.iter().all(|entry| matches!(entry, Entry::Text)) {
            // Only comments and quoted words may hide one.
            prop_assert!(value.contains('(') || value.contains('"'), "{:?} {:?}", value, list);
        }
    }
}
