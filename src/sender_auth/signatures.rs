//! DKIM signatures (RFC 6376, RFC 8301, RFC 8463) and the ARC chain (RFC 8617) of an arriving message, verified by mail-auth.
//!
//! mail-auth gets the fields as we found them and body hashes that were computed in pieces; its own reader of messages wants
//! the whole in memory and needs quadratic time for some `From` fields. Signatures of a kind that
//! is not accepted are sorted out before anything is computed or looked up for them: `l=` (what is appended is not
//! covered), rsa-sha1, expired ones, those that do not cover `From`, and what exceeds [`MOST`]. Keys below 1024 bits
//! verify nothing. A signature that can't be parsed belongs to nobody and is not listed.

use std::collections::BTreeSet;

use mail_auth::common::crypto::{Algorithm, HashAlgorithm};
use mail_auth::common::headers::Header;
use mail_auth::common::verify::VerifySignature;
use mail_auth::dkim::{Canonicalization, DkimError, Signature};
use mail_auth::{AuthenticatedMessage, DkimResult as Outcome, Error, MessageAuthenticator, Parameters, arc};

use super::body;
use super::dmarc::is_aligned;
use super::keys::Keys;
use crate::dns::Resolver;
use crate::model::authentication::{ArcResult, DkimResult, DkimSignature};
use crate::model::{DomainName, Timestamp};
use crate::spool::Content;

/// Signatures evaluated at the most, those of the author's organisation first.
const MOST: usize = 10;

/// Instances of an ARC chain looked at: each costs a key. RFC 8617 allows 50; real chains have two or three.
const LONGEST_CHAIN: usize = 10;

/// Names in one `h=` at the most: each is looked for in the whole header block.
const MOST_NAMES: usize = 256;

/// Verifies everything that is signed. `fields` are those of the header block as they stand there; `rest` is everything
/// behind the block.
pub(super) async fn verify(
    resolver: &Resolver,
    fields: &[&[u8]],
    rest: &Content,
    author: &DomainName,
    now: Timestamp,
) -> (Vec<DkimSignature>, ArcResult) {
    let mut message = read(fields);
    let refused = sort_out(&mut message, author, now);
    let chain = known_chain(&message, now);
    let names = key_names(&message, chain.is_none());
    let forms = body_forms(&message, chain.is_none());
    if names.is_empty() {
        return (refused, chain.unwrap_or(ArcResult::None));
    }
    let (hashes, keys) = tokio::join!(body::hashes(rest, &forms), Keys::look_up(resolver, names));
    let (Ok(hashes), Some(authenticator)) = (hashes, super::authenticator(resolver)) else {
        let unknown = message.dkim_headers.iter();
        let unknown = unknown.filter_map(|one| entry(&one.header, author, DkimResult::TempError, None));
        return (unknown.chain(refused).collect(), chain.unwrap_or(ArcResult::TempError));
    };
    message.body_hashes = forms.iter().zip(hashes).map(|(form, hash)| (*form, HashAlgorithm::Sha256, 0, hash)).collect();
    let mut found = dkim(&authenticator, &message, &keys, author).await;
    found.extend(refused);
    let chain = match chain {
        Some(known) => known,
        None => verify_chain(&authenticator, &message, &keys).await,
    };
    (found, chain)
}

/// The message as mail-auth knows it, without a body.
fn read<'m>(fields: &[&'m [u8]]) -> AuthenticatedMessage<'m> {
    let mut message = AuthenticatedMessage::default();
    for field in fields {
        let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
        let (name, rest) = field.split_at(colon);
        let value = rest.get(1..).unwrap_or_default();
        message.headers.push((name, value));
        let is_read = match name.trim_ascii_end().to_ascii_lowercase().as_slice() {
            b"dkim-signature" => {
                message.dkim_headers.extend(Signature::parse(value).ok().map(|header| Header { name, value, header }));
                continue;
            }
            b"arc-seal" => add(&mut message.as_headers, name, value, arc::Seal::parse(value)),
            b"arc-message-signature" => add(&mut message.ams_headers, name, value, arc::Signature::parse(value)),
            b"arc-authentication-results" => add(&mut message.aar_headers, name, value, arc::Results::parse(value)),
            _ => continue,
        };
        message.has_arc_errors |= !is_read;
    }
    message.as_headers.sort_by_key(|one| one.header.i);
    message.ams_headers.sort_by_key(|one| one.header.i);
    message.aar_headers.sort_by_key(|one| one.header.i);
    message
}

/// Adds a field of a chain; `false` when it can't be read.
fn add<'m, T>(list: &mut Vec<Header<'m, T>>, name: &'m [u8], value: &'m [u8], read: Result<T, Error>) -> bool {
    let Ok(header) = read else { return false };
    list.push(Header { name, value, header });
    true
}

/// Takes out of the message the signatures that are not evaluated, and says why for each.
fn sort_out(message: &mut AuthenticatedMessage, author: &DomainName, now: Timestamp) -> Vec<DkimSignature> {
    let mut refused = Vec::new();
    message.dkim_headers.retain(|one| {
        let Some((result, reason)) = objection(&one.header, now) else { return true };
        refused.extend(entry(&one.header, author, result, Some(reason)));
        false
    });
    // A name that is no domain is nobody's.
    message.dkim_headers.retain(|one| DomainName::parse(&one.header.d).is_ok());
    let is_foreign =
        |signature: &Signature| !DomainName::parse(&signature.d).is_ok_and(|domain| is_aligned(&domain, author, false));
    message.dkim_headers.sort_by_key(|one| is_foreign(&one.header));
    message.dkim_headers.truncate(MOST);
    for one in &mut message.dkim_headers {
        // Checked above, by our clock.
        one.header.x = 0;
        // Neither failure reports (RFC 6651) nor third parties' signatures (RFC 6541).
        (one.header.r, one.header.atps) = (false, None);
    }
    refused.truncate(MOST);
    refused
}

