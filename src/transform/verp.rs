//! Bounce addresses: the envelope sender of what we send on says which alias it belongs to and whom it was for.
//!
//! `bounce+<token>@domain`, the token being base32 of kind, alias, mailbox or contact, hour of expiry and an 80-bit MAC: nothing
//! has to be stored, nobody can make one up, an old one is worth nothing. Some servers change the case of a sender they
//! bounce to, so case does not matter. A null sender stays null (RFC 5321 §4.5.5); that is the caller's to see to.

use data_encoding::BASE32_NOPAD;

use crate::model::id::{AliasId, ContactId, MailboxId};
use crate::model::{Address, DomainName, Timestamp};

use super::key::{SecretKey, TAG_LENGTH};

/// What every bounce address begins with; no alias may.
pub const BOUNCE_PREFIX: &str = "bounce+";

const PURPOSE: &str = "postern bounce address 1";
/// A forward to a mailbox; the only kind there was at first.
const FORWARD: u8 = 1;
/// A reply to a contact.
const REPLY: u8 = 2;
const BODY_LENGTH: usize = 1 + 8 + 8 + 4 + 4;
const HOUR: i64 = 3600;

/// Whom a message was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentTo {
    /// A forwarded message went to this mailbox.
    Mailbox(MailboxId),
    /// A reply went to this contact.
    Contact(ContactId),
}

/// What a bounce address says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BounceToken {
    /// The alias the message came through or went out from.
    pub alias_id: AliasId,
    /// Whom it was for.
    pub sent_to: SentTo,
    /// When the address is no longer taken; kept to the hour, rounded up.
    pub expires_at: Timestamp,
    /// Random: tells two messages apart, so that a report is recorded once however often it comes.
    pub nonce: u32,
}

