//! Our set in the chain of a message (ARC, RFC 8617): what we found out about its sender, for whoever finds `From` and
//! everything else rewritten and trusts us to have looked.
//!
//! A set is three fields of one instance: the results, a signature on the message as it leaves, and a seal on all sets so
//! far. A chain that did not verify is left alone: nobody can say which part of it is true. The signature is made like our
//! DKIM signature; it covers those of others too, which the results speak of, and of the chain nothing (§4.1.2): that is
//! what the seal is for.

use super::authentication_results::arc_field;
use super::canonical::relaxed_field;
use super::dkim::{self, BodyHash, DkimError, Folded, Signer};
use super::header::{Field, HeaderBlock};
use crate::model::authentication::{ArcResult, Authentication};
use crate::model::{DomainName, Timestamp};

/// Sets of a chain at the most (RFC 8617 §4.2.1).
const MOST: usize = 50;

/// The fields of a set, in the order in which they are sealed (RFC 8617 §5.1.1).
const SET: [&str; 3] = ["ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"];

/// What a set says. Has no `Debug`: it belongs to a message.
#[derive(Clone, Copy)]
pub struct Findings<'a> {
    /// The name we give results under.
    pub authserv_id: &'a DomainName,
    /// What was found out when the message arrived, its chain included.
    pub found: &'a Authentication,
}

/// The next set for a finished header block (whole lines, without the empty line) and the body with that hash: three whole
/// fields, to be put in front of the block. `None` where the chain can't be continued.
pub fn set(
    signer: &Signer,
    header: &[u8],
    body: &BodyHash,
    findings: Findings<'_>,
    signed_at: Timestamp,
    expires_at: Timestamp,
) -> Result<Option<Vec<u8>>, DkimError> {
    let Some(earlier) = earlier(findings.found.arc) else { return Ok(None) };
    let block = dkim::read(header)?;
    let Some(mut sealed) = chain(&block, header, earlier) else { return Ok(None) };
    let instance = earlier + 1;
    let results = arc_field(instance, findings.authserv_id, findings.found).into_bytes();
    let mut covered = dkim::signed_fields(&block, header);
    // As many as there are: ours is still to come.
    dkim::cover(&block, header, "DKIM-Signature", &mut covered);
    let signature =
        dkim::message_signature(begin("ARC-Message-Signature:", instance), signer, covered, body, signed_at, expires_at)?;
    for (name, field) in SET.iter().zip([&results, &signature]) {
        relaxed_field(name.as_bytes(), field.get(name.len() + 1..).unwrap_or_default(), &mut sealed);
    }
    let mut seal = begin("ARC-Seal:", instance);
    seal.word(&format!(" a={}-sha256;", signer.key.algorithm().as_str()));
    seal.signer(signer);
    seal.word(&format!(" t={};", signed_at.as_seconds()));
    seal.word(if earlier == 0 { " cv=none;" } else { " cv=pass;" });
    Ok(Some([seal.sign(&signer.key, sealed)?, signature, results].concat()))
}

/// How many sets ours comes behind; `None` where it must not come at all.
const fn earlier(chain: ArcResult) -> Option<usize> {
    match chain {
        ArcResult::None => Some(0),
        ArcResult::Pass { sets } if sets < MOST => Some(sets),
        ArcResult::Pass { .. } | ArcResult::Fail | ArcResult::TempError => None,
    }
}

fn begin(name: &str, instance: usize) -> Folded {
    let mut field = Folded::new(name);
    field.word(&format!(" i={instance};"));
    field
}

