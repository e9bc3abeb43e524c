//! API tokens: `addy_io_` and 48 letters and digits, the one form that the clients of all three APIs take.
//!
//! 48 symbols of 62 are 285 bits, so that a plain hash keeps them safe and can be looked up.

use sha2::{Digest, Sha256};

use crate::model::{Chance, Private};

/// What every token begins with; the browser extension of addy.io refuses anything else.
const PREFIX: &str = "addy_io_";
/// Symbols after it.
const LENGTH: usize = 48;
const SYMBOLS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A fresh token.
pub fn draw(chance: &Chance) -> Private<String> {
    let mut token = String::from(PREFIX);
    while token.len() < PREFIX.len() + LENGTH {
        // Bytes past the last multiple of 62 are drawn again, so that every symbol is equally likely.
        let drawn = chance.bytes::<LENGTH>();
        let symbols = drawn.iter().filter_map(|byte| SYMBOLS.get(usize::from(byte & 63)));
        let missing = PREFIX.len() + LENGTH - token.len();
        token.extend(symbols.take(missing).map(|symbol| char::from(*symbol)));
    }
    Private::new(token)
}

/// What a token is looked up by; `None` for what can't be one. White space around it is forgiven, the prefix may miss.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let symbols = text.strip_prefix(PREFIX).unwrap_or(text);
    let is_one = symbols.len() == LENGTH && symbols.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then(|| Sha256::digest(symbols).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_token_has_the_form_clients_ask_for_and_is_never_drawn_twice() {
        let chance = Chance::new(StdRng::seed_from_u64(1));
        let (one, two) = (draw(&chance), draw(&chance));
        assert_eq!(one.reveal().len(), 56);
        assert_ne!(one.reveal(), two.reveal());
        assert!(hash(one.reveal()).is_some());
        assert_eq!(hash(one.reveal()), hash(&format!(" {}\n", one.reveal().trim_start_matches(PREFIX))));
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_exactly_when_48_letters_and_digits_are_left(
            text in prop_oneof!["\\PC{0,80}", "[ \t\r\n]?(addy_io_){0,2}[A-Za-z0-9]{47,49}[ \t\r\n\u{a0}_é٣-]?"],
        ) {
            let trimmed = text.trim();
            let left = trimmed.strip_prefix("addy_io_").unwrap_or(trimmed);
            let is_one = left.chars().count() == 48 && left.chars().all(|c| c.is_ascii_alphanumeric());
            prop_assert_eq!(hash(&text).is_some(), is_one);
        }
    }
}
