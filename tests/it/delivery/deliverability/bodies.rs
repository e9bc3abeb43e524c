//! Bodies of every shape: the part that nothing may touch.

use super::inside::Inside;
use super::row::{ALIAS, Row, Senders, head, letter};
use crate::support::signer::How;

pub fn rows(senders: &Senders) -> Vec<Row> {
    let mut rows = files(senders);
    rows.extend(texts(senders));
    rows.extend(structures(senders));
    rows.push(forwarded(senders));
    rows.push(large(senders));
    rows
}

fn files(senders: &Senders) -> Vec<Row> {
    let signed = |name, domain, file| Row::file(name, domain, file).signed_by(senders, domain);
    vec![
        signed("Latin-1 in the body (8BITMIME)", "lg.com", "eight-bit-body"),
        signed("lines that are dots", "lg.com", "dot-lines"),
        signed("a field and a line of 5,000 characters", "lg.com", "long-line"),
        signed("no line end at the end", "lg.com", "no-final-crlf"),
        signed("an empty body", "lg.com", "empty-body"),
        Row::file("no body and no empty line", "lg.com", "header-only"),
        Row::file("cut off within the header", "lg.com", "header-only-cut"),
        signed("a message of a mailing list with List-* fields", "lists.example", "mailing-list"),
        signed("an out-of-office reply", "x.org", "vacation"),
        signed("an inline image", "lg.com", "inline-image"),
    ]
}

const PLAIN: &str = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8";

const SPACE: &str = "Hello \t \r\n\t\r\n   \r\n\r\n\r\n";

fn texts(senders: &Senders) -> Vec<Row> {
    let simple = How { header_relaxed: false, body_relaxed: false, ..How::default() };
    let text = |name, fields: &str, body: &str| {
        Row::new(name, "shop.example", letter(fields, body)).signed(senders.ed25519("shop.example"), &simple)
    };
    let longest = format!("{}\r\n", "x".repeat(998)).repeat(3);
    vec![
        text("lines of 998 characters", "", &longest),
        text("lines of white space at the end", "", SPACE).ends_in_space(),
        Row::new("the same, with a relaxed signature", "shop.example", letter("", SPACE))
            .signed_by(senders, "shop.example")
            .ends_in_space(),
        text("nothing but empty lines", "", "\r\n\r\n\r\n"),
        text(
            "a byte order mark, form feeds, Ctrl-Z and other controls",
            "",
            "\u{feff}a\u{c}\u{1a}\u{8}\u{1b}[1m\u{7f}\r\n\u{b}\r\n",
        ),
        text(
            "emoji and scripts in UTF-8",
            &format!("{PLAIN}\r\nContent-Transfer-Encoding: 8bit\r\n"),
            "Grüße 🎉 日本語 عربى\u{2028}\r\n",
        ),
        text(
            "lines that look like an mbox, a header or an end",
            "",
            "From the start\r\n>From\r\nTo: x\r\n-- \r\n.\r\n..\r\nQUIT\r\n",
        ),
        text(
            "flowed text",
            &format!("{PLAIN}; format=flowed; delsp=yes\r\n"),
            "a line that \r\ngoes on \r\nand ends\r\n -- \r\n> > quote \r\n",
        ),
        text(
            "quoted-printable with spaces at line ends",
            &format!("{PLAIN}\r\nContent-Transfer-Encoding: quoted-printable\r\n"),
            "Gr=C3=BC=C3=9Fe=20=\r\n  \r\nend \t\r\nbroken =ZZ =\r\n",
        ),
        text(
            "base64 text in lines of odd lengths",
            &format!("{PLAIN}\r\nContent-Transfer-Encoding: base64\r\n"),
            "SGVsb\r\nG8s\r\n\r\nIHdvcmxkIQ==\r\n",
        ),
        text(
            "ISO-2022-JP with its escapes",
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n",
            "\u{1b}$BF|K\\8l\u{1b}(B\r\n",
        ),
        text("the alias and the sender named in the text", "", &format!("Sent to {ALIAS} by news@shop.example.\r\n")),
    ]
}

