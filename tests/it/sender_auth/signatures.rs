//! DKIM and ARC: every algorithm and form verifies, and nothing else does.

use postern::model::authentication::{ArcResult, DkimResult};

use super::support::{Arrival, MESSAGE, check};
use crate::support::signer::{How, Sealer, Signer, txt};

/// The results of all signatures, each with the reason.
async fn results(zone: &str, message: &str) -> Vec<(DkimResult, &'static str)> {
    let found = check(zone, message, Arrival::default()).await;
    found.dkim.iter().map(|one| (one.result, one.reason.unwrap_or_default())).collect()
}

async fn one(zone: &str, message: &str) -> DkimResult {
    let results = results(zone, message).await;
    assert_eq!(results.len(), 1, "{results:?}");
    results[0].0
}

#[tokio::test]
async fn both_algorithms_verify_in_all_four_forms() {
    let large = format!("{MESSAGE}{}", "A line of a long letter.  \r\n".repeat(30_000));
    for signer in [Signer::rsa("shop.example", "r"), Signer::ed25519("shop.example", "e")] {
        for (header_relaxed, body_relaxed) in [(true, true), (true, false), (false, true), (false, false)] {
            let how = How { header_relaxed, body_relaxed, ..How::default() };
            for message in [MESSAGE, &large, "From: a@shop.example\r\n\r\n"] {
                let signed = signer.sign(message, &how);
                let found = check(&signer.record(), &signed, Arrival::default()).await;
                let [signature] = &found.dkim[..] else { panic!("one signature: {found:?}") };
                assert_eq!((signature.result, signature.aligned), (DkimResult::Pass, true), "{header_relaxed} {body_relaxed}");
                assert_eq!((signature.domain.as_str(), &signature.selector), ("shop.example", &signer.selector));
            }
        }
    }
}

#[tokio::test]
async fn what_was_changed_on_the_way_does_not_verify() {
    let signer = Signer::ed25519("shop.example", "e");
    let zone = signer.record();
    let signed = signer.sign(MESSAGE, &How::default());
    assert_eq!(results(&zone, &signed.replace("Hello", "Hullo")).await, [(DkimResult::Fail, "the body was changed")]);
    let forged = signed.replace("news@shop", "boss@shop");
    assert_eq!(results(&zone, &forged).await, [(DkimResult::Fail, "the signature does not verify")]);
    assert_eq!(one(&zone, &signed.replace("Spring", "Autumn")).await, DkimResult::Fail);
    assert_eq!(one(&zone, &signed.replace("Hello,  there \r\n", "Hello, there\r\n")).await, DkimResult::Pass, "relaxed");
    let simple = signer.sign(MESSAGE, &How { body_relaxed: false, ..How::default() });
    assert_eq!(one(&zone, &simple.replace("Hello,  there \r\n", "Hello, there\r\n")).await, DkimResult::Fail, "simple");
    let second = signed.replacen("From:", "From: boss@shop.example\r\nFrom:", 1);
    assert_eq!(one(&zone, &second).await, DkimResult::Fail, "From is oversigned");
}

#[tokio::test]
async fn kinds_that_prove_too_little_are_never_a_pass() {
    let signer = Signer::rsa("shop.example", "r");
    let zone = signer.record();
    let with = |change: &dyn Fn(&mut How)| {
        let mut how = How::default();
        change(&mut how);
        signer.sign(MESSAGE, &how)
    };
    let partial = with(&|how| how.length = Some(8));
    assert_eq!(results(&zone, &partial).await, [(DkimResult::Policy, "l= leaves the end of the body open")]);
    assert_eq!(one(&zone, &with(&|how| how.length = Some(0))).await, DkimResult::Fail);
    let expired = with(&|how| how.tags = "t=1700000000; x=1799999999; ".into());
    assert_eq!(results(&zone, &expired).await, [(DkimResult::Fail, "expired")]);
    assert_eq!(one(&zone, &with(&|how| how.tags = "x=1800000001; ".into())).await, DkimResult::Pass);
    let anonymous = with(&|how| how.names = vec!["to", "subject"]);
    assert_eq!(results(&zone, &anonymous).await, [(DkimResult::PermError, "From is not signed")]);
    let sha1 = with(&|_| {}).replace("rsa-sha256", "rsa-sha1");
    assert_eq!(results(&zone, &sha1).await, [(DkimResult::Fail, "rsa-sha1 proves nothing")]);
    let outside = with(&|how| how.tags = "i=@other.example; ".into());
    assert_eq!(results(&zone, &outside).await, [(DkimResult::PermError, "i= is outside d=")]);
    assert_eq!(one(&zone, &with(&|how| how.tags = "i=@mail.shop.example; ".into())).await, DkimResult::Pass);
    assert!(results(&zone, "DKIM-Signature: nonsense\r\nFrom: a@shop.example\r\n\r\n").await.is_empty());
}

