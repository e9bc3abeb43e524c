//! The readers on the files of `tests/corpus/import/` and on hostile ones: what they find, and that they never panic.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use tokio_util::sync::CancellationToken;

use super::*;

const SOURCES: [Source; 5] = [Source::SimpleLogin, Source::Addy, Source::Relay, Source::Plain, Source::Own];

fn all(source: Source, bytes: &[u8], limit: u64) -> Result<(Vec<Row>, usize), ReadError> {
    let (mut rows, mut belongings) = (Vec::new(), 0);
    read(source, Box::new(Cursor::new(bytes.to_vec())), limit, CancellationToken::new(), &mut |sent| {
        match sent {
            Sent::Row(row) => rows.push(*row),
            Sent::Belongings(_) => belongings += 1,
            Sent::Note(_) => {}
        }
        Ok(())
    })?;
    Ok((rows, belongings))
}

fn rows(source: Source, bytes: &[u8]) -> Vec<Row> {
    all(source, bytes, 1 << 20).unwrap().0
}

fn corpus(name: &str) -> Vec<u8> {
    std::fs::read(format!("tests/corpus/import/{name}")).unwrap()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Address, site, what it does (or `deleted`), note.
fn seen(row: &Row) -> (&str, &str, &str, &str) {
    let state = row.wanted.state().map_or("deleted", AliasState::as_str);
    (&row.address, row.site.as_ref().map_or("", Site::as_str), state, &row.note)
}

#[test]
fn simplelogins_table_names_site_state_and_mailboxes() {
    let rows = rows(Source::SimpleLogin, &corpus("simplelogin.csv"));
    assert_eq!(seen(&rows[0]), ("shop.k7f3q@alias.example", "lg.com", "active", "Used on www.lg.com\r\nand \"nowhere\" else"));
    assert_eq!(rows[0].mailboxes, ["Ann@inbox.example", "work@inbox.example"]);
    assert_eq!(seen(&rows[1]), ("letters@alias.example", "", "paused", ""));
    assert_eq!(seen(&rows[2]).1, "example.co.uk");
    assert_eq!(rows.len(), 4);
}

#[test]
fn simplelogins_archive_names_mailboxes_by_number_and_what_is_in_the_bin() {
    let archive = zipped(&[
        ("user.json", b"{}"),
        ("aliases.json", &corpus("simplelogin-aliases.json")),
        ("mailboxes.json", &corpus("simplelogin-mailboxes.json")),
    ]);
    let rows = rows(Source::SimpleLogin, &archive);
    assert_eq!(seen(&rows[0]), ("forum@alias.example", "example.org", "active", "forum.example.org"));
    assert_eq!((rows[0].display_name.as_str(), rows[0].pinned), ("Ann R.", true));
    assert_eq!(rows[0].mailboxes, ["ann@inbox.example"]);
    assert_eq!(rows[0].created_at, Timestamp::parse_rfc3339("2021-03-04T05:06:07.123456Z"));
    assert_eq!((seen(&rows[1]).2, rows[1].mailboxes[0].as_str()), ("paused", "work@inbox.example"));
    assert_eq!(rows[2].wanted, Wanted::Deleted);
    let list = zipped(&[("export/aliases.csv", &corpus("simplelogin.csv"))]);
    assert_eq!(all(Source::SimpleLogin, &list, 1 << 20).unwrap().0.len(), 4);
    let other = all(Source::SimpleLogin, &zipped(&[("x.txt", b"")]), 1 << 20);
    assert!(matches!(other, Err(ReadError::NothingInside("aliases.json"))));
}

fn notes(source: Source, bytes: &[u8]) -> Vec<&'static str> {
    let mut notes = Vec::new();
    read(source, Box::new(Cursor::new(bytes.to_vec())), 1 << 20, CancellationToken::new(), &mut |sent| {
        if let Sent::Note(note) = sent {
            notes.push(note);
        }
        Ok(())
    })
    .unwrap();
    notes
}

