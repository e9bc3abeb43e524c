//! The DMARC record that holds for an author's domain, and what follows from it (RFC 7489 §6, RFC 9989 for `np` and `t`).
//!
//! The organisational domain comes from the public suffix list; the tree walk of RFC 9989 is not made. Records are read
//! here and not by mail-auth, whose reader refuses a whole record for a fault in a tag that does not matter and no longer
//! knows `pct`.

use crate::dns::{DnsError, Resolver};
use crate::model::DomainName;
use crate::model::authentication::{DkimResult, DkimSignature, Dmarc, DmarcPolicy, DmarcResult, Mechanism, SpfCheck, SpfResult};

/// What was found for an author's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The domain has no policy.
    Nothing,
    /// It has one.
    Record(Record),
    /// It has one that says nothing.
    Broken,
    /// It could not be looked up now.
    Unknown,
}

/// The record, reduced to what holds for this author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub policy: DmarcPolicy,
    pub dkim_strict: bool,
    pub spf_strict: bool,
    /// The share of failing messages the policy is meant for.
    pub percent: u8,
    pub testing: bool,
}

/// The tags of one record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Tags {
    policy: Option<DmarcPolicy>,
    subdomains: Option<DmarcPolicy>,
    missing_subdomains: Option<DmarcPolicy>,
    has_reports: bool,
    dkim_strict: bool,
    spf_strict: bool,
    percent: Option<u8>,
    testing: bool,
}

/// The organisational domain; a name that has none (a public suffix, a single label) stands for itself.
pub(super) fn organisation(domain: &DomainName) -> &str {
    psl::domain_str(domain.as_str()).unwrap_or(domain.as_str())
}

/// Whether two domains are aligned.
pub(super) fn is_aligned(domain: &DomainName, author: &DomainName, strict: bool) -> bool {
    domain == author || !strict && organisation(domain) == organisation(author)
}

/// Looks for the author's record.
pub(super) async fn find(resolver: &Resolver, author: &DomainName) -> Found {
    let organisation = organisation(author);
    let is_subdomain = organisation != author.as_str();
    let (own, parent) = tokio::join!(records(resolver, author.as_str()), async {
        if is_subdomain { records(resolver, organisation).await } else { Ok(Vec::new()) }
    });
    let (texts, inherited) = match (own, parent) {
        (Ok(own), _) if !own.is_empty() => (own, false),
        (Ok(_), Ok(parent)) => (parent, true),
        (Err(()), _) | (_, Err(())) => return Found::Unknown,
    };
    // More than one record is none (RFC 7489 §6.6.3).
    let [text] = texts.as_slice() else { return Found::Nothing };
    let tags = Tags::parse(text);
    let policy = match tags.policy {
        None if tags.has_reports => DmarcPolicy::None,
        None => return Found::Broken,
        Some(policy) if !inherited => policy,
        Some(policy) => {
            let subdomains = tags.subdomains.unwrap_or(policy);
            match tags.missing_subdomains {
                Some(missing) if missing != subdomains => match resolver.ipv4(author.as_str()).await {
                    Err(DnsError::NoSuchName) => missing,
                    Err(DnsError::Temporary) => return Found::Unknown,
                    Ok(_) | Err(DnsError::NoData) => subdomains,
                },
                _ => subdomains,
            }
        }
    };
    Found::Record(Record {
        policy,
        dkim_strict: tags.dkim_strict,
        spf_strict: tags.spf_strict,
        percent: tags.percent.unwrap_or(100),
        testing: tags.testing,
    })
}

/// The texts at `_dmarc.domain` that are DMARC records.
async fn records(resolver: &Resolver, domain: &str) -> Result<Vec<Vec<u8>>, ()> {
    match resolver.txt(&format!("_dmarc.{domain}")).await {
        Ok(texts) => Ok(texts.into_iter().filter(|text| is_record(text)).collect()),
        Err(DnsError::NoSuchName | DnsError::NoData) => Ok(Vec::new()),
        Err(DnsError::Temporary) => Err(()),
    }
}

fn is_record(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut parts = first.splitn(2, |byte| *byte == b'=');
    let mut part = || parts.next().unwrap_or_default().trim_ascii();
    part() == b"v" && part() == b"DMARC1"
}

impl Tags {
    /// Reads all tags; one that can't be read is as if it were not there (RFC 7489 §6.3).
    fn parse(text: &[u8]) -> Self {
        let mut tags = Self::default();
        for tag in String::from_utf8_lossy(text).split(';') {
            let Some((name, value)) = tag.split_once('=') else { continue };
            let value = value.trim().to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "p" => tags.policy = policy(&value),
                "sp" => tags.subdomains = policy(&value),
                "np" => tags.missing_subdomains = policy(&value),
                "rua" => tags.has_reports = value.starts_with("mailto:"),
                "adkim" => tags.dkim_strict = value == "s",
                "aspf" => tags.spf_strict = value == "s",
                "pct" => tags.percent = value.parse().ok().filter(|percent| *percent <= 100),
                "t" => tags.testing = value == "y",
                _ => {}
            }
        }
        tags
    }
}