#[tokio::test]
async fn keys_that_are_missing_revoked_weak_or_out_of_reach_verify_nothing() {
    let signer = Signer::ed25519("shop.example", "e");
    let signed = signer.sign(MESSAGE, &How::default());
    assert_eq!(results("", &signed).await, [(DkimResult::PermError, "there is no key")]);
    let revoked = txt("e._domainkey.shop.example", "v=DKIM1; k=ed25519; p=");
    assert_eq!(results(&revoked, &signed).await, [(DkimResult::PermError, "the key is revoked")]);
    assert_eq!(one(&txt("e._domainkey.shop.example", "v=spf1 -all"), &signed).await, DkimResult::PermError);
    let foreign = Signer::ed25519("shop.example", "e").record();
    assert_eq!(one(&foreign, &signed).await, DkimResult::Fail);
    let broken = "; servfail: shop.example\n";
    assert_eq!(results(broken, &signed).await, [(DkimResult::TempError, "the key can't be looked up now")]);
}

#[tokio::test]
async fn a_key_for_something_else_verifies_nothing_and_one_under_test_is_marked() {
    let signer = Signer::ed25519("shop.example", "e");
    let signed = signer.sign(MESSAGE, &How { names: vec!["From", "Subject"], ..How::default() });
    let with = |tags: &str| signer.record().replace("v=DKIM1;", &format!("v=DKIM1; {tags};"));
    for tags in ["s=tlsrpt", "h=sha1", "s=other:tlsrpt; h=sha256"] {
        assert_eq!(results(&with(tags), &signed).await, [(DkimResult::PermError, "the key is unusable")], "{tags}");
    }
    for (tags, is_testing) in [("s=*; h=sha1:sha256", false), ("s=email; t=s", false), ("t=y", true), ("t=s:y", true)] {
        let found = check(&with(tags), &signed, Arrival::default()).await;
        let [one] = &found.dkim[..] else { panic!("one signature: {found:?}") };
        assert_eq!((one.result, one.is_testing), (DkimResult::Pass, is_testing), "{tags}");
        assert_eq!(one.covers, ["from", "subject"]);
    }
}

