//! Every message of `tests/corpus/` through the rewriting: what must change, and that nothing else does.
//!
//! The checks read the result with a splitter of their own, so that a fault in `transform::header` can't hide itself.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use postern::model::id::AliasId;
use postern::model::{Address, DomainName, HeaderFault, Timestamp};
use postern::transform::forward::{self, ForwardFacts, OneClick, RewriteError};
use postern::transform::header::{HeaderBlock, Limits};
use postern::transform::key::SecretKey;
use postern::transform::received::ReceivedFacts;

const ALIAS: &str = "lg.k7f3qz2m@you.example";
/// Fields that are replaced or dropped; all others must come out as they went in.
const OURS: &[&str] = &["from", "to", "cc", "reply-to", "sender", "return-path", "bcc", "list-unsubscribe"];

struct Forwarded {
    outside: Vec<String>,
    header: Vec<u8>,
    body: Vec<u8>,
}

impl Forwarded {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.header).into_owned()
    }

    /// The fields of one name, unfolded.
    fn field(&self, name: &str) -> Vec<String> {
        fields(&self.header)
            .into_iter()
            .filter(|field| name_of(field) == name)
            .map(|field| String::from_utf8_lossy(&field).replace("\r\n", ""))
            .collect()
    }
}

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/corpus").join(format!("{name}.eml"))).unwrap()
}

fn reverse(number: usize) -> Address {
    Address::parse(&format!("reply+{number:020}@you.example")).unwrap()
}

fn forward_message(message: &[u8]) -> Result<Forwarded, RewriteError> {
    let alias = Address::parse(ALIAS).unwrap();
    let block = HeaderBlock::parse(message, Limits::default())?;
    let found = forward::correspondents(&block, message, &alias)?;
    let map: HashMap<String, Address> =
        found.outside.iter().enumerate().map(|(number, address)| (address.folded(), reverse(number))).collect();
    let received = ReceivedFacts {
        client_ip: "192.0.2.7".parse().unwrap(),
        helo: "mx.lg.com".into(),
        esmtp: true,
        smtputf8: false,
        tls: Some(("TLSv1_3".into(), "TLS13_AES_256_GCM_SHA384".into())),
        hostname: DomainName::parse("mx.you.example").unwrap(),
        id: "k3f9".into(),
        at: Timestamp::from_micros(1_700_000_000_000_000),
    };
    let header = forward::rewrite(
        &block,
        message,
        &ForwardFacts {
            alias: &alias,
            alias_id: AliasId(1),
            reverse: &map,
            results: "",
            received: &received,
            trace_key: &SecretKey::new(vec![7; 32]),
            message_ids: &HashMap::new(),
            manage: None,
            one_click: OneClick { theirs: true, ours: true },
            authserv_id: "mx.you.example",
        },
    )?;
    let outside = found.outside.iter().map(ToString::to_string).collect();
    Ok(Forwarded { outside, header, body: message.split_at(block.body_offset()).1.to_vec() })
}

fn forward_file(name: &str) -> Forwarded {
    forward_message(&read(name)).unwrap()
}

/// Fields with their folds, of the bytes before the empty line.
fn fields(message: &[u8]) -> Vec<Vec<u8>> {
    let text: Vec<char> = message.iter().map(|byte| char::from(*byte)).collect();
    let text: String = text.into_iter().collect();
    let header = text.split_once("\r\n\r\n").map_or(text.as_str(), |(header, _)| header);
    let mut fields: Vec<String> = Vec::new();
    for line in header.split("\r\n").filter(|line| !line.is_empty()) {
        match fields.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.extend([line, "\r\n"]),
            _ => fields.push(format!("{line}\r\n")),
        }
    }
    fields.into_iter().map(|field| field.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()).collect()
}

fn name_of(field: &[u8]) -> String {
    let name = field.split(|byte| *byte == b':').next().unwrap();
    String::from_utf8_lossy(name).trim_end().to_lowercase()
}

fn files() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("tests/corpus")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".eml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn accepted() -> Vec<(String, Vec<u8>)> {
    let names: Vec<_> = files().into_iter().filter(|name| !name.starts_with("refused-")).collect();
    assert!(names.len() >= 25);
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

