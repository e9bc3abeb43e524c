//! What a contact gets to see of a reply, field by field.

use proptest::prelude::*;

use super::super::header::Limits;
use super::*;

const LG: &str = "reply+aaaaaaaaaaaaaaaaaaaa@you.example";
const BOB: &str = "reply+bbbbbbbbbbbbbbbbbbbb@you.example";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn write_for(contact: &str, message: &str) -> Result<String, ReplyFault> {
    write_as("Jane.Roe@inbox.example", contact, message)
}

fn write_as(mailbox: &str, contact: &str, message: &str) -> Result<String, ReplyFault> {
    let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
    let alias = address("lg.k7f3@you.example");
    let contacts = [(LG, "news@lg.example"), (BOB, "bob@corp.example")]
        .map(|(reverse, contact)| (ReverseToken::from_local_part(address(reverse).local()).unwrap(), address(contact)));
    let facts = ReplyFacts {
        alias: &alias,
        display_name: None,
        contact: &address(contact),
        contacts: &contacts.into_iter().collect(),
        outside: None,
        mailboxes: &[address(mailbox), address("jane@work.example")],
        message_id: "aaaaaaaaaaaaaaaa@you.example",
        known_ids: &HashMap::from([("sent.before@inbox.example".to_owned(), "bbbbbbbbbbbbbbbb@you.example".to_owned())]),
        now: Timestamp::from_micros(1_700_000_000_000_000),
    };
    write(&block, message.as_bytes(), &facts).map(|header| String::from_utf8(header).unwrap())
}

fn write_one(message: &str) -> String {
    write_for("news@lg.example", message).unwrap()
}

#[test]
fn a_reply_keeps_what_the_contact_needs_and_nothing_else() {
    let written = write_one(&format!(
        "Received: from [10.0.0.2] (home.inbox.example)\r\nReturn-Path: <jane.roe@inbox.example>\r\n\
         From: Jane Roe <jane.roe@inbox.example>\r\nSender: x@inbox.example\r\nReply-To: jane.roe@inbox.example\r\n\
         To: \"LG - news at lg.example\" <{LG}>\r\nCc: Bob <{BOB}>, lg.k7f3@you.example, Me <jane.roe@inbox.example>\r\n\
         Subject: Re: Sale\r\nDate: Wed, 15 Nov 2023 07:13:20 +0900 (JST)\r\nMessage-ID: <1@macbook.local>\r\n\
         In-Reply-To: <sent.before@inbox.example>\r\nReferences: <a@lg.example> <other@inbox.example>\r\n\t<sent.before@inbox.example>\r\n\
         MIME-Version: 1.0 (Mac OS X Mail 16.0)\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-ID: <x@inbox.example>\r\n\
         Auto-Submitted: auto-replied; owner-email=\"jane.roe@inbox.example\"\r\nImportance: High\r\nUser-Agent: Mail\r\n\
         X-Mailer: Mail\r\nBcc: secret@x.example\r\nDisposition-Notification-To: jane.roe@inbox.example\r\n\r\nHi\r\n"
    ));
    assert_eq!(
        written,
        "From: <lg.k7f3@you.example>\r\nTo: LG <news@lg.example>\r\nCc: Bob <bob@corp.example>\r\n\
         Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <aaaaaaaaaaaaaaaa@you.example>\r\nAuto-Submitted: auto-replied\r\nSubject: Re: Sale\r\n\
         In-Reply-To: <bbbbbbbbbbbbbbbb@you.example>\r\nReferences: <a@lg.example>\r\n <bbbbbbbbbbbbbbbb@you.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nImportance: High\r\n"
    );
}

#[test]
fn a_name_of_a_correspondent_that_spells_the_mailbox_goes() {
    for name in ["\"jane.roe%40inbox.example\"", "\"jane.roe\u{ff20}inbox.example\"", "=?utf-8?q?jane.roe=2540inbox.example?="] {
        let written = write_one(&format!("To: {name} <{LG}>\r\n\r\n"));
        assert!(written.contains("\r\nTo: <news@lg.example>\r\n"), "{written}");
    }
}

