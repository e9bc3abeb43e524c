//! What a notification says, and what it can't say.

use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::super::header::Limits;
use super::*;
use crate::model::Private;
use crate::model::delivery::Failure;

const ORIGINAL: &[u8] = b"Received: from a by b; now\r\nFrom: Ann <ann@x.org>\r\nTo: lg.k7f3@you.example\r\n\
    Subject: Hello\r\nMessage-ID: <17@x.org>\r\n\r\nSECRET BODY\r\n";

fn built(original: &[u8], failure: &Failure) -> (Dsn, Vec<u8>) {
    let block = HeaderBlock::parse(original, Limits::default()).unwrap();
    let dsn = build(
        &DsnFacts {
            hostname: &DomainName::parse("mx.you.example").unwrap(),
            domain: &DomainName::parse("you.example").unwrap(),
            sender: &Address::parse("ann@x.org").unwrap(),
            alias: &Address::parse("lg.k7f3@you.example").unwrap(),
            reason: Neutral::of(failure),
            arrived_at: Timestamp::from_micros(1_700_000_000_000_000),
            now: Timestamp::from_micros(1_700_000_100_000_000),
            random: [0xab; 16],
        },
        &block,
        original,
    );
    let whole = [dsn.header.as_slice(), dsn.body.as_slice()].concat();
    (dsn, whole)
}

fn full() -> Failure {
    Failure {
        code: Some(552),
        status: "5.2.2".into(),
        detail: Private::new("ann@inbox.example over quota at mx.inbox.example".into()),
    }
}

#[test]
fn it_is_a_report_of_three_parts() {
    let (dsn, whole) = built(ORIGINAL, &full());
    assert!(dsn.header.ends_with(b"\r\n") && dsn.body.starts_with(b"\r\n"));
    let block = HeaderBlock::parse(&whole, Limits::default()).unwrap();
    assert_eq!(block.raw(&whole), dsn.header);
    let text = String::from_utf8(dsn.header).unwrap();
    for line in [
        "From: Mail Delivery System <MAILER-DAEMON@you.example>\r\n",
        "To: <ann@x.org>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Message-ID: <dsn.abababababababababababababababab@you.example>\r\n",
        "In-Reply-To: <17@x.org>\r\n",
        "References: <17@x.org>\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_abababababababababababababababab\"\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let parsed = MessageParser::default().parse(&whole).unwrap();
    let kinds: Vec<_> = parsed
        .parts
        .iter()
        .filter_map(|part| part.content_type())
        .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()))
        .collect();
    assert_eq!(kinds, ["multipart/report", "text/plain", "message/delivery-status", "text/rfc822-headers"]);
}

#[test]
fn it_names_the_alias_and_a_neutral_reason() {
    let (_, whole) = built(ORIGINAL, &full());
    let text = String::from_utf8(whole).unwrap();
    for line in [
        "Reporting-MTA: dns; mx.you.example\r\n",
        "Original-Recipient: rfc822; lg.k7f3@you.example\r\n",
        "Final-Recipient: rfc822; lg.k7f3@you.example\r\n",
        "Action: failed\r\n",
        "Status: 5.2.2\r\n",
        "Diagnostic-Code: x-postern; Mailbox full\r\n",
        "\r\nReceived: from a by b; now\r\nFrom: Ann <ann@x.org>\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("Remote-MTA") && !text.contains("SECRET BODY"));
    assert!(text.lines().all(|line| line.len() <= 998));
}

#[test]
fn what_was_only_delayed_ends_as_too_late() {
    let (_, whole) = built(ORIGINAL, &Failure { code: None, status: "4.4.1".into(), detail: Private::default() });
    assert!(String::from_utf8(whole).unwrap().contains("Status: 4.4.7\r\n"));
}

#[test]
fn eight_bit_headers_come_back_whole_and_travel_as_seven_bit() {
    let (_, whole) = built("From: ann@x.org\r\nSubject: gr\u{fc}n\r\n\r\n".as_bytes(), &full());
    let text = String::from_utf8(whole).unwrap();
    assert!(text.is_ascii() && text.contains("Subject: gr=C3=BCn\r\n"), "{text}");

    let (_, whole) = built(b"From: ann@x.org\r\nSubject: gr\xfcn\r\n\r\n", &full());
    let text = String::from_utf8(whole).unwrap();
    let (_, part) = text.split_once("Content-Type: text/rfc822-headers\r\n").unwrap();
    let (fields, encoded) = part.split_once("\r\n\r\n").unwrap();
    assert!(text.is_ascii() && fields.contains("base64"));
    let encoded = encoded.split("--").next().unwrap().replace("\r\n", "");
    assert_eq!(data_encoding::BASE64.decode(encoded.as_bytes()).unwrap(), b"From: ann@x.org\r\nSubject: gr\xfcn\r\n");
}

#[test]
fn a_message_id_that_could_break_a_line_is_not_referred_to() {
    for id in ["<a b@x>", "<a>\r\n\tb", "a@x", "<>", "<a><b>", "<\u{fc}@x.org>"] {
        let original = format!("From: ann@x.org\r\nMessage-ID: {id}\r\n\r\n");
        let (dsn, _) = built(original.as_bytes(), &full());
        assert!(!String::from_utf8(dsn.header).unwrap().contains("In-Reply-To"), "{id}");
    }
}

proptest! {
    #[test]
    fn no_notification_names_the_mailbox(
        code in proptest::option::of(400u16..600), status in ".{0,20}", words in ".{0,40}",
        local in "[a-z]{4,12}[0-9]{2}", domain in "[a-z]{2,10}[0-9]\\.(com|example)")
    {
        let mailbox = format!("{local}@{domain}");
        let failure = Failure { code, status: format!("{status} {mailbox}"), detail: Private::new(format!("{words} <{mailbox}>")) };
        let (_, whole) = built(ORIGINAL, &failure);
        let text = String::from_utf8(whole).unwrap();
        prop_assert!(!text.contains(&local) && !text.contains(&domain));
    }

    #[test]
    fn any_original_gives_a_clean_notification(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let original = [b"From: ann@x.org\r\nMessage-ID: ", tail.as_slice(), b"\r\n\r\n"].concat();
        if HeaderBlock::parse(&original, Limits::default()).is_ok() {
            let (dsn, whole) = built(&original, &full());
            prop_assert!(whole.is_ascii());
            prop_assert_eq!(HeaderBlock::parse(&whole, Limits::default()).unwrap().raw(&whole), dsn.header.as_slice());
            let without_pairs = String::from_utf8(whole).unwrap().replace("\r\n", "");
            prop_assert!(!without_pairs.contains(['\r', '\n']));
        }
    }
}
