//! May this message come to a locked alias? Only known senders write to one, and a sender is known by what its domain proves.
//!
//! Known are: the site the alias was made for; who proved themselves before the alias was locked, and, where the alias has a
//! site, within [`LEARNED_FOR`] of its making (a site that signs up under one name and mails under another does so at
//! once, and who has bought or stolen the address comes later); and correspondents whom the owner wrote to. A site is known
//! as an organisation, a correspondent as one address. A fault is neither known nor unknown: it is put off.

use std::time::Duration;

use super::author::UNKNOWN;
use crate::model::site::Site;
use crate::model::{Reply, Timestamp};

/// Whoever else wrote is told so for good, and nothing of whom the address belongs to or whom it knows.
pub const KNOWN_SENDERS_ONLY: Reply = Reply::new(550, 7, 1, "This address takes mail from known senders only");

/// For how long an alias that was made for a site gets to know the names that site mails under.
pub const LEARNED_FOR: Duration = Duration::from_hours(72);

/// What is known of an alias and of an organisation that writes to it.
#[derive(Debug, Clone, Copy)]
pub struct LockFacts<'a> {
    /// The site the alias was made for.
    pub site: Option<&'a Site>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was locked.
    pub locked_at: Timestamp,
    /// The registrable domain of the author.
    pub organisation: &'a str,
    /// When that organisation first wrote to the alias and was proven to be who it says.
    pub first_proven: Option<Timestamp>,
}

/// Whether the organisation is known at the alias.
pub fn knows(facts: &LockFacts<'_>) -> bool {
    let is_site = facts.site.is_some_and(|site| site.as_str() == facts.organisation);
    let is_learned = facts
        .first_proven
        .is_some_and(|first| first <= facts.locked_at && (facts.site.is_none() || first <= facts.created_at.plus(LEARNED_FOR)));
    is_site || is_learned
}

/// The verdict on a message whose author's domain is known at the alias or not, was proven or not, and may be unproven only
/// for a fault.
pub fn admit(is_known: bool, is_proven: bool, is_fault: bool) -> Result<(), Reply> {
    match (is_known, is_proven) {
        (true, true) => Ok(()),
        (true, false) if is_fault => Err(UNKNOWN),
        // Who is not known stays outside whatever could be found out.
        (true, false) | (false, _) => Err(KNOWN_SENDERS_ONLY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn knows_after(site: Option<&str>, organisation: &str, hours: Option<u64>) -> bool {
        let site = site.map(|site| Site::parse(site).unwrap());
        let at = |hours| MADE.plus(Duration::from_hours(hours));
        knows(&LockFacts {
            site: site.as_ref(),
            created_at: MADE,
            locked_at: at(1000),
            organisation,
            first_proven: hours.map(at),
        })
    }

    #[test]
    fn a_site_is_known_from_the_start_and_its_other_names_when_they_come_early() {
        let site = Some("lg.com");
        assert!(knows_after(site, "lg.com", None));
        assert!(!knows_after(site, "lg.com.evil.example", None) && !knows_after(site, "1g.com", None));
        assert!(!knows_after(site, "lge.com", None), "never wrote");
        assert!(knows_after(site, "lge.com", Some(0)) && knows_after(site, "lge.com", Some(72)));
        assert!(!knows_after(site, "lge.com", Some(73)), "this one got the address from somewhere");
    }

    #[test]
    fn without_a_site_everybody_is_known_who_proved_themselves_before_the_lock() {
        assert!(!knows_after(None, "friend.example", None));
        assert!(knows_after(None, "friend.example", Some(900)) && knows_after(None, "friend.example", Some(1000)));
        assert!(!knows_after(None, "friend.example", Some(1001)));
    }

    #[test]
    fn a_fault_is_put_off_where_something_depends_on_it() {
        let code = |known, proven, fault| admit(known, proven, fault).map_or_else(|reply| reply.code(), |()| 250);
        for fault in [false, true] {
            assert_eq!(code(true, true, fault), 250);
            assert_eq!(code(false, true, fault), 550);
            assert_eq!(code(false, false, fault), 550);
        }
        assert_eq!(code(true, false, true), 451);
        assert_eq!(code(true, false, false), 550);
    }
}
