//! What SimpleLogin's phones let their users choose.

use super::DomainName;
use super::words::words;

/// How names are drawn when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generator {
    /// Ours: the site's name and random symbols, or words without a site.
    #[default]
    Word,
    /// A random UUID.
    Uuid,
}

words!(Generator { Word = "word", Uuid = "uuid" });

/// How a phone shows senders. Kept for it, and of no consequence here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SenderFormat {
    /// `Name - a at b`
    #[default]
    At,
    /// `Name - a(a)b`
    A,
    /// `Name`
    NameOnly,
    /// `a at b`
    AtOnly,
    /// Nothing.
    NoName,
}

words!(SenderFormat { At = "AT", A = "A", NameOnly = "NAME_ONLY", AtOnly = "AT_ONLY", NoName = "NO_NAME" });

/// What a phone puts at the end of names. Kept for it: endings are random here whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SuffixFormat {
    /// A word.
    Word,
    /// Random symbols.
    #[default]
    RandomString,
}

words!(SuffixFormat { Word = "word", RandomString = "random_string" });

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// How names are drawn when nothing is said.
    pub generator: Generator,
    /// Where aliases are made when nothing is said.
    pub domain: Option<DomainName>,
    /// Whether the user wants news of the service; none are sent.
    pub notification: bool,
    /// How senders are shown.
    pub sender: SenderFormat,
    /// What names end in.
    pub suffix: SuffixFormat,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            generator: Generator::default(),
            domain: None,
            notification: true,
            sender: SenderFormat::default(),
            suffix: SuffixFormat::default(),
        }
    }
}
