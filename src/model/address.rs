//! Mail addresses and domain names, parsed once and in one canonical form (RFC 5321 §4.1.2, RFC 6531, RFC 5890).
//!
//! A [`DomainName`] is a lower-case A-label name. An [`Address`] keeps the local part as written (unquoted) and offers
//! a folded form for comparison: our aliases do not differ by case, and `"alias"@d` is `alias@d`.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// RFC 5321 §4.5.3.1.1 says 64 octets, but real bounce addresses (SRS, VERP) of others are longer, and their mail is
/// welcome. 190 leaves room for the domain in a path of 256. Names of our own are held to 64 where they are made.
const LONGEST_LOCAL_PART: usize = 190;

/// Why a text is no address or domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@` with something on both sides.
    #[error("an address has the form name@domain")]
    Shape,
    /// The part before the `@` breaks RFC 5321.
    #[error("the part before the @ is not valid")]
    LocalPart,
    /// The part before the `@` is too long for any system to take.
    #[error("the part before the @ is too long")]
    LocalPartTooLong,
    /// Not a domain name (or an address literal, which Postern never writes to).
    #[error("the domain is not a valid domain name")]
    Domain,
}

/// A domain name: lower-case A-labels, at most 253 octets, no trailing dot, no address literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

impl DomainName {
    /// Parses and normalises (case, IDNA) a domain name.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(text).map_err(|_| AddressError::Domain)?
        };
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let punycode_ok = || !ascii.contains("xn--") || idna::domain_to_unicode(&ascii).1.is_ok();
        let numeric_end = ascii.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if ascii.len() > 253 || numeric_end || !ascii.split('.').all(label_ok) || !punycode_ok() {
            return Err(AddressError::Domain);
        }
        Ok(Self(ascii))
    }

    /// The A-label form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or a sub-domain of it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0.strip_suffix(other.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DomainName {
    type Err = AddressError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::parse(s)
    }
}

/// A mail address that may stand in `MAIL FROM`, `RCPT TO` and header fields.
///
/// Equality is by the local part as written plus the domain; use [`Address::folded`] for our own addresses.
/// `Debug` does not show it; `Display` prints it for the wire (quoted where needed).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    domain: DomainName,
}

impl Address {
    /// Parses `local@domain`, with a quoted local part allowed; no display name, no brackets, no source route.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = text.rfind('@').ok_or(AddressError::Shape)?;
        let (local, domain) = text.split_at(at);
        let domain = domain.strip_prefix('@').unwrap_or(domain);
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Shape);
        }
        Self::from_parts(&unquote(local)?, DomainName::parse(domain)?)
    }

    /// Builds an address from an unquoted local part and a domain.
    pub fn from_parts(local: &str, domain: DomainName) -> Result<Self, AddressError> {
        let local: String = local.nfc().collect();
        if local.is_empty() || local.chars().any(char::is_control) {
            return Err(AddressError::LocalPart);
        }
        if quoted_length(&local) > LONGEST_LOCAL_PART {
            return Err(AddressError::LocalPartTooLong);
        }
        Ok(Self { local, domain })
    }

    /// The local part, unquoted.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    pub fn domain(&self) -> &DomainName {
        &self.domain
    }

    /// Whether the address needs SMTPUTF8 (RFC 6531) on the wire.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }

    /// The canonical key: local part in lower case. This is what `aliases.address` and `mailboxes.address` hold.
    pub fn folded(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            write!(f, "{}@{}", self.local, self.domain)
        } else {
            f.write_str("\"")?;
            for c in self.local.chars() {
                if matches!(c, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            write!(f, "\"@{}", self.domain)
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address([private])")
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::parse(s)
    }
}

/// atext of RFC 5322 §3.2.3, and anything beyond ASCII (RFC 6532).
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn quoted_length(local: &str) -> usize {
    if is_dot_string(local) { local.len() } else { local.len() + 2 + local.chars().filter(|c| matches!(c, '"' | '\\')).count() }
}

/// The value of a local part: a dot-string as it is, a quoted string without quotes and escapes.
fn unquote(local: &str) -> Result<String, AddressError> {
    let Some(inner) = local.strip_prefix('"') else {
        return if is_dot_string(local) { Ok(local.to_owned()) } else { Err(AddressError::LocalPart) };
    };
    let inner = inner.strip_suffix('"').ok_or(AddressError::LocalPart)?;
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.push(chars.next().ok_or(AddressError::LocalPart)?),
            '"' => return Err(AddressError::LocalPart),
            c => value.push(c),
        }
    }
    if value.is_empty() { Err(AddressError::LocalPart) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quoted_and_plain_local_parts_meet() {
        let plain = Address::parse("alias@Example.ORG").unwrap();
        assert_eq!(plain, Address::parse("\"alias\"@example.org").unwrap());
        assert_eq!(plain.to_string(), "alias@example.org");
        assert_eq!(Address::parse("\"a b\"@x.org").unwrap().to_string(), "\"a b\"@x.org");
        assert_eq!(Address::parse(r#""a\"b"@x.org"#).unwrap().local(), "a\"b");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a..b@x.org",
            ".a@x.org",
            "a.@x.org",
            "\"\"@x.org",
            "a@x.org.",
            "a@-x.org",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a b@x.org",
            "a@x..org",
            "a>\r\nRCPT TO:<b@x.org",
            "a@x.org\r\n",
            "\"a\r\n\"@x.org",
            "a@b@x.org",
            "<a@x.org>",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Address::parse(&format!("{}@x.org", "a".repeat(191))), Err(AddressError::LocalPartTooLong));
        assert!(Address::parse(&format!("{}@x.org", "a".repeat(190))).is_ok());
        assert!(Address::parse(&format!("a@{}.org", "a".repeat(64))).is_err());
    }

    #[test]
    fn international_domains_become_a_labels() {
        assert_eq!(Address::parse("x@Bücher.example").unwrap().domain().as_str(), "xn--bcher-kva.example");
    }

    #[test]
    fn within_is_by_whole_labels() {
        let parent = DomainName::parse("lg.com").unwrap();
        assert!(DomainName::parse("mail.lg.com").unwrap().is_within(&parent));
        assert!(!DomainName::parse("xlg.com").unwrap().is_within(&parent));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_and_prints_back(text in "\\PC{0,80}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()).unwrap(), address);
            }
        }

        #[test]
        fn nothing_parsed_breaks_a_command_line(text in "[\\x00-\\x7f]{0,40}@[a-z.]{1,9}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.to_string().bytes().any(|b| b < 0x20 || b == 0x7f));
            }
        }
    }
}
