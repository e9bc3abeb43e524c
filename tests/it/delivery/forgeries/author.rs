//! `From` names one author in one way, and only a verified mailbox of the very alias may speak.

use super::*;
use crate::support::database::each_driver;

#[tokio::test]
async fn an_author_who_can_be_read_in_two_ways_is_none() {
    each_driver(async |database| {
        let forger = Forger::build(&database, ZONE).await;
        let from = |name, value: &str| forger.with_fields(name, &format!("From: {value}\r\n"));
        let with = |name, fields: &str| forger.with_fields(name, fields);
        let both = format!("{MAILBOX}, {EVIL}");
        // "jane.roe@mailbox-provider.example", base64.
        let word = "=?utf-8?B?amFuZS5yb2VAbWFpbGJveC1wcm92aWRlci5leGFtcGxl?=";
        let two = format!("From: {MAILBOX}\r\nFrom: {EVIL}\r\n");
        let attacks = vec![
            from("the owner in the display name", &format!("\"{MAILBOX}\" <{EVIL}>")),
            from("the owner in an encoded display name", &format!("{word} <{EVIL}>")),
            from("the owner in a comment", &format!("{EVIL} ({MAILBOX})")),
            from("the owner in a comment inside the address", &format!("<{EVIL}({MAILBOX})>")).answered(AMBIGUOUS),
            from("the owner and another", &both).answered(SEVERAL),
            from("another and the owner", &format!("{EVIL}, {MAILBOX}")).answered(SEVERAL),
            from("the owner twice", &format!("{MAILBOX}, {MAILBOX}")).answered(SEVERAL),
            with("two fields, the owner's first", &two).answered(UNCLEAR),
            with("two fields, the owner's last", &format!("From: {EVIL}\r\nFrom: {MAILBOX}\r\n")).answered(UNCLEAR),
            with("two fields in other case", &format!("From: {EVIL}\r\nFROM: {MAILBOX}\r\n")).answered(UNCLEAR),
            with("a space before the colon", &format!("From : {MAILBOX}\r\n")).answered(UNCLEAR),
            with("a second field with a space before its colon", &format!("From: {EVIL}\r\nFrom : {MAILBOX}\r\n"))
                .answered(UNCLEAR),
            from("a group", &format!("Owners: {MAILBOX};")).answered(AMBIGUOUS),
            from("a group without an end", &format!("Owners: {MAILBOX}")).answered(AMBIGUOUS),
            from("a group and another", &format!("Owners: {MAILBOX};, {EVIL}")).answered(AMBIGUOUS),
            from("an encoded word for an address", word).answered(AMBIGUOUS),
            from("an encoded word in brackets", &format!("<{word}>")).answered(AMBIGUOUS),
            from("a quoted local part that holds the owner", &format!("\"{MAILBOX}\"@evil.example")),
            from("two addresses in brackets", &format!("<{MAILBOX}> <{EVIL}>")).answered(AMBIGUOUS),
            from("one bracket in another", &format!("<{EVIL}<{MAILBOX}>>")).answered(AMBIGUOUS),
            from("an address for a display name", &format!("{MAILBOX} <{EVIL}>")),
            from("a source route", &format!("<@evil.example:{MAILBOX}>")).answered(AMBIGUOUS),
            from("a domain literal", "jane.roe@[127.0.0.1]").answered(AMBIGUOUS),
            from("a percent sign for the at sign", "jane.roe%mailbox-provider.example@evil.example"),
            from("a bang path", "mailbox-provider.example!jane.roe@evil.example"),
            from("two at signs", "jane.roe@mailbox-provider.example@evil.example").answered(AMBIGUOUS),
            from("a fold inside the address", "jane.roe@mailbox-\r\n provider.example").answered(AMBIGUOUS),
            from("a space inside the address", "<jane.roe @mailbox-provider.example>").answered(AMBIGUOUS),
            from("a dot at the end of the domain", &format!("{MAILBOX}.")).answered(AMBIGUOUS),
            from("the owner behind a fold, another before", &format!("{EVIL},\r\n\t{MAILBOX}")).answered(SEVERAL),
            from("an empty value", "").answered(NO_AUTHOR),
            from("a name without an address", "Jane Roe").answered(NO_AUTHOR),
            with("no From at all", "").answered(NO_AUTHOR),
            with("Sender is the owner", &format!("From: {EVIL}\r\nSender: {MAILBOX}\r\n")),
            with("Sender is the owner and From is missing", &format!("Sender: {MAILBOX}\r\n")).answered(NO_AUTHOR),
            with("Resent-From is the owner", &format!("Resent-From: {MAILBOX}\r\nFrom: {EVIL}\r\n")),
            with("Reply-To is the owner", &format!("From: {EVIL}\r\nReply-To: {MAILBOX}\r\n")),
            with("Return-Path is the owner", &format!("Return-Path: <{MAILBOX}>\r\nFrom: {EVIL}\r\n")),
            from("a look-alike of the provider's domain", "jane.roe@m\u{430}ilbox-provider.example"),
            from("the provider's domain with a soft hyphen", "jane.roe@mailbox\u{ad}-provider.example"),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn bytes_that_end_a_field_for_some_readers_are_in_none() {
    each_driver(async |database| {
        let forger = Forger::build(&database, ZONE).await;
        const BARE: &str = "554 5.6.0 Message holds a bare CR, a bare LF or a NUL";
        const MALFORMED: &str = "554 5.6.0 The message header is malformed";
        let with = |name, fields: &str, answer| forger.with_fields(name, fields).answered(answer).uncounted();
        let attacks = vec![
            with("a NUL in From", &format!("From: {MAILBOX}\0, {EVIL}\r\n"), BARE),
            with("a bare CR in From", &format!("From: {EVIL}\rFrom: {MAILBOX}\r\n"), BARE),
            with("a bare LF in From", &format!("From: {EVIL}\nFrom: {MAILBOX}\r\n"), BARE),
            with("an mbox line", &format!("From {MAILBOX}\r\nFrom: {EVIL}\r\n"), MALFORMED),
            with("a first line with a space", &format!(" From: {MAILBOX}\r\nFrom: {EVIL}\r\n"), MALFORMED),
            with("a control byte in the name", &format!("Fr\u{1}om: {MAILBOX}\r\nFrom: {EVIL}\r\n"), MALFORMED),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}

/// The provider vouches for each of them: these are its other customers.
#[tokio::test]
async fn a_neighbour_at_the_owner_s_provider_is_a_stranger() {
    each_driver(async |database| {
        let forger = Forger::build(&database, ZONE).await;
        let kate = forger.mailbox("kate@mailbox-provider.example", true).await;
        forger.mailbox("detached@mailbox-provider.example", true).await;
        let unverified = forger.mailbox("unverified@mailbox-provider.example", false).await;
        user(forger.app.storage(), &*forger.app.clock, "other@mailbox-provider.example").await;
        let mailboxes = vec![forger.app.mailbox, kate, unverified];
        let forger = forger.moved_to("many", mailboxes).await;
        let from = |name, local: &str| {
            let author = format!("{local}@mailbox-provider.example");
            forger.with_fields(name, &format!("From: {author}\r\n")).from(PROVIDER, "neighbour@mailbox-provider.example")
        };
        let attacks = vec![
            from("a neighbour", "neighbour"),
            from("another user of this instance", "other"),
            from("a mailbox of the owner's that is not of this alias", "detached"),
            from("a mailbox of the owner's that is not verified", "unverified"),
            from("a tag", "jane.roe+tag"),
            from("no dot", "janeroe"),
            from("another dot", "j.ane.roe"),
            from("a hyphen for the dot", "jane-roe"),
            from("a dot at the end", "jane.roe.").answered(AMBIGUOUS),
            from("a Cyrillic letter", "j\u{430}ne.roe"),
            from("a letter of full width", "\u{ff4a}ane.roe"),
            from("a dotless i", "\u{131}jane.roe"),
            from("a space in quotation marks", "\"jane.roe \""),
            from("a zero-width space", "jane.roe\u{200b}"),
            from("the Kelvin sign for a K", "\u{212a}ate").answered(AMBIGUOUS),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        for (name, author) in [
            ("the owner in capitals", "JANE.ROE@MAILBOX-PROVIDER.EXAMPLE"),
            ("the owner in quotation marks", "\"jane.roe\"@mailbox-provider.example"),
            ("the owner's name behind a fold", "Jane\r\n Roe <jane.roe@mailbox-provider.example>"),
            ("the owner's second mailbox", "kate@mailbox-provider.example"),
        ] {
            forger.accepts(forger.with_fields(name, &format!("From: {author}\r\n")).from(PROVIDER, MAILBOX)).await;
        }
        forger.finish().await;
    })
    .await;
}
