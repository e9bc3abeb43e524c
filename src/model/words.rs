//! Enums that stand as words in tables, settings and JSON: one list gives both directions.

/// The word is none of the known ones.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// `words!(Kind { Forward = "forward", Dsn = "dsn" })` gives `Kind::as_str` and `FromStr`.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ }) => {
        impl $type {
            /// The word in tables, settings, API and pages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl std::str::FromStr for $type {
            type Err = $crate::model::words::UnknownWord;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s { $($word => Ok(Self::$variant),)+ _ => Err($crate::model::words::UnknownWord) }
            }
        }
    };
}
pub(super) use words;
