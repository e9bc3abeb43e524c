//! A sign-up that waits for a code of six digits, mailed to the address it is for.

use super::{Address, Private, Timestamp};

/// Wrong codes before another one has to be mailed.
pub const TRIES: i64 = 5;

/// The password that the account is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// Nobody signs up with this address (any more): its codes are tried, nothing else.
    Nothing,
    /// The hash of the one who signed up.
    Password(Private<String>),
    /// Two signed up with the same address and different passwords. Whoever reads the mailbox can't tell their own code from
    /// the other's, and must not open an account to which a stranger has the password: it is made without one. The hash of
    /// the one who came last is kept only to answer them like everybody else who signed up.
    Disputed(Private<String>),
}

impl Chosen {
    /// What holds once somebody signs up with a password, hashed as `fresh`. `known`: the hash they were compared with
    /// before, when the password fits it.
    #[must_use]
    pub fn joined_by(self, fresh: Private<String>, known: Option<&Private<String>>) -> Self {
        match self {
            Self::Nothing => Self::Password(fresh),
            Self::Password(hash) if known == Some(&hash) => Self::Password(hash),
            Self::Password(_) | Self::Disputed(_) => Self::Disputed(fresh),
        }
    }
}

/// What a code is compared with, never the code itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeDigest {
    /// Drawn for each code, so that two equal ones do not look equal.
    pub salt: Private<Vec<u8>>,
    /// A keyed digest of salt, address and code.
    pub tag: Private<Vec<u8>>,
    /// When the code stops working.
    pub expires_at: Timestamp,
}

/// The sign-up of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpCode {
    /// For which address, folded.
    pub address: Address,
    /// The password to be.
    pub chosen: Chosen,
    /// The code that was mailed last; `None` when there is none that anybody could know.
    pub code: Option<CodeDigest>,
    /// Wrong codes since then.
    pub tries: i64,
    /// When all of this is forgotten.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> Private<String> {
        Private::new(text.to_owned())
    }

    #[test]
    fn the_same_password_again_changes_nothing_and_another_one_is_a_dispute() {
        let first = Chosen::Nothing.joined_by(hash("a"), None);
        assert_eq!(first, Chosen::Password(hash("a")));
        assert_eq!(first.clone().joined_by(hash("b"), Some(&hash("a"))), first);
        assert_eq!(first.clone().joined_by(hash("b"), None), Chosen::Disputed(hash("b")));
        // Somebody else was faster: what they were compared with is not what stands there.
        assert_eq!(first.joined_by(hash("b"), Some(&hash("c"))), Chosen::Disputed(hash("b")));
        let disputed = Chosen::Disputed(hash("a"));
        assert_eq!(disputed.joined_by(hash("b"), Some(&hash("a"))), Chosen::Disputed(hash("b")), "nor does it end by itself");
    }
}
