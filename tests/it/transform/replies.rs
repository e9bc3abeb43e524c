//! Replies as mail clients write them (`tests/corpus/replies/`): what a contact gets to see of each.
//!
//! The checks read the result with the same bare splitting for all, not with the code under test.

use std::collections::HashMap;
use std::fs;

use postern::model::contact::ReverseToken;
use postern::model::{Address, Timestamp};
use postern::transform::header::{HeaderBlock, Limits};
use postern::transform::reply::{self, ReplyFacts};

const OURS: &str = "mfrggzdfmztwq2lk@you.example";
const KEPT: &[&str] = &[
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-language",
    "content-disposition",
    "auto-submitted",
    "importance",
];
/// Nothing of the owner, the owner's provider, client, machine or place.
const SECRETS: &[&str] = &[
    "jane",
    "roe",
    "mailbox-provider",
    "laptop",
    "192.168",
    "203.0.113",
    "198.51.100",
    "dsl-7",
    "thunderbird",
    "mozilla",
    "autocrypt",
    "apple",
    "mac os",
    "iphone",
    "outlook",
    "exchange",
    "microsoft",
    "google",
    "gmail",
    "k-9",
    "mutt",
    "roundcube",
    "cyrus",
    "fastmail",
    "proton",
    "sieve",
    "organization",
    "reply+",
    "+0900",
    "+0100",
    "-0500",
    "+1100",
    "thread-",
];

fn contact(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn rewritten(name: &str, message: &[u8]) -> String {
    let block = HeaderBlock::parse(message, Limits::default()).unwrap();
    let alias = contact("shop@you.example");
    let contacts = [("reply+aaaaaaaaaaaaaaaaaaaa", "news@lg.example"), ("reply+bbbbbbbbbbbbbbbbbbbb", "bob@corp.example")]
        .map(|(local, address)| (ReverseToken::from_local_part(local).unwrap(), contact(address)));
    let facts = ReplyFacts {
        alias: &alias,
        display_name: None,
        contact: &contact("news@lg.example"),
        contacts: &contacts.into_iter().collect(),
        outside: None,
        mailboxes: &[contact("jane.roe@mailbox-provider.example")],
        message_id: OURS,
        known_ids: &HashMap::from([(
            "CAsent.before@mail.mailbox-provider.example".into(),
            "nbqwizlmnrxxo33s@you.example".into(),
        )]),
        now: Timestamp::from_micros(0),
    };
    String::from_utf8(reply::write(&block, message, &facts).expect(name)).unwrap()
}

/// Name in lower case and value, unfolded.
fn fields(header: &str) -> Vec<(String, String)> {
    let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded
        .split_terminator("\r\n")
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect()
}

fn each(mut check: impl FnMut(&str, &str, &[(String, String)])) {
    let mut count = 0;
    for entry in fs::read_dir("tests/corpus/replies").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let header = rewritten(&name, &fs::read(&path).unwrap());
        check(&name, &header, &fields(&header));
        count += 1;
    }
    assert!(count >= 15);
}

#[test]
fn no_client_tells_who_where_and_with_what() {
    each(|name, header, fields| {
        for (field, value) in fields {
            assert!(KEPT.contains(&field.as_str()), "{name}: {field}");
            // The boundary has to be the one in the body, and some clients put their name into it.
            let shown = if field == "content-type" { value.split("boundary").next().unwrap() } else { value.as_str() };
            for secret in SECRETS {
                assert!(!shown.to_lowercase().contains(secret), "{name}: {secret} in {field}: {value}");
            }
        }
        assert!(!header.contains("jane.roe@mailbox-provider.example"), "{name}");
    });
}

#[test]
fn every_client_s_reply_is_whole_and_in_its_thread() {
    each(|name, _, fields| {
        let one = |wanted: &str| {
            let found: Vec<_> = fields.iter().filter(|(field, _)| field == wanted).map(|(_, value)| value.as_str()).collect();
            assert_eq!(found.len(), 1, "{name}: {wanted} {found:?}");
            found[0].to_owned()
        };
        assert_eq!(one("from"), "<shop@you.example>", "{name}");
        assert_eq!(one("message-id"), format!("<{OURS}>"), "{name}");
        assert!(
            one("date").starts_with("Tue, 14 Nov 2023 22:13:2") && one("date").ends_with(" +0000"),
            "{name}: {}",
            one("date")
        );
        let answered = if name == "gmail-reply-all" { "<20231114.2@corp.example>" } else { "<20231114.1@lg.example>" };
        assert_eq!(one("in-reply-to"), answered, "{name}");
        assert!(one("to").contains("<news@lg.example>") || name == "gmail-reply-all", "{name}: {}", one("to"));
        assert_eq!(one("mime-version"), "1.0", "{name}");
        assert!(!one("subject").is_empty() && !one("content-type").is_empty(), "{name}");
    });
}

#[test]
fn what_only_one_client_does_is_right_as_well() {
    let read = |name: &str| rewritten(name, &fs::read(format!("tests/corpus/replies/{name}.eml")).unwrap());
    let all = read("gmail-reply-all");
    assert!(all.contains("\r\nTo: Bob <bob@corp.example>\r\nCc: LG <news@lg.example>\r\n"), "{all}");
    assert!(
        all.contains(
            "\r\nReferences: <20231114.1@lg.example>\r\n <nbqwizlmnrxxo33s@you.example>\r\n <20231114.2@corp.example>\r\n"
        ),
        "{all}"
    );
    assert!(!read("mutt").contains("bob@") && !read("mutt").contains("ZVPx"));
    assert!(!read("roundcube").contains("Cc:") && !all.contains("shop@you.example,"));
    assert!(read("k9-android").contains("=?utf-8?b?") && all.matches("shop@").count() == 1);
    assert!(read("vacation").contains("\r\nAuto-Submitted: auto-replied\r\n"));
    assert!(read("outlook-exchange").contains("\r\nImportance: high\r\n"));
    assert!(read("outlook-desktop").contains("\r\nTo: LG <news@lg.example>\r\n"));
    assert!(read("apple-mail").contains("boundary=\"Apple-Mail=_0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9\"\r\n"));
}
