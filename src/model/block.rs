//! A block: a sender a user wants nothing from, at whichever alias.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::address::AddressError;
use super::{Address, DomainName, Timestamp};

/// Whom a block is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// One address, whatever its case.
    Address(Address),
    /// Everybody at a domain and its subdomains.
    Domain(DomainName),
}

impl Sender {
    /// From a column: a folded address, or `@` and a domain.
    pub fn from_stored(text: &str) -> Option<Self> {
        if let Some(domain) = text.strip_prefix('@').and_then(|domain| DomainName::parse(domain).ok()) {
            return Some(Self::Domain(domain));
        }
        // A folded address is not quoted.
        let (local, domain) = text.rsplit_once('@')?;
        Address::from_parts(local, DomainName::parse(domain).ok()?).ok().map(Self::Address)
    }

    /// Every block that would be for this address: its own, its domain's, those of the domains above.
    pub fn all_of(address: &Address) -> Vec<Self> {
        let mut all = vec![Self::Address(address.clone())];
        let mut name = address.domain().as_str();
        loop {
            all.extend(DomainName::parse(name).map(Self::Domain));
            let Some((_, above)) = name.split_once('.') else { return all };
            name = above;
        }
    }
}

/// As people write it: `someone@example.com`, `example.com` or `@example.com`.
impl FromStr for Sender {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('@') {
            Some(domain) => DomainName::parse(domain).map(Self::Domain),
            None if text.contains('@') => Address::parse(text).map(Self::Address),
            None => DomainName::parse(text).map(Self::Domain),
        }
    }
}

/// As stored.
impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(&address.folded()),
            Self::Domain(domain) => write!(f, "@{domain}"),
        }
    }
}

/// A sender a user wants nothing from.
#[derive(Debug, Clone)]
pub struct Block {
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whom.
    pub sender: Sender,
    /// Since when.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_blocked_by_itself_and_every_domain_it_is_within() {
        let all = Sender::all_of(&Address::parse("News@mail.Shop.example").unwrap());
        let words: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["news@mail.shop.example", "@mail.shop.example", "@shop.example", "@example"]);
    }

    #[test]
    fn an_address_and_a_domain_are_told_apart_and_read_back() {
        for (written, stored) in
            [("A@Shop.example", "a@shop.example"), ("Shop.example", "@shop.example"), ("@shop.example", "@shop.example")]
        {
            let sender: Sender = written.parse().unwrap();
            assert_eq!(sender.to_string(), stored);
            assert_eq!(Sender::from_stored(stored).unwrap().to_string(), stored);
        }
        let odd = Address::parse("\"@a b\"@shop.example").unwrap();
        assert_eq!(Sender::from_stored(&odd.folded()), Some(Sender::Address(odd)));
        assert!("@".parse::<Sender>().is_err() && "a b".parse::<Sender>().is_err() && Sender::from_stored("x").is_none());
    }
}