#[test]
fn simplelogins_archive_knows_correspondents_and_its_table_beside_it_all_mailboxes() {
    let (aliases, mailboxes) = (corpus("simplelogin-aliases.json"), corpus("simplelogin-mailboxes.json"));
    let contacts = corpus("simplelogin-contacts.json");
    let files: Vec<(&str, &[u8])> =
        vec![("aliases.json", &aliases), ("mailboxes.json", &mailboxes), ("contacts.json", &contacts)];
    let rows = rows(Source::SimpleLogin, &zipped(&files));
    let of = |row: &Row| -> Vec<String> { row.contacts.iter().map(|contact| contact.address.clone()).collect() };
    assert_eq!(of(&rows[0]), ["news@shop.example", "spam@bad.example"]);
    assert_eq!(of(&rows[1]), ["work@inbox.example"], "an address that SimpleLogin could not read is left out");
    let [news, spam] = &rows[0].contacts[..] else { panic!("two") };
    assert_eq!((news.blocked_at, news.token.as_str()), (None, ""));
    assert_eq!(spam.blocked_at, Timestamp::parse_rfc3339("2022-01-01T00:00:00Z"));
    assert_eq!(Some(spam.created_at), Timestamp::parse_rfc3339("2021-03-06T01:02:03Z"));
    assert!(notes(Source::SimpleLogin, &zipped(&files))[0].contains("one mailbox for each alias"));

    let table = b"alias,note,enabled,mailboxes\nforum@alias.example,,True,ann@inbox.example work@inbox.example\n";
    let beside = zipped(&[&files[..], &[("aliases.csv", table)]].concat());
    assert_eq!(super::tests::rows(Source::SimpleLogin, &beside)[0].mailboxes, ["ann@inbox.example", "work@inbox.example"]);
    assert_eq!(super::tests::rows(Source::SimpleLogin, &beside)[1].mailboxes, ["work@inbox.example"]);
    assert_eq!(notes(Source::SimpleLogin, &beside), [""; 0]);
}

