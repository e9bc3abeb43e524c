//! A signature says that its domain signed something once: not when, not to whom it is said now, nothing of what it does
//! not cover.

use std::time::Duration;

use super::*;
use crate::support::database::each_driver;
use crate::support::signer::{How, Signer, txt};

/// Everything that goes out to the correspondent.
const WHOLE: [&str; 9] =
    ["from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"];

/// A signature over all that goes out.
fn whole() -> How {
    How { names: WHOLE.to_vec(), ..How::default() }
}

fn tagged(tags: &str) -> How {
    How { tags: tags.to_owned(), ..whole() }
}

/// A signature over all but one field.
fn without(name: &str) -> How {
    How { names: WHOLE.into_iter().filter(|one| *one != name).collect(), ..How::default() }
}

/// What the owner wrote: the same letter for whoever it was meant.
fn own(to: &Address) -> String {
    letter(to, &format!("From: Jane Roe <{MAILBOX}>\r\nMessage-ID: <c1@mailbox-provider.example>\r\n"))
}

#[tokio::test]
async fn a_signature_that_leaves_something_open_proves_nothing() {
    each_driver(async |database| {
        let owner = Signer::rsa("mailbox-provider.example", "s1");
        let forger = Forger::build(&database, &format!("{ZONE}{}", owner.record())).await;
        let message = own(&forger.lg);
        let signed = |name, how: &How| forger.attack(name, owner.sign(&message, how));
        let length = message.split_once("\r\n\r\n").unwrap().1.len();
        let partly = |length| How { length: Some(length), ..whole() };
        let appended = owner.sign(&message, &partly(length)) + "And this\r\n";
        let attacks = vec![
            signed("l= and nothing behind it", &partly(length)),
            forger.attack("l= and more behind it", appended),
            signed("l= of a part", &partly(8)),
            signed("To is not covered", &without("to")),
            signed("Subject is not covered", &without("subject")),
            signed("Date is not covered", &without("date")),
            signed("Message-ID is not covered", &without("message-id")),
            signed("Content-Type is not covered", &without("content-type")),
            signed("From is not covered", &without("from")),
            signed("an expired signature", &tagged("t=1799990000; x=1799999999; ")),
            signed("a signature that expires before it is made", &tagged("t=1800000900; x=1800000800; ")),
            signed("a signature of another version", &tagged("v=2; ")),
            signed("an identity outside the signing domain", &tagged("i=@evil.example; ")),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(signed("signed in full", &whole())).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_not_the_domain_s_for_mail_proves_nothing() {
    each_driver(async |database| {
        let provider = "mailbox-provider.example";
        let [good, testing, other, hash, revoked, broken, missing] =
            ["s1", "testing", "other", "hash", "revoked", "broken", "missing"].map(|name| Signer::ed25519(provider, name));
        let evil = Signer::ed25519("evil.example", "s1");
        let inside = Signer::ed25519(&format!("{provider}.evil.example"), "s1");
        let suffix = Signer::ed25519("example", "s1");
        let with = |signer: &Signer, tags: &str| {
            let (name, text) = signer.record_parts();
            txt(&name, &text.replace("v=DKIM1;", &format!("v=DKIM1; {tags};")))
        };
        let zone = [
            ZONE.to_owned(),
            good.record(),
            with(&testing, "t=y"),
            with(&other, "s=tlsrpt"),
            with(&hash, "h=sha1"),
            txt(&format!("revoked._domainkey.{provider}"), "v=DKIM1; k=ed25519; p="),
            txt(&format!("broken._domainkey.{provider}"), "v=DKIM1; k=ed25519; p=AAAA"),
            evil.record(),
            inside.record(),
            suffix.record(),
            // A policy of the registry's does not make it the author's organisation.
            txt("_dmarc.example", "v=DMARC1; p=none"),
        ];
        let forger = Forger::build(&database, &zone.concat()).await;
        let message = own(&forger.lg);
        let signed = |name, signer: &Signer| forger.attack(name, signer.sign(&message, &whole()));
        let swapped = evil.sign(&message, &whole()).replace("d=evil.example", "d=mailbox-provider.example");
        let both = evil.sign(&revoked.sign(&message, &whole()), &whole());
        let attacks = vec![
            signed("a key under test", &testing),
            signed("a key for another service", &other),
            signed("a key for another hash", &hash),
            signed("a revoked key", &revoked),
            signed("a broken key", &broken),
            signed("no key", &missing),
            signed("the key of another domain", &evil),
            signed("the key of a domain that begins with the provider's name", &inside),
            signed("the key of the public suffix, which has a policy", &suffix),
            forger.attack("another key under the provider's name", swapped),
            forger.attack("a revoked key and that of another domain", both),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(signed("the domain's own key", &good)).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_signed_message_is_not_another_one() {
    each_driver(async |database| {
        let owner = Signer::ed25519("mailbox-provider.example", "s1");
        let forger = Forger::build(&database, &format!("{ZONE}{}", owner.record())).await;
        let message = own(&forger.lg);
        let signed = owner.sign(&message, &whole());
        let signature = signed.strip_suffix(&message).unwrap();
        let forged = message.replace("Send me the money", "Send it elsewhere");
        let changed = |name, from: &str, to: &str| {
            assert!(signed.contains(from));
            forger.attack(name, signed.replace(from, to))
        };
        let on_top = |name, fields: &str| forger.attack(name, format!("{fields}\r\n{signed}"));
        let below = |name, field: &str| changed(name, "\r\n\r\nSend", &format!("\r\n{field}\r\n\r\nSend"));
        let attacks = vec![
            changed("the body is changed", "the money", "your money"),
            changed("the body goes on", "the money\r\n", "the money\r\nAnd this\r\n"),
            changed("the body is gone", "Send me the money\r\n", ""),
            changed("the subject is changed", "Your order", "Your account"),
            changed("the date is changed", "17:00:00", "17:00:01"),
            changed("the name of the author is changed", "Jane Roe", "Support"),
            forger.attack("the signature on another message", format!("{signature}{forged}")),
            forger.attack("the signature on another message and the field h= says nothing of", {
                let bare = owner.sign(&message, &How { names: vec!["from"], ..How::default() });
                bare.replace("Your order", "Your account")
            }),
            on_top("a second Subject on top", "Subject: Pay").answered(UNCLEAR),
            below("a second Subject below", "Subject: Pay").answered(UNCLEAR),
            on_top("a second Content-Type on top", "Content-Type: text/html").answered(UNCLEAR),
            on_top("a second Date with a space before its colon", "Date : Fri, 15 Jan 2027 17:00:00 +0900").answered(UNCLEAR),
            on_top("an encoding on top", "Content-Transfer-Encoding: base64"),
            on_top("somebody in Cc", &format!("Cc: {}", forger.lg)),
            on_top("an attachment of it all", "Content-Disposition: attachment; filename=\"invoice.exe\""),
            on_top("a name for its disposition that is folded", "Content-Disposition: inline;\r\n filename=\"invoice.exe\""),
            on_top("a description of it all", "Content-Description: invoice.exe"),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.attack("as it was signed", &signed)).await;
        // What mutt writes on every message and few providers sign.
        forger.accepts(on_top("a disposition that says nothing", "Content-Disposition: inline")).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_owner_signed_once_is_not_said_again() {
    each_driver(async |database| {
        let owner = Signer::ed25519("mailbox-provider.example", "s1");
        let forger = Forger::build(&database, &format!("{ZONE}{}", owner.record())).await;
        let bob = meet(&forger.app, &forger.alias, "Bob <bob@corp.example>").await;
        let other = forger.app.alias("other").await;
        let of_other = meet(&forger.app, &other, "news@lg.example").await;
        let message = own(&forger.lg);
        let sign = |message: &str| owner.sign(message, &whole());
        let dated = |date: &str| {
            let line = format!("{date}\r\n");
            let line = line.trim_start().trim_start_matches("\r\n");
            let dated = message.replace("Date: Fri, 15 Jan 2027 17:00:00 +0900\r\n", line);
            assert_ne!(dated, message);
            sign(&dated.replace("c1@", "c2@"))
        };
        let friend = message.replace(&format!("To: {}", forger.lg), "To: friend@far.example");
        let signed = sign(&message);
        let attacks = vec![
            forger.attack("a message to a friend", sign(&friend)),
            forger.attack(
                "a message to a friend, and the correspondent in Bcc",
                sign(&friend).replace("To: friend", "Bcc: x@you.example\r\nTo: friend"),
            ),
            forger.attack("a message to another correspondent", &signed).to(&bob),
            // It is the other alias's owner who sees it.
            forger.attack("a message to a correspondent of another alias", &signed).to(&of_other).uncounted(),
            forger.attack("a message of last week", dated("Date: Fri, 8 Jan 2027 17:00:00 +0900")),
            forger.attack("a message of next week", dated("Date: Fri, 22 Jan 2027 17:00:00 +0900")),
            forger.attack("a message of no day", dated("Date: yesterday")),
            forger.attack("a message without a date", dated("")),
            forger.attack(
                "a message of last week with the day in a zone that does not exist",
                dated("Date: Fri, 8 Jan 2027 17:00:00 +9900"),
            ),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.attack("a message for the first time", &signed)).await;
        forger.app.clock.advance(Duration::from_hours(25));
        let again = vec![
            forger.attack("a message that went out yesterday", &signed),
            forger.attack(
                "a message that went out yesterday, with its id left out",
                signed.replace("Message-ID: <c1@mailbox-provider.example>\r\n", ""),
            ),
        ];
        forger.refuses_all(again).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}
