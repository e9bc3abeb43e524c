//! What becomes of mail at an alias, in words for people who never saw a header.

use super::when;
use crate::model::Timestamp;
use crate::model::activity::Activity;
use crate::model::alias::{Alias, AliasState};
use crate::model::mailbox::Mailbox;
use crate::model::sighting::{Proof, SightingKey};
use crate::model::site::Site;

/// The state as one word, for a tag: also its class.
pub fn tag(alias: &Alias, now: Timestamp) -> &'static str {
    match alias.state {
        AliasState::Killed => "killed",
        _ if alias.is_expired(now) => "expired",
        AliasState::Active => "open",
        AliasState::Locked => "locked",
        AliasState::Paused => "paused",
    }
}

/// The state as a sentence.
pub fn sentence(alias: &Alias, mailboxes: &[Mailbox], now: Timestamp) -> String {
    let takes_mail = |mailbox: &Mailbox| mailbox.verified_at.is_some() && mailbox.paused.is_none();
    match (alias.state, alias.expires_at) {
        (AliasState::Killed, _) => "Killed. Every mail to it is returned to its sender as undeliverable.".to_owned(),
        (_, Some(at)) if at <= now => {
            format!("Expired on {}. Every mail to it is returned to its sender as undeliverable.", when::moment(at))
        }
        _ if alias.is_expired(now) => {
            "Used up: it took as many messages as you allowed. Every further one is returned to its sender.".to_owned()
        }
        (AliasState::Paused, _) => {
            "Paused. Nothing comes through; senders are asked to try again later, and most do for some days.".to_owned()
        }
        (AliasState::Locked, _) if !mailboxes.iter().any(takes_mail) => {
            "Locked, and none of its mailboxes takes mail now: not verified yet, or paused. Senders are asked to try again later."
                .to_owned()
        }
        (AliasState::Locked, _) => format!("Locked. {}", locked(alias.site.as_ref())),
        (AliasState::Active, _) if !mailboxes.iter().any(takes_mail) => {
            "Open, but none of its mailboxes takes mail now: not verified yet, or paused. Senders are asked to try again later."
                .to_owned()
        }
        (AliasState::Active, _) => "Open. Mail to it comes through to you.".to_owned(),
    }
}

/// What comes through while an alias is locked.
pub fn locked(site: Option<&Site>) -> String {
    let known = match site {
        Some(site) => format!("{site}, from a sender that proved itself here in the alias’s first three days,"),
        None => "a sender that proved itself here before the lock".to_owned(),
    };
    format!(
        "Only mail that is proven to come from {known} or from somebody you wrote to comes through; everything else is \
         returned to its sender."
    )
}

/// What was counted, in words: only what there was.
pub fn counted(counts: &Activity) -> Vec<String> {
    let lines = [
        (counts.forwarded, "message came through", "messages came through"),
        (
            counts.blocked,
            "was turned away by your choice: the alias was shut, or you block the sender",
            "were turned away by your choice: the alias was shut, or you block the sender",
        ),
        (
            counts.refused,
            "was turned away because your mailbox’s server refused it",
            "were turned away because your mailbox’s server refused them",
        ),
        (counts.failed, "was accepted and could not be delivered", "were accepted and could not be delivered"),
        (
            counts.cancelled,
            "waited and was dropped before it was delivered",
            "waited and were dropped before they were delivered",
        ),
        (counts.replied, "message of yours went out from the alias", "messages of yours went out from the alias"),
        (
            counts.unproven,
            "attempt to write as you was refused: it was not proven to be yours",
            "attempts to write as you were refused: they were not proven to be yours",
        ),
        (
            counts.quoted,
            "of your replies had the address of your mailbox in its text",
            "of your replies had the address of your mailbox in their text",
        ),
    ];
    let some = lines.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect()
}

/// What came and was neither delivered nor given up yet, in words: messages that wait, and those that are held.
pub fn pending((waiting, held): (i64, i64)) -> Vec<String> {
    let lines = [
        (waiting, "message waits to be delivered", "messages wait to be delivered"),
        (held, "message is held until you decide", "messages are held until you decide"),
    ];
    let some = lines.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect()
}

/// How far it was proven who wrote.
pub fn proof(key: &SightingKey) -> String {
    match (key.proof, key.signer.as_str()) {
        (Proof::Dkim, _) => "proven by signature".to_owned(),
        (Proof::Spf, _) => "proven by the server it came from".to_owned(),
        (Proof::None, "") => "not proven".to_owned(),
        (Proof::None, signer) => format!("not proven; signed by {signer}"),
        (Proof::Unasked, _) => "not checked".to_owned(),
    }
}

/// Whether somebody wrote who is not the site the alias was made for.
pub fn is_foreign(alias: &Alias, key: &SightingKey) -> bool {
    alias.site.as_ref().is_some_and(|site| !key.organisation.is_empty() && site.as_str() != key.organisation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_was_is_said() {
        assert!(counted(&Activity::default()).is_empty());
        let counts = Activity { forwarded: 1, blocked: 2, ..Activity::default() };
        let lines = counted(&counts);
        assert_eq!(lines[0], "1 message came through");
        assert!(lines[1].starts_with("2 were turned away by your choice"));
        assert_eq!(lines.len(), 2);
    }
}
