//! `Authentication-Results` (RFC 8601): what we found out about the sender, for the owner's mail program; and the one
//! field that warns of a message whose author's domain disowns it.
//!
//! Domains in it have been parsed and are A-labels; a selector is a stranger's word and is written only when it is a
//! name. Of the reverse-path the domain alone is named, and nothing of the alias or the mailbox.

use crate::model::DomainName;
use crate::model::authentication::{
    ArcResult, Authentication, DkimResult, DkimSignature, DmarcPolicy, DmarcResult, SpfCheck, SpfResult, Warning,
};

/// Name of the warning field. Fields of that name that a stranger wrote do not pass (see [`forward`](super::forward)).
pub const WARNING: &str = "X-Postern-Warning";

/// The field, folded, with its CRLF; behind it the warning, where there is one.
pub fn fields(authserv_id: &DomainName, found: &Authentication, warning: Option<Warning>) -> String {
    let mut text = format!("Authentication-Results: {authserv_id}");
    results(&mut text, found);
    if let Some(warning) = warning {
        text.push_str(WARNING);
        text.push_str(": ");
        text.push_str(&sentence(warning, &found.dmarc.domain));
        text.push_str("\r\n");
    }
    text
}

/// The same results as a member of an ARC chain (RFC 8617 §4.1.1), folded, with its CRLF.
pub(super) fn arc_field(instance: usize, authserv_id: &DomainName, found: &Authentication) -> String {
    let mut text = format!("ARC-Authentication-Results: i={instance}; {authserv_id}");
    results(&mut text, found);
    text
}

fn results(text: &mut String, found: &Authentication) {
    for signature in &found.dkim {
        result(text, &dkim(signature));
    }
    if found.dkim.is_empty() {
        result(text, "dkim=none");
    }
    if let Some(check) = &found.spf {
        result(text, &spf(check));
    }
    result(text, &dmarc(found));
    if found.arc != ArcResult::None {
        result(text, arc(found.arc));
    }
    text.push_str("\r\n");
}

fn result(text: &mut String, result: &str) {
    text.push_str(";\r\n\t");
    text.push_str(result);
}

fn dkim(signature: &DkimSignature) -> String {
    let result = match signature.result {
        DkimResult::Pass => "pass",
        DkimResult::Fail => "fail",
        DkimResult::Neutral => "neutral",
        DkimResult::Policy => "policy",
        DkimResult::TempError => "temperror",
        DkimResult::PermError => "permerror",
    };
    let reason = signature.reason.map_or_else(String::new, |reason| format!(" reason=\"{reason}\""));
    let selector = &signature.selector;
    let is_name = !selector.is_empty()
        && selector.len() <= 100
        && selector.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let selector = if is_name { format!(" header.s={selector}") } else { String::new() };
    format!("dkim={result}{reason} header.d={}{selector}", signature.domain)
}

fn spf(check: &SpfCheck) -> String {
    let result = match check.result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::None => "none",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
    };
    let identity = if check.is_helo { "helo" } else { "mailfrom" };
    format!("spf={result} smtp.{identity}={}", check.domain)
}

fn dmarc(found: &Authentication) -> String {
    let result = match found.dmarc.result {
        DmarcResult::Pass => "pass",
        DmarcResult::Fail => "fail",
        DmarcResult::None => "none",
        DmarcResult::TempError => "temperror",
        DmarcResult::PermError => "permerror",
    };
    let policy = match found.dmarc.published {
        Some(DmarcPolicy::None) => " (p=none)",
        Some(DmarcPolicy::Quarantine) => " (p=quarantine)",
        Some(DmarcPolicy::Reject) => " (p=reject)",
        None => "",
    };
    format!("dmarc={result}{policy} header.from={}", found.dmarc.domain)
}

const fn arc(result: ArcResult) -> &'static str {
    match result {
        ArcResult::None => "arc=none",
        ArcResult::Pass { .. } => "arc=pass",
        ArcResult::Fail => "arc=fail",
        ArcResult::TempError => "arc=temperror",
    }
}

fn sentence(warning: Warning, author: &DomainName) -> String {
    match warning {
        Warning::Failed => format!("{author} says that this message does not come from it"),
        Warning::Unknown => format!("whether this message comes from {author} could not be found out"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::authentication::{Dmarc, Mechanism};

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    fn signature(selector: &str) -> DkimSignature {
        DkimSignature {
            domain: name("bücher.example"),
            selector: selector.into(),
            result: DkimResult::Pass,
            reason: None,
            aligned: true,
            covers: Vec::new(),
            is_testing: false,
        }
    }

    fn found(dkim: Vec<DkimSignature>) -> Authentication {
        let check = SpfCheck { result: SpfResult::SoftFail, domain: name("bounce.example"), is_helo: false, aligned: false };
        let dmarc = Dmarc {
            result: DmarcResult::Pass,
            domain: name("bücher.example"),
            published: Some(DmarcPolicy::Reject),
            applied: Some(DmarcPolicy::Quarantine),
            aligned_by: Some(Mechanism::Dkim),
        };
        Authentication { spf: Some(check), dkim, arc: ArcResult::Fail, is_unread: false, dmarc }
    }

    #[test]
    fn every_method_has_its_line() {
        let broken = DkimSignature { result: DkimResult::Fail, reason: Some("the body was changed"), ..signature("a b") };
        assert_eq!(
            fields(&name("gate.you.example"), &found(vec![signature("s1"), broken]), None),
            "Authentication-Results: gate.you.example;\r\n\tdkim=pass header.d=xn--bcher-kva.example header.s=s1;\r\n\t\
             dkim=fail reason=\"the body was changed\" header.d=xn--bcher-kva.example;\r\n\t\
             spf=softfail smtp.mailfrom=bounce.example;\r\n\tdmarc=pass (p=reject) header.from=xn--bcher-kva.example;\r\n\t\
             arc=fail\r\n"
        );
        let mut quiet = found(Vec::new());
        (quiet.spf, quiet.arc) = (None, ArcResult::None);
        (quiet.dmarc.result, quiet.dmarc.published) = (DmarcResult::None, None);
        assert_eq!(
            fields(&name("gate.you.example"), &quiet, None),
            "Authentication-Results: gate.you.example;\r\n\tdkim=none;\r\n\tdmarc=none header.from=xn--bcher-kva.example\r\n"
        );
    }

    #[test]
    fn a_warning_is_one_field_that_names_the_domain() {
        for (warning, sentence) in [
            (Warning::Failed, "xn--bcher-kva.example says that this message does not come from it"),
            (Warning::Unknown, "whether this message comes from xn--bcher-kva.example could not be found out"),
        ] {
            let text = fields(&name("gate.you.example"), &found(Vec::new()), Some(warning));
            assert!(text.ends_with(&format!("\r\nX-Postern-Warning: {sentence}\r\n")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_selector_breaks_out_of_its_place(selector in any::<String>()) {
            let text = fields(&name("gate.you.example"), &found(vec![signature(&selector)]), None);
            prop_assert!(text.is_ascii() && text.lines().all(|line| line.len() < 500));
            prop_assert_eq!(text.matches("\r\n").count(), 5);
            prop_assert_eq!(text.matches(';').count(), 4);
        }
    }
}
