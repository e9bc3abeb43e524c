//! The envelope alone proves nothing, and an SPF pass only what is said in its own domain's name.

use super::*;
use crate::support::database::each_driver;
use crate::support::signer::{How, Signer};

#[tokio::test]
async fn neither_half_of_a_message_speaks_for_the_other() {
    each_driver(async |database| {
        let evil = Signer::ed25519("evil.example", "s1");
        let forger = Forger::build(&database, &format!("{ZONE}{}", evil.record())).await;
        let owner = format!("From: {MAILBOX}\r\n");
        let author = format!("From: {EVIL}\r\n");
        let signed_by_evil = evil.sign(&letter(&forger.lg, &owner), &How::default());
        let lg = forger.lg.to_string();
        let attacks = vec![
            forger.with_fields("MAIL FROM the owner only, of the provider's host", &author).from(PROVIDER, MAILBOX),
            forger.with_fields("MAIL FROM the owner only, of another host", &author).from(ELSEWHERE, MAILBOX),
            forger.with_fields("From the owner only, where SPF passes for the sender's own domain", &owner),
            forger.attack("From the owner, where SPF and DKIM pass for a domain that is not aligned", signed_by_evil),
            forger.with_fields("From and MAIL FROM the owner, of another host", &owner).from(ELSEWHERE, MAILBOX),
            forger.with_fields("a null sender of another host", &owner).from(ELSEWHERE, ""),
            forger
                .with_fields("a null sender and a greeting in the provider's name, for which SPF passes", &owner)
                .from(PROVIDER, "")
                .greeted("mailbox-provider.example"),
            forger
                .with_fields("a sender of one's own and a greeting in the provider's name", &owner)
                .from(PROVIDER, EVIL)
                .greeted("mailbox-provider.example"),
            forger.with_fields("MAIL FROM the alias, From the owner", &owner).from(PROVIDER, "shop@you.example"),
            forger.with_fields("MAIL FROM and From the alias", "From: shop@you.example\r\n").from(PROVIDER, "shop@you.example"),
            forger.with_fields("MAIL FROM the reverse address itself", &owner).from(PROVIDER, &lg),
            forger.with_fields("From the reverse address itself", &format!("From: {lg}\r\n")).from(PROVIDER, &lg),
            forger
                .with_fields("the owner as a quoted local part of the sender", &owner)
                .from(PROVIDER, &format!("\"{MAILBOX}\"@evil.example")),
            forger
                .with_fields("the provider in a source route", &owner)
                .from(PROVIDER, &format!("@mailbox-provider.example:{EVIL}")),
            forger
                .with_fields("the provider's name with more in front", &owner)
                .from(PROVIDER, "jane.roe@evil-mailbox-provider.example"),
            forger
                .with_fields("the provider's name with more behind", &owner)
                .from(PROVIDER, "jane.roe@mailbox-provider.example.evil.example"),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_an_spf_pass_is_one() {
    each_driver(async |database| {
        let zone = format!(
            "{ZONE}soft.example. IN TXT \"v=spf1 ~all\"\nneutral.example. IN TXT \"v=spf1 ?all\"\n\
             twice.example. IN TXT \"v=spf1 +all\"\ntwice.example. IN TXT \"v=spf1 ip4:127.0.0.2 -all\"\n\
             broken.example. IN TXT \"v=spf1 include +all\"\nloop.example. IN TXT \"v=spf1 include:loop.example -all\"\n"
        );
        let forger = Forger::build(&database, &zone).await;
        let mut mailboxes = vec![forger.app.mailbox];
        let domains = [
            ("SPF softfail", "soft.example"),
            ("SPF neutral", "neutral.example"),
            ("no SPF record", "nothing.example"),
            ("two SPF records", "twice.example"),
            ("a broken SPF record", "broken.example"),
            ("an SPF record that includes itself", "loop.example"),
        ];
        for (_, domain) in domains {
            mailboxes.push(forger.mailbox(&format!("jane@{domain}"), true).await);
        }
        let forger = forger.moved_to("many", mailboxes).await;
        let attack = |(name, domain): (&'static str, &str)| {
            let owner = format!("jane@{domain}");
            forger.with_fields(name, &format!("From: {owner}\r\n")).from(ELSEWHERE, &owner)
        };
        forger.refuses_all(domains.map(attack).into()).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_domain_that_wants_strict_alignment_is_not_spoken_for_by_its_sub_domains() {
    each_driver(async |database| {
        let sub = Signer::ed25519("sub.mailbox-provider.example", "s1");
        let own = Signer::ed25519("mailbox-provider.example", "s1");
        let strict = "_dmarc.mailbox-provider.example. IN TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"\n";
        let forger = Forger::build(&database, &format!("{ZONE}{strict}{}{}", sub.record(), own.record())).await;
        let owner = format!("From: {MAILBOX}\r\n");
        let how = How { names: vec!["from", "to", "subject", "date", "content-type"], ..How::default() };
        let signed = |signer: &Signer| signer.sign(&letter(&forger.lg, &owner), &how);
        let guest = "jane.roe@sub.mailbox-provider.example";
        let attacks = vec![
            forger.with_fields("SPF of a sub-domain", &owner).from(PROVIDER, guest),
            forger.attack("DKIM of a sub-domain", signed(&sub)),
            forger.attack("SPF and DKIM of a sub-domain", signed(&sub)).from(PROVIDER, guest),
            forger.with_fields("From a sub-domain", &format!("From: {guest}\r\n")).from(PROVIDER, guest),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        forger.accepts(forger.attack("signed by the very domain", signed(&own))).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_put_off_and_nothing_is_sent() {
    each_driver(async |database| {
        let zone = "evil.example. 60 IN TXT \"v=spf1 +all\"\n; servfail: mailbox-provider.example\n";
        let own = Signer::ed25519("mailbox-provider.example", "s1");
        let forger = Forger::build(&database, zone).await;
        let message = letter(&forger.lg, &format!("From: {MAILBOX}\r\n"));
        let attacks = vec![
            forger.attack("a fault of SPF", &message).from(ELSEWHERE, MAILBOX).answered(NOT_NOW).uncounted(),
            forger.attack("a fault of the key", own.sign(&message, &How::default())).answered(NOT_NOW).uncounted(),
            forger.attack("a fault of neither", &message),
        ];
        forger.refuses_all(attacks).await;
        forger.finish().await;
    })
    .await;
}