fn objection(signature: &Signature, now: Timestamp) -> Option<(DkimResult, &'static str)> {
    let covers_author = signature.h.iter().any(|name| name.eq_ignore_ascii_case("from"));
    if signature.v != 1 {
        Some((DkimResult::PermError, "no version"))
    } else if signature.l != 0 {
        Some((DkimResult::Policy, "l= leaves the end of the body open"))
    } else if signature.a == Algorithm::RsaSha1 {
        Some((DkimResult::Fail, "rsa-sha1 proves nothing"))
    } else if !covers_author {
        Some((DkimResult::PermError, "From is not signed"))
    } else if signature.h.len() > MOST_NAMES {
        Some((DkimResult::Policy, "h= is too long"))
    } else if is_expired(signature.t, signature.x, now) {
        Some((DkimResult::Fail, "expired"))
    } else {
        None
    }
}

fn is_expired(signed: u64, expires: u64, now: Timestamp) -> bool {
    let now = u64::try_from(now.as_seconds()).unwrap_or(0);
    expires != 0 && (expires <= signed || expires <= now)
}

/// What can be said of the chain without any key.
fn known_chain(message: &AuthenticatedMessage, now: Timestamp) -> Option<ArcResult> {
    let sets = message.ams_headers.len();
    if sets + message.as_headers.len() + message.aar_headers.len() == 0 && !message.has_arc_errors {
        return Some(ArcResult::None);
    }
    let newest = message.ams_headers.last().map(|one| &one.header);
    let is_odd = message.has_arc_errors
        || sets != message.as_headers.len()
        || sets != message.aar_headers.len()
        || sets > LONGEST_CHAIN
        || message.ams_headers.iter().any(|one| one.header.l != 0 || one.header.a == Algorithm::RsaSha1)
        || newest.is_none_or(|one| is_expired(one.t, one.x, now) || one.h.len() > MOST_NAMES);
    is_odd.then_some(ArcResult::Fail)
}

fn key_names(message: &AuthenticatedMessage, with_chain: bool) -> BTreeSet<String> {
    let dkim = message.dkim_headers.iter().map(|one| one.header.domain_key());
    let newest = message.ams_headers.last().map(|one| one.header.domain_key());
    let seals = message.as_headers.iter().map(|one| one.header.domain_key());
    let chain = newest.into_iter().chain(seals).filter(|_| with_chain);
    dkim.chain(chain).map(|name| name.to_lowercase()).collect()
}

fn body_forms(message: &AuthenticatedMessage, with_chain: bool) -> Vec<Canonicalization> {
    let dkim = message.dkim_headers.iter().map(|one| one.header.cb);
    let chain = message.ams_headers.iter().map(|one| one.header.cb).filter(|_| with_chain);
    let mut forms: Vec<Canonicalization> = Vec::with_capacity(2);
    for form in dkim.chain(chain) {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

async fn dkim(
    authenticator: &MessageAuthenticator,
    message: &AuthenticatedMessage<'_>,
    keys: &Keys,
    author: &DomainName,
) -> Vec<DkimSignature> {
    let outputs = authenticator.verify_dkim(Parameters::new(message).with_txt_cache(keys)).await;
    let found = outputs.iter().filter_map(|output| {
        let (result, reason) = meaning(output.result());
        let signature = output.signature()?;
        let is_testing = keys.is_testing(&signature.domain_key().to_lowercase());
        Some(DkimSignature { is_testing, ..entry(signature, author, result, reason)? })
    });
    found.collect()
}

async fn verify_chain(authenticator: &MessageAuthenticator, message: &AuthenticatedMessage<'_>, keys: &Keys) -> ArcResult {
    match authenticator.verify_arc(Parameters::new(message).with_txt_cache(keys)).await.result() {
        // Their instances are 1, 2, 3 and so on without a gap: that was verified, too.
        Outcome::Pass => ArcResult::Pass { sets: message.as_headers.len() },
        Outcome::TempError(_) => ArcResult::TempError,
        Outcome::None | Outcome::Neutral(_) | Outcome::Fail(_) | Outcome::PermError(_) => ArcResult::Fail,
    }
}

fn entry(signature: &Signature, author: &DomainName, result: DkimResult, reason: Option<&'static str>) -> Option<DkimSignature> {
    let domain = DomainName::parse(&signature.d).ok()?;
    let aligned = is_aligned(&domain, author, false);
    let covers = signature.h.iter().map(|name| name.to_ascii_lowercase()).collect();
    Some(DkimSignature { domain, selector: signature.s.clone(), result, reason, aligned, covers, is_testing: false })
}

fn meaning(outcome: &Outcome) -> (DkimResult, Option<&'static str>) {
    match outcome {
        Outcome::Pass => (DkimResult::Pass, None),
        Outcome::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => (DkimResult::Fail, Some("the body was changed")),
        Outcome::Neutral(_) | Outcome::None => (DkimResult::Neutral, None),
        Outcome::Fail(Error::Dkim(DkimError::FailedAuidMatch)) => (DkimResult::PermError, Some("i= is outside d=")),
        Outcome::Fail(_) => (DkimResult::Fail, Some("the signature does not verify")),
        Outcome::PermError(Error::Dkim(DkimError::RevokedPublicKey)) => (DkimResult::PermError, Some("the key is revoked")),
        Outcome::PermError(Error::Dns(_)) => (DkimResult::PermError, Some("there is no key")),
        Outcome::PermError(_) => (DkimResult::PermError, Some("the key is unusable")),
        Outcome::TempError(_) => (DkimResult::TempError, Some("the key can't be looked up now")),
    }
}