fn structures(senders: &Senders) -> Vec<Row> {
    let signed = |name, fields: &str, body: String| {
        let fields = format!("MIME-Version: 1.0\r\nContent-Type: {fields}\r\n");
        Row::new(name, "shop.example", letter(&fields, &body)).signed(senders.rsa("shop.example"), &How::default())
    };
    let invite = format!(
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@shop.example\r\nORGANIZER:mailto:news@shop.example\r\n\
         ATTENDEE;RSVP=TRUE;CN={ALIAS}:mailto:\r\n {ALIAS}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    let part = |kind: &str, body: &str| format!("--b\r\nContent-Type: {kind}\r\n\r\n{body}\r\n");
    let report = format!(
        "{}{}{}--b--\r\n",
        part("text/plain", "Your message was not delivered."),
        part(
            "message/delivery-status",
            "Reporting-MTA: dns; mx.shop.example\r\n\r\nFinal-Recipient: rfc822; ann@shop.example\r\n\
             Action: failed\r\nStatus: 5.1.1\r\n"
        ),
        part("text/rfc822-headers", &format!("From: {ALIAS}\r\nTo: ann@shop.example\r\n")),
    );
    let page = format!(
        "{}{}{}--b--\r\n",
        part("text/plain", "Hello"),
        part("text/x-amp-html", "<!doctype html><html amp4email></html>"),
        part("text/html", "<p>Hello <img src=\"https://shop.example/open.gif\" width=1></p>"),
    );
    let disposition = format!(
        "{}{}{}--b--\r\n",
        part("text/plain", "It was displayed."),
        part(
            "message/disposition-notification",
            &format!("Final-Recipient: rfc822; {ALIAS}\r\nDisposition: manual-action; displayed\r\n")
        ),
        part("text/plain; charset=utf-8", ""),
    );
    let odd =
        format!("a preamble\r\n\r\n--b  \r\n\r\nno fields\r\n{}--b--  \r\nan epilogue\r\n--b\r\n", part("image/png", "\u{fffd}"));
    vec![
        signed("a calendar invitation that names the alias", "text/calendar; method=REQUEST; charset=utf-8", invite.clone()),
        signed("text, page and AMP", "multipart/alternative; boundary=b", page),
        signed(
            "an invitation inside multipart/alternative",
            "multipart/alternative; boundary=b",
            format!("{}{}--b--\r\n", part("text/plain", "Come!"), part("text/calendar; method=REQUEST", &invite)),
        ),
        signed(
            "a failure report, from the null reverse-path",
            "multipart/report; report-type=delivery-status; boundary=b",
            report,
        )
        .sender("")
        .told("dkim=pass; spf=none; dmarc=pass (p=reject)"),
        signed("a read receipt", "multipart/report; report-type=disposition-notification; boundary=b", disposition),
        signed("preamble, epilogue and stray boundaries", "multipart/mixed; boundary=\"b\"", odd),
        signed("a boundary that is never closed", "multipart/mixed; boundary=b", part("text/plain", "cut off")),
        signed(
            "an inline image between pages",
            "multipart/related; boundary=b; type=\"text/html\"",
            format!(
                "{}--b\r\nContent-Type: image/gif\r\nContent-ID: <i>\r\nContent-Transfer-Encoding: base64\r\n\r\n\
                 R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7\r\n--b--\r\n",
                part("text/html", "<img src=\"cid:i\">")
            ),
        ),
    ]
}

/// A message with a signature of its own, as an attachment.
fn forwarded(senders: &Senders) -> Row {
    let letter = head("Ann <ann@x.org>", "The original") + "\r\nHello,  \r\n\r\n\tAnn\r\n";
    let how = How { header_relaxed: false, body_relaxed: false, ..How::default() };
    let original = senders.ed25519("x.org").sign(&letter, &how);
    let body = format!("--b\r\n\r\nFor your files.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n--b--\r\n");
    let fields = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";
    Row::new("a forwarded message with a signature of its own", "shop.example", super::row::letter(fields, &body))
        .signed_by(senders, "shop.example")
        .inside(Inside::Message(original.into_bytes()))
}

/// 25 MB on the wire, as a mail program encodes a file of 18 MB.
fn large(senders: &Senders) -> Row {
    let fields = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";
    let line = "QWxsIHRoZSBieXRlcyBvZiBhIGxhcmdlIGZpbGUsIG92ZXIgYW5kIG92ZXIgYWdhaW4sIGFuZCBh\r\n";
    let mut body = String::from(
        "--b\r\n\r\nHere it is.\r\n--b\r\nContent-Type: application/zip; name=file.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    );
    body.push_str(&line.repeat(25_000_000 / line.len() + 1));
    body.push_str("--b--\r\n");
    let row = Row::new("a message of 25 MB", "shop.example", letter(fields, &body));
    assert!(row.message.len() > 25_000_000);
    row.signed_by(senders, "shop.example")
}
