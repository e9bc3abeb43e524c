//! What is replaced, what stays, and what is left alone because it would break.

use proptest::prelude::*;

use super::*;

fn replacer() -> Replacer {
    let mailboxes =
        ["Jane.Roe@inbox.example", "roe@inbox.example", "jane@b\u{fc}cher.example"].map(|text| Address::parse(text).unwrap());
    Replacer::new(&mailboxes, &Address::parse("shop@you.example").unwrap())
}

fn replaced(part: &str, encoding: Encoding) -> Option<String> {
    replacer().replace(part.as_bytes(), encoding).map(|out| String::from_utf8(out).unwrap())
}

fn plain(text: &str) -> String {
    replaced(text, Encoding::Plain).unwrap_or_else(|| text.to_owned())
}

#[test]
fn an_address_is_replaced_wherever_it_stands_whole() {
    assert_eq!(
        plain("On Monday, Jane <JANE.roe@Inbox.example> wrote:\r\n> mailto:roe@inbox.example.\r\n"),
        "On Monday, Jane <shop@you.example> wrote:\r\n> mailto:shop@you.example.\r\n"
    );
    assert_eq!(plain("<a href=\"mailto:jane.roe@inbox.example\">"), "<a href=\"mailto:shop@you.example\">");
    assert_eq!(
        plain("\u{4fe1}jane@b\u{fc}cher.example, jane@xn--bcher-kva.example"),
        "\u{4fe1}shop@you.example, shop@you.example"
    );
    assert_eq!(plain("...jane.roe@inbox.example..."), "...shop@you.example...");
}

#[test]
fn another_address_that_holds_it_stays() {
    for other in
        ["mary-jane.roe@inbox.example", "xroe@inbox.example", "jane.roe@inbox.example.org", "roe@inbox.example-shop.example"]
    {
        assert_eq!(replaced(other, Encoding::Plain), None);
    }
}

#[test]
fn quoted_printable_changes_in_place_and_keeps_its_lines_short() {
    let quoted = |text: &str| replaced(text, Encoding::QuotedPrintable).unwrap();
    assert_eq!(
        quoted("=E4 jane.r=\r\noe=40inbox.exam=\r\nple =3D 1\r\nlast=20\r\n"),
        "=E4 shop@you.example =3D 1\r\nlast=20\r\n"
    );
    let long = format!("{} roe@inbox.example {}\r\n", "x".repeat(50), "y".repeat(7));
    assert_eq!(quoted(&long).replace("=\r\n", ""), long.replace("roe@inbox.example", "shop@you.example"));
    let tight = format!("{}roe=40inbox.example{}=\r\n z\r\n", " ".repeat(30), " y".repeat(13));
    for line in quoted(&tight).lines() {
        assert!(line.len() <= 76, "{line}");
    }
}

#[test]
fn base64_is_encoded_anew_in_lines_as_long_as_before() {
    let encode = |text: &str, width: usize| {
        let encoded = BASE64.encode(text.as_bytes());
        let lines: Vec<_> = encoded.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        lines.join("\r\n")
    };
    let text = "Kind regards,\r\nJane <jane.roe@inbox.example>\r\nand a few more words\r\n";
    let part = format!("{}\r\n\r\n", encode(text, 20));
    let expected = format!("{}\r\n\r\n", encode(&text.replace("jane.roe@inbox.example", "shop@you.example"), 20));
    assert_eq!(replaced(&part, Encoding::Base64).unwrap(), expected);
    for broken in [part.replace('=', "*"), format!("{part}!"), part.replacen('S', "", 1)] {
        assert_eq!(replaced(&broken, Encoding::Base64), None);
    }
}

#[test]
fn what_would_break_is_left_alone() {
    let signed = "-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nroe@inbox.example\r\n";
    assert_eq!(replaced(signed, Encoding::Plain), None);
    assert_eq!(replaced(&BASE64.encode(signed.as_bytes()), Encoding::Base64), None);
    let mailboxes = [Address::parse("a@b.example").unwrap()];
    let long = Replacer::new(&mailboxes, &Address::parse("a.longer.name@you.example").unwrap());
    let line = format!("a@b.example {}\r\n", "x".repeat(980));
    assert_eq!(long.replace(line.as_bytes(), Encoding::Plain), None, "no line may be longer than 998");
}

proptest! {
    #[test]
    fn any_bytes_without_an_address_stay(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        for encoding in [Encoding::Plain, Encoding::QuotedPrintable, Encoding::Base64] {
            prop_assert_eq!(replacer().replace(&body, encoding), None);
        }
    }

    #[test]
    fn nothing_but_the_address_changes(before in "[ -~\r\n=]{0,90} ", after in " [ -~\r\n=]{0,90}") {
        let part = format!("{before}jane.roe@inbox.example{after}");
        if let Some(out) = replacer().replace(part.as_bytes(), Encoding::QuotedPrintable) {
            let (was, _) = unquote(part.as_bytes());
            let expected = replacer().replace(&was, Encoding::Plain);
            prop_assert_eq!(Some(unquote(&out).0), expected);
        }
        let encoded = BASE64.encode(part.as_bytes());
        let out = replacer().replace(encoded.as_bytes(), Encoding::Base64).map(|out| {
            BASE64.decode(&out.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>()).unwrap()
        });
        prop_assert_eq!(out, replacer().replace(part.as_bytes(), Encoding::Plain));
    }
}
