//! Single rules of the rewriting; whole messages are in `tests/it/transform/`.

use proptest::prelude::*;

use super::super::header::Limits;
use super::*;
use crate::model::{DomainName, Timestamp};

fn alias() -> Address {
    Address::parse("lg.k7f3@you.example").unwrap()
}

/// Reverse addresses for everybody, as `service` would make them.
fn reverse_for(outside: &[Address]) -> HashMap<String, Address> {
    let reverse = |number: usize| Address::parse(&format!("reply+{number:020}@you.example")).unwrap();
    outside.iter().enumerate().map(|(number, address)| (address.folded(), reverse(number))).collect()
}

fn received() -> ReceivedFacts {
    ReceivedFacts {
        client_ip: "192.0.2.7".parse().unwrap(),
        helo: "mx.lg.com".into(),
        esmtp: true,
        smtputf8: false,
        tls: None,
        hostname: DomainName::parse("mx.you.example").unwrap(),
        id: "k3f9".into(),
        at: Timestamp::from_micros(1_700_000_000_000_000),
    }
}

fn rewritten(message: &[u8]) -> Result<Vec<u8>, RewriteError> {
    let block = HeaderBlock::parse(message, Limits::default())?;
    let alias = alias();
    let found = correspondents(&block, message, &alias)?;
    assert!(found.outside.len() <= 54);
    let facts = ForwardFacts {
        alias: &alias,
        alias_id: AliasId(1),
        reverse: &reverse_for(&found.outside),
        results: "",
        received: &received(),
        trace_key: &SecretKey::new(vec![7; 32]),
        message_ids: &HashMap::new(),
        manage: None,
        one_click: OneClick { theirs: true, ours: true },
        authserv_id: "mx.you.example",
    };
    rewrite(&block, message, &facts)
}

/// The rewritten block without the six lines put in front.
fn fields_of(message: &str) -> String {
    let out = String::from_utf8(rewritten(message.as_bytes()).unwrap()).unwrap();
    let own = out.find("X-Postern-Alias: lg.k7f3@you.example\r\n").unwrap();
    let (_, rest) = out.split_at(own);
    rest.split_once("\r\n").unwrap().1.to_owned()
}

#[test]
fn our_own_fields_stand_in_front() {
    let out = String::from_utf8(rewritten(b"From: a@x.org\r\n\r\nbody").unwrap()).unwrap();
    assert!(out.starts_with("Received: from mx.lg.com ([192.0.2.7])\r\n\tby mx.you.example with ESMTP\r\n"));
    let names: Vec<_> = out.split("\r\n").filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    assert_eq!(names, ["Received", "X-Postern-Trace", "X-Postern-Alias", "From"]);
    assert!(!out.contains(" for ") && out.ends_with(">\r\n"));
}

#[test]
fn replaced_fields_stay_in_their_place_and_others_as_they_were() {
    let out = fields_of(
        "Return-Path: <x@lg.com>\r\nDKIM-Signature: v=1; a=b;\r\n\tc=d\r\nSubject:  odd   spacing \r\nFrom: LG <news@lg.com>\r\n\
         Sender: bulk@esp.example\r\nTO: lg.k7f3@you.example\r\nReply-To: help@lg.com\r\nBcc: z@x.org\r\nList-Id: <x>\r\n\
         Message-ID: <1@lg.com>\r\nX-Postern-Alias: forged@x\r\nX-Postern-Trace: forged\r\nX-Last : 1\r\n\r\n",
    );
    assert_eq!(
        out,
        "DKIM-Signature: v=1; a=b;\r\n\tc=d\r\nSubject:  odd   spacing \r\n\
         From: \"LG - news at lg.com\" <reply+00000000000000000000@you.example>\r\n\
         TO: lg.k7f3@you.example\r\nReply-To: \"help at lg.com\" <reply+00000000000000000001@you.example>\r\nList-Id: <x>\r\n\
         Message-ID: <1@lg.com>\r\nX-Last : 1\r\n"
    );
}

#[test]
fn a_reply_to_all_meets_only_reverse_addresses() {
    let out = fields_of("From: a@x.org\r\nTo: Me <LG.k7f3@You.example>, Bob <bob@x.org>\r\nCc: A@X.org, carol@x.org\r\n");
    assert!(!out.contains("<bob@") && !out.contains("<carol@") && !out.contains("@x.org"));
    assert!(out.contains("To: Me <LG.k7f3@you.example>,\r\n \"Bob - bob at x.org\" <reply+"));
    // The author under another spelling is the same contact.
    assert!(out.contains("Cc: \"A at x.org\" <reply+00000000000000000000@you.example>,\r\n"));
}

