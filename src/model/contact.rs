//! A contact: an outside correspondent of one alias, and the reverse address that stands for it.

use std::fmt;

use uuid::Uuid;

use super::id::{AliasId, ContactId};
use super::{Address, Chance, DomainName, Timestamp};

/// What every reverse address begins with; no alias may.
pub const REVERSE_PREFIX: &str = "reply+";

/// The unguessable part of a reverse address: 20 characters, 100 bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReverseToken(String);

impl ReverseToken {
    const LENGTH: usize = 20;

    /// Draws a fresh token.
    pub fn draw(chance: &Chance) -> Self {
        // 32 symbols: five bits of each byte are used, so every symbol is equally likely.
        Self(chance.bytes::<{ Self::LENGTH }>().iter().map(|byte| super::alias_name::symbol(*byte)).collect())
    }

    /// The token in the local part of a reverse address, or `None` if it is not one.
    pub fn from_local_part(local: &str) -> Option<Self> {
        let local = local.to_lowercase();
        let token = local.strip_prefix(REVERSE_PREFIX)?;
        (token.len() == Self::LENGTH && token.bytes().all(super::alias_name::is_symbol)).then(|| Self(token.to_owned()))
    }

    /// From a column.
    pub fn from_stored(token: String) -> Self {
        Self(token)
    }

    /// As stored and as printed in the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reverse address on the alias's own domain.
    pub fn address(&self, domain: &DomainName) -> Address {
        Address::from_parts(&format!("{REVERSE_PREFIX}{}", self.0), domain.clone())
            .unwrap_or_else(|_| unreachable!("prefix and symbols are atext and short"))
    }
}

impl fmt::Display for ReverseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An outside correspondent of one alias.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Row key.
    pub id: ContactId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The alias it corresponds with.
    pub alias_id: AliasId,
    /// The correspondent's real address.
    pub address: Address,
    /// What its reverse address is made of.
    pub token: ReverseToken,
    /// Whether the owner wants nothing to do with it.
    pub is_blocked: bool,
    /// When it first wrote (or was made by the owner).
    pub created_at: Timestamp,
}
