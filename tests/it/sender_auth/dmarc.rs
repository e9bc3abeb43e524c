//! DMARC: which record holds, what aligns, and faults that stay faults.

use postern::model::authentication::{Dmarc, DmarcPolicy, DmarcResult, Mechanism, SpfResult};

use super::support::{Arrival, MESSAGE, check};
use crate::support::signer::{How, Signer, txt};

const SPF: &str = "shop.example. 60 IN TXT \"v=spf1 ip4:192.0.2.9 -all\"\n";

fn policy(domain: &str, tags: &str) -> String {
    txt(&format!("_dmarc.{domain}"), &format!("v=DMARC1; {tags}"))
}

/// An unsigned message of this author from a client that SPF of shop.example does not know.
async fn unproven(zone: &str, author: &str) -> Dmarc {
    check(zone, MESSAGE, Arrival { author, ..Arrival::default() }).await.dmarc
}

#[tokio::test]
async fn spf_alone_is_enough_when_it_is_aligned() {
    let zone = policy("shop.example", "p=reject") + SPF + "mailer.example. 60 IN TXT \"v=spf1 ip4:192.0.2.9 -all\"\n";
    let from = |sender| Arrival { client: Some("192.0.2.9"), sender: Some(sender), ..Arrival::default() };
    let found = check(&zone, MESSAGE, from("bounce@shop.example")).await;
    assert_eq!((found.dmarc.result, found.dmarc.aligned_by), (DmarcResult::Pass, Some(Mechanism::Spf)));
    let found = check(&zone, MESSAGE, from("bounce@mailer.example")).await;
    let spf = found.spf.unwrap();
    assert_eq!((spf.result, spf.aligned, found.dmarc.result), (SpfResult::Pass, false, DmarcResult::Fail));
    assert_eq!(unproven(&zone, "shop.example").await.result, DmarcResult::Fail);
    let relayed = check(&zone, MESSAGE, Arrival { client: None, ..Arrival::default() }).await;
    assert_eq!((relayed.spf, relayed.dmarc.result), (None, DmarcResult::Fail));
}

#[tokio::test]
async fn a_null_reverse_path_is_judged_by_the_greeting() {
    let zone = policy("shop.example", "p=reject") + "mail.shop.example. 60 IN TXT \"v=spf1 ip4:192.0.2.9 -all\"\n";
    let bounce = Arrival { client: Some("192.0.2.9"), sender: None, ..Arrival::default() };
    let found = check(&zone, MESSAGE, bounce.clone()).await;
    let spf = found.spf.unwrap();
    assert!(spf.is_helo && spf.aligned);
    assert_eq!((spf.domain.as_str(), found.dmarc.result), ("mail.shop.example", DmarcResult::Pass));
    let found = check(&zone, MESSAGE, Arrival { helo: "[192.0.2.9]", ..bounce }).await;
    assert_eq!((found.spf, found.dmarc.result), (None, DmarcResult::Fail));
}

#[tokio::test]
async fn a_subdomain_inherits_what_its_organisation_says_of_subdomains() {
    let zone = policy("shop.example", "p=reject; sp=quarantine; np=none")
        + "news.shop.example. 60 IN A 192.0.2.1\n"
        + &policy("own.shop.example", "p=none");
    for (author, published) in [
        ("shop.example", DmarcPolicy::Reject),
        ("news.shop.example", DmarcPolicy::Quarantine),
        ("nowhere.shop.example", DmarcPolicy::None),
        ("own.shop.example", DmarcPolicy::None),
    ] {
        let dmarc = unproven(&zone, author).await;
        assert_eq!((dmarc.result, dmarc.published, dmarc.domain.as_str()), (DmarcResult::Fail, Some(published), author));
    }
    let inherited = unproven(&policy("shop.example", "p=reject"), "deep.news.shop.example").await;
    assert_eq!(inherited.published, Some(DmarcPolicy::Reject));
}

