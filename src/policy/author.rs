//! May this message pass, by what the domain of its author says of it? (RFC 7489 §6.6, RFC 7372 §3.)
//!
//! Asked before anything is rewritten: afterwards the author's domain is ours and everything passes, so a forgery that
//! is let through here has been laundered. What can't be found out is neither let through nor refused but put off.

use crate::model::Reply;
use crate::model::authentication::{Dmarc, DmarcPolicy, DmarcResult, Warning};

/// The author's domain asks for the refusal of what does not come from it.
pub const DISOWNED: Reply = Reply::new(550, 7, 1, "The domain in From does not permit this message (DMARC policy)");

/// Nothing proves the author, and whether it matters can't be found out.
pub const UNKNOWN: Reply = Reply::new(451, 7, 0, "The domain in From can't be checked now, please try again later");

/// What is known.
#[derive(Debug, Clone, Copy)]
pub struct AuthorFacts<'a> {
    /// The verdict of the author's domain.
    pub dmarc: &'a Dmarc,
    /// Whether the operator wants policies enforced, and not only noted.
    pub enforce: bool,
    /// Whether a relay of our own handed the message in. It has accepted it already and SPF could not be asked, so a
    /// refusal would be a bounce to somebody who may not have sent anything, or a loss of what SPF would have proven.
    pub is_relayed: bool,
}

/// Whether the message may go on, and with which warning.
pub fn check_author(facts: AuthorFacts<'_>) -> Result<Option<Warning>, Reply> {
    let dmarc = facts.dmarc;
    // Without a policy in sight the worst is assumed.
    let policy = dmarc.applied.unwrap_or(DmarcPolicy::Reject);
    match dmarc.result {
        DmarcResult::Pass | DmarcResult::None | DmarcResult::PermError => Ok(None),
        DmarcResult::TempError if dmarc.aligned_by.is_some() || policy == DmarcPolicy::None => Ok(None),
        DmarcResult::TempError if facts.enforce => Err(UNKNOWN),
        DmarcResult::TempError => Ok(Some(Warning::Unknown)),
        DmarcResult::Fail => match policy {
            DmarcPolicy::None => Ok(None),
            DmarcPolicy::Reject if facts.enforce && !facts.is_relayed => Err(DISOWNED),
            DmarcPolicy::Quarantine | DmarcPolicy::Reject => Ok(Some(Warning::Failed)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DomainName;
    use crate::model::authentication::Mechanism;

    fn verdict(result: DmarcResult, applied: Option<DmarcPolicy>, change: impl FnOnce(&mut AuthorFacts, &mut Dmarc)) -> String {
        let domain = DomainName::parse("shop.example").unwrap();
        let mut dmarc = Dmarc { result, domain, published: applied, applied, aligned_by: None };
        let copy = dmarc.clone();
        let mut facts = AuthorFacts { dmarc: &copy, enforce: true, is_relayed: false };
        change(&mut facts, &mut dmarc);
        match check_author(AuthorFacts { dmarc: &dmarc, ..facts }) {
            Ok(warning) => format!("{warning:?}"),
            Err(reply) => reply.code().to_string(),
        }
    }

    const POLICIES: [Option<DmarcPolicy>; 4] =
        [None, Some(DmarcPolicy::None), Some(DmarcPolicy::Quarantine), Some(DmarcPolicy::Reject)];

    #[test]
    fn a_failure_has_the_consequence_its_domain_asks_for() {
        let fail = |policy| verdict(DmarcResult::Fail, Some(policy), |_, _| {});
        assert_eq!(fail(DmarcPolicy::None), "None");
        assert_eq!(fail(DmarcPolicy::Quarantine), "Some(Failed)");
        assert_eq!(fail(DmarcPolicy::Reject), "550");
        assert_eq!(DISOWNED.to_string().get(..10), Some("550 5.7.1 "));
        assert_eq!(UNKNOWN.to_string().get(..10), Some("451 4.7.0 "));
    }

    #[test]
    fn a_fault_is_put_off_unless_nothing_depends_on_it() {
        let put_off = POLICIES.map(|policy| verdict(DmarcResult::TempError, policy, |_, _| {}));
        assert_eq!(put_off, ["451", "None", "451", "451"]);
        let proven = |_: &mut AuthorFacts, dmarc: &mut Dmarc| dmarc.aligned_by = Some(Mechanism::Dkim);
        assert_eq!(verdict(DmarcResult::TempError, None, proven), "None");
    }

    #[test]
    fn a_relay_of_our_own_and_an_operator_who_only_notes_get_no_refusal() {
        for policy in POLICIES {
            for result in [DmarcResult::Fail, DmarcResult::TempError] {
                let noted = verdict(result, policy, |facts, _| facts.enforce = false);
                assert!(!noted.starts_with(['4', '5']), "{result:?} {policy:?}");
            }
            assert_ne!(verdict(DmarcResult::Fail, policy, |facts, _| facts.is_relayed = true), "550");
        }
        let reject = Some(DmarcPolicy::Reject);
        assert_eq!(verdict(DmarcResult::Fail, reject, |facts, _| facts.is_relayed = true), "Some(Failed)");
        assert_eq!(verdict(DmarcResult::TempError, reject, |facts, _| facts.enforce = false), "Some(Unknown)");
    }

    #[test]
    fn without_a_policy_nothing_is_held_against_a_message() {
        for policy in POLICIES {
            for result in [DmarcResult::Pass, DmarcResult::None, DmarcResult::PermError] {
                assert_eq!(verdict(result, policy, |_, _| {}), "None");
            }
        }
    }
}
