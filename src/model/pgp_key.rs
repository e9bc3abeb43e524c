//! The public key of a mailbox: what is forwarded there is encrypted with it.

use super::Timestamp;
use super::id::MailboxId;

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgpKey {
    /// Whose mail is encrypted.
    pub mailbox_id: MailboxId,
    /// The key without armor.
    pub public_key: Vec<u8>,
    /// In capital hexadecimal digits.
    pub fingerprint: String,
    /// When it can't be used any more; `None`: it does not expire.
    pub expires_at: Option<Timestamp>,
    /// Whether the subject is encrypted as well.
    pub hide_subject: bool,
    /// When it was set.
    pub created_at: Timestamp,
}
