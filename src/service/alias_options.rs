//! What an owner can choose from when making an alias by hand: endings of addresses, a beginning, one that is there.
//!
//! Clients show an ending and send it back as it was signed. The signature says that this user was offered it, so that a
//! random part stays one that we drew. It holds for a week: people leave forms open.

use std::time::Duration;

use data_encoding::HEXLOWER;
use unicode_normalization::UnicodeNormalization;

use super::alias_page::{self, Listed};
use super::{Desk, domain};
use crate::model::id::UserId;
use crate::model::site::Site;
use crate::model::{Chance, DomainName, Timestamp, alias_name};
use crate::storage;
use crate::transform::key::SecretKey;

/// What the key signs here.
const PURPOSE: &str = "alias ending";
/// How long a signature holds.
const HOLDS: Duration = Duration::from_hours(24 * 7);
/// Random symbols of an ending: 40 bits, as in names that are drawn whole.
const SYMBOLS: usize = 8;
/// Longest beginning that is suggested, in characters.
const LONGEST_PREFIX: usize = 24;

/// The end of an address: perhaps a random part, and the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What comes after the beginning in the local part; may be empty.
    pub local: String,
    /// The domain.
    pub domain: DomainName,
    /// Whether the domain is the user's own.
    pub is_own: bool,
}

impl Ending {
    /// As shown: `.k7f3qz2m@you.example`.
    pub fn text(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// What there is to choose from.
#[derive(Debug, Clone)]
pub struct Options {
    /// Endings with what stands for them, those with a random part first. Empty only without any domain.
    pub endings: Vec<(Ending, String)>,
    /// A beginning that says what the alias is for; empty when no site is known.
    pub prefix: String,
    /// The alias the user has for the site.
    pub there: Option<Listed>,
}

/// Why an ending can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndingError {
    /// Not offered by us, or not to this user.
    #[error("this ending was not offered to you")]
    Tampered,
    /// Offered too long ago.
    #[error("this ending was offered too long ago; choose again")]
    Expired,
}

/// What a user can choose from for a site.
pub async fn options(desk: &Desk, key: &SecretKey, user: UserId, site: Option<&Site>) -> Result<Options, storage::Error> {
    let domains = domain::list_usable(desk, user).await?;
    let now = desk.clock.now();
    let of = |domain: &crate::model::domain::Domain, local: String| Ending {
        local,
        domain: domain.name.clone(),
        is_own: domain.user_id.is_some(),
    };
    let drawn = domains.iter().map(|domain| of(domain, format!(".{}", symbols(&desk.chance))));
    let bare = domains.iter().map(|domain| of(domain, String::new()));
    let endings = drawn.chain(bare).map(|ending| (ending.clone(), sign(key, user, &ending.text(), now))).collect();
    let there = match site {
        Some(site) => alias_page::find_for_site(desk, user, site).await?,
        None => None,
    };
    Ok(Options { endings, prefix: site.map(suggest).unwrap_or_default(), there })
}

/// The ending behind what [`options`] gave out.
pub fn open(key: &SecretKey, user: UserId, signed: &str, now: Timestamp) -> Result<Ending, EndingError> {
    let mut parts = signed.trim().rsplitn(3, '.');
    let (Some(tag), Some(second), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(EndingError::Tampered);
    };
    let tag = HEXLOWER.decode(tag.as_bytes()).map_err(|_| EndingError::Tampered)?;
    let at: i64 = second.parse().map_err(|_| EndingError::Tampered)?;
    if !key.is_tag(PURPOSE, &data(user, text, at), &tag) {
        return Err(EndingError::Tampered);
    }
    if now.as_seconds().saturating_sub(at) > i64::try_from(HOLDS.as_secs()).unwrap_or(i64::MAX) {
        return Err(EndingError::Expired);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(EndingError::Tampered)?;
    let domain = DomainName::parse(domain).map_err(|_| EndingError::Tampered)?;
    Ok(Ending { local: local.to_owned(), domain, is_own: false })
}

/// A beginning as it was typed, made one that can stand in an address: letters without their accents, no spaces.
pub fn plain_prefix(text: &str) -> String {
    let is_mark = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    text.nfkd().filter(|c| !is_mark(c) && !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

fn sign(key: &SecretKey, user: UserId, text: &str, now: Timestamp) -> String {
    let at = now.as_seconds();
    format!("{text}.{at}.{}", HEXLOWER.encode(&key.tag(PURPOSE, &data(user, text, at))))
}

fn data(user: UserId, text: &str, at: i64) -> Vec<u8> {
    format!("{user} {at} {text}").into_bytes()
}

fn symbols(chance: &Chance) -> String {
    chance.bytes::<SYMBOLS>().iter().map(|byte| alias_name::symbol(*byte)).collect()
}

/// The site's label; punycode says nothing to people.
fn suggest(site: &Site) -> String {
    let label = site.label();
    if label.starts_with("xn--") {
        return String::new();
    }
    let label: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(LONGEST_PREFIX).collect();
    label.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn key() -> SecretKey {
        SecretKey::new([7; 32])
    }

    #[test]
    fn what_was_signed_opens_for_a_week_and_for_its_user_only() {
        let signed = sign(&key(), UserId(1), ".k7f3qz2m@you.example", START);
        let ending = open(&key(), UserId(1), &signed, START.plus(Duration::from_hours(24 * 7))).unwrap();
        assert_eq!((ending.local.as_str(), ending.domain.as_str()), (".k7f3qz2m", "you.example"));
        assert_eq!(open(&key(), UserId(2), &signed, START), Err(EndingError::Tampered));
        assert_eq!(open(&SecretKey::new([8; 32]), UserId(1), &signed, START), Err(EndingError::Tampered));
        assert_eq!(open(&key(), UserId(1), &signed.replace("k7f", "k8f"), START), Err(EndingError::Tampered));
        assert_eq!(open(&key(), UserId(1), &signed, START.plus(Duration::from_hours(24 * 8))), Err(EndingError::Expired));
        let bare = sign(&key(), UserId(1), "@you.example", START);
        assert_eq!(open(&key(), UserId(1), &bare, START).unwrap().local, "");
    }

    #[test]
    fn a_beginning_loses_accents_spaces_and_capitals() {
        assert_eq!(plain_prefix(" Café Ärger "), "cafearger");
        assert_eq!(suggest(&Site::parse("www.my-shop.co.uk").unwrap()), "my-shop");
        assert_eq!(suggest(&Site::parse("bücher.example").unwrap()), "");
    }

    proptest! {
        #[test]
        fn any_text_is_opened_or_refused(text in "\\PC{0,80}") {
            prop_assert!(open(&key(), UserId(1), &text, START).is_err());
        }
    }
}
