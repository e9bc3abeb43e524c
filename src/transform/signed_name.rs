//! Names made without network: `lg.com.7q2xvd@you.example` is good because its last six symbols say so.
//!
//! They are the first 30 bits of HMAC-SHA256 under the user's key over `lg.com@you.example` (`docs/offline-names.md`, with
//! test vectors). The first message to such a name makes the alias; a name with other symbols is one nobody made.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::model::{DomainName, alias_name};

/// Octets of a key: 32 characters of base32.
pub const KEY_LENGTH: usize = 20;
/// Symbols behind the last dot; five bits each.
pub const SYMBOLS: usize = 6;
/// What is left of the 64 octets of a local part (RFC 5321 §4.5.3.1.1).
const LONGEST_SITE: usize = 64 - 1 - SYMBOLS;

/// The text can't stand in front of the symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the site has 1 to 57 letters, digits, hyphens or dots, and no dot at an end or twice in a row")]
pub struct SitePartError;

/// The site as it stands in a name: folded.
pub fn site_part(text: &str) -> Result<String, SitePartError> {
    let site = text.trim().to_lowercase();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let fits = (1..=LONGEST_SITE).contains(&site.len()) && site.bytes().all(allowed) && site.split('.').all(|l| !l.is_empty());
    if fits { Ok(site) } else { Err(SitePartError) }
}

/// The local part for a site, as [`site_part`] gave it.
pub fn local_part(key: &[u8], site: &str, domain: &DomainName) -> String {
    format!("{site}.{}", symbols(key, site, domain))
}

/// The site and the symbols of a folded local part that has the form of such a name.
pub fn split(local: &str) -> Option<(&str, &str)> {
    let (site, symbols) = local.rsplit_once('.')?;
    let has_form = symbols.len() == SYMBOLS && symbols.bytes().all(alias_name::is_symbol);
    (has_form && site_part(site).as_deref() == Ok(site)).then_some((site, symbols))
}

/// Whether this key gives these symbols, in constant time.
pub fn is_signed(key: &[u8], site: &str, given: &str, domain: &DomainName) -> bool {
    symbols(key, site, domain).as_bytes().ct_eq(given.as_bytes()).into()
}

fn symbols(key: &[u8], site: &str, domain: &DomainName) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(site.as_bytes());
    mac.update(b"@");
    mac.update(domain.as_str().as_bytes());
    let digest = mac.finalize().into_bytes();
    let bits = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    (0..6_u32).map(|i| alias_name::symbol(u8::try_from(bits >> (27 - 5 * i) & 31).unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn domain(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    /// The vectors of `docs/offline-names.md`: the key is the octets 0 to 19.
    #[test]
    fn the_published_vectors_hold() {
        let key: Vec<u8> = (0..20).collect();
        let document = include_str!("../../docs/offline-names.md");
        let mut seen = 0;
        for line in document.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            let [site, domain_, address] = cells.as_slice() else { panic!("{line}") };
            let (site, domain) = (site_part(site).unwrap(), domain(domain_));
            assert_eq!(*address, format!("{}@{domain}", local_part(&key, &site, &domain)));
            seen += 1;
        }
        assert!(seen >= 4, "{seen} vectors");
    }

    #[test]
    fn a_name_is_good_for_its_key_site_and_domain_alone() {
        let (key, you) = ([7; KEY_LENGTH], domain("you.example"));
        let name = local_part(&key, "lg.com", &you);
        let (site, given) = split(&name).unwrap();
        assert_eq!(site, "lg.com");
        assert!(is_signed(&key, site, given, &you));
        assert!(!is_signed(&[8; KEY_LENGTH], site, given, &you));
        assert!(!is_signed(&key, "lg.de", given, &you));
        assert!(!is_signed(&key, site, given, &domain("me.example")));
        assert!(!is_signed(&key, site, "0", &you));
    }

    #[test]
    fn what_has_not_the_form_is_not_looked_at() {
        for name in
            ["lg", "lg.k7f3qz2m", "lg.k7f3q", "lg.K7f3qz", "lg.l7f3qz", ".k7f3qz", "a..k7f3qz", "a_b.k7f3qz", "a+b.k7f3qz"]
        {
            assert_eq!(split(name), None, "{name}");
        }
        assert_eq!(split("a-b.c.k7f3qz"), Some(("a-b.c", "k7f3qz")));
        assert!(site_part(&"a".repeat(57)).is_ok() && site_part(&"a".repeat(58)).is_err());
        assert_eq!(site_part(" LG.com "), Ok("lg.com".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_split_or_not(text in "\\PC{0,80}") {
            if let Some((site, symbols)) = split(&text) {
                prop_assert_eq!(format!("{}.{}", site, symbols), text);
            }
        }

        #[test]
        fn every_name_is_one_that_may_be_had(site in "[a-z0-9-]{1,20}(\\.[a-z0-9]{1,20})?", key in any::<[u8; KEY_LENGTH]>()) {
            let you = domain("you.example");
            let name = local_part(&key, &site, &you);
            let (site, given) = split(&name).unwrap();
            prop_assert!(is_signed(&key, site, given, &you));
            prop_assert!(alias_name::parse_chosen(&name).is_ok());
        }
    }
}
