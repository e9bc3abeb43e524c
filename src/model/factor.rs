//! What a user proves who they are with besides the password.

use super::Timestamp;

/// The second factors of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {
    /// Whether an authenticator program makes codes for them.
    pub totp: bool,
    /// How many passkeys they have.
    pub passkeys: i64,
    /// How many recovery codes are left.
    pub recovery_codes: i64,
}

/// How a user signs in, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether they have a password at all.
    pub has_password: bool,
    /// Their second factors.
    pub factors: Factors,
    /// When an authenticator program was set up.
    pub totp_since: Option<Timestamp>,
    /// When the recovery codes that are left were drawn.
    pub codes_since: Option<Timestamp>,
}

impl Factors {
    /// Whether a second factor has to follow the password. A build that can't ask for a passkey asks all the same: a recovery
    /// code stands in for it.
    pub fn are_asked(&self) -> bool {
        self.totp || self.passkeys > 0
    }

    /// Whether that may be a passkey.
    pub fn asks_passkey(&self, with_passkeys: bool) -> bool {
        with_passkeys && self.passkeys > 0
    }
}
