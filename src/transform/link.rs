//! Signed links: what the owner of an alias may do from the inbox, without a login (RFC 8058 §3.1).
//!
//! The last part of the link is base64url of action, alias, contact, minute of expiry and a 128-bit MAC: nothing has to be
//! stored, nobody can make one up or turn one into another, and whoever finds one learns no address from it. A link says
//! one thing that may be done to one alias. A mark tells which alias and in which epoch of it: links that lie in a mailbox
//! the alias left are no longer good, and neither is one whose row key names another alias after a restore.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::Timestamp;
use crate::model::id::{AliasId, ContactId};

use super::key::{LONG_TAG_LENGTH, SecretKey};

const PURPOSE: &str = "postern link 1";
const BODY_LENGTH: usize = 1 + 8 + MARK_LENGTH + 8 + 4;
const MARK_LENGTH: usize = 4;
const MINUTE: i64 = 60;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Pauses the alias: the one that stands in mail, and all that one click can do.
    Pause,
    /// Kills the alias.
    Kill,
    /// Blocks the contact.
    Block,
    /// Takes a pause back: active again.
    Resume,
    /// Takes a pause of a locked alias back: locked again.
    Relock,
    /// Takes a block back.
    Unblock,
}

impl Action {
    const ALL: [(Self, u8); 6] =
        [(Self::Pause, 1), (Self::Kill, 2), (Self::Block, 3), (Self::Resume, 4), (Self::Relock, 5), (Self::Unblock, 6)];

    fn code(self) -> u8 {
        Self::ALL.into_iter().find(|(action, _)| *action == self).map_or(0, |(_, code)| code)
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == code).map(|(action, _)| action)
    }
}

/// What a link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkToken {
    /// What it does.
    pub action: Action,
    /// To which alias.
    pub alias_id: AliasId,
    /// What [`mark`] says of that alias when the link is made.
    pub mark: [u8; MARK_LENGTH],
    /// Who wrote the message the link stands in; whom a block is about.
    pub contact_id: Option<ContactId>,
    /// When it is no longer taken; kept to the minute, rounded up.
    pub expires_at: Timestamp,
}

/// Why a text is no link of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// We never made it.
    #[error("the link is not one of ours")]
    Forged,
    /// We made it, and its time is over.
    #[error("the link has expired")]
    Expired,
}

/// Tells apart aliases that had the same row key, and an alias before and after it left a mailbox. Within the MAC, so it
/// only has to differ.
pub fn mark(alias: Uuid, epoch: i32) -> [u8; MARK_LENGTH] {
    let digest: [u8; 32] = Sha256::new().chain_update(alias).chain_update(epoch.to_be_bytes()).finalize().into();
    *digest.first_chunk().unwrap_or_else(|| unreachable!("32 octets begin with 4"))
}

