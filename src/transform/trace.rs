//! The trace field: a forwarded message that comes back to the same alias is a loop (RFC 5321 §6.3).
//!
//! `X-Postern-Trace` holds a tag that stands for the alias and a MAC of that tag. Only this instance can make one, so a
//! stranger can't stop mail with it, and it tells nobody which row it stands for. Fields of other aliases are kept when a message
//! passes on: one alias may lead to another, but not through more than [`MAX_CHAIN`].

use data_encoding::BASE32_NOPAD;

use crate::model::id::AliasId;

use super::header::{Field, HeaderBlock};
use super::key::{SecretKey, TAG_LENGTH};

/// Name of the field.
pub const NAME: &str = "X-Postern-Trace";

/// Other aliases a message may have passed before.
pub const MAX_CHAIN: usize = 5;

const TAG_PURPOSE: &str = "postern trace alias 1";
const PROOF_PURPOSE: &str = "postern trace proof 1";

/// What the trace fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// The message has been at this alias before, or at too many others.
    Loop,
    /// It has passed this many other aliases of the instance.
    Chained(usize),
}

/// The value for a message that passes this alias.
pub fn value(key: &SecretKey, alias_id: AliasId) -> String {
    let mut bytes = key.tag(TAG_PURPOSE, &alias_id.0.to_be_bytes()).to_vec();
    let proof = key.tag(PROOF_PURPOSE, &bytes);
    bytes.extend_from_slice(&proof);
    BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

/// Reads the trace fields of an arriving message. Forged ones count for nothing.
pub fn check(block: &HeaderBlock, message: &[u8], key: &SecretKey, alias_id: AliasId) -> Trace {
    let own = key.tag(TAG_PURPOSE, &alias_id.0.to_be_bytes());
    let mut others = 0;
    for tag in block.named(message, NAME).filter_map(|field| valid_tag(field, message, key)) {
        if tag == own {
            return Trace::Loop;
        }
        others += 1;
    }
    if others > MAX_CHAIN { Trace::Loop } else { Trace::Chained(others) }
}

/// Whether a trace field is one of ours.
pub fn is_ours(field: &Field, message: &[u8], key: &SecretKey) -> bool {
    field.is(message, NAME) && valid_tag(field, message, key).is_some()
}

fn valid_tag(field: &Field, message: &[u8], key: &SecretKey) -> Option<[u8; TAG_LENGTH]> {
    let text = field.value(message).trim_ascii();
    if text.len() != (2 * TAG_LENGTH * 8).div_ceil(5) {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(&text.to_ascii_uppercase()).ok()?;
    let (tag, proof) = bytes.split_first_chunk::<TAG_LENGTH>()?;
    key.is_tag(PROOF_PURPOSE, tag, proof).then_some(*tag)
}

#[cfg(test)]
mod tests {
    use super::super::header::Limits;
    use super::*;

    fn key() -> SecretKey {
        SecretKey::new(vec![7; 32])
    }

    fn checked(values: &[String]) -> Trace {
        let message = values.iter().map(|value| format!("x-postern-TRACE: {value}\r\n")).collect::<Vec<_>>().concat();
        let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
        check(&block, message.as_bytes(), &key(), AliasId(1))
    }

    #[test]
    fn the_same_alias_twice_is_a_loop() {
        assert_eq!(checked(&[]), Trace::Chained(0));
        assert_eq!(checked(&[value(&key(), AliasId(1))]), Trace::Loop);
        assert_eq!(checked(&[value(&key(), AliasId(2)), value(&key(), AliasId(1))]), Trace::Loop);
    }

    #[test]
    fn five_other_aliases_may_chain() {
        let others: Vec<_> = (2..8).map(|id| value(&key(), AliasId(id))).collect();
        assert_eq!(checked(&others[..5]), Trace::Chained(5));
        assert_eq!(checked(&others), Trace::Loop);
    }

    #[test]
    fn forged_fields_count_for_nothing() {
        let mut flipped = value(&key(), AliasId(1));
        flipped.replace_range(0..1, if flipped.starts_with('a') { "b" } else { "a" });
        let foreign = value(&SecretKey::new(vec![8; 32]), AliasId(1));
        assert_eq!(checked(&[flipped, foreign, String::new(), "=".repeat(32), "a".repeat(32)]), Trace::Chained(0));
    }
}
