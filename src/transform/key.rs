//! The instance's secret behind bounce addresses, trace fields and links: keyed digests with one purpose each.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// 80 bits of a digest: too many to guess over a network, short enough for a local part.
pub const TAG_LENGTH: usize = 10;

/// 128 bits of a digest, where the length of a text does not matter and it has to hold for a long time.
pub const LONG_TAG_LENGTH: usize = 16;

/// A secret of the instance, the same on all nodes. Not shown by `Debug`.
#[derive(Clone)]
pub struct SecretKey(Vec<u8>);

impl SecretKey {
    /// Wraps the stored bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// HMAC-SHA256 over `purpose` and `data`, cut to 80 bits. The purpose keeps a tag for one use from serving another.
    pub fn tag(&self, purpose: &'static str, data: &[u8]) -> [u8; TAG_LENGTH] {
        self.cut(purpose, data)
    }

    /// The same, cut to 128 bits.
    pub fn long_tag(&self, purpose: &'static str, data: &[u8]) -> [u8; LONG_TAG_LENGTH] {
        self.cut(purpose, data)
    }

    fn cut<const LENGTH: usize>(&self, purpose: &'static str, data: &[u8]) -> [u8; LENGTH] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        let digest = mac.finalize().into_bytes();
        let mut tag = [0; LENGTH];
        tag.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        tag
    }

    /// Whether `tag` belongs to `data`, in constant time.
    pub fn is_tag(&self, purpose: &'static str, data: &[u8], tag: &[u8]) -> bool {
        self.tag(purpose, data).ct_eq(tag).into()
    }

    /// Whether the 128 bits of `tag` belong to `data`, in constant time.
    pub fn is_long_tag(&self, purpose: &'static str, data: &[u8], tag: &[u8]) -> bool {
        self.long_tag(purpose, data).ct_eq(tag).into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([private])")
    }
}
