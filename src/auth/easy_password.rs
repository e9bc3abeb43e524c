//! Passwords that anybody would try first: a well-known word with little around it, keys in a row, the owner's own name.
//!
//! The words are in `common_passwords.txt`. A rule stands in for a longer list: digits and signs at either end do not count,
//! and those people write in place of letters (`p4$$w0rd`) count as the letters.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The words, one a line; comments begin with `#`.
static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("common_passwords.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// So many characters around a known word are soon tried.
const AROUND: usize = 8;
/// From so many on, digits and signs alone are no date and no telephone number.
const LONG: usize = 16;
/// Names that are shorter stand in many words by chance.
const SHORTEST_NAME: usize = 4;

/// Why a password is easy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Easy {
    /// It is among the first that are tried.
    #[error("this password is among the first that anybody would try")]
    Common,
    /// It is hardly more than a name that everybody knows.
    #[error("this password is little more than the user's address or the name of this instance")]
    Named,
}

/// Whether a password is easy for somebody with these names; `None` when it will do.
pub fn judge(text: &str, names: &[String]) -> Option<Easy> {
    let text = text.to_lowercase();
    let is_named = |name: &&String| {
        let name = name.to_lowercase();
        let rest = text.replace(&name, "").chars().count();
        name.chars().count() >= SHORTEST_NAME && text.contains(&name) && rest < AROUND
    };
    if is_common(&text) {
        Some(Easy::Common)
    } else if names.iter().any(|name| is_named(&name)) {
        Some(Easy::Named)
    } else {
        None
    }
}

fn is_common(text: &str) -> bool {
    let count = text.chars().count();
    let core = text.trim_matches(|letter: char| !letter.is_alphabetic());
    if core.is_empty() {
        return count < LONG;
    }
    if text.chars().collect::<HashSet<_>>().len() < 4 {
        return true;
    }
    // A sign at the end may be meant as a letter, and one at the beginning.
    let around = count.saturating_sub(core.chars().count());
    (around <= AROUND && is_word(&plain(core))) || is_word(&plain(text)) || is_word(&text.replace([' ', '-', '_', '.'], ""))
}

/// A known word, or the same one several times over.
fn is_word(text: &str) -> bool {
    let length = text.chars().count();
    let repeated = (1..=length / 2).filter(|part| length.is_multiple_of(*part)).any(|part| {
        let word: String = text.chars().take(part).collect();
        WORDS.contains(word.as_str()) && word.repeat(length / part) == text
    });
    repeated || WORDS.contains(text)
}

/// With letters for what is written in their place.
fn plain(text: &str) -> String {
    let letter = |sign| match sign {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        sign => sign,
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_everybody_tries_is_easy_and_a_few_words_are_not() {
        for text in [
            "password1234",
            "Password!",
            "p4$$w0rd99",
            "12345678",
            "2026-11-24",
            "qwertyuiop",
            "QWERTY123456",
            "dragondragon",
            "iloveyou2",
            "sunshine!!",
            "aaaaaaaaa",
            "abababababab",
            "Summer2026!",
            "asdf asdf",
        ] {
            assert_eq!(judge(text, &[]), Some(Easy::Common), "{text}");
        }
        for text in [
            "correct horse battery",
            "the new password",
            "summer rain on tin",
            "x7Kq-92mLp",
            "password from a long story",
            "пароль из рассказа",
        ] {
            assert_eq!(judge(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_everybody_knows_is_no_password() {
        let names = ["jane.roe".to_owned(), "gate".to_owned(), "you".to_owned()];
        assert_eq!(judge("Jane.Roe77", &names), Some(Easy::Named));
        assert_eq!(judge("gate-4711x", &names), Some(Easy::Named));
        assert_eq!(judge("jane.roe sails at dawn", &names), None, "what is left is a password");
        assert_eq!(judge("you-are-11", &names), None, "a short name stands in many words");
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{0,60}", name in "\\PC{0,10}") {
            let _ = judge(&text, &[name]);
        }
    }
}