#[test]
fn a_field_that_is_one_word_of_a_list_is_that_word_or_nothing() {
    let written = write_one(&format!(
        "To: {LG}\r\nImportance: inbox.example\r\nAuto-Submitted: no; owner-email=x\r\n\
         Content-Transfer-Encoding: (by mx7.inbox.example) Base64\r\n\r\n"
    ));
    assert!(written.ends_with("\r\nAuto-Submitted: no\r\nContent-Transfer-Encoding: Base64\r\n"), "{written}");
    assert!(write_one(&format!("To: {LG}\r\nContent-Transfer-Encoding: x-own\r\n\r\n")).ends_with("Encoding: x-own\r\n"));
}

#[test]
fn an_id_that_names_a_host_of_the_owner_s_before_its_at_sign_goes() {
    let ids = "<a.mx7.Inbox.example@x.example> <a%2einbox%2eexample@x.example> <b.myinbox.example@x.example> <inbox.example@lg.example>";
    let written = write_one(&format!("To: {LG}\r\nMessage-ID: <1@a>\r\nReferences: {ids} <a@x.example>\r\n\r\n"));
    let kept = "References: <b.myinbox.example@x.example>\r\n <inbox.example@lg.example>\r\n <a@x.example>\r\n";
    assert!(written.ends_with(kept), "{written}");
}

#[test]
fn a_file_name_in_pieces_that_spells_the_mailbox_stops_the_message() {
    let message = format!("To: {LG}\r\nContent-Type: a/b; name*1=\"inbox.example\"; name*0=\"jane.roe@\"\r\n\r\n");
    assert_eq!(write_for("news@lg.example", &message), Err(ReplyFault::NamesMailbox));
}

#[test]
fn nobody_sees_who_was_only_in_bcc() {
    let message =
        "From: jane.roe@inbox.example\r\nTo: undisclosed-recipients:;\r\nBcc: reply+aaaaaaaaaaaaaaaaaaaa@you.example\r\n\r\n";
    let written = write_one(message);
    assert!(written.contains("\r\nTo: undisclosed-recipients:;\r\n") && !written.contains("lg.example"), "{written}");
}

#[test]
fn an_address_that_is_no_contact_stops_the_message() {
    for (to, fault) in [
        ("friend@x.example", ReplyFault::OutsideAddress),
        ("reply+cccccccccccccccccccc@you.example", ReplyFault::OutsideAddress),
        ("reply+aaaaaaaaaaaaaaaaaaaa@other.example", ReplyFault::OutsideAddress),
        ("other.alias@you.example", ReplyFault::OutsideAddress),
        ("<a@x.example> <b@x.example>", ReplyFault::Unreadable),
    ] {
        for name in ["To", "Cc", "cC"] {
            assert_eq!(
                write_for("news@lg.example", &format!("From: jane.roe@inbox.example\r\n{name}: {LG}, {to}\r\n\r\n")),
                Err(fault),
                "{to}"
            );
        }
    }
}

#[test]
fn the_alias_stands_for_the_mailbox_in_a_subject() {
    for (subject, expected) in [
        ("to Jane.Roe@INBOX.example, jane@work.example", "to lg.k7f3@you.example, lg.k7f3@you.example"),
        ("=?utf-8?q?to_jane=2Eroe=40inbox=2Eexample?=", "to lg.k7f3@you.example"),
        ("=?utf-8?q?=C3=BC_jane.roe=40inbox.example?=", "=?utf-8?b?w7wgbGcuazdmM0B5b3UuZXhhbXBsZQ==?="),
        ("about jane.roe%40inbox.example", "lg.k7f3@you.example"),
        ("=?utf-8?q?untouched_=C3=BC?=", "=?utf-8?q?untouched_=C3=BC?="),
    ] {
        let written = write_one(&format!("From: jane.roe@inbox.example\r\nSubject: {subject}\r\n\r\n"));
        assert!(written.contains(&format!("\r\nSubject: {expected}\r\n")), "{written}");
    }
}

