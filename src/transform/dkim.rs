//! Our signature on departing mail (RFC 6376; RFC 8463 for Ed25519): `relaxed/relaxed`, SHA-256, the whole body.
//!
//! The fields people and programs act on are signed once more often than they occur, so that none can be added behind
//! our back. There is no `l=`: whoever appends to a body breaks the signature. `t=` and `x=` limit how long a copy can be
//! replayed.
//!
//! mail-auth's signer wants the body in one piece and once for each signature; a body is hashed here as it streams by,
//! once for all recipients and both algorithms.

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use data_encoding::BASE64;

use super::canonical::{RelaxedBody, relaxed_field};
use super::header::{Field, HeaderBlock, Limits};
use crate::model::dkim_key::Algorithm;
use crate::model::{DomainName, Timestamp};

/// The fields that are signed, each once more often than it occurs.
const SIGNED: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "Sender",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Columns of a line of the field.
const WIDTH: usize = 76;

/// Why nothing could be signed: always a fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// The private key can't be read.
    #[error("the key can't be read")]
    Key,
    /// The header block can't be split into fields.
    #[error("the header block can't be read")]
    Header,
    /// The cryptography failed.
    #[error("the signature can't be made")]
    Signature,
}

/// The hash of a body, the same for every signature on it: `bh=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

/// Hashes a body piece by piece.
pub struct BodyHasher {
    relaxed: RelaxedBody,
    digest: digest::Context,
}

impl Default for BodyHasher {
    fn default() -> Self {
        Self { relaxed: RelaxedBody::default(), digest: digest::Context::new(&SHA256) }
    }
}

impl BodyHasher {
    /// Takes the next piece of the body, which begins behind the empty line.
    pub fn push(&mut self, piece: &[u8]) {
        let Self { relaxed, digest } = self;
        relaxed.push(piece, &mut |bytes| digest.update(bytes));
    }

    /// The end of the body.
    pub fn finish(self) -> BodyHash {
        let Self { relaxed, mut digest } = self;
        relaxed.finish(&mut |bytes| digest.update(bytes));
        BodyHash(array(&digest.finish()))
    }
}

fn array(digest: &digest::Digest) -> [u8; 32] {
    let mut hash = [0; 32];
    // SHA-256 has 32 bytes; a shorter digest would leave zeros, never panic.
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

/// A private key, ready to sign.
pub enum SigningKey {
    /// RSA.
    Rsa(RsaKeyPair),
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.algorithm().as_str())
    }
}

impl SigningKey {
    /// Reads PKCS#8.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, DkimError> {
        Ok(match algorithm {
            Algorithm::Rsa => Self::Rsa(RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| DkimError::Key)?),
            Algorithm::Ed25519 => Self::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| DkimError::Key)?),
        })
    }

    /// How it signs.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Rsa,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// What `p=` of its record holds, before base64 (RFC 6376 §3.6.1, RFC 8463 §4).
    pub fn public_key(&self) -> Result<Vec<u8>, DkimError> {
        match self {
            Self::Rsa(key) => {
                let der: PublicKeyX509Der = key.public_key().as_der().map_err(|_| DkimError::Key)?;
                Ok(der.as_ref().to_vec())
            }
            Self::Ed25519(key) => Ok(key.public_key().as_ref().to_vec()),
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, DkimError> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                // PKCS#1 v1.5 draws nothing; the argument is there for other paddings.
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).map_err(|_| DkimError::Signature)?;
                Ok(signature)
            }
            // RFC 8463 §3: what is signed is the SHA-256 of the text.
            Self::Ed25519(key) => Ok(key.sign(digest::digest(&SHA256, text).as_ref()).as_ref().to_vec()),
        }
    }
}

/// Who signs.
#[derive(Debug)]
pub struct Signer {
    /// `d=`: the domain of From.
    pub domain: DomainName,
    /// `s=`
    pub selector: String,
    /// The key.
    pub key: SigningKey,
}

/// Signs a header block (whole lines, without the empty line) and the body with that hash. The result is a whole field,
/// to be put in front of the block.
pub fn sign(
    signer: &Signer,
    header: &[u8],
    body: &BodyHash,
    signed_at: Timestamp,
    expires_at: Timestamp,
) -> Result<Vec<u8>, DkimError> {
    let covered = signed_fields(&read(header)?, header);
    let mut field = Folded::new("DKIM-Signature:");
    field.word(" v=1;");
    message_signature(field, signer, covered, body, signed_at, expires_at)
}

