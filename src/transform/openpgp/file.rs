//! From a file somebody hands in to the packets of one public key (RFC 9580 §6.2, §4.2).

use std::io::Read;

use pgp::armor::{BlockType, Dearmor};
use pgp::composed::{Deserializable, SignedPublicKey};

use super::{KeyError, MAX_KEY_SIZE};

/// What opens a block of armor.
const OPENING: &[u8] = b"-----BEGIN PGP ";
/// Packet types of private keys and subkeys.
const SECRET: [u8; 2] = [5, 7];

/// The one key in a file, and its packets without armor.
pub(super) fn read(file: &[u8]) -> Result<(SignedPublicKey, Vec<u8>), KeyError> {
    if file.len() > MAX_KEY_SIZE {
        return Err(KeyError::TooLarge);
    }
    let first = *file.first().ok_or(KeyError::NotAKey)?;
    let packets = if first & 0x80 == 0 { unarmored(file)? } else { file.to_vec() };
    if packets.first().is_some_and(|first| SECRET.contains(&packet_type(*first))) {
        return Err(KeyError::Secret);
    }
    let mut keys = SignedPublicKey::from_bytes_many(&packets[..]).map_err(|_| KeyError::Damaged)?;
    let key = keys.next().ok_or(KeyError::NotAKey)?.map_err(|_| KeyError::Damaged)?;
    match keys.next() {
        None => {}
        Some(Ok(_)) => return Err(KeyError::Several),
        Some(Err(_)) => return Err(KeyError::Damaged),
    }
    drop(keys);
    Ok((key, packets))
}

fn unarmored(file: &[u8]) -> Result<Vec<u8>, KeyError> {
    let blocks: Vec<&[u8]> = file
        .windows(OPENING.len())
        .enumerate()
        .filter(|(_, window)| *window == OPENING)
        .filter_map(|(at, _)| file.get(at + OPENING.len()..))
        .collect();
    if blocks.iter().any(|block| block.starts_with(b"PRIVATE KEY")) {
        return Err(KeyError::Secret);
    }
    match blocks.len() {
        0 => return Err(KeyError::NotAKey),
        1 => {}
        _ => return Err(KeyError::Several),
    }
    let mut dearmor = Dearmor::new(file);
    dearmor.read_header().map_err(|_| KeyError::Damaged)?;
    if dearmor.typ != Some(BlockType::PublicKey) {
        return Err(KeyError::NotAKey);
    }
    let mut packets = Vec::new();
    dearmor.read_to_end(&mut packets).map_err(|_| KeyError::Damaged)?;
    Ok(packets)
}

/// The type of a packet from its first byte, in the old form and the new one.
const fn packet_type(first: u8) -> u8 {
    if first & 0x40 == 0 { first >> 2 & 0x0f } else { first & 0x3f }
}