#[test]
fn every_body_comes_out_byte_for_byte() {
    for (name, message) in accepted() {
        let out = forward_message(&message).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let after = message.windows(4).position(|window| window == b"\r\n\r\n").map_or(&b""[..], |at| &message[at + 2..]);
        assert_eq!(out.body, after, "{name}");
        assert!(out.header.ends_with(b"\r\n") && !out.header.windows(4).any(|window| window == b"\r\n\r\n"), "{name}");
    }
}

#[test]
fn every_field_that_is_not_ours_comes_out_byte_for_byte_and_in_order() {
    for (name, message) in accepted() {
        let kept = |message: &[u8], skip: usize| -> Vec<Vec<u8>> {
            let is_other = |field: &Vec<u8>| {
                let field_name = name_of(field);
                let claims_ours =
                    field_name == "authentication-results" && field.windows(15).any(|word| word == b" mx.you.example");
                !OURS.contains(&field_name.as_str()) && !field_name.starts_with("x-postern-") && !claims_ours
            };
            fields(message).into_iter().skip(skip).filter(is_other).collect()
        };
        let out = forward_message(&message).unwrap();
        assert_eq!(kept(&out.header, 1), kept(&message, 0), "{name}");
    }
}

#[test]
fn no_address_of_others_is_left_where_a_reply_would_find_it() {
    for (name, message) in accepted() {
        let out = forward_message(&message).unwrap();
        let alias = Address::parse(ALIAS).unwrap();
        for field_name in ["from", "to", "cc", "reply-to"] {
            for field in out.field(field_name) {
                for address in field.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
                    let address = Address::parse(address).unwrap_or_else(|_| panic!("{name}: {address}"));
                    let is_alias = address.folded() == alias.folded();
                    assert!(is_alias || address.local().starts_with("reply+"), "{name}: {field}");
                }
                // Outside of angle brackets only the alias, and names, which are quoted or encoded.
                assert!(!field.contains("@x.org") && !field.contains("@lg.com"), "{name}: {field}");
            }
        }
        for gone in ["sender", "return-path", "bcc"] {
            assert_eq!(out.field(gone), Vec::<String>::new(), "{name}");
        }
        assert_eq!(out.field("from").len(), 1, "{name}");
        for to in out.field("to") {
            assert!(to.trim_end().len() > "To:".len(), "{name}");
        }
    }
}

#[test]
fn no_line_we_write_is_long_or_broken() {
    for (name, message) in accepted() {
        let out = forward_message(&message).unwrap();
        let text: String = out.header.iter().map(|byte| char::from(*byte)).collect();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{name}");
        for field in
            fields(&out.header).into_iter().filter(|field| ["from", "to", "cc", "reply-to"].contains(&name_of(field).as_str()))
        {
            assert!(field.split(|byte| *byte == b'\n').all(|line| line.len() <= 200), "{name}");
        }
        for injected in ["Bcc", "victim", "hacked"] {
            let starts_a_line = text.split("\r\n").any(|line| line.to_lowercase().starts_with(&injected.to_lowercase()));
            assert!(!starts_a_line, "{name}");
        }
    }
}

#[test]
fn what_is_malformed_is_refused_for_the_right_reason() {
    let expected = [
        ("refused-bare-lf", HeaderFault::ControlByte),
        ("refused-eight-bit-name", HeaderFault::BadName),
        ("refused-empty-from", HeaderFault::NoAuthor),
        ("refused-encoded-from", HeaderFault::AmbiguousAuthor),
        ("refused-escaped-mbox", HeaderFault::MboxLine),
        ("refused-group-from", HeaderFault::AmbiguousAuthor),
        ("refused-leading-space", HeaderFault::StartsWithSpace),
        ("refused-many-authors", HeaderFault::SeveralAuthors),
        ("refused-mbox", HeaderFault::MboxLine),
        ("refused-no-colon", HeaderFault::NoColon),
        ("refused-no-from", HeaderFault::NoAuthor),
        ("refused-nul", HeaderFault::ControlByte),
        ("refused-space-colon-from", HeaderFault::AmbiguousAuthor),
        ("refused-split-from", HeaderFault::AmbiguousAuthor),
        ("refused-two-froms", HeaderFault::SeveralAuthors),
    ];
    let names: Vec<_> = files().into_iter().filter(|name| name.starts_with("refused-")).collect();
    assert_eq!(names, expected.map(|(name, _)| name.to_owned()));
    for (name, fault) in expected {
        assert_eq!(forward_message(&read(name)).err(), Some(RewriteError::Fault(fault)), "{name}");
    }
}