#[test]
fn a_reply_to_of_the_alias_itself_is_dropped() {
    assert!(!fields_of("From: a@x.org\r\nReply-To: lg.k7f3@you.example\r\n").contains("Reply-To"));
    assert!(!fields_of("From: a@x.org\r\nReply-To: <broken\r\n").contains("Reply-To"));
    assert!(!fields_of(&format!("From: a@x.org\r\n{}", "Reply-To: a@x.org,b@x.org\r\n".repeat(13))).contains("Reply-To"));
}

#[test]
fn nothing_makes_a_mail_client_write_to_the_sender_from_the_inbox() {
    let asks: String = [
        "Disposition-Notification-To",
        "disposition-notification-options",
        "Return-Receipt-To",
        "Read-Receipt-To",
        "X-Confirm-Reading-To",
        "ERRORS-TO",
        "Mail-Followup-To",
        "Mail-Reply-To",
        "List-Post",
        "List-Owner",
        "Return-Receipt-To ",
    ]
    .map(|name| format!("{name}: <mailto:t@shop.example>,\r\n t@shop.example\r\n"))
    .concat();
    let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
    let out = fields_of(&format!("From: a@x.org\r\n{asks}List-Unsubscribe: <mailto:u@shop.example>\r\n{post}Subject: s\r\n"));
    assert_eq!(
        out,
        "From: \"a at x.org\" <reply+00000000000000000000@you.example>\r\n\
         List-Unsubscribe: <mailto:reply+00000000000000000001@you.example>\r\nSubject: s\r\n"
    );
    let web = "List-Unsubscribe:  <https://shop.example/u>\r\n";
    assert!(fields_of(&format!("From: a@x.org\r\n{web}{post}")).ends_with(&format!("{web}{post}")));
    let plain = "List-Help: <http://shop.example/h>\r\nList-Unsubscribe: <http://shop.example/u>\r\n";
    assert!(fields_of(&format!("From: a@x.org\r\n{plain}{post}")).ends_with(plain));
    let both = "List-Unsubscribe: <mailto:u@shop.example>, <https://shop.example/u>\r\n";
    let through = "List-Unsubscribe: <mailto:reply+00000000000000000001@you.example>,\r\n <https://shop.example/u>\r\n";
    assert!(fields_of(&format!("From: a@x.org\r\n{both}{post}")).ends_with(&format!("{through}{post}")));
    // Ours, anybody's who hides more recipients in it, and more than a list has.
    let odd = "List-Unsubscribe: <mailto:LG.k7f3@you.example>, <mailto:a@b.org,c@d.org>\r\n";
    assert!(fields_of(&format!("From: a@x.org\r\n{odd}{post}")).ends_with("<reply+00000000000000000000@you.example>\r\n"));
    let many = "List-Unsubscribe: <mailto:a@x.org>\r\n".repeat(900);
    assert_eq!(fields_of(&format!("From: a@x.org\r\n{many}")).matches("<mailto:").count(), 3);
}

