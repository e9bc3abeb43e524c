//! A passkey (WebAuthn): a key pair whose private half never leaves a phone, a computer or a stick.

use uuid::Uuid;

use super::Timestamp;
use super::id::{PasskeyId, UserId};

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 100;

/// A passkey.
#[derive(Debug, Clone)]
pub struct Passkey {
    /// Row key.
    pub id: PasskeyId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What the browser knows it by.
    pub credential_id: Vec<u8>,
    /// The public half with its counter, as the library writes it.
    pub credential: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// The name of a passkey in the form it is kept; `None` for what is none.
pub fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