#[test]
fn the_plain_message_as_a_whole() {
    let out = forward_file("plain");
    let text = out.text();
    let trace = text.split("X-Postern-Trace: ").nth(1).unwrap().split("\r\n").next().unwrap();
    assert_eq!(trace.len(), 32);
    assert_eq!(
        text.replace(trace, "TRACE"),
        "Received: from mx.lg.com ([192.0.2.7])\r\n\
         \tby mx.you.example with ESMTPS\r\n\
         \t(using TLSv1_3 with TLS13_AES_256_GCM_SHA384)\r\n\
         \tid k3f9; Tue, 14 Nov 2023 22:13:20 +0000\r\n\
         X-Postern-Trace: TRACE\r\n\
         X-Postern-Alias: lg.k7f3qz2m@you.example\r\n\
         From: \"LG Electronics - news at lg.com\"\r\n <reply+00000000000000000000@you.example>\r\n\
         To: lg.k7f3qz2m@you.example\r\n\
         Subject: Spring offers\r\n\
         Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\
         Message-ID: <1@lg.com>\r\n"
    );
}

#[test]
fn a_crowd_is_counted_and_an_alias_in_it_stays_visible() {
    let out = forward_file("cc-120");
    assert_eq!(out.outside, ["news@lg.com"]);
    assert_eq!(out.field("to"), ["To: <lg.k7f3qz2m@you.example>, 120 recipients hidden:;"]);
    assert_eq!(out.field("cc"), Vec::<String>::new());
    assert!(!out.text().contains("customer"));

    let blind = forward_file("bcc-to-crowd");
    assert_eq!(blind.field("to"), ["To: 40 recipients hidden:;"]);

    let few = forward_file("cc-25");
    assert_eq!(few.outside.len(), 26);
    assert_eq!(few.field("cc")[0].matches("<reply+").count(), 25);
}

