//! Reading reports: the standard ones field by field, and what no report may get away with.

use proptest::prelude::*;

use super::*;

fn report(action: &str, status: &str, rest: &str) -> Report {
    read(
        format!(
            "Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; x@y.example\r\nAction: {action}\r\nStatus: {status}\r\n{rest}\r\n--b--\r\n"
        )
        .as_bytes(),
    )
}

fn of(address: &str, report: Report) -> Finding {
    let Report::Failed(failed) = report else { panic!("{report:?}") };
    let address = Address::parse(address).unwrap();
    let unknown = Finding { severity: Severity::Unknown, ..failed.first.clone() };
    failed.about(&address).cloned().unwrap_or(unknown)
}

fn failed(report: Report) -> (String, Severity) {
    let found = of("X@Y.example", report);
    (found.status, found.severity)
}

/// A report in words.
fn told(text: &str) -> (String, Severity) {
    failed(read(format!("From: MAILER-DAEMON@y.example\r\nSubject: Undelivered\r\n\r\n{text}").as_bytes()))
}

#[test]
fn the_action_tells_a_failure_from_everything_else() {
    assert_eq!(failed(report("failed", "5.1.1", "")), ("5.1.1".into(), Severity::Hard));
    assert_eq!(failed(report("Failed", "5.2.2 (full)", "")), ("5.2.2".into(), Severity::Soft));
    assert_eq!(failed(report("failed", "4.4.7", "")), ("4.4.7".into(), Severity::Soft), "given up for its age");
    for action in ["delayed", "delivered", "relayed", "expanded", "DELAYED (for 4 hours)"] {
        assert_eq!(report(action, "4.4.1", ""), Report::Progress, "{action}");
    }
    assert_eq!(failed(report("bounced", "5.1.1", "")).1, Severity::Hard, "a word of its own, and a status");
}

#[test]
fn a_general_status_is_refined_by_the_diagnostic_code() {
    let diagnostic = |text: &str| format!("Diagnostic-Code: smtp; {text}\r\n");
    assert_eq!(failed(report("failed", "5.0.0", &diagnostic("550 5.7.1 no"))), ("5.7.1".into(), Severity::Soft));
    assert_eq!(failed(report("failed", "nonsense", &diagnostic("550 5.1.1\r\n no such user"))), ("5.1.1".into(), Severity::Hard));
    assert_eq!(failed(report("failed", "5.0.0", &diagnostic("550 gone"))), ("5.0.0".into(), Severity::Unknown));
    assert_eq!(failed(report("failed", "5.0.0", &diagnostic("550 user unknown"))), ("5.1.1".into(), Severity::Hard));
    assert_eq!(failed(report("failed", "5.0.0", &diagnostic("550 looks like spam"))), ("5.7.1".into(), Severity::Soft));
    assert_eq!(failed(report("failed", "nonsense", "")), ("5.0.0".into(), Severity::Unknown));
}

#[test]
fn the_recipient_and_the_words_are_kept_in_a_form_that_can_be_shown() {
    let long = format!(
        "Diagnostic-Code: smtp; 550 5.1.1 \u{1b}[31mno\t such\r\n user, see https://evil.example/{}\r\n",
        "x".repeat(900)
    );
    let failed = of("x@y.example", report("failed", "5.1.1", &long));
    assert!(failed.words.starts_with("550 5.1.1 [31mno such user, see https: //evil.example/xxx"), "{}", failed.words);
    assert_eq!(failed.words.len(), MOST_WORDS);
}

#[test]
fn the_returned_message_has_no_say() {
    let returned = "--b\r\nContent-Type: message/rfc822\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\
                    Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; x\r\nAction: failed\r\nStatus: 5.1.1\r\n";
    assert_eq!(report("delayed", "4.4.1", &format!("\r\n{returned}")), Report::Progress);
    let words = b"From: MAILER-DAEMON@x.example\r\n\r\nIt did not work.\r\n\r\n--- Original message ---\r\n550 5.1.1 gone\r\n";
    assert_eq!(failed(read(words)), ("5.0.0".into(), Severity::Unknown));
}

#[test]
fn words_of_an_unknown_system_are_a_failure_and_a_holiday_is_not() {
    let unknown = b"Subject: Undeliverable\r\n\r\nYour message did not reach its recipient.\r\n";
    assert_eq!(failed(read(unknown)), ("5.0.0".into(), Severity::Unknown));
    assert_eq!(failed(read(b"")), ("5.0.0".into(), Severity::Unknown));
    for holiday in [
        &b"Auto-Submitted: auto-replied (vacation)\r\n\r\nI am away until 5.1.2027.\r\n"[..],
        b"Subject: Automatic reply: Sale\r\n\r\nBack on Monday\r\n",
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n--x\r\n\r\nread\r\n--x--\r\n",
    ] {
        assert_eq!(read(holiday), Report::Automatic);
    }
}

