//! An alias: an address handed out to one site.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::id::{AliasId, DomainId, UserId};
use super::site::Site;
use super::{Address, Timestamp};

/// What an alias does with mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AliasState {
    /// Passes mail on.
    Active,
    /// Takes mail from known senders of its site only (`policy::locked` says who is known); others get 550.
    Locked,
    /// Takes nothing for now: 450, so senders keep trying.
    Paused,
    /// Dead: 550 for good, not to be told from an address that never was.
    Killed,
}

impl AliasState {
    /// The word in tables, API and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Paused => "paused",
            Self::Killed => "killed",
        }
    }
}

impl fmt::Display for AliasState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AliasState {
    type Err = UnknownState;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        [Self::Active, Self::Locked, Self::Paused, Self::Killed].into_iter().find(|state| state.as_str() == s).ok_or(UnknownState)
    }
}

/// The word is no alias state.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a state is one of active, locked, paused, killed")]
pub struct UnknownState;

/// How an alias came to be that nobody made: its first message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeBy {
    /// Its domain takes mail for names that were never made.
    CatchAll,
    /// Its name was signed by its owner, without network.
    Signed,
}

impl MadeBy {
    /// The word in tables and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatchAll => "catch-all",
            Self::Signed => "signed",
        }
    }

    /// The note of such an alias, until its owner writes another.
    pub const fn note(self) -> &'static str {
        match self {
            Self::CatchAll => "made by catch-all when the first message came",
            Self::Signed => "made from a signed name when the first message came",
        }
    }
}

impl FromStr for MadeBy {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let found = [Self::CatchAll, Self::Signed].into_iter().find(|how| how.as_str() == s);
        found.ok_or("an alias is made by catch-all or signed")
    }
}

/// An address handed out to one site.
#[derive(Debug, Clone)]
pub struct Alias {
    /// Row key.
    pub id: AliasId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The owner.
    pub user_id: UserId,
    /// The domain it lives on.
    pub domain_id: DomainId,
    /// The address, in canonical (folded) form.
    pub address: Address,
    /// The site it was issued for, when one was given.
    pub site: Option<Site>,
    /// What it does with mail.
    pub state: AliasState,
    /// The owner's note.
    pub note: String,
    /// After this moment it answers like a killed one.
    pub expires_at: Option<Timestamp>,
    /// After this many accepted messages it answers like a killed one.
    pub max_messages: Option<i64>,
    /// Messages accepted so far; counted exactly only where `max_messages` is set.
    pub messages_used: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When `state` last changed.
    pub state_changed_at: Timestamp,
    /// The name replies and new mail go out with; the bare address without one.
    pub display_name: Option<String>,
    /// Grows when the alias leaves a mailbox: links in the mail that lies there are not followed any more.
    pub link_epoch: i32,
}

/// Letters of a display name at the most: mail clients show no more.
const LONGEST_NAME: usize = 80;

/// Why a text is no display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DisplayNameError {
    /// Nothing to be seen in it.
    #[error("the display name is empty")]
    Empty,
    /// Nobody would see its end.
    #[error("a display name has 80 letters at the most")]
    TooLong,
    /// Line ends, marks that turn the direction of writing.
    #[error("a display name has no control characters")]
    Control,
    /// It would look like another sender than the alias.
    #[error("a display name holds no address")]
    Address,
}

/// A display name as its owner wrote it, without white space around it, or why it can't be one.
pub fn parse_display_name(text: &str) -> Result<String, DisplayNameError> {
    let name = text.trim();
    // What can't be seen but changes how the rest is read (Unicode UAX #9 §2).
    let is_control = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if name.is_empty() {
        Err(DisplayNameError::Empty)
    } else if name.chars().count() > LONGEST_NAME {
        Err(DisplayNameError::TooLong)
    } else if name.chars().any(is_control) {
        Err(DisplayNameError::Control)
    } else if name.contains(['@', '\u{ff20}', '\u{fe6b}']) {
        Err(DisplayNameError::Address)
    } else {
        Ok(name.to_owned())
    }
}

impl Alias {
    /// Whether its date or its message count is used up.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now) || self.max_messages.is_some_and(|max| self.messages_used >= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_one_line_without_an_address() {
        assert_eq!(parse_display_name("  Jane Roe, \u{5c71}\u{7530} "), Ok("Jane Roe, \u{5c71}\u{7530}".into()));
        assert_eq!(parse_display_name(" \u{3000}"), Err(DisplayNameError::Empty));
        assert_eq!(parse_display_name(&"x".repeat(81)), Err(DisplayNameError::TooLong));
        for text in ["a\r\nBcc: b", "a\u{202e}b", "a\u{0}b"] {
            assert_eq!(parse_display_name(text), Err(DisplayNameError::Control));
        }
        for text in ["jane@inbox.example", "Jane <jane\u{ff20}inbox.example>"] {
            assert_eq!(parse_display_name(text), Err(DisplayNameError::Address));
        }
    }
}
