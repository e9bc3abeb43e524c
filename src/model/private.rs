//! Privacy is a type: what must not reach a log or an error text by accident is wrapped in [`Private`].

use std::fmt;

/// A value that `Debug` and `Display` do not show. Showing it is the explicit call [`Private::reveal`].
#[derive(Clone, PartialEq, Eq, Hash, Default, serde::Deserialize)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every caller has a reason that a reviewer can check.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}
