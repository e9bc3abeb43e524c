//! An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463, RFC 2034) as one value.
//!
//! The class of the enhanced code is the first digit of the reply code, so the two cannot disagree. Texts are for
//! strangers: they never hold an address, a host name of a next hop or a byte the client sent.

use std::borrow::Cow;
use std::fmt;

/// One SMTP reply, single-line text, printed with its enhanced code where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// Subject and detail of the enhanced code; greeting, EHLO and 354 have none.
    enhanced: Option<(u16, u16)>,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply with enhanced code `{class of code}.{subject}.{detail}`.
    pub const fn new(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        Self { code, enhanced: Some((subject, detail)), text: Cow::Borrowed(text) }
    }

    /// A reply without an enhanced code (220 greeting, 250 EHLO lines, 354).
    pub fn bare(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, text: text.into() }
    }

    /// The same reply with another text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = text.into();
        self
    }

    /// The three-digit reply code.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code as `(class, subject, detail)`.
    pub fn enhanced(&self) -> Option<(u16, u16, u16)> {
        self.enhanced.map(|(subject, detail)| (self.code / 100, subject, detail))
    }

    /// The text after the codes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// 2xx.
    pub const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx: the client should try again.
    pub const fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: the client must not try again.
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Anything unforeseen: temporary, never a rejection.
    pub const fn internal_error() -> Self {
        Self::new(451, 3, 0, "Local error, please try again later")
    }
}

/// The line without its CRLF: `550 5.1.1 No such address`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some((class, subject, detail)) = self.enhanced() {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        write!(f, " {}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enhanced_class_follows_the_code() {
        assert_eq!(Reply::new(450, 7, 1, "Later").to_string(), "450 4.7.1 Later");
        assert_eq!(Reply::new(550, 1, 1, "No").to_string(), "550 5.1.1 No");
        assert_eq!(Reply::bare(354, "Go").to_string(), "354 Go");
    }
}
