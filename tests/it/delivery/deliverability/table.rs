//! `docs/deliverability.md`, written from what the test saw.

use std::fmt::Write as _;

use super::row::Row;

/// Set to 1, the page is written; otherwise it is compared.
const WRITE: &str = "POSTERN_WRITE_DOCS";
const PAGE: &str = "docs/deliverability.md";

/// What stands above the tables.
const INTRO: &str = "\
# What arrives

Every row is a message that the test `tests/it/delivery/deliverability/` sends over SMTP to a running instance and takes
from it at the other end, as the owner's mail server would; and once more, all but the largest, by way of the queue on
SQLite and PostgreSQL. This page is the test's own: it fails when a line differs.

```console
$ POSTERN_WRITE_DOCS=1 cargo test --locked --test it deliverability     # makes the page
$ cargo test --locked --test it deliverability                          # compares it
```

The messages are those of `tests/corpus/`, and others made on the spot. Addresses, From and the fields of threads are
rewritten, so the sender's own DKIM signature need not hold any more; what was found out about it *before* is told in
`Authentication-Results`, and the message leaves with signatures of our own.

- **The sender signs**: algorithm of each DKIM signature, then its canonicalisation of header and body. *no* is none.
- **The owner's server is told**: the results in that field, without names and domains. *warned* means that the field
  `X-Postern-Warning` says that the author's domain disowns the message.
- **Body**: every byte after the empty line that ends the header, out as it went in (the last line ends in CRLF on the wire,
  whether the file's did or not).
- **Our signatures**: RSA-2048 and Ed25519, by the domain that From names; both are checked by python3-dkim and by mail-auth.
- **Inside**: what the message carries that can be checked. It is checked before and after, and once more with a byte
  changed, which must fail.
";

/// The page with these sections and refusals.
pub fn page(sections: &[(&str, Vec<Row>)], refused: &[(&'static str, String)]) -> String {
    let mut page = INTRO.to_owned();
    let count: usize = sections.iter().map(|(_, rows)| rows.len()).sum();
    write!(page, "\n{count} messages are passed on, {} are refused.\n", refused.len()).unwrap();
    for (title, rows) in sections {
        write!(
            page,
            "\n## {title}\n\n\
             | Message | The sender signs | The owner's server is told | Body | Our signatures | Inside |\n\
             |---|---|---|---|---|---|\n"
        )
        .unwrap();
        for row in rows {
            let signs = if row.signs.is_empty() { "no".into() } else { row.signs.join("; ") };
            let (name, inside) = (row.name, row.inside.words());
            writeln!(page, "| {name} | {signs} | {} | identical | {} | {inside} |", row.told, verify(row)).unwrap();
        }
    }
    page.push_str(
        "\n[^1]: mail-auth 0.13 counts lines of white space at the end of a body, which RFC 6376 (3.4.4) does not; it gets the\n\
         message without white space at line ends, for which the same signature holds. Postern's own check of arriving mail\n\
         corrects this.\n\
         \n## What is refused\n\n\
         Nothing is guessed: what two programs may read differently is not passed on, nor is what the author's domain disowns.\n\n\
         | Message | Answer |\n|---|---|\n",
    );
    for (name, reply) in refused {
        writeln!(page, "| {name} | `{reply}` |").unwrap();
    }
    page
}

const fn verify(row: &Row) -> &'static str {
    if row.ends_in_space { "verify [^1]" } else { "verify" }
}

/// Writes the page or compares it with the one that is there.
#[expect(clippy::disallowed_methods, reason = "who runs the test says whether the page is to be written")]
pub fn settle(page: &str) {
    if std::env::var(WRITE).is_ok_and(|value| value == "1") {
        std::fs::write(PAGE, page).unwrap();
        return;
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    for (number, (is, should)) in there.lines().zip(page.lines()).enumerate() {
        assert_eq!(is, should, "line {} of {PAGE} is not what was seen; {WRITE}=1 writes it", number + 1);
    }
    assert_eq!(there.len(), page.len(), "{PAGE} is not what was seen; {WRITE}=1 writes it");
}
