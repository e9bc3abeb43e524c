//! May a sender be told that their message failed after we took it? (RFC 3834 §2, RFC 5321 §4.4.5 and §6.1.)
//!
//! Most envelope senders of unwanted mail are forged, and a notification to a forged sender is spam of our own making. So
//! it is sent only to a sender whose domain let this client send for it, who is a person by all signs, and not too
//! often. What is not sent stays visible to the alias's owner.

use crate::model::Address;

/// What SPF said of the envelope sender's domain (RFC 7208 §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spf {
    /// The client may send for the domain.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// The domain says nothing about it.
    Neutral,
    /// The domain has no record.
    None,
    /// The record is broken.
    PermError,
    /// It could not be looked up now.
    TempError,
}

/// What is known of the message and its sender.
#[derive(Debug, Clone)]
pub struct DsnFacts<'a> {
    /// The envelope sender; `None` is the null one.
    pub sender: Option<&'a Address>,
    /// What SPF said when the message arrived.
    pub spf: Spf,
    /// A machine made the message and says so.
    pub auto_submitted: bool,
    /// It came through a mailing list or newsletter.
    pub list: bool,
    /// It was sent in bulk.
    pub bulk: bool,
    /// The sender's domain is one this instance serves.
    pub is_own_domain: bool,
    /// Notifications this sender got in the last day.
    pub sent_today: u32,
    /// How many it may get.
    pub daily_cap: u32,
}

/// What to do about a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Do not; the owner sees the failure instead.
    Suppress(Reason),
    /// It can't be decided now: ask SPF again later.
    AskAgain,
}

/// Why none is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A notification is never answered by another.
    NullSender,
    /// The sender is a machine by its name (`mailer-daemon`, `owner-…`, `…-request`, `no-reply`).
    SystemSender,
    /// The message says that it is automatic.
    AutoSubmitted,
    /// A list or newsletter.
    List,
    /// Bulk mail.
    Bulk,
    /// Our own domain.
    OwnDomain,
    /// The sender may well be forged.
    Unproven,
    /// It has had enough of them.
    DailyCap,
}

/// The verdict. Reasons that are certain come first, so that a lame name server delays nothing that is settled anyway.
pub fn may_notify(facts: &DsnFacts) -> Verdict {
    let Some(sender) = facts.sender else { return Verdict::Suppress(Reason::NullSender) };
    let reasons = [
        (is_system_sender(sender), Reason::SystemSender),
        (facts.auto_submitted, Reason::AutoSubmitted),
        (facts.list, Reason::List),
        (facts.bulk, Reason::Bulk),
        (facts.is_own_domain, Reason::OwnDomain),
        (facts.sent_today >= facts.daily_cap, Reason::DailyCap),
    ];
    if let Some((_, reason)) = reasons.into_iter().find(|(holds, _)| *holds) {
        return Verdict::Suppress(reason);
    }
    match facts.spf {
        Spf::Pass => Verdict::Send,
        Spf::TempError => Verdict::AskAgain,
        Spf::Fail | Spf::SoftFail | Spf::Neutral | Spf::None | Spf::PermError => Verdict::Suppress(Reason::Unproven),
    }
}

/// Whether nobody reads what is sent to this address.
pub fn is_system_sender(sender: &Address) -> bool {
    let local = sender.local().to_lowercase();
    let name = local.split(['+', '=']).next().unwrap_or_default();
    let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect();
    matches!(
        plain.as_str(),
        "mailerdaemon" | "postmaster" | "noreply" | "donotreply" | "listserv" | "majordomo" | "bounce" | "bounces"
    ) || local.starts_with("owner-")
        || local.starts_with("bounce-")
        || local.starts_with("bounces-")
        || ["-request", "-owner", "-bounces", "-bounce", "-relay"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(sender: Option<&str>, change: impl FnOnce(&mut DsnFacts)) -> Verdict {
        let sender = sender.map(|text| Address::parse(text).unwrap());
        let mut facts = DsnFacts {
            sender: sender.as_ref(),
            spf: Spf::Pass,
            auto_submitted: false,
            list: false,
            bulk: false,
            is_own_domain: false,
            sent_today: 0,
            daily_cap: 3,
        };
        change(&mut facts);
        may_notify(&facts)
    }

    #[test]
    fn a_proven_person_is_told() {
        assert_eq!(verdict(Some("ann@x.org"), |_| {}), Verdict::Send);
        assert_eq!(verdict(Some("ann@x.org"), |facts| facts.sent_today = 2), Verdict::Send);
    }

    #[test]
    fn everybody_else_is_not() {
        let ann = Some("ann@x.org");
        let suppressed = Verdict::Suppress;
        assert_eq!(verdict(None, |_| {}), suppressed(Reason::NullSender));
        assert_eq!(verdict(ann, |facts| facts.auto_submitted = true), suppressed(Reason::AutoSubmitted));
        assert_eq!(verdict(ann, |facts| facts.list = true), suppressed(Reason::List));
        assert_eq!(verdict(ann, |facts| facts.bulk = true), suppressed(Reason::Bulk));
        assert_eq!(verdict(ann, |facts| facts.is_own_domain = true), suppressed(Reason::OwnDomain));
        assert_eq!(verdict(ann, |facts| facts.sent_today = 3), suppressed(Reason::DailyCap));
        for spf in [Spf::Fail, Spf::SoftFail, Spf::Neutral, Spf::None, Spf::PermError] {
            assert_eq!(verdict(ann, |facts| facts.spf = spf), suppressed(Reason::Unproven));
        }
    }

    #[test]
    fn a_temporary_error_decides_only_what_is_still_open() {
        assert_eq!(verdict(Some("ann@x.org"), |facts| facts.spf = Spf::TempError), Verdict::AskAgain);
        let both = |facts: &mut DsnFacts| (facts.spf, facts.list) = (Spf::TempError, true);
        assert_eq!(verdict(Some("ann@x.org"), both), Verdict::Suppress(Reason::List));
    }

    #[test]
    fn machines_are_known_by_their_names() {
        for local in [
            "MAILER-DAEMON",
            "postmaster",
            "no-reply",
            "noreply+tag",
            "do_not.reply",
            "owner-rust",
            "rust-request",
            "rust-bounces+ann=x.org",
            "bounce-123",
        ] {
            assert!(is_system_sender(&Address::parse(&format!("{local}@x.org")).unwrap()), "{local}");
        }
        for local in ["ann", "owner", "request", "ann-marie", "bouncer"] {
            assert!(!is_system_sender(&Address::parse(&format!("{local}@x.org")).unwrap()), "{local}");
        }
    }
}
