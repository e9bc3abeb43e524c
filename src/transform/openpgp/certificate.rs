//! A public key that may be encrypted to: what counts is what the primary key has signed and not taken back
//! (RFC 9580 §5.2.3.10, §10.1).
//!
//! Of several statements about one thing the newest that holds is true, as GnuPG sees it. Signatures of others are not
//! looked at: whether the key is its owner's is the owner's word, who hands it in.

use data_encoding::HEXUPPER;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{self, KeyFlags, Signature, SignatureConfig, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, PublicParams, Tag};

use super::{KeyError, file};
use crate::model::Timestamp;

/// The least length of a modulus.
const MIN_BITS: u16 = 2048;

/// A key to encrypt to.
#[derive(Debug)]
pub struct PublicKey {
    key: SignedPublicKey,
    packets: Vec<u8>,
    fingerprint: String,
    expires_at: Option<Timestamp>,
    chosen: Chosen,
    says: Statements,
}

/// Which of its keys is encrypted to.
#[derive(Debug, Clone, Copy)]
enum Chosen {
    Primary,
    Subkey(usize),
}

/// The key that is encrypted to.
pub(super) enum Recipient<'k> {
    /// The primary key itself.
    Primary(&'k packet::PublicKey),
    /// One of its subkeys.
    Subkey(&'k SignedPublicSubKey),
}

/// A key that can encrypt, and until when.
struct Candidate {
    chosen: Chosen,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl PublicKey {
    /// Reads a key, with or without armor, and sees whether mail can be encrypted to it at this moment.
    pub fn read(file: &[u8], now: Timestamp) -> Result<Self, KeyError> {
        let (key, packets) = file::read(file)?;
        if is_revoked(&key) {
            return Err(KeyError::Revoked);
        }
        if created_at(&key.primary_key) > now {
            return Err(KeyError::NotYet);
        }
        let says = Statements::of(&key, now).ok_or(KeyError::Unsigned)?;
        let primary_expires_at = expires_at(&key.primary_key, says.first(Signature::key_expiration_time));
        if let Some(at) = primary_expires_at.filter(|at| *at <= now) {
            return Err(KeyError::Expired(at));
        }
        let candidates = candidates(&key, &says, now);
        let (alive, dead): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| candidate.expires_at.is_none_or(|at| at > now));
        // The newest, and a subkey before the primary key of the same moment.
        let Some(chosen) = alive.into_iter().min_by_key(|candidate| std::cmp::Reverse(candidate.created_at)) else {
            return Err(dead.iter().filter_map(|one| one.expires_at).max().map_or(KeyError::NoEncryption, KeyError::Expired));
        };
        if !is_strong(key.primary_key.public_params()) || !is_strong(params(&key, chosen.chosen)) {
            return Err(KeyError::Weak);
        }
        Ok(Self {
            fingerprint: HEXUPPER.encode(key.primary_key.fingerprint().as_bytes()),
            expires_at: [primary_expires_at, chosen.expires_at].into_iter().flatten().min(),
            chosen: chosen.chosen,
            says,
            key,
            packets,
        })
    }

    /// In capital hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// When it can't be used any more.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// How many user ids it names.
    pub fn user_ids(&self) -> usize {
        self.key.details.users.len()
    }

    /// The key without armor.
    pub fn as_bytes(&self) -> &[u8] {
        &self.packets
    }

    /// What the owner says of the key: what it understands and likes best.
    pub(super) fn says(&self) -> &Statements {
        &self.says
    }

    /// The key that is encrypted to.
    pub(super) fn recipient(&self) -> Recipient<'_> {
        match self.chosen {
            Chosen::Subkey(at) => {
                self.key.public_subkeys.get(at).map_or(Recipient::Primary(&self.key.primary_key), Recipient::Subkey)
            }
            Chosen::Primary => Recipient::Primary(&self.key.primary_key),
        }
    }
}

fn params(key: &SignedPublicKey, chosen: Chosen) -> &PublicParams {
    match chosen {
        Chosen::Subkey(at) => key.public_subkeys.get(at).map_or(key.primary_key.public_params(), KeyDetails::public_params),
        Chosen::Primary => key.primary_key.public_params(),
    }
}

/// All keys that can encrypt, subkeys first, whether or not their time is over.
fn candidates(key: &SignedPublicKey, says: &Statements, now: Timestamp) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (at, subkey) in key.public_subkeys.iter().enumerate() {
        if let Some(binding) = binding(key, subkey, now)
            && may_encrypt(flags(binding), subkey.algorithm())
        {
            let (created_at, expires_at) = (created_at(subkey), expires_at(subkey, binding.key_expiration_time()));
            found.push(Candidate { chosen: Chosen::Subkey(at), created_at, expires_at });
        }
    }
    // Only for want of a subkey, as GnuPG has it.
    if found.is_empty() && may_encrypt(says.first(flags), key.primary_key.algorithm()) {
        let lasts = says.first(Signature::key_expiration_time);
        let (created_at, expires_at) = (created_at(&key.primary_key), expires_at(&key.primary_key, lasts));
        found.push(Candidate { chosen: Chosen::Primary, created_at, expires_at });
    }
    found
}

