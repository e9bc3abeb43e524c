//! What a user takes away and brings along: the parts of `postern.json` (`docs/import-export.md`).
//!
//! These are the words of a file, not of the house: they are read leniently (what is missing has its default) and made
//! into real types where they are brought in. A field is added without a new version; a field that changes its meaning
//! needs one.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::activity::Activity;

/// The version of the file that is written, and the newest that is read.
pub const VERSION: u64 = 1;

/// How a user wants things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The address they sign in with.
    pub email: String,
    /// When the account was made.
    pub created_at: Timestamp,
    /// What happens to mail whose domain asks for quarantine.
    pub on_quarantine: String,
    /// Whether a mailbox address in a reply's text is replaced.
    pub replace_quoted: bool,
    /// What phones let them choose.
    #[serde(default)]
    pub clients: Option<Clients>,
    /// The key that signs names, in base32: a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_key: Option<String>,
}

/// What phones let their users choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clients {
    /// How names are drawn.
    pub generator: String,
    /// Where aliases are made.
    pub domain: Option<String>,
    /// Whether news are wanted.
    pub notification: bool,
    /// How senders are shown.
    pub sender: String,
    /// What names end in.
    pub suffix: String,
}

/// A real inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Its address.
    pub address: String,
    /// When its owner proved to read it.
    #[serde(default)]
    pub verified_at: Option<Timestamp>,
    /// Whether new aliases forward here.
    #[serde(default)]
    pub is_default: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// What is encrypted for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgp_key: Option<Key>,
}

/// The public key of a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Base64, without armor.
    pub public_key: String,
    /// Capital hexadecimal digits.
    pub fingerprint: String,
    /// When it can't be used any more.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Whether the subject is encrypted as well.
    #[serde(default)]
    pub hide_subject: bool,
    /// When it was set.
    pub created_at: Timestamp,
}

/// A domain of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// When its user proved to own it.
    #[serde(default)]
    pub proven_at: Option<Timestamp>,
    /// Whether mail its owner hands in makes aliases.
    #[serde(default)]
    pub submission_creates: bool,
    /// What happens to mail for a name that was never made.
    pub catch_all: String,
    /// For which names, when only for some.
    #[serde(default)]
    pub catch_all_pattern: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A sender the user wants nothing from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// An address, or `@` and a domain.
    pub sender: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Where a user is told of what happens. Its secret stays here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// Of what: words, one space between.
    pub events: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// An alias with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// Id for the outside.
    #[serde(default)]
    pub uuid: Option<String>,
    /// The address.
    pub address: String,
    /// The site it is for.
    #[serde(default)]
    pub site: Option<String>,
    /// What it does with mail.
    pub state: String,
    /// The owner's note.
    #[serde(default)]
    pub note: String,
    /// The name replies go out with.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Where it forwards to.
    #[serde(default)]
    pub mailboxes: Vec<String>,
    /// The owner's labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether it is shown first.
    #[serde(default)]
    pub pinned: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    #[serde(default)]
    pub state_changed_at: Option<Timestamp>,
    /// When it dies by itself.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// After how many messages it dies by itself.
    #[serde(default)]
    pub max_messages: Option<i64>,
    /// How many of them came.
    #[serde(default)]
    pub messages_used: i64,
    /// That nobody made it: its first message did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<Made>,
    /// Whom it corresponds with.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// What was counted, by day.
    #[serde(default)]
    pub activity: Vec<Day>,
    /// Who wrote to it.
    #[serde(default)]
    pub sightings: Vec<Sighting>,
}

/// How its first message made an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// By which rule.
    pub how: String,
    /// Days since 1970-01-01.
    pub day: i64,
}

/// Whom an alias corresponds with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The correspondent's address.
    pub address: String,
    /// The unguessable part of the reverse address.
    #[serde(default)]
    pub token: String,
    /// Since when the owner wants nothing from it.
    #[serde(default)]
    pub blocked_at: Option<Timestamp>,
    /// Since when it is out of the list.
    #[serde(default)]
    pub hidden_at: Option<Timestamp>,
    /// When the owner first wrote to it.
    #[serde(default)]
    pub written_at: Option<Timestamp>,
    /// When it first wrote.
    pub created_at: Timestamp,
}

/// The counts of a day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// Days since 1970-01-01.
    pub day: i64,
    /// The counts.
    #[serde(flatten)]
    pub counts: Activity,
}

/// Who wrote to an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The author's registrable domain.
    pub organisation: String,
    /// What proved it.
    pub proof: String,
    /// Who signed it.
    #[serde(default)]
    pub signer: String,
    /// The first time.
    pub first_seen_at: Timestamp,
    /// The last time.
    pub last_seen_at: Timestamp,
    /// How many messages.
    pub messages: i64,
}
