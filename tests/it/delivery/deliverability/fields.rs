//! Addresses and fields of every shape: the part that is rewritten.

use super::row::{Row, Senders};

pub fn rows(senders: &Senders) -> Vec<Row> {
    let files = [
        ("To folded over four lines", "lg.com", "folded-to"),
        ("25 others in Cc", "lg.com", "cc-25"),
        ("120 others in Cc", "lg.com", "cc-120"),
        ("groups in To", "lg.com", "group"),
        ("undisclosed recipients", "lg.com", "undisclosed"),
        ("the alias in Bcc only", "lg.com", "bcc-only"),
        ("no To at all", "lg.com", "no-to"),
        ("empty To and Cc", "lg.com", "empty-to"),
        ("the alias in other letters", "lg.com", "alias-spelt-otherwise"),
        ("quoted local parts", "x.org", "quoted-local"),
        ("names in comments", "lg.com", "comment-names"),
        ("semicolons between addresses", "lg.com", "semicolons"),
        ("a source route in To", "lg.com", "source-route"),
        ("addresses nobody can read in To", "lg.com", "unreadable-to"),
        ("several in Reply-To, the alias among them", "lg.com", "reply-to-list"),
        ("an address as the author's name", "evil.example", "address-as-name"),
        ("a name that runs from right to left", "evil.example", "bidi-name"),
        ("a name that hides line ends in encoded words", "evil.example", "encoded-crlf"),
        ("an encoded word in quotes", "evil.example", "encoded-word-in-quotes"),
        ("a name in ISO-2022-JP", "lg.com", "iso-2022-jp"),
        ("a name of 1,600 characters", "lg.com", "long-name"),
        ("UTF-8 in addresses, names and subject (SMTPUTF8)", "xn--bcher-kva.example", "utf8-headers"),
        ("Latin-1 in the subject, undeclared", "lg.com", "eight-bit-subject"),
        ("a subject folded over empty lines", "lg.com", "whitespace-fold"),
        ("fields that forge ours", "lg.com", "forged-own-fields"),
    ];
    let mut rows: Vec<Row> = files
        .into_iter()
        .map(|(name, domain, file)| match domain {
            "lg.com" => Row::file(name, domain, file).signed(senders.rsa(domain), &crate::support::signer::How::default()),
            _ => Row::file(name, domain, file).signed_by(senders, domain),
        })
        .collect();
    // A space before the colon is passed on, and python3-dkim can't read it: the other doubled fields stay.
    let doubled =
        Row::file("To, Cc, Subject and Message-ID twice", "lg.com", "duplicate-fields").changed("X-Space : kept\r\n", "");
    rows.push(doubled.signed_by(senders, "lg.com"));
    rows
}