#[test]
fn more_correspondents_than_fit_in_memory_are_refused() {
    let one = format!(r#"{{"alias_id": 1, "website_email": "{}@x.example"}}"#, "a".repeat(200));
    let many = format!("[{}]", vec![one; 250_000].join(","));
    let archive = zipped(&[("aliases.json", b"[]"), ("contacts.json", many.as_bytes())]);
    let refused = all(Source::SimpleLogin, &archive, 1 << 30).unwrap_err();
    assert!(matches!(refused, ReadError::TooMany("contacts")), "{refused}");
}

#[test]
fn simplelogins_data_are_a_list_inside_an_object() {
    let rows = rows(Source::SimpleLogin, &corpus("simplelogin-data.json"));
    let seen: Vec<_> = rows.iter().map(seen).collect();
    assert_eq!(seen, [("a@alias.example", "", "active", ""), ("b@alias.example", "", "paused", "")]);
}

#[test]
fn addys_empty_cell_for_active_says_no() {
    let rows = rows(Source::Addy, &corpus("addy.csv"));
    assert_eq!(seen(&rows[0]), ("first@alias.example", "lg.com", "active", "Website: lg.com. Generated by Bitwarden."));
    assert_eq!((rows[0].display_name.as_str(), rows[0].pinned, rows[1].pinned), ("Ann Roe", true, false));
    assert_eq!(seen(&rows[1]), ("second@alias.example", "", "paused", "=cmd|' /C calc'!A0"));
    assert_eq!(rows[0].created_at, rows[1].created_at);
    assert_eq!(rows[0].created_at, Timestamp::parse_rfc3339("2023-05-06T07:08:09Z"));
    assert_eq!(seen(&rows[2]).2, "deleted");
    let short = super::tests::rows(Source::Addy, b"alias,description,recipients\na@b.example,x,\"c@d.example,e@f.example\"\n");
    assert_eq!((seen(&short[0]).2, short[0].mailboxes.len()), ("active", 2));
}

#[test]
fn a_mask_of_relay_knows_its_site() {
    let json = rows(Source::Relay, &corpus("relay.json"));
    assert_eq!(seen(&json[0]), ("q7x1k2v9@mozmail.example", "lg.com", "active", ""));
    assert_eq!(seen(&json[1]), ("forum@alias.example", "example.org", "paused", "the forum"));
    let table = rows(Source::Relay, &corpus("relay.csv"));
    assert_eq!(seen(&table[0]), seen(&json[1]));
    assert_eq!(table[0].created_at, json[1].created_at);
    assert_eq!(seen(&table[1]).1, "lg.com");
    let inside = [br#"{"relay_addresses": "#.as_slice(), &corpus("relay.json"), b", \"x\": {\"y\": [1]}}"].concat();
    assert_eq!(rows(Source::Relay, &inside).len(), 2);
}

#[test]
fn a_table_of_ones_own_has_every_column() {
    let rows = rows(Source::Plain, &corpus("plain.csv"));
    assert_eq!(seen(&rows[0]), ("one@alias.example", "example.com", "locked", "first"));
    assert_eq!((rows[0].tags.join("|").as_str(), rows[0].max_messages, rows[0].pinned), ("shopping|travel", Some(10), true));
    assert_eq!(rows[0].created_at, Timestamp::parse_rfc3339("2020-01-02T00:00:00Z"));
    assert_eq!(seen(&rows[1]), ("two@alias.example", "", "killed", "=1+1"));
    assert_eq!(seen(&rows[2]).1, "lg.example");
    assert_eq!(rows[3].wanted, Wanted::Unknown);
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_table_is_read_whatever_wrote_it() {
    let expected = [("a@x.example", "", "active", "café"), ("b@x.example", "", "active", "x")];
    for text in [
        "\u{feff}address,note\r\na@x.example,café\r\nb@x.example,x\r\n".as_bytes(),
        "Address;Note\na@x.example;\"café\"\n\n;\nb@x.example;x".as_bytes(),
        "address\tnote\ra@x.example\tcafé\rb@x.example\tx\r".as_bytes(),
        b"address,note\na@x.example,caf\xe9\nb@x.example,x,more,cells\n",
        "address,note\na@x.example,ca\0fé\nb@x.example, x \n".as_bytes(),
    ] {
        let rows = rows(Source::Plain, text);
        assert_eq!(rows.iter().map(seen).collect::<Vec<_>>(), expected, "{}", text.escape_ascii());
    }
    let long = format!("address,note\n\"a@x.example\",\"{}\"\n", "x\"\"".repeat(350_000));
    assert_eq!(all(Source::Plain, long.as_bytes(), 1 << 24).unwrap().0[0].note.len(), 700_000);
    assert_eq!(rows(Source::Plain, b"address\n\"never closed, \xff\n\x00")[0].address, "never closed, \u{ff}");
}

#[test]
fn what_is_no_such_file_is_told_apart() {
    let failed = |source, bytes: &[u8]| all(source, bytes, 1 << 20).unwrap_err().to_string();
    assert_eq!(failed(Source::Plain, b""), "the file is empty");
    assert!(failed(Source::Plain, format!("address{}\n", ",x".repeat(200)).as_bytes()).contains("too many columns"));
    let marks = [b"PK\x05\x06".as_slice(), &b"PK\x01\x02".repeat(10_001)].concat();
    assert!(failed(Source::Own, &marks).contains("too many files"));
    assert!(failed(Source::Plain, b"a,b\n1,2\n").contains("one must be called address or site"));
    assert!(failed(Source::Plain, b"\xff\xfea\0d\0").contains("UTF-8"));
    assert!(failed(Source::Relay, b"[{\"a\": 1,\n x").contains("line 2"));
    assert!(failed(Source::SimpleLogin, b"PK\x03\x04 and no more").contains("no ZIP archive"));
    assert!(failed(Source::Own, b"{\"aliases\": []}").contains("does not begin with its version"));
    assert!(failed(Source::Own, b"{\"postern\": 2}").contains("newer version"));
    assert!(failed(Source::Own, b"[]").contains("no export of Postern"));
    let order =
        br#"{"postern": 1, "aliases": [{"address": "a@b.example", "state": "active", "created_at": "2026-01-01T00:00:00Z"}],
        "mailboxes": [{"address": "a@c.example", "created_at": "2026-01-01T00:00:00Z"}]}"#;
    assert!(failed(Source::Own, order).contains("before the aliases"));
    assert!(failed(Source::Own, br#"{"postern": 1, "aliases": [{}]}"#).contains("entry 1 of aliases"));
    let deep = [b"{\"postern\": 1, \"account\": ".to_vec(), b"[".repeat(100_000)].concat();
    assert!(failed(Source::Own, &deep).contains("no JSON"));
}

#[test]
fn a_bomb_is_not_unpacked() {
    let bomb = zipped(&[
        ("aliases.csv", &[b"alias\n".as_slice(), &vec![b'a'; 17 << 20]].concat()),
        ("postern.json", &vec![b' '; 17 << 20]),
    ]);
    assert!(bomb.len() < 1 << 20);
    for source in [Source::SimpleLogin, Source::Own] {
        assert!(matches!(all(source, &bomb, 1 << 20), Err(ReadError::TooLarge)));
        // One row that has no end is too much however much may be read.
        assert!(matches!(all(source, &bomb, 1 << 40), Err(ReadError::TooLarge)));
    }
    assert!(matches!(all(Source::Plain, b"address\na@x.example\n", 10), Err(ReadError::TooLarge)));
}

#[test]
fn moments_have_many_forms() {
    let moment = Timestamp::parse_rfc3339("2020-04-06T17:57:14Z");
    for form in
        ["2020-04-06T17:57:14Z", "2020-04-06 17:57:14+00:00", "2020-04-06 17:57:14", "2020-04-06 17:57:14 UTC", "1586195834"]
    {
        assert_eq!(text::moment(form), moment, "{form}");
    }
    for form in ["", "yesterday", "2020", "2020-13-01", "06/04/2020 17:57", "99999999999999999", "é020-04-06T"] {
        assert!(text::moment(form).is_none_or(|at| at.as_seconds() == 2020), "{form}");
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"address",
        b"alias",
        b"email",
        b"full_address",
        b"state",
        b"created_at",
        b"mailboxes",
        b",",
        b";",
        b"\"",
        b"\n",
        b"\r\n",
        b"a@b.example",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"\"postern\": 1",
        b"\"aliases\": [",
        b"\"email\": \"x\"",
        b"\xef\xbb\xbf",
        b"\0",
        b"\xff",
        b"PK\x03\x04",
        b"2020-01-01",
        b"null",
        b"1e999",
    ];
    prop_oneof![4 => prop::sample::select(known).prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..8)]
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..40)) {
        for source in SOURCES {
            drop(all(source, &pieces.concat(), 1 << 16));
        }
    }

    #[test]
    fn a_damaged_archive_is_read_or_refused(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let mut archive = zipped(&[("aliases.csv", b"alias\na@b.example\n"), ("postern.json", b"{\"postern\": 1, \"aliases\": []}")]);
        let at = at % archive.len();
        archive[at] = byte;
        archive.truncate(archive.len().saturating_sub(cut));
        for source in SOURCES {
            drop(all(source, &archive, 1 << 16));
        }
    }

    #[test]
    fn what_is_guarded_is_read_back(field in "['=+@\t-]{0,3}[a-z =]{0,5}") {
        let guarded = text::guard(&field);
        prop_assert!(!guarded.starts_with(['=', '+', '-', '@', '\t']));
        prop_assert_eq!(text::unguard(guarded), field);
    }

    #[test]
    fn any_text_is_a_moment_or_none(text in "\\PC{0,30}") {
        prop_assert!(text::moment(&text).is_none_or(|at| text.chars().any(|c| c.is_ascii_digit()) || at == Timestamp::default()));
    }
}
