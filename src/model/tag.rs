//! A tag: a short label an owner gives aliases to find them again.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// Letters of a tag at the most: it is shown in a row of a list, among others.
const LONGEST: usize = 40;

/// A label of an alias: in lower case, so that nobody has "Work" and "work".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Tag(String);

/// Tags of one alias at the most.
pub const MOST_TAGS: usize = 20;

/// Why a text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Nothing to be seen in it.
    #[error("a tag is not empty")]
    Empty,
    /// Nobody would see its end.
    #[error("a tag has {LONGEST} letters at the most")]
    TooLong,
    /// A comma parts tags in forms; the others can't be seen.
    #[error("a tag has no comma and no control characters")]
    Character,
}

impl Tag {
    /// Reads a tag: white space around it goes, white space in it is one space, capitals are none.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        // Composed last: lower case of a composed letter may be two.
        let tag: String = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().nfc().collect();
        let is_hidden = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        if tag.is_empty() {
            Err(TagError::Empty)
        } else if tag.contains(',') || tag.chars().any(is_hidden) {
            Err(TagError::Character)
        } else if tag.chars().count() > LONGEST {
            Err(TagError::TooLong)
        } else {
            Ok(Self(tag))
        }
    }

    /// Reads tags with commas between, as they stand in a form; each once, in order.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, TagError> {
        let mut tags: Vec<Self> =
            text.split(',').filter(|piece| !piece.trim().is_empty()).map(Self::parse).collect::<Result<_, _>>()?;
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = TagError;
    fn from_str(text: &str) -> Result<Self, TagError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_is_one_line_in_lower_case() {
        assert_eq!(Tag::parse("  Online \t Shops ").unwrap().as_str(), "online shops");
        assert_eq!(Tag::parse("CAFE\u{301}").unwrap(), Tag::parse("café").unwrap());
        assert_eq!(Tag::parse(" \u{3000} "), Err(TagError::Empty));
        assert_eq!(Tag::parse(&"x".repeat(41)), Err(TagError::TooLong));
        for text in ["a,b", "a\u{0}b", "a\u{202e}b", "\u{200b}"] {
            assert_eq!(Tag::parse(text), Err(TagError::Character), "{text:?}");
        }
    }

    #[test]
    fn a_list_has_each_once() {
        let list = |text: &str| Tag::parse_list(text).map(|tags| tags.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(list("work, Bank,,bank , ").unwrap(), ["bank", "work"]);
        assert_eq!(list(" , ").unwrap(), [""; 0]);
        assert!(list("work,\u{202e}").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_tag_or_none_and_is_read_back(text in "\\PC{0,60}|[ -~\\p{Lu}\u{300}-\u{36f}]{0,50}") {
            if let Ok(tag) = Tag::parse(&text) {
                prop_assert_eq!(Tag::parse(tag.as_str()), Ok(tag));
            }
        }
    }
}