#[test]
fn a_field_that_must_stay_and_names_the_mailbox_stops_the_message() {
    for field in [
        "Content-Type: multipart/mixed; boundary=\"x-jane.roe@inbox.example\"",
        "Content-Disposition: attachment; filename*=utf-8''jane%2Eroe%40inbox.example.pdf",
        "Content-Description: =?utf-8?q?of_Jane.Roe=40inbox.example?=",
    ] {
        let written = write_for("news@lg.example", &format!("From: jane.roe@inbox.example\r\n{field}\r\n\r\n"));
        assert_eq!(written, Err(ReplyFault::NamesMailbox), "{field}");
    }
}

#[test]
fn ids_are_judged_by_organisation_and_by_the_message_s_own_id() {
    let message = "From: jane@mail.inbox.example\r\nMessage-ID: <9@mail.provider.example>\r\n\
        References: <1@mx1.inbox.example> <2@mx2.provider.example> <3@x.example> <4@out.lg.example> <5@laptop.local>\r\n\r\n";
    let references = |contact: &str| {
        let written = write_as("jane@mail.inbox.example", contact, message).unwrap();
        written.split_once("\r\nReferences: ").unwrap().1.replace("\r\n", "")
    };
    assert_eq!(references("news@lg.example"), "<3@x.example> <4@out.lg.example>");
    assert_eq!(references("ann@provider.example"), "<2@mx2.provider.example> <3@x.example> <4@out.lg.example>");
    assert_eq!(references("ann@smtp.inbox.example"), "<1@mx1.inbox.example> <3@x.example> <4@out.lg.example>");
}

#[test]
fn every_id_that_is_passed_on_was_looked_up() {
    let many = (0..250).map(|number| format!("<{number}@x.example>")).collect::<Vec<_>>().join("\r\n ");
    let message =
        format!("From: jane.roe@inbox.example\r\nReferences: {many}\r\nIn-Reply-To: <sent.before@inbox.example>\r\n\r\n");
    let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
    let looked_up = referenced(&block, message.as_bytes());
    assert_eq!((looked_up.len(), looked_up[0]), (201, "sent.before@inbox.example"));
    let written = write_one(&message);
    let block = HeaderBlock::parse(written.as_bytes(), Limits::default()).unwrap();
    let shown = block.named(written.as_bytes(), "References").next().unwrap();
    assert_eq!(message_id::ids(shown.value(written.as_bytes())), looked_up[1..]);
}

#[test]
fn the_contact_sees_that_a_program_answered() {
    for (fields, automatic) in [
        ("Auto-Submitted: (c) auto-replied\r\n", true),
        ("Auto-Submitted: no\r\nX-Loop: jane\r\n", true),
        ("X-Autoreply: yes\r\n", true),
        ("Precedence: bulk\r\n", true),
        ("X-Auto-Response-Suppress: All\r\n", true),
        ("Auto-Submitted: no\r\nPrecedence: first-class\r\n", false),
        ("", false),
    ] {
        let message = format!("From: jane.roe@inbox.example\r\n{fields}\r\n");
        let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
        assert_eq!(is_automatic(&block, message.as_bytes()), automatic, "{fields}");
        let written = write_one(&message);
        assert_eq!(written.matches("Auto-Submitted: auto-replied\r\n").count(), usize::from(automatic), "{written}");
        assert_eq!(written.matches("Auto-Submitted").count(), usize::from(fields.contains("Auto-Submitted") || automatic));
    }
}

#[test]
fn a_mailbox_of_an_international_domain_does_not_show_in_either_form() {
    let mailbox = "jane@b\u{fc}cher.example";
    let write = |field: &str| write_as(mailbox, "news@lg.example", &format!("From: {mailbox}\r\n{field}\r\n\r\n"));
    for subject in ["to Jane@B\u{fc}cher.example", "to jane@xn--bcher-kva.EXAMPLE", "=?utf-8?q?to_jane=40b=C3=BCcher.example?="] {
        let written = write(&format!("Subject: {subject}")).unwrap();
        assert!(written.contains("\r\nSubject: to lg.k7f3@you.example\r\n"), "{written}");
    }
    assert!(write("Subject: JANE@B\u{dc}CHER.EXAMPLE").unwrap().contains("\r\nSubject: lg.k7f3@you.example\r\n"));
    for name in
        ["name=\"jane@b\u{fc}cher.example\"", "name*=utf-8''jane%40b%C3%BCcher.example", "name=jane@xn--bcher-kva.example"]
    {
        assert_eq!(write(&format!("Content-Type: text/plain; {name}")), Err(ReplyFault::NamesMailbox), "{name}");
    }
}