#[tokio::test]
async fn a_signature_of_the_organisation_speaks_for_its_subdomains_unless_it_says_strict() {
    let signer = Signer::ed25519("shop.example", "e");
    let signed = signer.sign(MESSAGE, &How::default());
    let author = || Arrival { author: "news.shop.example", ..Arrival::default() };
    for (tags, expected) in [("p=reject", DmarcResult::Pass), ("p=reject; adkim=s", DmarcResult::Fail)] {
        let found = check(&(policy("shop.example", tags) + &signer.record()), &signed, author()).await;
        assert_eq!(found.dmarc.result, expected, "{tags}");
    }
    let stranger = Signer::ed25519("mailer.example", "e");
    let signed = stranger.sign(MESSAGE, &How::default());
    let found = check(&(policy("shop.example", "p=reject") + &stranger.record()), &signed, Arrival::default()).await;
    assert_eq!(found.dmarc.result, DmarcResult::Fail);
}

#[tokio::test]
async fn without_one_readable_record_there_is_no_policy() {
    assert_eq!(unproven("", "shop.example").await.result, DmarcResult::None);
    let two = policy("shop.example", "p=reject") + &policy("shop.example", "p=none");
    assert_eq!(unproven(&two, "shop.example").await.result, DmarcResult::None);
    assert_eq!(unproven(&policy("shop.example", "adkim=s"), "shop.example").await.result, DmarcResult::PermError);
    let reported = unproven(&policy("shop.example", "p=rejekt; rua=mailto:a@shop.example"), "shop.example").await;
    assert_eq!((reported.result, reported.published), (DmarcResult::Fail, Some(DmarcPolicy::None)));
    let beside = txt("_dmarc.shop.example", "hello") + &policy("shop.example", "p=reject");
    assert_eq!(unproven(&beside, "shop.example").await.published, Some(DmarcPolicy::Reject));
    assert_eq!(
        unproven(&policy("co.uk", "p=reject"), "shop.co.uk").await.result,
        DmarcResult::None,
        "a suffix is no organisation"
    );
}

#[tokio::test]
async fn a_share_of_the_messages_and_a_test_get_the_milder_policy() {
    let applied = async |tags: &str, draw| {
        let found = check(&policy("shop.example", tags), MESSAGE, Arrival { draw, ..Arrival::default() }).await;
        assert_eq!(found.dmarc.published, Some(DmarcPolicy::Reject));
        found.dmarc.applied.unwrap()
    };
    assert_eq!(applied("p=reject; pct=20", 19).await, DmarcPolicy::Reject);
    assert_eq!(applied("p=reject; pct=20", 20).await, DmarcPolicy::Quarantine);
    assert_eq!(applied("p=reject; t=y", 0).await, DmarcPolicy::Quarantine);
}

#[tokio::test]
async fn a_fault_is_neither_a_pass_nor_a_failure() {
    let signer = Signer::ed25519("shop.example", "e");
    let signed = signer.sign(MESSAGE, &How::default());
    let no_policy = "; servfail: _dmarc.shop.example\n".to_owned();
    let dmarc = unproven(&no_policy, "shop.example").await;
    assert_eq!((dmarc.result, dmarc.published, dmarc.aligned_by), (DmarcResult::TempError, None, None));
    let proven = check(&(no_policy + &signer.record()), &signed, Arrival::default()).await.dmarc;
    assert_eq!((proven.result, proven.aligned_by), (DmarcResult::TempError, Some(Mechanism::Dkim)));
    let reject = policy("shop.example", "p=reject");
    let no_key = format!("; servfail: _domainkey.shop.example\n{reject}");
    assert_eq!(check(&no_key, &signed, Arrival::default()).await.dmarc.result, DmarcResult::TempError);
    let no_spf = format!("; servfail: spf.example\n{reject}shop.example. 60 IN TXT \"v=spf1 include:spf.example -all\"\n");
    assert_eq!(unproven(&no_spf, "shop.example").await.result, DmarcResult::TempError);
    let both = check(&(no_spf + &signer.record()), &signed, Arrival::default()).await;
    assert_eq!(both.dmarc.result, DmarcResult::Pass, "what passed has passed");
}