#[test]
fn names_show_where_they_come_from() {
    let from = |name: &str| forward_file(name).field("from").remove(0);
    assert_eq!(
        from("comment-names"),
        "From: =?utf-8?b?TEcgKEV1cm9wZSkgLSBuZXdzIGF0IGxnLmNvbQ==?= <reply+00000000000000000000@you.example>"
    );
    for name in ["address-as-name", "encoded-word-in-quotes", "encoded-crlf", "bidi-name"] {
        let message = forward_file(name);
        let parsed = mail_parser::MessageParser::default().parse(&message.header).unwrap();
        let author = parsed.from().unwrap().first().unwrap();
        let shown = author.name().unwrap();
        assert!(shown.ends_with(" - x at evil.example"), "{name}: {shown}");
        assert!(shown.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{name}: {shown}");
        assert_eq!(author.address().unwrap(), "reply+00000000000000000000@you.example");
        assert!(message.field("bcc").is_empty() && message.field("subject") == ["Subject: Spring offers"], "{name}");
    }
    let long = forward_file("long-name");
    let parsed = mail_parser::MessageParser::default().parse(&long.header).unwrap();
    assert!(parsed.from().unwrap().first().unwrap().name().unwrap().ends_with("… - news at lg.com"));
}

#[test]
fn everybody_who_is_named_is_reported_once() {
    let outside = |name: &str| forward_file(name).outside;
    assert_eq!(outside("folded-to"), ["news@lg.com", "ann@x.org", "bob@x.org"]);
    assert_eq!(outside("group"), ["news@lg.com", "ann@x.org", "bob@x.org"]);
    assert_eq!(outside("semicolons"), ["news@lg.com", "ann@x.org", "bob@x.org"]);
    assert_eq!(outside("duplicate-fields"), ["news@lg.com", "ann@x.org", "bob@x.org", "carol@x.org"]);
    assert_eq!(outside("reply-to-list"), ["news@lg.com", "help@lg.com", "sales@lg.com"]);
    assert_eq!(outside("quoted-local"), ["\"odd one\"@x.org", "\"a@b\"@x.org"]);
    assert_eq!(outside("utf8-headers"), ["jürgen@xn--bcher-kva.example", "женя@xn--80a1acny.example"]);
    assert_eq!(outside("mailing-list"), ["dev@lists.example", "ann@x.org", "dev-leave@lists.example"]);
    for name in ["plain", "no-to", "bcc-only", "undisclosed", "reply-to-self", "alias-spelt-otherwise", "source-route"] {
        assert_eq!(outside(name), ["news@lg.com"], "{name}");
    }
}

#[test]
fn recipients_that_need_nothing_stay_as_written() {
    let to = |name: &str| forward_file(name).field("to");
    assert_eq!(to("alias-spelt-otherwise"), ["To: \"My Alias\" <LG.K7f3qz2m@YOU.example>"]);
    assert_eq!(to("undisclosed"), ["To: undisclosed-recipients:;"]);
    assert_eq!(to("empty-to"), ["To: undisclosed-recipients:;"]);
    assert_eq!(to("no-to"), Vec::<String>::new());
    assert_eq!(to("source-route"), ["To: <lg.k7f3qz2m@you.example>, 1 unreadable recipient:;"]);
    assert_eq!(to("unreadable-to").len(), 1);
    assert!(to("unreadable-to")[0].ends_with("2 unreadable recipients:;"));
}

#[test]
fn a_list_can_be_left_on_the_web_or_through_a_reverse_address() {
    let out = forward_file("mailing-list");
    assert_eq!(
        out.field("list-unsubscribe"),
        ["List-Unsubscribe: <mailto:reply+00000000000000000002@you.example>, <https://lists.example/u/1>"]
    );
    assert_eq!(out.field("list-unsubscribe-post").len(), 1);
    assert!(out.field("list-id").len() == 1 && !out.text().contains("dev-leave@"));
}

#[test]
fn forged_fields_of_ours_do_not_pass() {
    let out = forward_file("forged-own-fields");
    assert_eq!(out.field("authentication-results"), ["Authentication-Results: mx.lg.com;\tspf=pass"]);
    assert_eq!(out.field("x-postern-alias"), ["X-Postern-Alias: lg.k7f3qz2m@you.example"]);
    assert_eq!(out.field("x-postern-trace").len(), 1);
    assert_eq!(out.field("x-postern-verdict"), Vec::<String>::new());
    assert!(forward_file("dkim-arc").text().contains("ARC-Authentication-Results: i=1; mx.you.example; dkim=pass\r\n"));
}

#[test]
fn a_message_that_comes_back_is_a_loop() {
    use postern::transform::trace::{Trace, check};
    let key = SecretKey::new(vec![7; 32]);
    let out = forward_file("plain");
    let block = HeaderBlock::parse(&out.header, Limits::default()).unwrap();
    assert_eq!(check(&block, &out.header, &key, AliasId(1)), Trace::Loop);
    assert_eq!(check(&block, &out.header, &key, AliasId(2)), Trace::Chained(1));
}

#[test]
fn hostile_headers_take_linear_time() {
    let units = ["<", "(", "=?", "\"", ",", " =?ab?q?", ":", ";", "@", "a@b.org,", "<a@b.org>", "\r\n x", "\r\n\t,"];
    for unit in units {
        for name in ["To", "Cc", "Reply-To"] {
            let field = format!("{name}: {}\r\n", unit.repeat(60_000 / unit.len()));
            let message = format!("From: a@x.org\r\n{}\r\nbody", field.repeat(4));
            let start = std::time::Instant::now();
            let out = forward_message(message.as_bytes()).unwrap();
            // 240 KiB each, in an unoptimised build; quadratic work would take minutes.
            assert!(start.elapsed().as_secs() < 3, "{name} {unit:?}");
            assert!(out.outside.len() <= 51 && out.header.len() < message.len() + 20_000, "{name} {unit:?}");
        }
    }
}
