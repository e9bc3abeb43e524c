//! What stands in for OpenPGP in a build without it: no key can be read, so there is none to encrypt to.

use std::io::{Read, Write};

use rand::CryptoRng;

use super::{EncryptError, KeyError};
use crate::model::Timestamp;

/// There is no value of it.
#[derive(Debug)]
pub enum PublicKey {}

impl PublicKey {
    /// Always [`KeyError::LeftOut`].
    pub fn read(_file: &[u8], _now: Timestamp) -> Result<Self, KeyError> {
        Err(KeyError::LeftOut)
    }

    /// In capital hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        match *self {}
    }

    /// When it can't be used any more.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match *self {}
    }

    /// How many user ids it names.
    pub fn user_ids(&self) -> usize {
        match *self {}
    }

    /// The key without armor.
    pub fn as_bytes(&self) -> &[u8] {
        match *self {}
    }
}

/// Never called: there is no key.
pub fn encrypt(
    key: &PublicKey,
    _rng: &mut (dyn CryptoRng + '_),
    _boundary: &str,
    _clear: impl Read,
    _out: &mut dyn Write,
) -> Result<(), EncryptError> {
    match *key {}
}
