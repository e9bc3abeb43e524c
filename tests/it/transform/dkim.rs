//! Signatures on header blocks and bodies, checked by python3-dkim.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use postern::model::dkim_key::Algorithm;
use postern::model::{DomainName, Timestamp};
use postern::transform::dkim::{self, BodyHasher, DkimError, Signer, SigningKey};

use crate::support::dkim::{Records, assert_signed, check};

const NOW: i64 = 1_700_000_000;

/// Both keys of `you.example`, and the records they need.
fn signers() -> ([Signer; 2], Records) {
    let rsa: Pkcs8V1Der = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    let signer = |algorithm, selector: &str, pkcs8: &[u8]| Signer {
        domain: DomainName::parse("you.example").unwrap(),
        selector: selector.into(),
        key: SigningKey::from_pkcs8(algorithm, pkcs8).unwrap(),
    };
    let signers = [signer(Algorithm::Rsa, "r1", rsa.as_ref()), signer(Algorithm::Ed25519, "e1", ed25519.as_ref())];
    let record = |signer: &Signer| {
        let name = format!("{}._domainkey.you.example", signer.selector);
        (name, dkim::record(signer.key.algorithm(), &signer.key.public_key().unwrap()))
    };
    let records = signers.iter().map(record).collect();
    (signers, records)
}

/// The message as it leaves: signatures, block, empty line, body.
fn signed(signers: &[Signer], header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut hasher = BodyHasher::default();
    body.chunks(3).for_each(|piece| hasher.push(piece));
    let hash = hasher.finish();
    let [at, until] = [NOW, NOW + 600].map(|seconds| Timestamp::from_micros(seconds * 1_000_000));
    let mut message: Vec<u8> = signers.iter().flat_map(|signer| dkim::sign(signer, header, &hash, at, until).unwrap()).collect();
    message.extend_from_slice(header);
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(body);
    message
}

const HEADER: &[u8] = b"Received: from x\r\n\tby y\r\nFrom: =?utf-8?q?A?=\r\n <a@you.example>\r\nTo: b@x.example\r\nTo: c@x.example\r\n\
    SUBJECT:  two   words\t\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nReferences:\r\n <1@x>\r\n <2@x>\r\nX-Other: not signed\r\n";

#[test]
fn others_find_every_signature_good() {
    let (signers, records) = signers();
    let long = b"From: a@you.example\r\nTo: ".iter().copied().chain(b"b@x.example, ".repeat(400)).chain(*b"c@x.example\r\n");
    let many = [&b"From: a@you.example\r\n"[..], &b"To: b@x.example\r\n".repeat(300)].concat();
    let messages: Vec<Vec<u8>> = [
        (HEADER.to_vec(), &b"Hello,\r\n\r\n  indented \t text \r\n\r\n\r\n"[..]),
        (HEADER.to_vec(), b""),
        (HEADER.to_vec(), b"\r\n \r\n"),
        (HEADER.to_vec(), b"no end"),
        (HEADER.to_vec(), b"\xff\xfe eight bits \xc3\xa4\r\n"),
        (long.collect(), b"x\r\n"),
        (many, b"x\r\n"),
        ("From: ä@you.example\r\nSubject: ü  ö\r\n".as_bytes().to_vec(), b"x\r\n"),
        (b"From: a@you.example\r\nList-Unsubscribe: <https://you.example/u>\r\n".to_vec(), b"x\r\n"),
    ]
    .into_iter()
    .map(|(header, body)| signed(&signers, &header, body))
    .collect();
    for (message, signatures) in messages.iter().zip(check(&messages, &records, NOW)) {
        assert_signed(message, &signatures, "you.example");
        for signature in signatures {
            assert!(!signature.fields.contains_key("l"), "the whole body is signed");
            assert_eq!(
                (signature.fields["t"].clone(), signature.fields["x"].clone()),
                (NOW.to_string(), (NOW + 600).to_string())
            );
        }
    }
}

#[test]
fn what_is_added_changed_or_too_late_is_noticed() {
    let (signers, records) = signers();
    let message = signed(&signers, HEADER, b"Hello\r\n");
    let at = message.windows(10).position(|window| window == b"Received: ").unwrap();
    let with = |line: &str| [&message[..at], line.as_bytes(), &message[at..]].concat();
    let text = String::from_utf8(message.clone()).unwrap();
    let mut changed: Vec<Vec<u8>> = [
        "From: evil@x.example\r\n",
        "To: d@x.example\r\n",
        "Cc: d@x.example\r\n",
        "Subject: other\r\n",
        "Reply-To: d@x.example\r\n",
        "Sender: d@x.example\r\n",
        "Message-ID: <1@x>\r\n",
        "In-Reply-To: <1@x>\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: text/html\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "List-Unsubscribe: <https://x.example>\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    ]
    .iter()
    .map(|line| with(line))
    .collect();
    changed.push([&message[..], b"appended\r\n"].concat());
    changed.push(text.replace("Hello", "Hallo").into_bytes());
    changed.push(text.replace("c@x.example", "e@x.example").into_bytes());
    for (message, signatures) in changed.iter().zip(check(&changed, &records, NOW)) {
        assert!(signatures.iter().all(|one| !one.ok), "{}", String::from_utf8_lossy(message));
    }
    let harmless = [with("Received: from z\r\n"), text.replace("two   words\t", "two words").into_bytes()];
    for (message, signatures) in harmless.iter().zip(check(&harmless, &records, NOW)) {
        assert_signed(message, &signatures, "you.example");
    }
    let late = check(&harmless, &records, NOW + 100_000);
    assert!(late.iter().flatten().all(|one| !one.ok), "{late:#?}");
}

#[test]
fn the_field_is_folded_and_plain() {
    let (signers, _) = signers();
    let message = String::from_utf8(signed(&signers, HEADER, b"Hello\r\n")).unwrap();
    let fields = message.split("Received:").next().unwrap();
    assert!(fields.lines().all(|line| line.len() <= 78 && line.is_ascii() && !line.trim().is_empty()), "{fields}");
    assert!(fields.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=you.example; s=r1;\r\n"), "{fields}");
    assert_eq!(fields.replace("\r\n ", "").matches("From:From:To:To:To:Cc:Subject:Subject:").count(), 2, "{fields}");
}

#[test]
fn a_block_that_is_none_is_not_signed() {
    let (signers, _) = signers();
    let hash = BodyHasher::default().finish();
    let now = Timestamp::from_micros(0);
    assert_eq!(dkim::sign(&signers[1], b"no colon\r\n", &hash, now, now), Err(DkimError::Header));
}

#[test]
fn a_long_record_is_written_in_strings_of_255() {
    let record = format!("v=DKIM1; k=rsa; p={}", "A".repeat(392));
    let data = dkim::zone_data(&record);
    let strings: Vec<&str> = data.split('"').filter(|part| !part.trim().is_empty()).collect();
    assert_eq!((strings[0].len(), strings.concat()), (255, record));
    assert_eq!(dkim::zone_data("v=x"), "\"v=x\"");
}