/// The fields of a block we wrote ourselves, so that only its form counts, not its size.
pub(super) fn read(header: &[u8]) -> Result<HeaderBlock, DkimError> {
    let limits = Limits { max_size: header.len(), max_fields: usize::MAX, max_field_size: header.len() };
    HeaderBlock::parse(header, limits).map_err(|_| DkimError::Header)
}

/// The names for `h=`, and the fields they stand for in canonical form.
pub(super) type Covered = (Vec<&'static str>, Vec<u8>);

/// Completes a field that signs a message, whose first tag is written.
pub(super) fn message_signature(
    mut field: Folded,
    signer: &Signer,
    covered: Covered,
    body: &BodyHash,
    signed_at: Timestamp,
    expires_at: Timestamp,
) -> Result<Vec<u8>, DkimError> {
    let (names, text) = covered;
    field.word(&format!(" a={}-sha256;", signer.key.algorithm().as_str()));
    field.word(" c=relaxed/relaxed;");
    field.signer(signer);
    field.word(&format!(" t={};", signed_at.as_seconds()));
    field.word(&format!(" x={};", expires_at.as_seconds()));
    for (number, name) in names.iter().enumerate() {
        let before = if number == 0 { " h=" } else { "" };
        let after = if number + 1 == names.len() { ";" } else { ":" };
        field.word(&format!("{before}{name}{after}"));
    }
    field.word(&format!(" bh={};", BASE64.encode(&body.0)));
    field.sign(&signer.key, text)
}

/// What is covered: the fields of one name from the last to the first (RFC 6376 §5.4.2), and one name more that stands for
/// none.
pub(super) fn signed_fields(block: &HeaderBlock, header: &[u8]) -> Covered {
    let mut covered = (Vec::with_capacity(SIGNED.len() * 2), Vec::with_capacity(header.len() + 1024));
    for name in SIGNED {
        cover(block, header, name, &mut covered);
        covered.0.push(*name);
    }
    covered
}

/// Adds the fields of one name that are there.
pub(super) fn cover(block: &HeaderBlock, header: &[u8], name: &'static str, (names, text): &mut Covered) {
    let found: Vec<&Field> = block.named(header, name).collect();
    for field in found.iter().rev() {
        names.push(name);
        relaxed_field(field.name(header), field.value(header), text);
    }
}

/// A field of words, folded between them.
pub(super) struct Folded {
    text: String,
    column: usize,
    name: usize,
}

impl Folded {
    /// Begins with a name and its colon.
    pub(super) fn new(name: &str) -> Self {
        Self { text: name.to_owned(), column: name.len(), name: name.len() }
    }

    /// Adds a word; the space before it, if any, belongs to it.
    pub(super) fn word(&mut self, word: &str) {
        if self.column + word.len() > WIDTH {
            self.text.push_str("\r\n ");
            self.column = 1;
        }
        let word = if self.column == 1 { word.trim_start() } else { word };
        self.text.push_str(word);
        self.column += word.len();
    }

    /// Adds who signs.
    pub(super) fn signer(&mut self, signer: &Signer) {
        self.word(&format!(" d={};", signer.domain));
        self.word(&format!(" s={};", signer.selector));
    }

    /// Signs the text and, behind it, the field itself: without its line end and with nothing in `b=` (RFC 6376 §3.7).
    pub(super) fn sign(mut self, key: &SigningKey, mut text: Vec<u8>) -> Result<Vec<u8>, DkimError> {
        self.word(" b=");
        let (name, value) = self.text.split_at_checked(self.name).unwrap_or_default();
        relaxed_field(name.trim_end_matches(':').as_bytes(), value.as_bytes(), &mut text);
        let signature = BASE64.encode(&key.sign(text.strip_suffix(b"\r\n").unwrap_or(&text))?);
        for part in signature.as_bytes().chunks(8) {
            self.word(&String::from_utf8_lossy(part));
        }
        self.text.push_str("\r\n");
        Ok(self.text.into_bytes())
    }
}

/// The TXT record of a key.
pub fn record(algorithm: Algorithm, public_key: &[u8]) -> String {
    format!("v=DKIM1; k={}; p={}", algorithm.as_str(), BASE64.encode(public_key))
}

/// A TXT record (ASCII without quotes) as it stands in a zone file: in strings of 255 octets at the most (RFC 1035
/// §3.3.14).
pub fn zone_data(record: &str) -> String {
    let strings = record.as_bytes().chunks(255).map(|part| format!("\"{}\"", String::from_utf8_lossy(part)));
    strings.collect::<Vec<_>>().join(" ")
}
