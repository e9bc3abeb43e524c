//! OpenPGP (RFC 9580) in MIME (RFC 3156): a mailbox's public key encrypts what is forwarded to it.
//!
//! [`entity`] takes a message apart into what stays readable and what is encrypted, and sees whether it is encrypted
//! already. [`PublicKey`] reads a key, and says what is wrong with one that can't be used. [`encrypt()`] writes the
//! encrypted body. A build without the Cargo feature `pgp` reads no key, so whatever needs one fails and nothing leaves
//! in clear.

#[cfg(not(feature = "pgp"))]
mod absent;
#[cfg(feature = "pgp")]
mod certificate;
#[cfg(feature = "pgp")]
mod encrypt;
pub mod entity;
#[cfg(feature = "pgp")]
mod file;

use std::io;

use crate::model::Timestamp;

#[cfg(not(feature = "pgp"))]
pub use absent::{PublicKey, encrypt};
#[cfg(feature = "pgp")]
pub use certificate::PublicKey;
#[cfg(feature = "pgp")]
pub use encrypt::encrypt;

/// A larger file is no key of one person.
pub const MAX_KEY_SIZE: usize = 64 * 1024;

/// What is wrong with a key, in a sentence for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Built without the feature.
    #[error("this build has no OpenPGP (the feature \"pgp\" was left out), so keys can't be used")]
    LeftOut,
    /// Above [`MAX_KEY_SIZE`].
    #[error("the key is larger than 64 KiB; export it without the signatures of others and without photographs")]
    TooLarge,
    /// The private half.
    #[error(
        "this is a private key: it was not kept, but it has left your hands, so treat it as exposed and revoke it; \
         only a public key belongs here"
    )]
    Secret,
    /// No key at all.
    #[error("this is not an OpenPGP public key")]
    NotAKey,
    /// A key that can't be read.
    #[error("the key is damaged or in a form that is not understood")]
    Damaged,
    /// More than one.
    #[error("there is more than one key in this file; give the one key mail shall be encrypted to")]
    Several,
    /// Its owner has taken it back.
    #[error("the key is revoked")]
    Revoked,
    /// Its time is over.
    #[error("the key expired on {}", date(*.0))]
    Expired(Timestamp),
    /// Made in the future.
    #[error("the key is not valid yet; the clock of the machine it was made on, or of this one, is wrong")]
    NotYet,
    /// Nothing in it is signed by itself.
    #[error("the key bears no valid signature of its own")]
    Unsigned,
    /// For signing only.
    #[error("the key can't be used to encrypt: it has no valid subkey for encryption")]
    NoEncryption,
    /// Too short.
    #[error("the key is too weak; RSA needs 2048 bits or more")]
    Weak,
}

/// The day of a moment.
fn date(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(10).collect()
}

/// Why nothing could be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptError {
    /// Not to this key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The algorithm is not at hand, or what was read or written failed.
    #[error("encrypting failed")]
    Failed(#[source] io::Error),
}

#[cfg(test)]
mod tests;
