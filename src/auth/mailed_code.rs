//! Codes of six digits that are mailed to an address and typed into an app: drawn here, read back here.
//!
//! A million is few. What keeps a code safe is around it: five tries, one hour, and a keyed digest in the database.

use crate::model::{Chance, Private};

const DIGITS: usize = 6;
/// Codes there are.
const ALL: u32 = 1_000_000;
/// Longer input is none of ours, however many blanks are in it.
const LONGEST: usize = 40;

/// Draws one, as it is shown; each is as likely as every other.
pub fn draw(chance: &Chance) -> Private<String> {
    // The highest multiple of all codes that fits: what lies above would favour the low ones.
    let end = u32::MAX - u32::MAX % ALL;
    let number = std::iter::repeat_with(|| u32::from_be_bytes(chance.bytes())).find(|number| *number < end).unwrap_or_default();
    Private::new(format!("{:0DIGITS$}", number % ALL))
}

/// What was typed, as it was drawn; `None` for what can't be a code. Blanks and hyphens between the digits do not matter.
pub fn read(text: &str) -> Option<Private<String>> {
    let digits: String = text.chars().take(LONGEST).filter(|c| !c.is_whitespace() && *c != '-').collect();
    let is_code = text.len() <= LONGEST && digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| Private::new(digits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_is_drawn_is_read_back_however_it_is_typed() {
        let chance = Chance::new(StdRng::seed_from_u64(7));
        let codes: Vec<_> = (0..200).map(|_| draw(&chance)).collect();
        assert!(codes.iter().any(|code| code.reveal().starts_with('0')), "leading zeros are kept");
        for code in codes {
            let (first, second) = code.reveal().split_at(3);
            for typed in [code.reveal().clone(), format!(" {first} {second}\n"), format!("{first}-{second}")] {
                assert_eq!(read(&typed).as_ref(), Some(&code), "{typed}");
            }
        }
        for text in ["", "12345", "1234567", "12345a", "٣٣٣٣٣٣", "1 2 3 4 5 6 and more than could ever be typed here"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none(text in "\\PC{0,60}", digits in "[0-9 -]{0,12}") {
            for text in [text, digits] {
                if let Some(code) = read(&text) {
                    prop_assert!(code.reveal().len() == DIGITS && code.reveal().bytes().all(|byte| byte.is_ascii_digit()));
                }
            }
        }
    }
}
