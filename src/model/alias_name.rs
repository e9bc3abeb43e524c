//! Names for aliases, drawn from a cryptographic generator: hard to guess, easy to read out on the phone.
//!
//! Reserved names (RFC 2142, what certificate authorities mail, our own prefixes) are never handed out.

use std::str::FromStr;

use rand::CryptoRng;

use super::contact::REVERSE_PREFIX;
use super::site::Site;

/// What every bounce address (VERP) begins with; no alias may.
pub const BOUNCE_PREFIX: &str = "bounce+";

/// 32 characters nobody takes for another: no `i`, `l`, `o`, `1`.
const ALPHABET: &[u8; 32] = b"0a2b3c4d5e6f7g8h9jkmnpqrstuvwxyz";

/// The symbol for the low five bits of `byte`.
pub fn symbol(byte: u8) -> char {
    char::from(ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'z'))
}

/// Whether `byte` is one of the unambiguous symbols.
pub fn is_symbol(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

const WORDS: &str = include_str!("alias_words.txt");

/// How a name is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameFormat {
    /// `lg.k7f3qz2m`: the site's label and 8 symbols (40 bits).
    #[default]
    Site,
    /// `amber-otter-lamp-k7f3q`: three words and 5 symbols (at least 40 bits).
    Words,
    /// 16 symbols (80 bits).
    Random,
    /// A random UUID (122 bits).
    Uuid,
}

impl FromStr for NameFormat {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "site" => Ok(Self::Site),
            "words" => Ok(Self::Words),
            "random" => Ok(Self::Random),
            "uuid" => Ok(Self::Uuid),
            _ => Err("a format is one of site, words, random, uuid"),
        }
    }
}

/// Why a chosen name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not letters, digits, `.`, `-`, `_`, or longer than 64.
    #[error("a name has 1 to 64 letters, digits, dots, hyphens or underscores, and no dot at an end or twice in a row")]
    Characters,
    /// One of the names that belong to the instance.
    #[error("this name is reserved")]
    Reserved,
}

/// Draws a local part. Without a site, `site` names have only their random part, doubled.
pub fn draw(format: NameFormat, site: Option<&Site>, rng: &mut (impl CryptoRng + ?Sized)) -> String {
    match (format, site) {
        (NameFormat::Site, Some(site)) => format!("{}.{}", label(site), symbols(8, rng)),
        (NameFormat::Site, None) | (NameFormat::Random, _) => symbols(16, rng),
        (NameFormat::Words, _) => format!("{}-{}-{}-{}", word(rng), word(rng), word(rng), symbols(5, rng)),
        (NameFormat::Uuid, _) => {
            let mut bytes = [0; 16];
            rng.fill_bytes(&mut bytes);
            uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
        }
    }
}

/// A chosen local part in canonical form, or why it can't be had.
pub fn parse_chosen(text: &str) -> Result<String, NameError> {
    let name = text.trim().to_lowercase();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) || name.split('.').any(str::is_empty) {
        return Err(NameError::Characters);
    }
    if is_reserved(&name) { Err(NameError::Reserved) } else { Ok(name) }
}

/// Whether a local part belongs to the instance: role names, and the prefixes of bounce and reverse addresses.
pub fn is_reserved(local: &str) -> bool {
    const NAMES: &[&str] = &[
        "abuse",
        "admin",
        "administrator",
        "autoconfig",
        "autodiscover",
        "bounce",
        "daemon",
        "dmarc",
        "dmarc-reports",
        "dns",
        "ftp",
        "help",
        "hostmaster",
        "info",
        "is",
        "it",
        "list",
        "list-request",
        "localhost",
        "mail",
        "mailer-daemon",
        "mailerdaemon",
        "marketing",
        "mis",
        "mta-sts",
        "news",
        "no-reply",
        "nobody",
        "noc",
        "noreply",
        "operator",
        "pop",
        "pop3",
        "postern",
        "postmaster",
        "reply",
        "root",
        "sales",
        "security",
        "smtp",
        "ssladmin",
        "ssladministrator",
        "sslwebmaster",
        "support",
        "sysadmin",
        "tls-reports",
        "tlsrpt",
        "usenet",
        "uucp",
        "webmaster",
        "www",
    ];
    let local = local.to_lowercase();
    let base = local.split('+').next().unwrap_or_default();
    NAMES.binary_search(&base).is_ok() || local.starts_with(REVERSE_PREFIX) || local.starts_with(BOUNCE_PREFIX)
}

