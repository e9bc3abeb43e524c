//! A user: a person with an account on this instance.

use uuid::Uuid;

use super::id::UserId;
use super::words::words;
use super::{Address, Timestamp};

/// A person with an account.
#[derive(Debug, Clone)]
pub struct User {
    /// Row key.
    pub id: UserId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// The address the user signs in with; also their first mailbox.
    pub email: Address,
    /// Whether the user may administer the instance.
    pub is_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// What happens to mail whose domain asks for quarantine.
    pub on_quarantine: OnQuarantine,
    /// Whether a mailbox address in a reply's text is replaced by the alias; otherwise it is only reported.
    pub replace_quoted: bool,
}

/// What happens to mail that fails the checks of a domain which asks for quarantine (RFC 7489 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnQuarantine {
    /// Delivered with a warning.
    #[default]
    Tag,
    /// Kept until its owner decides.
    Hold,
}

words!(OnQuarantine { Tag = "tag", Hold = "hold" });
