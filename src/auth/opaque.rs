//! Opaque secrets: 256 random bits that a cookie or a mailed link holds; the database has the digest.
//!
//! Random enough that a plain hash keeps them safe and can be looked up.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::model::{Chance, Private};

/// Bytes drawn.
const LENGTH: usize = 32;

/// A fresh secret, in the alphabet of URLs.
pub fn draw(chance: &Chance) -> Private<String> {
    Private::new(BASE64URL_NOPAD.encode(&chance.bytes::<LENGTH>()))
}

/// What a secret is looked up by; `None` for what can't be one.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (bytes.len() == LENGTH).then(|| Sha256::digest(&bytes).into())
}

/// Another secret that only the holder of this one can have been given: what a form carries to show that it was ours.
pub fn derive(text: &str, purpose: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(text.as_bytes()).unwrap_or_else(|_| unreachable!("a key of any length will do"));
    mac.update(purpose.as_bytes());
    BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_secret_is_found_by_its_digest_and_gives_different_ones_for_different_purposes() {
        let chance = Chance::new(StdRng::seed_from_u64(1));
        let (one, two) = (draw(&chance), draw(&chance));
        assert_ne!(hash(one.reveal()), hash(two.reveal()));
        assert!(hash(one.reveal()).is_some());
        assert_ne!(derive(one.reveal(), "form"), derive(two.reveal(), "form"));
        assert_ne!(derive(one.reveal(), "form"), derive(one.reveal(), "other"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_secret_or_none(text in "\\PC{0,60}") {
            prop_assert_eq!(hash(&text), hash(&text));
            let padded = format!("{text}=");
            prop_assert!(hash(&padded).is_none());
        }
    }
}