/// Whether a local part names a role that must always be reachable (RFC 5321 §4.5.1, RFC 2142 §4).
pub fn is_role(local: &str) -> bool {
    ["postmaster", "abuse"].iter().any(|role| local.eq_ignore_ascii_case(role))
}

/// The site's first label, cut so that the whole stays short; punycode labels say nothing to people.
fn label(site: &Site) -> String {
    let label = site.label();
    let label = if label.starts_with("xn--") { "site" } else { label };
    let label: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(24).collect();
    label.trim_end_matches('-').to_owned()
}

fn symbols(count: usize, rng: &mut (impl CryptoRng + ?Sized)) -> String {
    (0..count).map(|_| symbol((rng.next_u32() & 31) as u8)).collect()
}

fn word(rng: &mut (impl CryptoRng + ?Sized)) -> &'static str {
    // 512 words: nine bits each, no bias.
    let index = (rng.next_u32() & 511) as usize;
    WORDS.lines().nth(index).unwrap_or("word")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn rng() -> StdRng {
        StdRng::seed_from_u64(7)
    }

    #[test]
    fn words_are_512_and_all_different() {
        let words: HashSet<_> = WORDS.lines().collect();
        assert_eq!(words.len(), 512);
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
    }

    #[test]
    fn names_have_their_shapes() {
        let site = Site::parse("www.lg.com").unwrap();
        let name = draw(NameFormat::Site, Some(&site), &mut rng());
        assert!(name.starts_with("lg.") && name.len() == 11, "{name}");
        assert_eq!(draw(NameFormat::Random, None, &mut rng()).len(), 16);
        assert_eq!(draw(NameFormat::Uuid, None, &mut rng()).len(), 36);
        assert_eq!(draw(NameFormat::Words, None, &mut rng()).split('-').count(), 4);
    }

    #[test]
    fn every_drawn_name_may_be_had() {
        let mut rng = rng();
        let site = Site::parse("abuse.example.com").unwrap();
        for format in [NameFormat::Site, NameFormat::Words, NameFormat::Random, NameFormat::Uuid] {
            for _ in 0..500 {
                let name = draw(format, Some(&site), &mut rng);
                assert_eq!(parse_chosen(&name).as_deref(), Ok(name.as_str()));
            }
        }
    }

    #[test]
    fn drawn_names_do_not_repeat() {
        let mut rng = rng();
        let site = Site::parse("lg.com").unwrap();
        let names: HashSet<_> = (0..20_000).map(|_| draw(NameFormat::Site, Some(&site), &mut rng)).collect();
        assert_eq!(names.len(), 20_000);
    }

    #[test]
    fn symbols_are_evenly_drawn() {
        let mut counts = [0_u32; 256];
        for byte in symbols(64_000, &mut rng()).bytes() {
            counts[usize::from(byte)] += 1;
        }
        let used: Vec<_> = counts.iter().filter(|count| **count > 0).collect();
        assert_eq!(used.len(), 32);
        assert!(used.iter().all(|count| (1_800..2_200).contains(*count)), "{used:?}");
    }

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        for name in ["postmaster", "Abuse", "HOSTMASTER", "admin", "mailer-daemon", "root", "webmaster"] {
            assert_eq!(parse_chosen(name), Err(NameError::Reserved), "{name}");
        }
        assert!(is_reserved("reply+abc") && is_reserved("Bounce+x") && is_reserved("postmaster+tag"));
        for name in ["", ".a", "a.", "a..b", "a b", "a@b", "ä", "a+b", &"a".repeat(65)] {
            assert_eq!(parse_chosen(name), Err(NameError::Characters), "{name}");
        }
    }
}