fn policy(value: &str) -> Option<DmarcPolicy> {
    match value {
        "none" => Some(DmarcPolicy::None),
        "quarantine" => Some(DmarcPolicy::Quarantine),
        "reject" => Some(DmarcPolicy::Reject),
        _ => None,
    }
}

/// Holds the identifiers to the strictness the record asks for.
pub(super) fn align(found: &Found, author: &DomainName, spf: Option<&mut SpfCheck>, dkim: &mut [DkimSignature]) {
    let Found::Record(record) = found else { return };
    if let Some(spf) = spf {
        spf.aligned = is_aligned(&spf.domain, author, record.spf_strict);
    }
    for one in dkim {
        one.aligned = is_aligned(&one.domain, author, record.dkim_strict);
    }
}

/// Puts record and identifiers together. `draw` is 0 to 99, for `pct`. Without `dkim` the signatures could not be read:
/// one of them might have passed.
pub(super) fn conclude(
    found: &Found,
    author: &DomainName,
    spf: Option<&SpfCheck>,
    dkim: Option<&[DkimSignature]>,
    draw: u8,
) -> Dmarc {
    let is_unread = dkim.is_none();
    let dkim = dkim.unwrap_or_default();
    let nothing = |result| Dmarc { result, domain: author.clone(), published: None, applied: None, aligned_by: None };
    let record = match found {
        Found::Nothing => return nothing(DmarcResult::None),
        Found::Broken => return nothing(DmarcResult::PermError),
        Found::Unknown => {
            let aligned_by = proven(author, spf, dkim, true, true);
            return Dmarc { aligned_by, ..nothing(DmarcResult::TempError) };
        }
        Found::Record(record) => record,
    };
    let aligned_by = proven(author, spf, dkim, record.spf_strict, record.dkim_strict);
    let may_still_pass = is_unread
        || spf.is_some_and(|spf| spf.result == SpfResult::TempError && is_aligned(&spf.domain, author, record.spf_strict))
        || dkim.iter().any(|one| one.result == DkimResult::TempError && is_aligned(&one.domain, author, record.dkim_strict));
    let result = match (aligned_by, may_still_pass) {
        (Some(_), _) => DmarcResult::Pass,
        (None, true) => DmarcResult::TempError,
        (None, false) => DmarcResult::Fail,
    };
    let spared = record.testing || draw >= record.percent;
    let applied = if spared { milder(record.policy) } else { record.policy };
    Dmarc { result, domain: author.clone(), published: Some(record.policy), applied: Some(applied), aligned_by }
}

/// What proves the author's domain. DKIM first: it also holds when the message is passed on.
fn proven(
    author: &DomainName,
    spf: Option<&SpfCheck>,
    dkim: &[DkimSignature],
    spf_strict: bool,
    dkim_strict: bool,
) -> Option<Mechanism> {
    if dkim.iter().any(|one| one.result == DkimResult::Pass && is_aligned(&one.domain, author, dkim_strict)) {
        return Some(Mechanism::Dkim);
    }
    spf.filter(|spf| spf.result == SpfResult::Pass && is_aligned(&spf.domain, author, spf_strict)).map(|_| Mechanism::Spf)
}