#[test]
fn numbers_that_are_no_codes_are_not_taken_for_one() {
    for line in ["see 15.2.1118.40", "192.0.2.5 (5.1.1.3)", "on 4.5.2027", "room 550", "Exim 4.97.1"] {
        assert_eq!(words::status_in(line), None, "{line}");
    }
    for (line, status) in [
        ("550 5.1.1 <x@y.example>: gone", "5.1.1"),
        ("host mx said: 550-5.1.1 The email account", "5.1.1"),
        ("Sorry, no mailbox here by that name. (#5.1.1)", "5.1.1"),
        ("#< #5.1.1 smtp;550 gone> #SMTP#", "5.1.1"),
        ("452 4.2.2 later", "4.2.2"),
        ("550 no such user here", "5.1.1"),
        ("Remote host said: 554 no", "5.0.0"),
    ] {
        assert_eq!(words::status_in(line).as_deref(), Some(status), "{line}");
    }
}

#[test]
fn only_the_group_of_the_final_recipient_has_a_say() {
    let group = |recipient: &str, status: &str| {
        format!("\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n")
    };
    let original = report("failed", "5.2.2", "Original-Recipient: rfc822; other@y.example\r\n");
    assert_eq!(of("other@y.example", original).severity, Severity::Unknown);
    let two = || report("failed", "5.2.2", &group("Other@Y.example", "5.1.1"));
    assert_eq!((failed(two()).1, of("other@y.example", two()).status), (Severity::Soft, "5.1.1".to_owned()));
    let twice = report("failed", "5.1.1", &group("x@y.example", "5.2.2"));
    assert_eq!(failed(twice), ("5.2.2".into(), Severity::Soft), "in doubt it is there");
}

#[test]
fn words_are_about_the_one_address_in_their_paragraph() {
    assert_eq!(told("<x@y.example>:\n550 5.1.1 no such user\n").1, Severity::Hard);
    assert_eq!(told("X@Y.EXAMPLE: user unknown\n").1, Severity::Hard);
    for text in [
        "550 5.1.1 no such user\n",
        "Your message to <x@y.example> came back.\n\n550 5.1.1 no such user\n",
        "<other@y.example>: 550 5.1.1 no such user\n",
        "<other@z.example> (expanded from <x@y.example>): 550 5.1.1 no such user\n",
        "<x@y.example>: host said: 550 5.1.1\n    <other@z.example>: user unknown\n",
        "<x@y.example>: mailbox unavailable\n",
    ] {
        assert_eq!(told(text).1, Severity::Unknown, "{text}");
    }
    let page = b"Content-Type: text/html\r\n\r\n<p>x@y.example: 550 5.1.1 no such user</p>\r\n";
    assert_eq!(failed(read(page)), ("5.1.1".into(), Severity::Unknown));
}

#[test]
fn a_subject_that_is_quoted_does_not_steer() {
    for text in [
        "Your message to x@y.example\n  Subject: 550 5.1.1 no such user\n  550 5.1.1 goes on\nwas not delivered.\n",
        "\"550 5.1.1 no such user\" to x@y.example was not delivered.\n",
        "\"a\" 550 5.1.1 no such user \"b\" to x@y.example was not delivered.\n",
        "\"a\n550 5.1.1 no such user\nb\" to x@y.example was not delivered.\n",
        "x@y.example: was not delivered: \"550 5.1.1 no such user\n",
        "\u{201e}550 5.1.1 no such user\u{201c} an x@y.example kam nicht an.\n",
        "The message 'it's 550 5.1.1 no such user' to x@y.example was not delivered.\n",
        "The message 'a' 550 5.1.1 no such user' to x@y.example was not delivered.\n",
        "> x@y.example 550 5.1.1 no such user\n",
        "x@y.example\nReturn-Path: <a@b.example>\n550 5.1.1 no such user\n",
    ] {
        assert_eq!(told(text), ("5.0.0".into(), Severity::Unknown), "{text}");
    }
    let full = "\"550 5.1.1 no such user\" to x@y.example was not delivered: the mailbox's quota is used up.\n";
    assert_eq!(told(full), ("5.2.2".into(), Severity::Soft));
    assert_eq!(told("x@y.example\nRemote Server returned '550 5.1.10 not found'\n").1, Severity::Hard);
    assert_eq!(told("The user x@y.example doesn't exist here: 550 5.1.1 can't deliver\n").1, Severity::Hard);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _answer = read(&bytes);
    }

    #[test]
    fn pieces_of_reports_in_any_order_are_answered_with_a_line_that_can_be_shown(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "Content-Type: ", "multipart/report", "; boundary=b", "\r\n", "\r\n\r\n", "--b\r\n", "--b--\r\n", "message/delivery-status",
            "message/rfc822", "Action: failed\r\n", "Action: delayed\r\n", "Status: 5.1.1\r\n", "Status: 4.2.2\r\n", "Diagnostic-Code: smtp; ",
            "550 5.1.1 no\r\n", "Final-Recipient: rfc822;", "x@y.example\r\n", "\"", "'", "\u{ab}", "x@y.example", "Auto-Submitted: auto-replied\r\n", "\u{1b}[1m", " ", "#", "5.", "ß",
            "Content-Transfer-Encoding: base64\r\n", "QWN0aW9uOiBmYWlsZWQ=",
        ]), 0..40)
    ) {
        if let Report::Failed(failed) = read(pieces.concat().as_bytes()) {
            for found in failed.findings.iter().map(|(_, found)| found).chain([&failed.first]) {
                prop_assert!(found.words.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && found.words.len() <= MOST_WORDS);
                prop_assert!(words::as_status(&found.status).is_some());
            }
        }
    }
}