/// The canonical form of all sets that are there, the oldest first; `None` when they are others than those that verified.
fn chain(block: &HeaderBlock, header: &[u8], sets: usize) -> Option<Vec<u8>> {
    let mut kinds: Vec<Vec<&Field>> = Vec::with_capacity(SET.len());
    for name in SET {
        let mut numbered = Vec::new();
        for field in block.named(header, name) {
            numbered.push((instance(field.value(header))?, field));
        }
        numbered.sort_by_key(|(instance, _)| *instance);
        if !numbered.iter().map(|(instance, _)| *instance).eq(1..=sets) {
            return None;
        }
        kinds.push(numbered.into_iter().map(|(_, field)| field).collect());
    }
    let mut text = Vec::new();
    for at in 0..sets {
        for field in kinds.iter().filter_map(|fields| fields.get(at)) {
            relaxed_field(field.name(header), field.value(header), &mut text);
        }
    }
    Some(text)
}

/// The instance a field belongs to: its one tag `i`.
fn instance(value: &[u8]) -> Option<usize> {
    let mut found = value.split(|byte| *byte == b';').filter_map(|tag| {
        let tag = str::from_utf8(tag).ok()?;
        let (name, number) = tag.split_once('=')?;
        (name.trim() == "i").then(|| number.trim())
    });
    let number = found.next()?;
    let is_number = number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && found.next().is_none() { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(header: &str, sets: usize) -> Option<String> {
        let block = dkim::read(header.as_bytes()).unwrap();
        chain(&block, header.as_bytes(), sets).map(|text| String::from_utf8(text).unwrap())
    }

    const SECOND: &str = "ARC-Seal: a=rsa-sha256; i=2; cv=pass\r\nARC-Message-Signature: i=2 ; h=a:b\r\n\
                          ARC-Authentication-Results: i=2;  b.example;\r\n\tdkim=none\r\n";
    const FIRST: &str = "arc-seal: i=1; cv=none\r\nARC-Message-Signature: d=a.example;\r\n i=1\r\n\
                         ARC-Authentication-Results:i=1; a.example; none\r\n";

    #[test]
    fn sets_are_sealed_from_the_first_to_the_last_wherever_they_stand() {
        let first = "arc-authentication-results:i=1; a.example; none\r\narc-message-signature:d=a.example; i=1\r\n\
                     arc-seal:i=1; cv=none\r\n";
        let second = "arc-authentication-results:i=2; b.example; dkim=none\r\narc-message-signature:i=2 ; h=a:b\r\n\
                      arc-seal:a=rsa-sha256; i=2; cv=pass\r\n";
        for header in [format!("{SECOND}{FIRST}From: a\r\n"), format!("{FIRST}X: 1\r\n{SECOND}")] {
            assert_eq!(sealed(&header, 2).unwrap(), format!("{first}{second}"));
        }
        assert_eq!(sealed("From: a\r\n", 0).unwrap(), "");
    }

    #[test]
    fn a_chain_of_other_fields_than_those_that_verified_is_not_continued() {
        let whole = format!("{SECOND}{FIRST}");
        for (header, sets) in [
            (whole.clone(), 1),
            (whole.clone(), 3),
            (whole.clone(), 0),
            (SECOND.into(), 1),
            (format!("{FIRST}{FIRST}"), 2),
            (whole.replace("cv=none", "i=3"), 2),
            (whole.replace("i=1; a.example", "a.example"), 2),
        ] {
            assert_eq!(sealed(&header, sets), None, "{header}");
        }
    }

    #[test]
    fn a_chain_that_is_broken_unknown_or_full_is_not_continued() {
        assert_eq!([ArcResult::None, ArcResult::Pass { sets: 49 }].map(earlier), [Some(0), Some(49)]);
        assert_eq!([ArcResult::Pass { sets: 50 }, ArcResult::Fail, ArcResult::TempError].map(earlier), [None; 3]);
    }

    #[test]
    fn an_instance_is_a_number_of_two_digits_at_the_most() {
        for (value, expected) in
            [(" i=1; x", Some(1)), ("a=b;\r\n\ti = 50\r\n", Some(50)), ("i=100;", None), ("i=+1;", None), ("bi=1", None)]
        {
            assert_eq!(instance(value.as_bytes()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_value_has_an_instance_or_none(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(instance(&value).is_none_or(|instance| instance < 100));
        }
    }
}
