//! Display names of reverse addresses: cleaned, short, and always ending with the true address.
//!
//! The form is `"Name - local at domain" <reverse address>`. Whatever the name pretends to be, the address it came from
//! stands behind it; the domain is in A-labels, so look-alike letters show. Characters that hide, reorder or break
//! text go. Encoding (RFC 2047, RFC 5322 §3.2.4) and folding are email-encoding's, so no name can open a new line.

use std::fmt::Write;

use email_encoding::headers::{quoted_string, writer::EmailWriter};

use crate::model::Address;

/// Characters of the name itself; the address behind it must stay in sight.
const NAME_LENGTH: usize = 64;
/// Columns a line should not pass (RFC 5322 §2.1.1).
const LINE_LENGTH: usize = 78;

/// The name to show for `address` when it called itself `name`.
pub fn shown(name: &str, address: &Address) -> String {
    let text = address.to_string();
    let (local, domain) = text.rsplit_once('@').unwrap_or((&text, ""));
    let origin = format!("{} at {domain}", clean(local, usize::MAX));
    let name = clean(name, NAME_LENGTH);
    if name.is_empty() || name.eq_ignore_ascii_case(&text) { origin } else { format!("{name} - {origin}") }
}

/// Appends `"name" <address>` to a field, `column` characters into its line; folds where it must.
pub fn write_mailbox(field: &mut String, column: usize, name: &str, address: &Address) {
    let address = format!("<{address}>");
    let mut writer = EmailWriter::new(field, column, 0, false);
    let written = quoted_string::encode(name, &mut writer).and_then(|()| {
        if !name.is_empty() {
            if writer.line_len() + 1 + address.len() > LINE_LENGTH {
                writer.new_line()?;
            }
            writer.space();
        }
        writer.write_str(&address)
    });
    written.unwrap_or_else(|_| unreachable!("writing to a String does not fail"));
}

/// One line of visible text: no controls, no invisible or reordering characters, no start of an encoded word, white
/// space single, at most `length` characters.
pub fn clean(text: &str, length: usize) -> String {
    let mut cleaned = String::new();
    let mut count = 0_usize;
    let mut is_space = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            is_space = true;
        } else if !is_hidden(c) {
            if count >= length {
                cleaned.push('…');
                break;
            }
            // "=?" would be decoded once more by readers that decode inside quotation marks.
            let opens_encoded_word = c == '?' && cleaned.ends_with('=');
            if (is_space || opens_encoded_word) && !cleaned.is_empty() {
                cleaned.push(' ');
                count += 1;
            }
            cleaned.push(c);
            count += 1;
            is_space = false;
        }
    }
    cleaned
}

/// Characters that show nothing, or change how others are shown: joiners, marks and overrides of direction, tags,
/// noncharacters.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn field(name: &str) -> String {
        let mut field = "From: ".to_owned();
        write_mailbox(&mut field, 6, name, &address("reply+abcdefghijklmnopqrst@you.example"));
        field
    }

    #[test]
    fn the_true_address_is_always_shown_last() {
        assert_eq!(shown("LG", &address("news@lg.com")), "LG - news at lg.com");
        assert_eq!(shown("", &address("news@lg.com")), "news at lg.com");
        assert_eq!(shown("News@lg.com", &address("news@lg.com")), "news at lg.com");
        assert_eq!(shown("cfo@bank.com", &address("x@evil.org")), "cfo@bank.com - x at evil.org");
        assert_eq!(shown("A", &address("x@b\u{fc}cher.example")), "A - x at xn--bcher-kva.example");
        assert!(shown(&"long ".repeat(2000), &address("x@evil.org")).ends_with("… - x at evil.org"));
    }

    #[test]
    fn what_hides_or_breaks_is_taken_out() {
        assert_eq!(clean("a\r\nBcc: b\u{2028}c\u{0}d", 64), "a Bcc: b c d");
        assert_eq!(clean("\u{202e}moc.knab\u{2066}\u{200b}\u{feff}", 64), "moc.knab");
        assert_eq!(clean("  =?utf-8?q?x?=  ", 64), "= ?utf-8?q?x?=");
        assert_eq!(clean(&"x".repeat(70), 64), format!("{}…", "x".repeat(64)));
    }

    #[test]
    fn names_are_quoted_or_encoded() {
        assert_eq!(field("LG - news at lg.com"), "From: \"LG - news at lg.com\" <reply+abcdefghijklmnopqrst@you.example>");
        assert_eq!(field("Jo"), "From: Jo <reply+abcdefghijklmnopqrst@you.example>");
        assert!(field("J\u{fc}rgen").starts_with("From: =?utf-8?b?SsO8cmdlbg==?= <"));
        assert_eq!(
            field("A rather long name that fills the line - news at example.org"),
            "From: \"A rather long name that fills the line - news at example.org\"\r\n <reply+abcdefghijklmnopqrst@you.example>"
        );
        assert_eq!(field(""), "From: <reply+abcdefghijklmnopqrst@you.example>");
    }

    proptest! {
        #[test]
        fn no_name_opens_a_line_or_makes_a_long_one(name in any::<String>(), local in "[a-z]{1,40}") {
            let origin = address(&format!("{local}@x.org"));
            let field = field(&shown(&name, &origin));
            prop_assert!(field.is_ascii());
            for line in field.split("\r\n") {
                prop_assert!(line.len() <= 200 && !line.trim().is_empty() && !line.contains(['\r', '\n', '\0']));
            }
            for line in field.split("\r\n").skip(1) {
                prop_assert!(line.starts_with(' '));
            }
            let list = super::super::mailboxes::AddressList::parse(&field.as_bytes()[6..]);
            prop_assert_eq!(list.mailboxes().count(), 1);
            let ending = format!("{local} at x.org");
            prop_assert!(list.mailboxes().all(|mailbox| mailbox.name.ends_with(&ending)));
        }
    }
}