/// Whether the primary key itself was taken back.
fn is_revoked(key: &SignedPublicKey) -> bool {
    key.details.revocation_signatures.iter().any(|signature| signature.verify_key(&key.primary_key).is_ok())
}

/// What the primary key says of itself, the newest first: the last word of each user id, and the last one without.
///
/// Some programs say everything with each user id, others once and for all directly. So each thing is taken from the
/// newest that says it; what was said before of the same user id is over, or an expiry that was taken back would hold.
#[derive(Debug)]
pub(super) struct Statements(Vec<Signature>);

impl Statements {
    /// None when nothing that holds was said.
    fn of(key: &SignedPublicKey, now: Timestamp) -> Option<Self> {
        let primary = &key.primary_key;
        let holds = |one: &&Signature| is_in_force(one, now) && one.verify_key(primary).is_ok();
        let direct = key.details.direct_signatures.iter().filter(holds).max_by_key(|one| one.created());
        let certified = key.details.users.iter().filter_map(|user| {
            let holds =
                |one: &&Signature| is_in_force(one, now) && one.verify_certification(primary, Tag::UserId, &user.id).is_ok();
            let newest = user.signatures.iter().filter(holds).max_by_key(|one| one.created())?;
            (newest.typ() != Some(SignatureType::CertRevocation)).then_some(newest)
        });
        let mut all: Vec<_> = certified.chain(direct).cloned().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.created()));
        (!all.is_empty()).then_some(Self(all))
    }

    /// One thing from the newest that says it.
    pub(super) fn first<'s, T>(&'s self, of: impl Fn(&'s Signature) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(of)
    }
}

/// The newest signature that makes this subkey one of the primary key; none when it was taken back.
fn binding<'k>(key: &'k SignedPublicKey, subkey: &'k SignedPublicSubKey, now: Timestamp) -> Option<&'k Signature> {
    if created_at(subkey) > now {
        return None;
    }
    let holds = |one: &&Signature| one.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok();
    let of = |kind| subkey.signatures.iter().filter(move |one| one.typ() == Some(kind)).filter(holds);
    if of(SignatureType::SubkeyRevocation).next().is_some() {
        return None;
    }
    of(SignatureType::SubkeyBinding).filter(|one| is_in_force(one, now)).max_by_key(|one| one.created())
}

/// Whether a signature is made, by a good hash, and not over.
fn is_in_force(signature: &Signature, now: Timestamp) -> bool {
    use pgp::crypto::hash::HashAlgorithm::{Md5, Ripemd160};
    let Some(made) = signature.created() else { return false };
    let made_at = seconds(made.as_secs());
    let lasts = signature.signature_expiration_time().filter(|time| time.as_secs() > 0);
    let is_over = lasts.is_some_and(|time| after(made_at, time.as_secs()) <= now);
    let is_bad = matches!(signature.hash_alg(), None | Some(Md5 | Ripemd160));
    made_at <= now && !is_over && !is_bad
}

/// Whether a key is for encrypting. Old keys do not say; then the algorithm does, if it can do nothing else.
fn may_encrypt(flags: Option<KeyFlags>, algorithm: PublicKeyAlgorithm) -> bool {
    use PublicKeyAlgorithm::{ECDH, RSA, RSAEncrypt, X448, X25519};
    let only_encrypts = matches!(algorithm, RSAEncrypt | ECDH | X25519 | X448);
    let is_for_it = flags.map_or(only_encrypts, |flags| flags.encrypt_comms() || flags.encrypt_storage());
    is_for_it && (only_encrypts || algorithm == RSA)
}

/// What a signature says a key is for, if it does.
fn flags(signature: &Signature) -> Option<KeyFlags> {
    let says = |config: &SignatureConfig| config.hashed_subpackets().any(|one| matches!(one.data, SubpacketData::KeyFlags(_)));
    signature.config().is_some_and(says).then(|| signature.key_flags())
}

/// Whether a key is long enough. Where length matters, the number it depends on comes first, and its length in bits
/// before it (RFC 9580 §3.2, §5.5.5).
fn is_strong(params: &PublicParams) -> bool {
    if !matches!(params, PublicParams::RSA(_) | PublicParams::DSA(_) | PublicParams::Elgamal(_)) {
        return !matches!(params, PublicParams::Unknown { .. });
    }
    let mut bytes = Vec::new();
    let written = params.to_writer(&mut bytes).is_ok();
    let bits = bytes.first_chunk().map_or(0, |length| u16::from_be_bytes(*length));
    written && bits >= MIN_BITS
}

fn created_at(key: &impl KeyDetails) -> Timestamp {
    seconds(key.created_at().as_secs())
}

/// When a key's time is over; it counts from when the key was made, and 0 is never.
fn expires_at(key: &impl KeyDetails, lasts: Option<Duration>) -> Option<Timestamp> {
    let time = lasts.filter(|time| time.as_secs() > 0)?;
    Some(after(created_at(key), time.as_secs()))
}

fn seconds(since_epoch: u32) -> Timestamp {
    Timestamp::from_micros(i64::from(since_epoch) * 1_000_000)
}

fn after(at: Timestamp, seconds: u32) -> Timestamp {
    at.plus(std::time::Duration::from_secs(seconds.into()))
}