#[test]
fn our_link_stands_in_only_where_the_sender_gives_none() {
    let with = |message: &str, link: &str| {
        let message = format!("From: a@x.org\r\n{message}\r\n");
        let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
        let alias = alias();
        let found = correspondents(&block, message.as_bytes(), &alias).unwrap();
        let reverse = reverse_for(&found.outside);
        let facts = ForwardFacts {
            alias: &alias,
            alias_id: AliasId(1),
            reverse: &reverse,
            results: "",
            received: &received(),
            trace_key: &SecretKey::new(vec![7; 32]),
            message_ids: &HashMap::new(),
            manage: Some(link),
            one_click: OneClick { theirs: true, ours: true },
            authserv_id: "mx.you.example",
        };
        let out = String::from_utf8(rewrite(&block, message.as_bytes(), &facts).unwrap()).unwrap();
        out.split_once("X-Postern-Alias: lg.k7f3@you.example\r\n").unwrap().1.split_once("From:").unwrap().0.to_owned()
    };
    let link = "https://p.example/u/x";
    let manage = format!("X-Postern-Manage: <{link}>\r\n");
    let ours = format!("{manage}List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    assert_eq!(with("", link), ours);
    assert_eq!(with("List-Unsubscribe: <tel:1>\r\nX-Postern-Manage: forged\r\n", link), ours);
    assert_eq!(with("List-Unsubscribe: <https://x.org/>\r\n", link), manage);
    assert_eq!(with("List-Unsubscribe: <mailto:u@x.org>\r\n", link), manage);
    assert!(!with("", "http://p.example/u/x").contains("Unsubscribe-Post"));
    assert_eq!(with("", &format!("https://{}.example", "p".repeat(1000))), "");
}

fn with_others(count: usize) -> String {
    let others: Vec<_> = (0..count).map(|number| format!("p{number}@x.org")).collect();
    fields_of(&format!("From: a@y.org\r\nCc: {}\r\nTo: lg.k7f3@you.example\r\n", others.join(",\r\n ")))
}

#[test]
fn above_twenty_five_others_are_counted_instead_of_named() {
    let named = with_others(25);
    assert_eq!(named.matches("reply+").count(), 26);
    assert!(!named.contains("hidden"));
    let hidden = with_others(26);
    assert!(hidden.ends_with("To: <lg.k7f3@you.example>,\r\n 26 recipients hidden:;\r\n"));
    assert_eq!(hidden.matches("reply+").count(), 1);
}

#[test]
fn a_recipient_named_again_is_written_once() {
    let out =
        fields_of("From: a@x.org\r\nTo: b@x.org, B@x.org, b@x.org\r\nCc: b@x.org\r\nTo: b@x.org\r\nCc: c@x.org, b@x.org\r\n");
    assert_eq!(out.matches("b at x.org").count(), 1);
    assert_eq!(out.matches("To: ").count(), 1);
    assert!(out.ends_with("Cc: \"c at x.org\" <reply+00000000000000000002@you.example>\r\n"));
}

#[test]
fn to_is_never_empty_and_nothing_unreadable_is_copied() {
    assert!(fields_of("From: a@x.org\r\nTo:\r\nCc: \r\n").ends_with("\r\nTo: undisclosed-recipients:;\r\n"));
    assert!(fields_of("From: a@x.org\r\nTo: undisclosed-recipients:;\r\n").ends_with("\r\nTo: undisclosed-recipients:;\r\n"));
    let out = fields_of("From: a@x.org\r\nTo: <bob@x.org> <c@x.org>, d@x.org\r\nCc: <e@x.org\r\n");
    assert!(out.contains("To: \"d at x.org\" <reply+00000000000000000001@you.example>,\r\n 1 unreadable recipient:;\r\n"));
    assert!(out.ends_with("Cc: 1 unreadable recipient:;\r\n"));
}

#[test]
fn authentication_results_of_others_stay() {
    let header = |value: &str| fields_of(&format!("From: a@x.org\r\nAuthentication-Results: {value}\r\n"));
    for ours in [
        "mx.you.example; spf=pass",
        "MX.you.example 1; none",
        "(x) mx.you.example; none",
        "\"mx.you.example\"; none",
        "\r\n mx.you.example;\r\n\tdkim=pass",
        "mx.you.example",
    ] {
        assert!(!header(ours).contains("Authentication-Results"), "{ours}");
    }
    for other in ["mx.lg.com; spf=pass", "xmx.you.example; none", "mx.you.example.org; none"] {
        assert!(header(other).contains("Authentication-Results"), "{other}");
    }
}

#[test]
fn traces_of_other_aliases_are_kept() {
    let ours = trace::value(&SecretKey::new(vec![7; 32]), AliasId(2));
    assert!(fields_of(&format!("From: a@x.org\r\nX-Postern-Trace: {ours}\r\n")).contains(&ours));
}

#[test]
fn a_last_line_without_its_end_gets_one() {
    assert!(fields_of("From: a@x.org\r\nSubject: x").ends_with("Subject: x\r\n"));
}

#[test]
fn a_missing_reverse_address_is_an_error_and_not_a_leak() {
    let message = b"From: a@x.org\r\nTo: b@x.org\r\n";
    let block = HeaderBlock::parse(message, Limits::default()).unwrap();
    let facts = ForwardFacts {
        alias: &alias(),
        alias_id: AliasId(1),
        reverse: &reverse_for(&[Address::parse("a@x.org").unwrap()]),
        results: "",
        received: &received(),
        trace_key: &SecretKey::new(vec![7; 32]),
        message_ids: &HashMap::new(),
        manage: None,
        one_click: OneClick { theirs: true, ours: true },
        authserv_id: "mx.you.example",
    };
    assert_eq!(rewrite(&block, message, &facts), Err(RewriteError::MissingReverse));
}

proptest! {
    #[test]
    fn any_bytes_give_a_clean_block_or_a_fault(tail in proptest::collection::vec(prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(vec![
            b"\r\n".to_vec(), b"To: ".to_vec(), b"Cc: ".to_vec(), b"Reply-To: ".to_vec(), b"b@x.org".to_vec(),
            b"<".to_vec(), b"\"".to_vec(), b",".to_vec(), b"=?utf-8?q?=0D=0ABcc:z?=".to_vec(), b"\r\n ".to_vec()])], 0..40))
    {
        let mut message = b"From: a@y.org\r\nTo: ".to_vec();
        message.extend(tail.concat());
        if let Ok(out) = rewritten(&message) {
            prop_assert!(out.ends_with(b"\r\n"));
            let again = HeaderBlock::parse(&out, Limits::default()).unwrap();
            prop_assert_eq!(again.body_offset(), out.len());
            let before = HeaderBlock::parse(&message, Limits::default()).unwrap();
            prop_assert!(again.fields().len() <= before.fields().len() + 3);
            for name in ["To", "Cc", "Reply-To", "From"] {
                for field in again.named(&out, name) {
                    let list = AddressList::parse(field.value(&out));
                    prop_assert_eq!(list.unreadable(), 0);
                    for mailbox in list.mailboxes() {
                        prop_assert_eq!(mailbox.address.domain().as_str(), "you.example");
                    }
                }
            }
        }
    }

    #[test]
    fn others_fields_are_kept_and_every_address_is_reported(
        fields in proptest::collection::vec((0usize..9, proptest::collection::vec(0usize..40, 0..12), "[ -~\u{e4}\u{4e2d}]{0,40}"), 0..12))
    {
        let names = ["To", "Cc", "Reply-To", "Subject", "X-One", "DKIM-Signature", "References", "Date", "List-Id"];
        let mut message = String::from("From: a@y.org\r\n");
        let mut kept = Vec::new();
        let mut named = BTreeSet::new();
        let mut replies = 0;
        for (name, people, text) in &fields {
            let value = if *name < 3 {
                named.extend(people.iter().map(|number| (*name == 2, format!("p{number}@x.org"))));
                replies += if *name == 2 { people.len() } else { 0 };
                people.iter().map(|number| format!("N <p{number}@x.org>")).collect::<Vec<_>>().join(",\r\n\t")
            } else {
                format!("{text}\r\n {text}")
            };
            let field = format!("{}: {value}\r\n", names[*name]);
            message.push_str(&field);
            if *name >= 3 {
                kept.push(field.into_bytes());
            }
        }
        let bytes = message.as_bytes();
        let block = HeaderBlock::parse(bytes, Limits::default()).unwrap();
        let found = correspondents(&block, bytes, &alias()).unwrap();
        let recipients: BTreeSet<_> = named.iter().filter(|(is_reply, _)| !is_reply).map(|(_, address)| address.clone()).collect();
        prop_assert_eq!(found.other_recipients, recipients.len());
        let reported: BTreeSet<String> = found.outside.iter().map(ToString::to_string).collect();
        prop_assert_eq!(reported.len(), found.outside.len());
        for (is_reply, address) in &named {
            let is_left_out = if *is_reply { replies > HIDE_ABOVE } else { recipients.len() > HIDE_ABOVE };
            prop_assert!(is_left_out || reported.contains(address));
        }
        let out = rewritten(bytes).unwrap();
        let again = HeaderBlock::parse(&out, Limits::default()).unwrap();
        let ours = ["From", "To", "Cc", "Reply-To"];
        let others: Vec<Vec<u8>> = again.fields().iter().skip(3)
            .filter(|field| !ours.iter().any(|name| field.is(&out, name)))
            .map(|field| field.raw(&out).to_vec()).collect();
        prop_assert_eq!(others, kept);
        for name in ours {
            for field in again.named(&out, name) {
                let list = AddressList::parse(field.value(&out));
                prop_assert!(list.mailboxes().all(|mailbox| mailbox.address.domain().as_str() == "you.example"));
            }
        }
    }
}
