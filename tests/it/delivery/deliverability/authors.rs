//! How senders prove who they are, and what the owner's server is told of it.

use super::row::{Row, Senders, head, letter};
use crate::support::signer::{How, Signer};

/// White space of every kind: what `simple` and `relaxed` treat differently.
const BODY: &str = "Hello,\r\n\r\n  two  spaces\tand a tab \t\r\n \r\nBye \r\n\r\n\r\n";

pub fn rows(senders: &Senders) -> Vec<Row> {
    let mut rows = canonical(senders);
    rows.extend(others(senders));
    rows
}

fn canonical(senders: &Senders) -> Vec<Row> {
    let names = [
        "RSA, relaxed throughout",
        "RSA, relaxed fields and a body to the letter",
        "RSA, fields to the letter and a relaxed body",
        "RSA, everything to the letter",
        "Ed25519, relaxed throughout",
        "Ed25519, relaxed fields and a body to the letter",
        "Ed25519, fields to the letter and a relaxed body",
        "Ed25519, everything to the letter",
    ];
    let forms = [(true, true), (true, false), (false, true), (false, false)];
    let signers = [senders.rsa("shop.example"), senders.ed25519("shop.example")];
    let ways = signers.into_iter().flat_map(|signer| forms.map(|form| (signer, form)));
    let rows = names.into_iter().zip(ways).map(|(name, (signer, (header_relaxed, body_relaxed)))| {
        let how = How { header_relaxed, body_relaxed, ..How::default() };
        Row::new(name, "shop.example", letter("", BODY)).signed(signer, &how)
    });
    rows.collect()
}

fn others(senders: &Senders) -> Vec<Row> {
    let (rsa, ed25519) = (senders.rsa("shop.example"), senders.ed25519("shop.example"));
    let how = How::default();
    let shop = |name| Row::new(name, "shop.example", letter("", BODY));
    let partly = How { length: Some(6), ..How::default() };
    let expired = How { tags: "t=1600000000; x=1600086400; ".into(), ..How::default() };
    let unpublished = Signer::ed25519("shop.example", "gone");
    let bank = || head("Bank <info@bank.example>", "Your account") + "\r\nHello.\r\n";
    let list = head("Ann via Dev <ann@x.org>", "[Dev] Lunch")
        + "Sender: dev-bounces@lists.example\r\nList-Id: <dev.lists.example>\r\n\r\nLunch at one?\r\n";
    vec![
        shop("two signatures, RSA and Ed25519")
            .signed(ed25519, &how)
            .signed(rsa, &how)
            .told("dkim=pass; dkim=pass; spf=pass; dmarc=pass (p=reject)"),
        shop("the shop's signature and that of its mailer")
            .signed(ed25519, &how)
            .signed(senders.ed25519("lists.example"), &how)
            .sender("b@lists.example")
            .told("dkim=pass; dkim=pass; spf=pass; dmarc=pass (p=reject)"),
        shop("no signature, from a server the domain names"),
        shop("a signature, from a server the domain does not name")
            .signed(ed25519, &how)
            .sender("x@elsewhere.example")
            .told("dkim=pass; spf=fail; dmarc=pass (p=reject)"),
        shop("a signature of the first bytes of the body only (`l=`)")
            .signed(ed25519, &partly)
            .told("dkim=policy reason=\"l= leaves the end of the body open\"; spf=pass; dmarc=pass (p=reject)"),
        shop("a signature that has expired")
            .signed(ed25519, &expired)
            .told("dkim=fail reason=\"expired\"; spf=pass; dmarc=pass (p=reject)"),
        shop("a signature whose key is not published")
            .signed(&unpublished, &how)
            .told("dkim=permerror reason=\"there is no key\"; spf=pass; dmarc=pass (p=reject)"),
        shop("a signature that a changed body broke")
            .signed(ed25519, &how)
            .changed("Bye", "Buy")
            .told("dkim=fail reason=\"the body was changed\"; spf=pass; dmarc=pass (p=reject)"),
        Row::new("a list that changed the subject; the author's policy is none", "lists.example", list)
            .signed(senders.ed25519("x.org"), &how)
            .changed("[Dev] ", "(Dev) ")
            .signed(senders.ed25519("lists.example"), &how)
            .told("dkim=fail reason=\"the signature does not verify\"; dkim=pass; spf=pass; dmarc=fail (p=none)"),
        Row::new("a forgery; the author's policy is quarantine", "evil.example", bank())
            .told("dkim=none; spf=pass; dmarc=fail (p=quarantine); warned"),
        Row::new("a forgery that its writer signed; the same policy", "evil.example", bank())
            .signed_by(senders, "evil.example")
            .told("dkim=pass; spf=pass; dmarc=fail (p=quarantine); warned"),
        Row::new("a domain that publishes nothing", "plain.example", head("a@plain.example", "Hi") + "\r\nHello.\r\n")
            .told("dkim=none; spf=none; dmarc=none"),
        Row::file("broken ARC fields of a forwarder", "lg.com", "dkim-arc")
            .told("dkim=fail reason=\"the body was changed\"; spf=pass; dmarc=pass (p=reject); arc=fail"),
    ]
}
