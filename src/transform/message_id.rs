//! Message ids that hold a thread together while neither side sees the other's (RFC 5322 §3.6.4).
//!
//! A reply goes out with an id on the alias's domain, a keyed digest of the id the owner's mail client gave it: the same
//! for all recipients of one reply, and telling nothing of the client or its host. When a correspondent answers and names
//! that id in `In-Reply-To` or `References`, the owner's copy names the client's own id again.

use std::collections::HashMap;
use std::hash::BuildHasher;

use data_encoding::BASE32_NOPAD;

use crate::model::DomainName;
use crate::model::id::AliasId;

use super::header::Field;
use super::key::{SecretKey, TAG_LENGTH};

const PURPOSE: &str = "postern message id 1";
/// Length of what stands before the `@` in an id of ours.
const LOCAL_LENGTH: usize = TAG_LENGTH * 8 / 5;
/// A longer id is none that anybody threads by; it is not remembered.
pub const LONGEST: usize = 900;
/// Octets of a line without its CRLF.
const LONGEST_LINE: usize = 998;
/// Ids looked at in one field; a thread longer than that is cut at its beginning by mail clients, too.
pub const MOST: usize = 200;

/// The id (without angle brackets) a message goes out with that its client called `theirs`.
pub fn ours(key: &SecretKey, alias_id: AliasId, theirs: &str, domain: &DomainName) -> String {
    let mut data = alias_id.0.to_be_bytes().to_vec();
    data.extend_from_slice(theirs.as_bytes());
    format!("{}@{domain}", BASE32_NOPAD.encode(&key.tag(PURPOSE, &data)).to_ascii_lowercase())
}

/// Whether an id looks like one of ours on this domain, so that it is worth a look into the table.
pub fn may_be_ours(id: &str, domain: &DomainName) -> bool {
    id.split_once('@').is_some_and(|(local, host)| {
        host == domain.as_str()
            && local.len() == LOCAL_LENGTH
            && local.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'2'..=b'7'))
    })
}

/// The domain of an id, when it has one.
pub fn domain(id: &str) -> Option<DomainName> {
    DomainName::parse(id.rsplit_once('@')?.1).ok()
}

/// The ids in the value of a field, in order, without angle brackets; anything else in there is skipped.
pub fn ids(value: &[u8]) -> Vec<&str> {
    let mut found = Vec::new();
    for piece in value.split(|byte| *byte == b'<').skip(1) {
        let Some(end) = piece.iter().position(|byte| *byte == b'>') else { continue };
        let id = piece.get(..end).unwrap_or_default();
        let is_id = !id.is_empty() && id.len() <= LONGEST && id.iter().all(u8::is_ascii_graphic);
        if let (true, Ok(text)) = (is_id, std::str::from_utf8(id)) {
            found.push(text);
        }
    }
    found
}

/// Ids as the value of a field, one a line.
pub fn list(ids: &[&str]) -> String {
    ids.iter().map(|id| format!("<{id}>")).collect::<Vec<_>>().join("\r\n ")
}

/// Whether a line is longer than the next hop has to take (RFC 5322 §2.1.1).
pub fn has_long_line(raw: &[u8]) -> bool {
    raw.split(|byte| *byte == b'\n').any(|line| line.strip_suffix(b"\r").unwrap_or(line).len() > LONGEST_LINE)
}

/// A field with every id that is in `map` replaced by what it stands for there; all other bytes as they were, unless that
/// makes a line too long: then the ids alone are left, one a line.
pub fn replace<S: BuildHasher>(field: &Field, message: &[u8], map: &HashMap<String, String, S>) -> Vec<u8> {
    let raw = field.raw(message);
    let replaced = replace_in(raw, map);
    if replaced == raw || !has_long_line(&replaced) {
        return replaced;
    }
    let ids: Vec<_> = ids(field.value(message)).into_iter().map(|id| map.get(id).map_or(id, String::as_str)).collect();
    [field.name(message), b": ", list(&ids).as_bytes(), b"\r\n"].concat()
}

fn replace_in<S: BuildHasher>(raw: &[u8], map: &HashMap<String, String, S>) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for (number, piece) in raw.split(|byte| *byte == b'<').enumerate() {
        if number > 0 {
            out.push(b'<');
        }
        let end = piece.iter().position(|byte| *byte == b'>').unwrap_or(0);
        let (id, rest) = piece.split_at_checked(end).unwrap_or((piece, &[]));
        let known = if number > 0 { std::str::from_utf8(id).ok().and_then(|id| map.get(id)) } else { None };
        out.extend_from_slice(known.map_or(id, |theirs| theirs.as_bytes()));
        out.extend_from_slice(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::{HeaderBlock, Limits};
    use super::*;

    fn key() -> SecretKey {
        SecretKey::new(vec![7; 32])
    }

    fn you() -> DomainName {
        DomainName::parse("you.example").unwrap()
    }

    #[test]
    fn one_id_gives_one_id_per_alias() {
        let id = ours(&key(), AliasId(1), "a@inbox.example", &you());
        assert_eq!(id, ours(&key(), AliasId(1), "a@inbox.example", &you()));
        assert_ne!(id, ours(&key(), AliasId(2), "a@inbox.example", &you()));
        assert_ne!(id, ours(&key(), AliasId(1), "b@inbox.example", &you()));
        assert!(may_be_ours(&id, &you()) && !may_be_ours(&id, &DomainName::parse("other.example").unwrap()));
        for other in ["", "@you.example", "1@you.example", "aaaaaaaaaaaaaaa1@you.example", "aaaaaaaaaaaaaaaa"] {
            assert!(!may_be_ours(other, &you()));
        }
    }

    #[test]
    fn ids_are_found_among_anything() {
        assert_eq!(ids(b" <a@x>\r\n\t<b@y> (comment) <c d@z> <> <e@w"), ["a@x", "b@y"]);
        assert_eq!(ids(b" a@x"), [""; 0]);
    }

    #[test]
    fn known_ids_are_replaced_and_nothing_else_is() {
        let map = HashMap::from([("b@y".to_owned(), "client@host".to_owned())]);
        assert_eq!(
            replace_in(b"References: <a@x>\r\n <b@y>\t<c@z> b@y <b@y", &map),
            b"References: <a@x>\r\n <client@host>\t<c@z> b@y <b@y"
        );
    }

    #[test]
    fn a_replaced_id_does_not_make_a_line_too_long() {
        let theirs = format!("{}@y", "t".repeat(890));
        let map = HashMap::from([("b@y".to_owned(), theirs.clone())]);
        let replaced = |message: String| {
            let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
            String::from_utf8(replace(&block.fields()[0], message.as_bytes(), &map)).unwrap()
        };
        assert_eq!(replaced("References:  <a@x> (c) <b@y>\r\n".into()), format!("References:  <a@x> (c) <{theirs}>\r\n"));
        let other = format!("{}@x", "o".repeat(100));
        assert_eq!(
            replaced(format!("References:  <{other}> (c) <b@y>\r\n")),
            format!("References: <{other}>\r\n <{theirs}>\r\n")
        );
        let long = format!("References: {} <a@x>\r\n", "c".repeat(1200));
        assert_eq!(replaced(long.clone()), long);
    }

    proptest! {
        #[test]
        fn without_known_ids_every_byte_stays(raw in proptest::collection::vec(prop_oneof![Just(b'<'), Just(b'>'), any::<u8>()], 0..60)) {
            prop_assert_eq!(replace_in(&raw, &HashMap::new()), raw.clone());
            for id in ids(&raw) {
                prop_assert!(!id.contains(['<', '>', ' ', '\r', '\n']));
            }
        }
    }
}
