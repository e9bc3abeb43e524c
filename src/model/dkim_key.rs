//! A key that departing mail is signed with (RFC 6376 for RSA, RFC 8463 for Ed25519), one for each domain and algorithm.

use serde::{Deserialize, Serialize};

use super::id::{DkimKeyId, DomainId};
use super::words::words;
use super::{DomainName, Private, Timestamp};

/// How a key signs; SHA-256 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RSA with 2048 bits: what everybody can check.
    Rsa,
    /// Ed25519: small and fast, not yet checked everywhere.
    Ed25519,
}

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// To be published; it does not sign yet.
    Next,
    /// Signs.
    Active,
    /// Signs no more; its record stays until the last signatures made with it have expired.
    Retired,
}

words!(Algorithm { Rsa = "rsa", Ed25519 = "ed25519" });
words!(KeyState { Next = "next", Active = "active", Retired = "retired" });

/// A key of a domain.
#[derive(Debug, Clone)]
pub struct DkimKey {
    /// Row key.
    pub id: DkimKeyId,
    /// The domain it signs for.
    pub domain_id: DomainId,
    /// Its name: `d=`.
    pub domain: DomainName,
    /// The name its record stands under: `s=`.
    pub selector: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// PKCS#8; erased when it retires.
    pub private_key: Option<Private<Vec<u8>>>,
    /// What `p=` of its record holds, before base64.
    pub public_key: Vec<u8>,
    /// What it is used for.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub state_changed_at: Timestamp,
}

impl DkimKey {
    /// Where its record stands.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}
