//! What is not passed on: read differently by different programs, or disowned by its author's domain.

use super::row::{Row, Senders, head, letter};
use crate::support::signer::How;

pub fn rows(senders: &Senders) -> Vec<Row> {
    let files = [
        ("two From fields", "refused-two-froms"),
        ("two addresses in From", "refused-many-authors"),
        ("a From that ends in a second address", "refused-split-from"),
        ("a group in From", "refused-group-from"),
        ("an encoded word in the address in From", "refused-encoded-from"),
        ("an empty From", "refused-empty-from"),
        ("no From", "refused-no-from"),
        ("a space before the colon of From", "refused-space-colon-from"),
        ("a header that begins with a space", "refused-leading-space"),
        ("a header line without a colon", "refused-no-colon"),
        ("a field name beyond ASCII", "refused-eight-bit-name"),
        ("the line of an mbox file on top", "refused-mbox"),
        ("the same, escaped", "refused-escaped-mbox"),
        ("a NUL in the header", "refused-nul"),
        ("a bare LF in the header", "refused-bare-lf"),
    ];
    let mut rows: Vec<Row> = files.map(|(name, file)| Row::file(name, "lg.com", file)).into();
    let shop = |name, body: &str| Row::new(name, "shop.example", letter("", body));
    let signed = |name, body: &str| shop(name, body).signed(senders.ed25519("shop.example"), &How::default());
    rows.extend([
        shop("a NUL in the body", "a\0b\r\n"),
        shop("a bare LF in the body", "a\nb\r\n"),
        shop("a bare CR in the body", "a\rb\r\n"),
        shop("no proof of an author whose policy is reject", "Hello.\r\n").sender("x@elsewhere.example"),
        signed("a changed body and no other proof; the same policy", "Pay 100\r\n")
            .changed("100", "900")
            .sender("x@elsewhere.example"),
        Row::new(
            "a list that changed the subject; the author's policy is reject",
            "lists.example",
            head("News <news@shop.example>", "[Dev] Lunch") + "List-Id: <dev.lists.example>\r\n\r\nLunch?\r\n",
        )
        .signed(senders.ed25519("shop.example"), &How::default())
        .changed("[Dev] ", "(Dev) ")
        .signed_by(senders, "lists.example"),
        shop("more than 35 MiB", &format!("{}\r\n", "x".repeat(76)).repeat(480_000)),
    ]);
    rows
}
