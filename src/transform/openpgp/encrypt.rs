//! Writes the body of an encrypted message (RFC 3156 §4): two parts, the second of them the OpenPGP message in armor.
//!
//! What goes in is read in pieces and what comes out is written in pieces, so a large message is never held. Nothing is
//! signed and nothing compressed: who wrote the message is what our header fields say, and the length of compressed text
//! tells about its content.

use std::io::{self, BufWriter, Read, Write};

use pgp::composed::{ArmorOptions, Encryption, MessageBuilder};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::Signature;
use rand::CryptoRng;

use super::certificate::{PublicKey, Recipient, Statements};
use super::{EncryptError, entity};

/// Encrypts `clear` (a whole MIME entity) to `key`; `out` gets the body from its empty line on. `boundary` is the one
/// the header names (see [`entity::Encrypted`]).
pub fn encrypt(
    key: &PublicKey,
    rng: &mut (dyn CryptoRng + '_),
    boundary: &str,
    clear: impl Read,
    out: &mut dyn Write,
) -> Result<(), EncryptError> {
    out.write_all(entity::opening(boundary).as_bytes()).map_err(EncryptError::Failed)?;
    let mut lines = BufWriter::new(NetworkLines(out));
    armored(key, Chance(rng), clear, &mut lines)?;
    lines.flush().map_err(EncryptError::Failed)?;
    drop(lines);
    out.write_all(entity::closing(boundary).as_bytes()).map_err(EncryptError::Failed)
}

fn armored(key: &PublicKey, mut rng: Chance<'_, '_>, clear: impl Read, out: &mut dyn Write) -> Result<(), EncryptError> {
    let builder = MessageBuilder::from_reader("", clear);
    if key.says().first(Signature::features).is_some_and(pgp::packet::Features::seipd_v2) {
        let (cipher, mode) = aead(key.says());
        let mut builder = builder.seipd_v2(&mut rng, cipher, mode, ChunkSize::default());
        match key.recipient() {
            Recipient::Primary(key) => builder.encrypt_to_key(&mut rng, key),
            Recipient::Subkey(key) => builder.encrypt_to_key(&mut rng, key),
        }
        .map_err(failed)?;
        write(builder, rng, false, out)
    } else {
        let mut builder = builder.seipd_v1(&mut rng, cipher(key.says()));
        match key.recipient() {
            Recipient::Primary(key) => builder.encrypt_to_key(&mut rng, key),
            Recipient::Subkey(key) => builder.encrypt_to_key(&mut rng, key),
        }
        .map_err(failed)?;
        write(builder, rng, true, out)
    }
}

/// `has_checksum`: GnuPG up to 2.2 finds the end of some messages by it alone; whoever reads version 2 does without, and
/// then it must not be there (RFC 9580 §6.1).
fn write<R: Read, E: Encryption>(
    builder: MessageBuilder<'_, R, E>,
    rng: Chance<'_, '_>,
    has_checksum: bool,
    out: &mut dyn Write,
) -> Result<(), EncryptError> {
    let options = ArmorOptions { headers: None, include_checksum: has_checksum };
    builder.to_armored_writer(rng, options, out).map_err(failed)
}

fn failed(error: pgp::errors::Error) -> EncryptError {
    EncryptError::Failed(io::Error::other(error))
}

/// AES with the longest key the owner's program understands; who says nothing understands AES-256 since long.
fn cipher(says: &Statements) -> SymmetricKeyAlgorithm {
    use SymmetricKeyAlgorithm::{AES128, AES192, AES256};
    let known = says.first(|one| Some(one.preferred_symmetric_algs()).filter(|known| !known.is_empty())).unwrap_or_default();
    let best = if known.is_empty() { Some(AES256) } else { [AES256, AES192].into_iter().find(|one| known.contains(one)) };
    best.unwrap_or(AES128)
}

/// The same for authenticated encryption, where AES-128 with OCB is what everybody has (RFC 9580 §9.6).
fn aead(says: &Statements) -> (SymmetricKeyAlgorithm, AeadAlgorithm) {
    use SymmetricKeyAlgorithm::{AES128, AES192, AES256};
    let known = says.first(|one| Some(one.preferred_aead_algs()).filter(|known| !known.is_empty())).unwrap_or_default();
    let best = [AES256, AES192, AES128].into_iter().find_map(|wanted| known.iter().find(|(cipher, _)| *cipher == wanted));
    best.copied().unwrap_or((AES128, AeadAlgorithm::Ocb))
}

/// Ends lines as mail does; pgp ends them with LF.
struct NetworkLines<'w>(&'w mut dyn Write);

impl Write for NetworkLines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => {
                    self.0.write_all(text)?;
                    self.0.write_all(b"\r\n")?;
                }
                None => self.0.write_all(line)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Our generator, behind the traits pgp knows.
pub(super) struct Chance<'r, 'c>(pub(super) &'r mut (dyn CryptoRng + 'c));

impl rand_core_06::CryptoRng for Chance<'_, '_> {}

impl rand_core_06::RngCore for Chance<'_, '_> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}
