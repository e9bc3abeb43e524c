//! What a domain does with mail for a name that was never made: nothing (550), or the first message makes the alias.

use std::fmt;
use std::str::FromStr;

/// Longest text of patterns.
const LONGEST: usize = 500;
/// Patterns of one domain at the most.
const MOST: usize = 20;

/// Which names the first message makes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CatchAll {
    /// None: whoever writes to a name that was never made gets 550.
    #[default]
    Off,
    /// All.
    On,
    /// Those that match.
    Pattern(NamePatterns),
}

impl CatchAll {
    /// The word in tables, API and pages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Pattern(_) => "pattern",
        }
    }

    /// The patterns, where there are any.
    pub const fn patterns(&self) -> Option<&NamePatterns> {
        match self {
            Self::Off | Self::On => None,
            Self::Pattern(patterns) => Some(patterns),
        }
    }

    /// From the word and the text of the patterns, which only one of the words needs.
    pub fn parse(word: &str, patterns: &str) -> Result<Self, CatchAllError> {
        match word {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            "pattern" => Ok(Self::Pattern(patterns.parse()?)),
            _ => Err(CatchAllError::Word),
        }
    }

    /// Whether a message to this folded local part makes the alias.
    pub fn takes(&self, local: &str) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::Pattern(patterns) => patterns.matches(local),
        }
    }
}

/// Why a text says nothing about names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CatchAllError {
    /// Not one of the words.
    #[error("catch-all is one of off, on, pattern")]
    Word,
    /// No pattern at all.
    #[error("give at least one pattern, for example shop-*")]
    Empty,
    /// What no name could match.
    #[error("a pattern has letters, digits, dots, hyphens, underscores, and * for any run of them")]
    Characters,
    /// Nobody needs that many.
    #[error("a domain has at most 20 patterns with 500 characters together")]
    TooMany,
}

/// Patterns for local parts, folded, one space between; `*` is any run of characters, also an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePatterns(String);

impl NamePatterns {
    /// As stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of them matches this folded local part.
    pub fn matches(&self, local: &str) -> bool {
        self.0.split(' ').any(|pattern| is_match(pattern, local))
    }
}

impl FromStr for NamePatterns {
    type Err = CatchAllError;
    fn from_str(text: &str) -> Result<Self, CatchAllError> {
        let text = text.to_lowercase();
        let patterns: Vec<&str> = text.split_whitespace().collect();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'*');
        let joined = patterns.join(" ");
        if patterns.is_empty() {
            Err(CatchAllError::Empty)
        } else if !patterns.iter().all(|pattern| pattern.bytes().all(allowed)) {
            Err(CatchAllError::Characters)
        } else if patterns.len() > MOST || joined.len() > LONGEST {
            Err(CatchAllError::TooMany)
        } else {
            Ok(Self(joined))
        }
    }
}

impl fmt::Display for NamePatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pieces between the stars, each at its first place after the one before. The last one stands at the end.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(first) else { return false };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut name) = name.strip_suffix(last) else { return false };
    for piece in between.split('*') {
        let Some((_, after)) = name.split_once(piece) else { return false };
        name = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(patterns: &str, name: &str) -> bool {
        patterns.parse::<NamePatterns>().unwrap().matches(name)
    }

    #[test]
    fn a_star_is_any_run() {
        for (patterns, name, expected) in [
            ("shop-*", "shop-", true),
            ("shop-*", "shop-lg", true),
            ("shop-*", "my-shop-lg", false),
            ("*.web", "lg.web", true),
            ("*.web", "lg.webs", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("*", "anything", true),
            ("**", "x", true),
            ("lg", "lg", true),
            ("lg", "lgs", false),
            ("News  LIST*", "list-7", true),
            ("News  LIST*", "news", true),
        ] {
            assert_eq!(matches(patterns, name), expected, "{patterns} {name}");
        }
    }

    #[test]
    fn what_no_name_could_match_is_refused() {
        assert_eq!(CatchAll::parse("pattern", " "), Err(CatchAllError::Empty));
        assert_eq!(CatchAll::parse("pattern", "a+b"), Err(CatchAllError::Characters));
        assert_eq!(CatchAll::parse("pattern", &"a ".repeat(21)), Err(CatchAllError::TooMany));
        assert_eq!(CatchAll::parse("pattern", &"a".repeat(501)), Err(CatchAllError::TooMany));
        assert_eq!(CatchAll::parse("maybe", "a"), Err(CatchAllError::Word));
        assert_eq!(CatchAll::parse("pattern", "B  a").unwrap().patterns().unwrap().as_str(), "b a");
    }

    proptest! {
        #[test]
        fn any_text_is_patterns_or_an_error(text in "\\PC{0,60}", name in "\\PC{0,30}") {
            if let Ok(patterns) = text.parse::<NamePatterns>() {
                patterns.matches(&name);
                prop_assert_eq!(patterns.as_str().parse::<NamePatterns>(), Ok(patterns.clone()));
            }
        }

        #[test]
        fn a_name_matches_itself_with_any_run_replaced(a in "[a-z0-9.]{0,8}", b in "[a-z0-9.]{0,8}", c in "[a-z0-9.]{0,8}") {
            let (text, name) = (format!("{a}*{c}"), format!("{a}{b}{c}"));
            prop_assert!(matches(&text, &name));
        }
    }
}