/// What holds for messages outside `pct` and in test mode (RFC 7489 §6.6.4, RFC 9989 §4.7).
const fn milder(policy: DmarcPolicy) -> DmarcPolicy {
    match policy {
        DmarcPolicy::Reject => DmarcPolicy::Quarantine,
        DmarcPolicy::Quarantine | DmarcPolicy::None => DmarcPolicy::None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn a_record_is_read_tag_by_tag_and_faults_cost_only_their_tag() {
        let tags = Tags::parse(b"v=DMARC1; p = Reject ;sp=quarantine; adkim=s; aspf=x; pct=140; fo=nonsense; rua=; t=y");
        assert_eq!(tags.policy, Some(DmarcPolicy::Reject));
        assert_eq!(tags.subdomains, Some(DmarcPolicy::Quarantine));
        assert!(tags.dkim_strict && !tags.spf_strict && tags.testing && !tags.has_reports);
        assert_eq!(tags.percent, None);
        for text in ["v=DMARC1", "v=DMARC1;p=none", "v = DMARC1 ; p=none"] {
            assert!(is_record(text.as_bytes()), "{text}");
        }
        for text in ["", "v=dmarc1", "v=DMARC10; p=none", "p=none; v=DMARC1", "v=spf1 -all"] {
            assert!(!is_record(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn alignment_ends_at_the_organisation() {
        let author = name("news.shop.co.uk");
        for (domain, relaxed, strict) in [
            ("news.shop.co.uk", true, true),
            ("shop.co.uk", true, false),
            ("mail.other.shop.co.uk", true, false),
            ("other.co.uk", false, false),
            ("co.uk", false, false),
            ("evilshop.co.uk", false, false),
        ] {
            assert_eq!(is_aligned(&name(domain), &author, false), relaxed, "{domain}");
            assert_eq!(is_aligned(&name(domain), &author, true), strict, "{domain}");
        }
        assert!(!is_aligned(&name("a.co.uk"), &name("b.co.uk"), false));
    }

    fn record(percent: u8) -> Found {
        let (dkim_strict, spf_strict) = (false, true);
        Found::Record(Record { policy: DmarcPolicy::Reject, dkim_strict, spf_strict, percent, testing: false })
    }

    fn spf(domain: &str, result: SpfResult) -> SpfCheck {
        SpfCheck { result, domain: name(domain), is_helo: false, aligned: true }
    }

    fn dkim(domain: &str, result: DkimResult) -> DkimSignature {
        DkimSignature {
            domain: name(domain),
            selector: "s".into(),
            result,
            reason: None,
            aligned: true,
            covers: Vec::new(),
            is_testing: false,
        }
    }

    #[test]
    fn one_aligned_pass_is_enough_and_a_fault_is_never_one() {
        let author = name("shop.example");
        let verdict = |found: &Found, spf: Option<SpfCheck>, dkim: &[DkimSignature]| {
            let dmarc = conclude(found, &author, spf.as_ref(), Some(dkim), 0);
            (dmarc.result, dmarc.aligned_by)
        };
        let strict_spf = record(100);
        assert_eq!(verdict(&strict_spf, None, &[]), (DmarcResult::Fail, None));
        let passed = [dkim("mail.shop.example", DkimResult::Pass)];
        assert_eq!(verdict(&strict_spf, None, &passed), (DmarcResult::Pass, Some(Mechanism::Dkim)));
        let own = Some(spf("shop.example", SpfResult::Pass));
        assert_eq!(verdict(&strict_spf, own.clone(), &[]), (DmarcResult::Pass, Some(Mechanism::Spf)));
        let bounces = Some(spf("bounce.shop.example", SpfResult::Pass));
        assert_eq!(verdict(&strict_spf, bounces, &[]), (DmarcResult::Fail, None), "aspf=s");
        let foreign = [dkim("mailer.example", DkimResult::Pass), dkim("shop.example", DkimResult::Fail)];
        assert_eq!(verdict(&strict_spf, None, &foreign), (DmarcResult::Fail, None));
        let fault = [dkim("shop.example", DkimResult::TempError)];
        assert_eq!(verdict(&strict_spf, None, &fault), (DmarcResult::TempError, None));
        assert_eq!(verdict(&strict_spf, None, &[dkim("mailer.example", DkimResult::TempError)]).0, DmarcResult::Fail);
        assert_eq!(verdict(&strict_spf, Some(spf("shop.example", SpfResult::TempError)), &[]).0, DmarcResult::TempError);
        assert_eq!(verdict(&Found::Unknown, own, &[]), (DmarcResult::TempError, Some(Mechanism::Spf)));
        assert_eq!(verdict(&Found::Unknown, None, &passed), (DmarcResult::TempError, None), "strictness is not known");
        assert_eq!(verdict(&Found::Nothing, None, &passed), (DmarcResult::None, None));
        assert_eq!(verdict(&Found::Broken, None, &passed), (DmarcResult::PermError, None));
    }

    #[test]
    fn signatures_that_could_not_be_read_are_no_failure() {
        let author = name("shop.example");
        let unread = |spf: Option<SpfCheck>| conclude(&record(100), &author, spf.as_ref(), None, 0).result;
        assert_eq!(unread(None), DmarcResult::TempError);
        assert_eq!(unread(Some(spf("shop.example", SpfResult::Fail))), DmarcResult::TempError);
        assert_eq!(unread(Some(spf("shop.example", SpfResult::Pass))), DmarcResult::Pass);
        assert_eq!(conclude(&Found::Nothing, &author, None, None, 0).result, DmarcResult::None);
    }

    #[test]
    fn identifiers_are_held_to_the_strictness_of_the_record() {
        let author = name("shop.example");
        let (mut sent, mut signed) = (spf("bounce.shop.example", SpfResult::Pass), [dkim("mail.shop.example", DkimResult::Pass)]);
        align(&Found::Unknown, &author, Some(&mut sent), &mut signed);
        assert!(sent.aligned && signed[0].aligned);
        align(&record(100), &author, Some(&mut sent), &mut signed);
        assert!(!sent.aligned && signed[0].aligned, "aspf=s, adkim=r");
    }

    #[test]
    fn outside_the_share_the_next_milder_policy_holds() {
        let applied = |percent, draw| conclude(&record(percent), &name("shop.example"), None, Some(&[]), draw).applied;
        assert_eq!(applied(100, 99), Some(DmarcPolicy::Reject));
        assert_eq!(applied(30, 29), Some(DmarcPolicy::Reject));
        assert_eq!(applied(30, 30), Some(DmarcPolicy::Quarantine));
        assert_eq!(applied(0, 0), Some(DmarcPolicy::Quarantine));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = is_record(&text);
            Tags::parse(&text);
        }
    }
}
