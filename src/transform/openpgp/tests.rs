#![cfg(feature = "pgp")]

use pgp::composed::SubkeyParamsBuilder;
use pgp::composed::{Deserializable, EncryptionCaps, KeyType, Message, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyVersion, Password};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng};

use super::encrypt::Chance;
use super::*;

/// All made by GnuPG on 1 November 2023.
const PLAIN: &[u8] = include_bytes!("../../../tests/keys/plain.asc");
const ENDS: &[u8] = include_bytes!("../../../tests/keys/ends.asc");
const WEAK: &[u8] = include_bytes!("../../../tests/keys/weak.asc");
const SIGN: &[u8] = include_bytes!("../../../tests/keys/sign.asc");
const RSA: &[u8] = include_bytes!("../../../tests/keys/rsa.asc");
const SUB: &[u8] = include_bytes!("../../../tests/keys/sub.asc");
const GONE: &[u8] = include_bytes!("../../../tests/keys/gone.asc");
const SUBGONE: &[u8] = include_bytes!("../../../tests/keys/subgone.asc");
const TWO: &[u8] = include_bytes!("../../../tests/keys/two.asc");

fn at(day: i64) -> Timestamp {
    // From 1 November 2023 on.
    Timestamp::from_micros((1_698_796_800 + day * 86_400) * 1_000_000)
}

fn read(file: &[u8], day: i64) -> Result<PublicKey, KeyError> {
    PublicKey::read(file, at(day))
}

/// Past the machine's clock, which dates the signatures of keys made here.
const LATE: i64 = 20_000;

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

/// A key made here, whose private half is at hand.
fn pair(v2: bool) -> SignedSecretKey {
    made(v2, KeyVersion::V4, KeyType::Ed25519Legacy, KeyType::ECDH(ECCCurve::Curve25519Legacy))
}

fn made(v2: bool, version: KeyVersion, signs: KeyType, encrypts: KeyType) -> SignedSecretKey {
    let mut rng = rng();
    let rng: &mut (dyn CryptoRng + '_) = &mut rng;
    let made = pgp::types::Timestamp::from_secs(1_698_796_800);
    let subkey = SubkeyParamsBuilder::default()
        .version(version)
        .key_type(encrypts)
        .can_encrypt(EncryptionCaps::All)
        .created_at(made)
        .build()
        .unwrap();
    SecretKeyParamsBuilder::default()
        .version(version)
        .key_type(signs)
        .can_certify(true)
        .can_sign(true)
        .feature_seipd_v2(v2)
        .created_at(made)
        .primary_user_id("Ann <ann@keys.example>".into())
        .subkey(subkey)
        .build()
        .unwrap()
        .generate(Chance(rng))
        .unwrap()
}

#[test]
fn a_good_key_is_read_with_and_without_armor() {
    let key = read(PLAIN, 1).unwrap();
    assert_eq!(key.fingerprint(), "4F209A2A2DC02A37EA5D60686CDA4704AD2B681C");
    assert_eq!((key.expires_at(), key.user_ids()), (None, 1));
    let again = read(key.as_bytes(), 1).unwrap();
    assert_eq!((again.fingerprint(), again.as_bytes()), (key.fingerprint(), key.as_bytes()));
    let talkative = [b"pub ed25519\r\nsee below\r\n\r\n", PLAIN].concat();
    assert_eq!(read(&talkative, 1).unwrap().as_bytes(), key.as_bytes());
    assert!(read(RSA, 1).is_ok());
}

#[test]
fn a_key_is_good_until_it_expires() {
    let end = at(60);
    assert_eq!(read(ENDS, 59).unwrap().expires_at(), Some(end));
    assert_eq!(read(ENDS, 60).unwrap_err(), KeyError::Expired(end));
    assert_eq!(KeyError::Expired(end).to_string(), "the key expired on 2023-12-31");
    assert_eq!(read(PLAIN, -1).unwrap_err(), KeyError::NotYet);
}

#[test]
fn a_subkey_ends_what_its_primary_key_does_not() {
    assert_eq!(read(SUB, 29).unwrap().expires_at(), Some(at(30)));
    assert_eq!(read(SUB, 30).unwrap_err(), KeyError::Expired(at(30)));
}

#[test]
fn keys_that_can_not_be_used_are_told_apart() {
    for (file, wrong) in [
        (WEAK, KeyError::Weak),
        (SIGN, KeyError::NoEncryption),
        (GONE, KeyError::Revoked),
        (SUBGONE, KeyError::NoEncryption),
        (&[PLAIN, ENDS].concat()[..], KeyError::Several),
        (TWO, KeyError::Several),
        (b"", KeyError::NotAKey),
        (b"Dear Sir", KeyError::NotAKey),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", KeyError::Damaged),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlFgE\n", KeyError::Secret),
        (&[0x94, 0x01, 0x00], KeyError::Secret),
        (&vec![0x99; MAX_KEY_SIZE + 1], KeyError::TooLarge),
    ] {
        let start: String = file.iter().take(60).map(|byte| char::from(*byte)).collect();
        assert_eq!(read(file, 5).unwrap_err(), wrong, "{start}");
    }
}

