//! Recovery codes: what stands in for the second factor when the phone is lost. Drawn, never chosen; each works once.
//!
//! Four blocks of four symbols, 80 bits: random enough that a plain hash keeps them safe and can be looked up.

use sha2::{Digest, Sha256};

use crate::model::alias_name::{is_symbol, symbol};
use crate::model::{Chance, Private};

/// How many somebody has.
pub const COUNT: usize = 10;
const BLOCK: usize = 4;
const LENGTH: usize = 4 * BLOCK;
/// Longer input is none of ours, however many blanks and hyphens are in it.
const LONGEST: usize = 200;

/// Draws one, as it is shown.
pub fn draw(chance: &Chance) -> Private<String> {
    let symbols: Vec<char> = chance.bytes::<LENGTH>().iter().map(|byte| symbol(*byte)).collect();
    let blocks: Vec<String> = symbols.chunks(BLOCK).map(|block| block.iter().collect()).collect();
    Private::new(blocks.join("-"))
}

/// What a code is looked up by; `None` for what can't be one. Case, blanks and hyphens do not matter, and an `o` was
/// meant as a zero.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    if text.len() > LONGEST {
        return None;
    }
    let written = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_lowercase());
    let symbols: String = written.map(|c| if c == 'o' { '0' } else { c }).collect();
    (symbols.len() == LENGTH && symbols.bytes().all(is_symbol)).then(|| Sha256::digest(&symbols).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_is_shown_is_found_however_it_is_typed() {
        let chance = Chance::new(StdRng::seed_from_u64(7));
        let (code, other) = (draw(&chance), draw(&chance));
        let shown = code.reveal();
        assert_eq!((shown.len(), shown.split('-').count()), (19, 4));
        let found = hash(shown);
        assert!(found.is_some() && found != hash(other.reveal()));
        for typed in
            [shown.to_uppercase(), shown.replace('-', " "), format!("\t{}\n", shown.replace('-', "")), shown.replace('0', "O")]
        {
            assert_eq!(hash(&typed), found, "{typed}");
        }
        for text in ["", "123456", "0000-0000-0000-000", "0000-0000-0000-00000", "l000-0000-0000-0000"] {
            assert_eq!(hash(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none(text in "\\PC{0,60}") {
            prop_assert_eq!(hash(&text), hash(&text.to_ascii_uppercase()));
        }
    }
}
