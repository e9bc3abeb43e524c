//! App passwords: drawn, never chosen, one for each device or program that hands in mail.
//!
//! Six blocks of four symbols: `abcd-efgh-jkmn-pqrs-tuvw-xyz2`. The first block is the selector that finds the row, so
//! that one slow hash decides and not one for each device; the other five are the secret, 100 bits.

use crate::model::alias_name::{is_symbol, symbol};
use crate::model::{Chance, Private};

const BLOCK: usize = 4;
const BLOCKS: usize = 6;
const LENGTH: usize = BLOCK * BLOCKS;
/// Longer input is none of ours, however many blanks and hyphens are in it.
const LONGEST: usize = 200;

/// An app password in its canonical form. `Debug` does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword(Private<String>);

impl AppPassword {
    /// Draws a fresh one.
    pub fn draw(chance: &Chance) -> Self {
        // 32 symbols: five bits of each byte are used, so every symbol is equally likely.
        Self(Private::new(chance.bytes::<LENGTH>().iter().map(|byte| symbol(*byte)).collect()))
    }

    /// Reads what a person typed or a client sent: case, blanks and hyphens do not matter, and an `o` was meant as a zero.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let written = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_lowercase());
        let symbols: String = written.map(|c| if c == 'o' { '0' } else { c }).collect();
        (symbols.len() == LENGTH && symbols.bytes().all(is_symbol)).then(|| Self(Private::new(symbols)))
    }

    /// What finds its row; not secret by itself.
    pub fn selector(&self) -> &str {
        self.0.reveal().get(..BLOCK).unwrap_or_default()
    }

    /// The whole of it, as it is hashed.
    pub fn secret(&self) -> &str {
        self.0.reveal()
    }

    /// As it is shown to its owner, once.
    pub fn shown(&self) -> String {
        let symbols: Vec<char> = self.0.reveal().chars().collect();
        symbols.chunks(BLOCK).map(|block| block.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_is_shown_is_read_again_however_it_is_typed() {
        let drawn = AppPassword::draw(&Chance::new(StdRng::seed_from_u64(7)));
        let shown = drawn.shown();
        assert_eq!((shown.len(), shown.split('-').count()), (29, 6));
        assert_eq!(Some(drawn.selector()), shown.get(..4));
        for typed in [shown.clone(), shown.to_uppercase(), shown.replace('-', " "), format!("  {} ", shown.replace('-', ""))] {
            assert_eq!(AppPassword::parse(&typed), Some(drawn.clone()), "{typed}");
        }
        assert!(!format!("{drawn:?}").contains(drawn.selector()));
    }

    #[test]
    fn a_letter_o_was_a_zero() {
        let zero = "0000-2222-3333-4444-5555-6666";
        assert_eq!(AppPassword::parse(&zero.replace('0', "O")), AppPassword::parse(zero));
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["", "secret", "0000-2222-3333-4444-5555-666", "0000-2222-3333-4444-5555-66666", "l000-2222-3333-4444-5555-6666"]
        {
            assert_eq!(AppPassword::parse(text), None, "{text}");
        }
        assert_eq!(AppPassword::parse(&"-".repeat(10_000)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            if let Some(password) = AppPassword::parse(&text) {
                prop_assert_eq!(AppPassword::parse(&password.shown()), Some(password));
            }
        }
    }
}