/// The last part of a link.
pub fn issue(key: &SecretKey, token: LinkToken) -> String {
    let minute = u32::try_from(token.expires_at.as_seconds().saturating_add(MINUTE - 1).div_euclid(MINUTE)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(BODY_LENGTH + LONG_TAG_LENGTH);
    bytes.push(token.action.code());
    bytes.extend_from_slice(&token.alias_id.0.to_be_bytes());
    bytes.extend_from_slice(&token.mark);
    // Keys of rows begin at 1: zero is nobody.
    bytes.extend_from_slice(&token.contact_id.map_or(0, |id| id.0).to_be_bytes());
    bytes.extend_from_slice(&minute.to_be_bytes());
    let tag = key.long_tag(PURPOSE, &bytes);
    bytes.extend_from_slice(&tag);
    BASE64URL_NOPAD.encode(&bytes)
}

/// What the last part of a link says, if we made it and its time is not over.
pub fn verify(key: &SecretKey, text: &str, now: Timestamp) -> Result<LinkToken, LinkFault> {
    let token = read(key, text).ok_or(LinkFault::Forged)?;
    if now < token.expires_at { Ok(token) } else { Err(LinkFault::Expired) }
}

fn read(key: &SecretKey, text: &str) -> Option<LinkToken> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (body, tag) = bytes.split_at_checked(BODY_LENGTH)?;
    if !key.is_long_tag(PURPOSE, body, tag) {
        return None;
    }
    let (action, rest) = body.split_first()?;
    let (alias, rest) = rest.split_first_chunk::<8>()?;
    let (mark, rest) = rest.split_first_chunk::<MARK_LENGTH>()?;
    let (contact, rest) = rest.split_first_chunk::<8>()?;
    let minute = i64::from(u32::from_be_bytes(*rest.first_chunk::<4>()?));
    let contact = i64::from_be_bytes(*contact);
    Some(LinkToken {
        action: Action::from_code(*action)?,
        alias_id: AliasId(i64::from_be_bytes(*alias)),
        mark: *mark,
        contact_id: (contact != 0).then_some(ContactId(contact)),
        expires_at: Timestamp::from_micros(minute.saturating_mul(MINUTE * 1_000_000)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn key() -> SecretKey {
        SecretKey::new(vec![7; 32])
    }

    fn token(minutes: i64) -> LinkToken {
        let expires_at = Timestamp::from_micros(minutes * MINUTE * 1_000_000);
        LinkToken { action: Action::Pause, alias_id: AliasId(3), mark: [1, 2, 3, 4], contact_id: Some(ContactId(4)), expires_at }
    }

    #[test]
    fn expiry_is_rounded_up_to_the_minute_and_then_final() {
        let mut asked = token(100);
        asked.expires_at = asked.expires_at.plus(Duration::from_secs(1));
        let text = issue(&key(), asked);
        let last = token(101).expires_at;
        assert!(verify(&key(), &text, last.minus(Duration::from_micros(1))).is_ok());
        assert_eq!(verify(&key(), &text, last), Err(LinkFault::Expired));
    }

    #[test]
    fn another_key_and_other_texts_are_nothing() {
        let text = issue(&key(), token(100));
        assert_eq!(text.len(), 55);
        let now = Timestamp::from_micros(0);
        assert_eq!(verify(&SecretKey::new(vec![8; 32]), &text, now), Err(LinkFault::Forged));
        assert_eq!(verify(&key(), &text.to_ascii_uppercase(), now), Err(LinkFault::Forged));
        for other in ["", "a", "ä", "====", text.split_at(54).0, &format!("{text}A"), &format!("{text}=")] {
            assert_eq!(verify(&key(), other, now), Err(LinkFault::Forged), "{other}");
        }
    }

    #[test]
    fn a_tag_of_another_kind_is_no_signature() {
        let mut bytes = BASE64URL_NOPAD.decode(issue(&key(), token(100)).as_bytes()).unwrap();
        let other = key().long_tag("postern bounce address 1", &bytes[..BODY_LENGTH]);
        bytes.splice(BODY_LENGTH.., other);
        assert_eq!(verify(&key(), &BASE64URL_NOPAD.encode(&bytes), Timestamp::from_micros(0)), Err(LinkFault::Forged));
    }

    #[test]
    fn another_alias_and_another_epoch_have_another_mark() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(mark(one, 0), mark(one, 0));
        assert_ne!(mark(one, 0), mark(one, 1));
        assert_ne!(mark(one, 0), mark(other, 0));
    }

    proptest! {
        #[test]
        fn what_was_issued_is_read_back(
            code in 1u8..=6, alias in any::<i64>(), contact in proptest::option::of(1i64..), minutes in 1i64..4_000_000_000)
        {
            let action = Action::from_code(code).unwrap();
            let asked = LinkToken { action, alias_id: AliasId(alias), contact_id: contact.map(ContactId), ..token(minutes) };
            prop_assert_eq!(verify(&key(), &issue(&key(), asked), asked.expires_at.minus(Duration::from_secs(1))), Ok(asked));
        }

        #[test]
        fn any_changed_character_is_refused(at in 0usize..55, with in "[A-Za-z0-9_-]") {
            let mut text = issue(&key(), token(100));
            prop_assume!(text.as_bytes()[at] != with.as_bytes()[0]);
            text.replace_range(at..=at, &with);
            prop_assert_eq!(verify(&key(), &text, Timestamp::from_micros(0)), Err(LinkFault::Forged));
        }

        #[test]
        fn any_text_is_no_panic(text in "\\PC{0,80}") {
            prop_assert_eq!(verify(&key(), &text, Timestamp::from_micros(0)), Err(LinkFault::Forged));
        }
    }
}