#[test]
fn a_private_key_is_refused_in_both_forms() {
    let secret = pair(false).to_bytes().unwrap();
    assert_eq!(read(&secret, 1).unwrap_err(), KeyError::Secret);
    let armored = pair(false).to_armored_bytes(pgp::composed::ArmorOptions::default()).unwrap();
    assert_eq!(read(&armored, 1).unwrap_err(), KeyError::Secret);
    assert_eq!(read(&[PLAIN, &armored].concat(), 1).unwrap_err(), KeyError::Secret);
}

#[test]
fn a_key_nothing_vouches_for_is_refused() {
    let mut stripped = SignedPublicKey::from(pair(false));
    for user in &mut stripped.details.users {
        user.signatures.clear();
    }
    stripped.details.direct_signatures.clear();
    assert_eq!(read(&stripped.to_bytes().unwrap(), LATE).unwrap_err(), KeyError::Unsigned);
    // Somebody else's subkey, put in by an attacker.
    let mut mixed = SignedPublicKey::from(pair(false));
    let (other, _) = SignedPublicKey::from_armor_single(PLAIN).unwrap();
    mixed.public_subkeys = other.public_subkeys;
    assert_eq!(read(&mixed.to_bytes().unwrap(), LATE).unwrap_err(), KeyError::NoEncryption);
}

#[test]
fn each_thing_is_taken_from_the_newest_statement_that_says_it() {
    // What the key can do stands in a signature of its own, and the one with the user id says nothing of it.
    let (text, clear) = round(made(true, KeyVersion::V6, KeyType::Ed25519, KeyType::X25519), b"hello");
    assert_eq!(clear, b"hello");
    assert!(!text.contains("\r\n="), "version 2 goes without a checksum: {text}");
    // An older signature says when the key ends, the newer one with the user id does not.
    let mut secret = pair(false);
    let mut config =
        SignatureConfig::v4(SignatureType::Key, secret.primary_key.algorithm(), pgp::crypto::hash::HashAlgorithm::Sha256);
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(1_698_796_800)),
        SubpacketData::IssuerFingerprint(secret.primary_key.fingerprint()),
        SubpacketData::KeyExpirationTime(pgp::types::Duration::from_secs(30 * 86_400)),
    ]
    .map(|data| Subpacket::regular(data).unwrap())
    .to_vec();
    let signature = config.sign_key(&secret.primary_key, &Password::empty(), secret.primary_key.public_key()).unwrap();
    secret.details.direct_signatures.push(signature);
    let key = SignedPublicKey::from(secret).to_bytes().unwrap();
    assert_eq!(read(&key, LATE).unwrap_err(), KeyError::Expired(at(30)));
}

/// What came out, decrypted.
fn round(secret: SignedSecretKey, clear: &[u8]) -> (String, Vec<u8>) {
    let key = read(&SignedPublicKey::from(secret.clone()).to_bytes().unwrap(), LATE).unwrap();
    let mut out = Vec::new();
    encrypt(&key, &mut rng(), "b0", clear, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let start = text.find("-----BEGIN PGP MESSAGE-----").unwrap();
    let (message, _) = Message::from_armor(std::io::Cursor::new(text.as_bytes()[start..].to_vec())).unwrap();
    let decrypted = message.decrypt(&Password::empty(), &secret).unwrap().as_data_vec().unwrap();
    (text, decrypted)
}

#[test]
fn what_is_encrypted_comes_back_byte_for_byte() {
    for v2 in [false, true] {
        for clear in [&b""[..], b"\r\n", b"Content-Type: text/plain\r\n\r\nbare \n and \r and \xff\x00 no end", &[b'x'; 100_000]]
        {
            assert_eq!(round(pair(v2), clear).1, clear);
        }
    }
}

#[test]
fn the_body_has_two_parts_and_lines_of_mail() {
    let (text, _) = round(pair(false), b"\r\nhello");
    let parts: Vec<&str> = text.split("\r\n--b0").collect();
    assert_eq!(parts.len(), 4);
    assert!(parts[1].contains("Content-Type: application/pgp-encrypted\r\n") && parts[1].contains("\r\n\r\nVersion: 1\r\n"));
    assert!(parts[2].contains("Content-Type: application/octet-stream;"));
    assert_eq!(parts[3], "--\r\n");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']) && text.lines().all(|line| line.len() <= 78), "{text}");
    assert!(!text.contains("hello"));
}

proptest! {
    #[test]
    fn any_file_is_a_key_or_an_error(file in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(read(&file, 1));
    }

    #[test]
    fn any_packets_are_a_key_or_an_error(first in 0x80_u8..=0xff, rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&[&[first], &rest[..]].concat(), 1));
    }

    #[test]
    fn a_damaged_key_is_a_key_or_an_error(
        which in 0_usize..4, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(),
    ) {
        let good = [PLAIN, ENDS, RSA, SUB][which];
        let mut packets = read(good, 1).unwrap().as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(packets.len());
            packets[at] = byte;
        }
        packets.truncate(cut.index(packets.len()).max(packets.len() / 2));
        if let Ok(key) = read(&packets, 1) {
            drop(encrypt(&key, &mut rng(), "b0", &b"x"[..], &mut Vec::new()));
        }
    }
}