/// Made with openssl, which still signs with keys that aws-lc refuses to make.
#[tokio::test]
async fn an_rsa_key_has_1024_bits_at_least() {
    let weak = (
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALKmHObLgG+US2Rc+w+eG49u7E5QgKM8aNd1NqIRoPi8YCAMuxCRoHtsXE7R4/xcULd9rFxyEJqnMnFEvujyoJ\
         UCAwEAAQ==",
        "k512; h=from; bh=Ba3gj8+xBPQLJTahTfzW6RbWQ/XPgESxkCi2B66PSQg=; \
         b=Xn8LC0s6xYvTMwa/73ZV3SFvvdhVk+Y5xOhpePhgXGr1PWS04/dwnNDJdU4SKQ3BK9vDG8utDPf6RVzVyScPIg==",
        DkimResult::Fail,
    );
    let enough = (
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC8MZXBcdDg7M3B9FFyQ4Gacwi9/veEHI4m8OKSP6L14N6aeFgtJJdKyrzLoMme0IREhE/U8IUSzgauqZ\
         YZ4FGp/B1NyiGDlzwEejmXCouk1m4X9BfwSmA2x7OaFxfQcg9d5iZ4oxjdBYXzyPLPTRJBhbGZ47Y7KnVQMAWLEFrHqQIDAQAB",
        "k1024; h=from; bh=Ba3gj8+xBPQLJTahTfzW6RbWQ/XPgESxkCi2B66PSQg=; \
         b=qqjvuZB5Anak11RF6oAc1Ot+BTSHH8fL3wPE0OLOWpaF5iRb5Cwpb544EDJiTDxesODOgPEexKrYD16RPtoe99rybCQ2G2dzeQZsUwqCPGAN5gGdsdSmQ\
         JHxF2lKlUULBsIdcj1/eKEfgBKatcH76yvBdjyHYwAAIOSLaRtOWBY=",
        DkimResult::Pass,
    );
    for (key, signature, expected) in [weak, enough] {
        let selector = signature.split(';').next().unwrap();
        let zone = txt(&format!("{selector}._domainkey.shop.example"), &format!("k=rsa; p={key}"));
        let message = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.example; s={signature}\r\n\
             From: news@shop.example\r\n\r\nHello\r\n"
        );
        assert_eq!(one(&zone, &message).await, expected, "{selector}");
    }
}

#[tokio::test]
async fn ten_signatures_are_evaluated_and_the_authors_are_among_them() {
    let foreign = Signer::ed25519("mailer.example", "m");
    let own = Signer::ed25519("shop.example", "e");
    let mut message = own.sign(MESSAGE, &How::default());
    for _ in 0..100 {
        message = foreign.sign(&message, &How::default());
    }
    let found = check(&(foreign.record() + &own.record()), &message, Arrival::default()).await;
    assert_eq!(found.dkim.len(), 10);
    assert!(found.dkim.iter().all(|one| one.result == DkimResult::Pass));
    assert!(found.dkim[0].aligned && found.dkim[1..].iter().all(|one| !one.aligned));
}

#[tokio::test]
async fn a_header_made_to_cost_time_costs_none() {
    let signer = Signer::ed25519("shop.example", "e");
    let long = How { names: vec!["from"; 12_000], ..How::default() };
    let mut message = MESSAGE.replacen("From: Shop", &format!("From: {}", "=?".repeat(32_000)), 1);
    message.insert_str(0, &"X-Filler: 1\r\n".repeat(900));
    for _ in 0..10 {
        message = signer.sign(&message, &How { names: vec!["from"; 200], ..How::default() });
    }
    message = signer.sign(&message, &long);
    let began = std::time::Instant::now();
    let results = results(&signer.record(), &message).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(results.iter().filter(|(result, _)| *result == DkimResult::Pass).count(), 10);
    assert_eq!(results.last(), Some(&(DkimResult::Policy, "h= is too long")));
}

#[tokio::test]
async fn a_chain_is_noted_and_a_broken_one_is_not_repaired() {
    let list = Sealer::new("list.example");
    let (zone, message) = (list.record(), list.seal(MESSAGE));
    let arc = async |zone: &str, message: &str| check(zone, message, Arrival::default()).await.arc;
    assert_eq!(arc(&zone, MESSAGE).await, ArcResult::None);
    assert_eq!(arc(&zone, &message).await, ArcResult::Pass { sets: 1 });
    assert_eq!(arc(&zone, &message.replace("Hello", "Hullo")).await, ArcResult::Fail);
    assert_eq!(arc(&zone, &message.replacen("i=1;", "i=2;", 1)).await, ArcResult::Fail, "a gap");
    assert_eq!(arc(&zone, &message.replace("ARC-Seal:", "X-Was-Seal:")).await, ArcResult::Fail, "a seal is missing");
    assert_eq!(arc("", &message).await, ArcResult::Fail, "no key");
    assert_eq!(arc("; servfail: list.example\n", &message).await, ArcResult::TempError);
    let endless: String = (2..52).map(|i| message.split(MESSAGE).next().unwrap().replace("i=1;", &format!("i={i};"))).collect();
    assert_eq!(arc(&zone, &format!("{endless}{message}")).await, ArcResult::Fail, "too long");
}