#[test]
fn no_line_of_a_subject_or_of_ids_is_too_long() {
    let id = format!("{}@x.example", "i".repeat(880));
    let subjects =
        ["jane@work.example ".repeat(45), "x".repeat(2000), format!("=?utf-8?q?jane=40work.example?= {}", "\u{fc}".repeat(900))];
    for subject in subjects {
        let written = write_one(&format!(
            "From: jane.roe@inbox.example\r\nSubject: {subject}\r\nReferences: <{id}> <1{id}>\r\nIn-Reply-To: <{id}>\r\n\r\n"
        ));
        assert!(!message_id::has_long_line(written.as_bytes()) && written.contains(&format!("\r\n <1{id}>")), "{written}");
    }
}

#[test]
fn a_read_receipt_stops_the_message() {
    for (kind, written) in [
        ("multipart/report; report-type=disposition-notification; boundary=b", Err(ReplyFault::Report)),
        ("(x) Multipart/\r\n REPORT (y; z); boundary=b", Err(ReplyFault::Report)),
        ("message/disposition-notification", Err(ReplyFault::Report)),
        ("multipart/related; type=\"multipart/report\"; boundary=b", Ok(())),
    ] {
        let message = format!("From: jane.roe@inbox.example\r\nContent-Type: {kind}\r\n\r\n");
        assert_eq!(write_for("news@lg.example", &message).map(drop), written, "{kind}");
    }
}

#[test]
fn ids_of_the_mailbox_s_host_are_kept_for_a_contact_there_only() {
    let message = "From: jane.roe@inbox.example\r\nIn-Reply-To: <1@mail.inbox.example>\r\nReferences: <2@laptop.local> <3@x.example>\r\n\r\n";
    let written = write_one(message);
    assert!(!written.contains("In-Reply-To") && written.contains("References: <3@x.example>\r\n"), "{written}");
    let written = write_for("ann@inbox.example", message).unwrap();
    assert!(written.contains("In-Reply-To: <1@mail.inbox.example>\r\n"), "{written}");
}

#[test]
fn dates_are_utc_and_never_missing() {
    for (date, expected) in [
        ("Date: Tue, 14 Nov 2023 23:30:00 -0800\r\n", "Wed, 15 Nov 2023 07:30:00 +0000"),
        ("Date: 14 Nov 23 22:13:00 GMT\r\n", "Tue, 14 Nov 2023 22:13:00 +0000"),
        ("Date: rubbish\r\n", "Tue, 14 Nov 2023 22:13:20 +0000"),
        ("", "Tue, 14 Nov 2023 22:13:20 +0000"),
    ] {
        let written = write_one(&format!("From: jane.roe@inbox.example\r\n{date}\r\n"));
        assert!(written.contains(&format!("\r\nDate: {expected}\r\n")), "{date}: {written}");
    }
}

fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("jane.roe@inbox.example".to_owned()),
        Just("Jane.ROE@Inbox.Example".to_owned()),
        Just("<jane.roe@inbox.example>".to_owned()),
        Just("=?utf-8?q?jane.roe=40inbox.example?=".to_owned()),
        Just("=?utf-8?b?amFuZS5yb2VAaW5ib3guZXhhbXBsZQ==?=".to_owned()),
        Just(format!("<{LG}>")),
        Just("<a@lg.example>".to_owned()),
        Just("\r\n ".to_owned()),
        Just(", ".to_owned()),
        Just("jane.roe@\r\n inbox.example".to_owned()),
        "[ -~]{0,12}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_header_block_names_the_mailbox(
        fields in proptest::collection::vec((prop_oneof![
            Just("Subject"), Just("To"), Just("Cc"), Just("In-Reply-To"), Just("References"), Just("Date"), Just("Message-ID"),
            Just("Content-Type"), Just("Content-Disposition"), Just("Auto-Submitted"), Just("Importance"), Just("MIME-Version"),
            Just("X-Mailer"), Just("Received"), Just("Sender"), Just("Bcc"), Just("Reply-To")], value()), 0..8))
    {
        let mut message = "From: Jane Roe <jane.roe@inbox.example>\r\n".to_owned();
        for (name, value) in &fields {
            message.extend([name, ": x", value, "\r\n"]);
        }
        prop_assume!(HeaderBlock::parse(message.as_bytes(), Limits::default()).is_ok());
        if let Ok(written) = write_for("news@lg.example", &message) {
            let block = HeaderBlock::parse(written.as_bytes(), Limits::default()).unwrap();
            prop_assert_eq!(block.body_offset(), written.len());
            for field in block.fields() {
                let value = field.value(written.as_bytes());
                for text in [String::from_utf8_lossy(value).replace("\r\n", ""), decoded(value)] {
                    prop_assert!(!text.to_ascii_lowercase().contains("jane.roe@inbox.example"), "{}", written);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(message in proptest::collection::vec(prop_oneof![
        Just(b"\r\n".to_vec()), Just(b"To: ".to_vec()), Just(b"Date: ".to_vec()), Just(b"Subject: =?".to_vec()),
        Just(b"References: <".to_vec()), proptest::collection::vec(any::<u8>(), 1..6)], 0..30))
    {
        let message = message.concat();
        if let Ok(block) = HeaderBlock::parse(&message, Limits::default()) {
            let alias = address("a@you.example");
            let facts = ReplyFacts {
                alias: &alias, display_name: Some("Ann"), contact: &alias, contacts: &HashMap::new(), mailboxes: &[], outside: None,
                message_id: "x@you.example", known_ids: &HashMap::new(), now: Timestamp::from_micros(0),
            };
            let _tokens = (named(&block, &message, &alias), client_id(&block, &message), referenced(&block, &message));
            if let Ok(written) = write(&block, &message, &facts) {
                prop_assert!(HeaderBlock::parse(&written, Limits::default()).is_ok());
            }
        }
    }
}

#[test]
fn a_message_that_was_handed_in_names_anybody_outside_and_nobody_inside() {
    let ours = BTreeSet::from(["you.example", "other.example"].map(|name| DomainName::parse(name).unwrap()));
    let (alias, contact) = (address("lg.k7f3@you.example"), address("bob@far.example"));
    let contacts = HashMap::from([(ReverseToken::from_local_part(address(LG).local()).unwrap(), address("news@lg.example"))]);
    let write = |to: &str| {
        let message = format!("{to}\r\n\r\n");
        let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
        let facts = ReplyFacts {
            alias: &alias,
            display_name: None,
            contact: &contact,
            contacts: &contacts,
            outside: Some(&ours),
            mailboxes: &[address("jane@inbox.example")],
            message_id: "a@you.example",
            known_ids: &HashMap::new(),
            now: Timestamp::default(),
        };
        write(&block, message.as_bytes(), &facts).map(|header| String::from_utf8(header).unwrap())
    };
    let written =
        write(&format!("To: Bob <bob@far.example>, {LG}\r\nCc: Team: a@far.example, jane@inbox.example, lg.k7f3@you.example;"));
    let written = written.unwrap().replace("\r\n ", " ");
    assert!(written.contains("\r\nTo: Bob <bob@far.example>, <news@lg.example>\r\nCc: <a@far.example>\r\n"), "{written}");
    for inside in [BOB, "spare@you.example", "x@other.example", "reply+cccccccccccccccccccc@other.example"] {
        assert_eq!(write(&format!("To: bob@far.example, {inside}")), Err(ReplyFault::OutsideAddress), "{inside}");
    }
    assert_eq!(write("To: <a@b> <bob@far.example>"), Err(ReplyFault::Unreadable));
}