/// The bounce address for one message.
pub fn issue(key: &SecretKey, token: BounceToken, domain: &DomainName) -> Address {
    let hour = u32::try_from(token.expires_at.as_seconds().saturating_add(HOUR - 1).div_euclid(HOUR)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(BODY_LENGTH + TAG_LENGTH);
    let (kind, sent_to) = match token.sent_to {
        SentTo::Mailbox(id) => (FORWARD, id.0),
        SentTo::Contact(id) => (REPLY, id.0),
    };
    bytes.push(kind);
    bytes.extend_from_slice(&token.alias_id.0.to_be_bytes());
    bytes.extend_from_slice(&sent_to.to_be_bytes());
    bytes.extend_from_slice(&hour.to_be_bytes());
    bytes.extend_from_slice(&token.nonce.to_be_bytes());
    let tag = key.tag(PURPOSE, &bound(&bytes, domain));
    bytes.extend_from_slice(&tag);
    let local = format!("{BOUNCE_PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase());
    Address::from_parts(&local, domain.clone()).unwrap_or_else(|_| unreachable!("63 octets of atext"))
}

/// Whether this is a bounce address at all, good or not: mail to it is never mail to an alias.
pub fn is_bounce_address(local_part: &str) -> bool {
    local_part.get(..BOUNCE_PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(BOUNCE_PREFIX))
}

/// What the address says, if we made it and it has not expired.
pub fn verify(key: &SecretKey, local_part: &str, domain: &DomainName, now: Timestamp) -> Option<BounceToken> {
    if !is_bounce_address(local_part) {
        return None;
    }
    let text = local_part.get(BOUNCE_PREFIX.len()..)?.to_ascii_uppercase();
    let bytes = BASE32_NOPAD.decode(text.as_bytes()).ok()?;
    let (body, tag) = bytes.split_at_checked(BODY_LENGTH)?;
    if !key.is_tag(PURPOSE, &bound(body, domain), tag) {
        return None;
    }
    let (kind, rest) = body.split_first()?;
    let (alias, rest) = rest.split_first_chunk::<8>()?;
    let (sent_to, rest) = rest.split_first_chunk::<8>()?;
    let (hour, rest) = rest.split_first_chunk::<4>()?;
    let hour = i64::from(u32::from_be_bytes(*hour));
    let nonce = u32::from_be_bytes(*rest.first_chunk::<4>()?);
    let expires_at = Timestamp::from_micros(hour.saturating_mul(HOUR * 1_000_000));
    let sent_to = i64::from_be_bytes(*sent_to);
    let sent_to = match *kind {
        FORWARD => SentTo::Mailbox(MailboxId(sent_to)),
        REPLY => SentTo::Contact(ContactId(sent_to)),
        _ => return None,
    };
    (now < expires_at).then_some(BounceToken { alias_id: AliasId(i64::from_be_bytes(*alias)), sent_to, expires_at, nonce })
}

/// What the tag vouches for: the token, on its domain and no other of ours.
fn bound(body: &[u8], domain: &DomainName) -> Vec<u8> {
    [body, domain.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn key() -> SecretKey {
        SecretKey::new(vec![7; 32])
    }

    fn domain() -> DomainName {
        DomainName::parse("you.example").unwrap()
    }

    fn token(alias: i64, mailbox: i64, hours: i64) -> BounceToken {
        let expires_at = Timestamp::from_micros(hours * HOUR * 1_000_000);
        BounceToken { alias_id: AliasId(alias), sent_to: SentTo::Mailbox(MailboxId(mailbox)), expires_at, nonce: 9 }
    }

    #[test]
    fn expiry_is_rounded_up_to_the_hour_and_then_final() {
        let mut asked = token(1, 2, 100);
        asked.expires_at = asked.expires_at.plus(Duration::from_secs(1));
        let address = issue(&key(), asked, &domain());
        let last = token(1, 2, 101).expires_at;
        assert!(verify(&key(), address.local(), &domain(), asked.expires_at).is_some());
        assert!(verify(&key(), address.local(), &domain(), last.minus(Duration::from_micros(1))).is_some());
        assert_eq!(verify(&key(), address.local(), &domain(), last), None);
    }

    #[test]
    fn another_key_and_another_kind_of_address_are_nothing() {
        let address = issue(&key(), token(1, 2, 100), &domain());
        let now = Timestamp::from_micros(0);
        assert_eq!(verify(&SecretKey::new(vec![8; 32]), address.local(), &domain(), now), None);
        for other in ["", "bounce", "bounce+", "bounce+aa", "reply+aaaa", "bounce+ä", "bounc\u{e9}+a"] {
            assert_eq!(verify(&key(), other, &domain(), now), None);
        }
    }

    proptest! {
        #[test]
        fn what_was_issued_is_read_back_in_any_case(
            alias in any::<i64>(), mailbox in any::<i64>(), hours in 1i64..4_000_000, is_reply: bool)
        {
            let mut asked = token(alias, mailbox, hours);
            if is_reply {
                asked.sent_to = SentTo::Contact(ContactId(mailbox));
            }
            let address = issue(&key(), asked, &domain());
            prop_assert!(address.local().len() <= 64);
            let before = asked.expires_at.minus(Duration::from_secs(1));
            prop_assert_eq!(verify(&key(), address.local(), &domain(), before), Some(asked));
            prop_assert_eq!(verify(&key(), &address.local().to_uppercase(), &domain(), before), Some(asked));
        }

        #[test]
        fn any_changed_character_is_refused(at in 0usize..57, with in "[a-z2-7+]") {
            let address = issue(&key(), token(3, 4, 100), &domain());
            let mut local = address.local().to_owned();
            prop_assume!(!local.as_bytes()[at].eq_ignore_ascii_case(&with.as_bytes()[0]));
            local.replace_range(at..=at, &with);
            prop_assert_eq!(verify(&key(), &local, &domain(), Timestamp::from_micros(0)), None);
        }

        #[test]
        fn any_text_is_no_panic(text in "(?i:bounce\\+)?\\PC{0,80}") {
            let _ = verify(&key(), &text, &domain(), Timestamp::from_micros(0));
        }
    }
}
