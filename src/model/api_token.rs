//! An API token: lets a program act for a user, as far as its scopes go.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::Timestamp;
use super::id::{ApiTokenId, UserId};
use super::words::words;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Scope {
    /// Make aliases, see the domains and formats for that, and nothing else: for a browser or a phone that may be lost.
    #[serde(rename = "alias:create")]
    AliasCreate,
    /// See everything of the user.
    #[serde(rename = "read")]
    Read,
    /// Change everything of the user but how they sign in; includes the two before.
    #[serde(rename = "write")]
    Write,
    /// See and change how the user signs in and the key that signs names, and end the account. No other scope includes it.
    #[serde(rename = "account")]
    Account,
    /// Administer the instance, as long as the user may. No other scope includes it.
    #[serde(rename = "admin")]
    Admin,
}

words!(Scope { AliasCreate = "alias:create", Read = "read", Write = "write", Account = "account", Admin = "admin" });

impl Scope {
    /// Each of them, the least first.
    pub const ALL: [Self; 5] = [Self::AliasCreate, Self::Read, Self::Write, Self::Account, Self::Admin];
}

/// The scopes of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These, each once; `write` when there are none.
    pub fn new(mut scopes: Vec<Scope>) -> Self {
        if scopes.is_empty() {
            scopes.push(Scope::Write);
        }
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// Whether a token of these scopes may do what needs that one.
    pub fn allow(&self, needed: Scope) -> bool {
        let is_of_write = matches!(needed, Scope::AliasCreate | Scope::Read | Scope::Write);
        self.0.contains(&needed) || (is_of_write && self.0.contains(&Scope::Write))
    }

    /// Each of them.
    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = super::words::UnknownWord;
    /// From a column. Nothing stands there only by damage, and then nothing is allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scopes: Vec<Scope> = text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        if scopes.is_empty() { Err(super::words::UnknownWord) } else { Ok(Self::new(scopes)) }
    }
}

/// A token as it is kept: the secret itself is shown once and never stored.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Row key.
    pub id: ApiTokenId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_includes_the_others_and_nothing_else_does() {
        let scopes = |words: &str| words.parse::<Scopes>().unwrap();
        assert!(scopes("write").allow(Scope::AliasCreate) && scopes("write").allow(Scope::Read));
        assert!(!scopes("read").allow(Scope::Write) && !scopes("read").allow(Scope::AliasCreate));
        assert!(!scopes("alias:create").allow(Scope::Read));
        for apart in ["account", "admin"] {
            let needed: Scope = apart.parse().unwrap();
            let holders: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| Scopes::new(vec![*scope]).allow(needed)).collect();
            assert_eq!(holders, [needed], "no other scope includes it");
            let allowed: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| scopes(apart).allow(*scope)).collect();
            assert_eq!(allowed, [needed], "and it includes no other");
        }
        assert_eq!(scopes("read alias:create read").to_string(), "alias:create read");
        assert!("".parse::<Scopes>().is_err() && "all".parse::<Scopes>().is_err());
    }
}
