//! Time-based one-time codes (RFC 6238): six digits, SHA-1, thirty seconds, as every authenticator program makes them.
//!
//! A clock may be one step wrong either way. That a code works once is for the use case to keep: it records the step.

use data_encoding::BASE32_NOPAD;
use totp_rs::{Builder, Totp};

use crate::model::{Chance, Private, Timestamp};

/// Bytes of a secret: as many as the digest has (RFC 4226 §4).
const LENGTH: usize = 20;

/// A fresh secret.
pub fn draw(chance: &Chance) -> Private<Vec<u8>> {
    Private::new(chance.bytes::<LENGTH>().to_vec())
}

/// The secret as one types it into an authenticator program.
pub fn text(secret: &Private<Vec<u8>>) -> String {
    BASE32_NOPAD.encode(secret.reveal())
}

/// The address an authenticator program reads from a picture: whose codes they are, and from where.
pub fn address(secret: &Private<Vec<u8>>, account: &str, issuer: &str) -> Option<String> {
    // A colon would divide the two.
    let without_colon = |text: &str| text.replace(':', ".");
    let program = builder(secret).with_account_name(without_colon(account)).with_issuer(Some(without_colon(issuer)));
    program.build().ok()?.to_url().ok()
}

/// The step of time that a code belongs to, when it is one of those around now.
pub fn step_of(secret: &Private<Vec<u8>>, code: &str, now: Timestamp) -> Option<i64> {
    let program: Totp = builder(secret).build().ok()?;
    let code: String = code.chars().filter(|c| !c.is_whitespace()).take(LENGTH).collect();
    let seconds = u64::try_from(now.as_seconds()).ok()?;
    program.check(&code, seconds).and_then(|step| i64::try_from(step).ok())
}

/// Whether a text could be such a code: six digits, however they are grouped.
pub fn is_code(text: &str) -> bool {
    let digits = text.chars().filter(|c| !c.is_whitespace());
    text.len() <= 2 * LENGTH && digits.clone().count() == 6 && digits.clone().all(|c| c.is_ascii_digit())
}

fn builder(secret: &Private<Vec<u8>>) -> Builder {
    // The library's defaults are those of the RFC; the skew is said once more because the use case counts on it.
    Builder::new().with_secret(secret.reveal().clone()).with_skew(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_examples_of_the_rfc_are_right() {
        // Appendix B, the last six of the eight digits.
        let secret = Private::new(b"12345678901234567890".to_vec());
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")] {
            assert_eq!(step_of(&secret, code, at(seconds)), Some(seconds / 30));
            let grouped = format!(" {} {}", &code[..3], &code[3..]);
            assert_eq!(step_of(&secret, &grouped, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn a_clock_may_be_one_step_wrong() {
        let secret = Private::new(b"12345678901234567890".to_vec());
        for (seconds, found) in [(1_234_567_890, true), (1_234_567_920, true), (1_234_567_860, true), (1_234_567_950, false)] {
            assert_eq!(step_of(&secret, "005924", at(seconds)).is_some(), found, "{seconds}");
        }
        assert_eq!(step_of(&secret, "005924", at(1_234_567_829)), None);
    }

    #[test]
    fn the_address_holds_who_and_where() {
        let secret = draw(&Chance::new(StdRng::seed_from_u64(1)));
        let text = text(&secret);
        assert_eq!(text.len(), 32);
        let expected = format!("otpauth://totp/gate.you.example:jane%40inbox.example?secret={text}&issuer=gate.you.example");
        assert_eq!(address(&secret, "jane@inbox.example", "gate.you.example"), Some(expected));
        assert!(address(&secret, "a:b@inbox.example", "x:y").is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none(text in "\\PC{0,60}", digits in "[0-9 ]{0,12}") {
            let secret = Private::new(vec![7; LENGTH]);
            for text in [text, digits] {
                if step_of(&secret, &text, at(1_800_000_000)).is_some() {
                    prop_assert!(is_code(&text));
                }
            }
        }
    }
}
