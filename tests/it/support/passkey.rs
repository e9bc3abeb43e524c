//! A passkey in software: one key pair on P-256, no attestation, user verification always said to be done.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// User present, user verified; and for a fresh one: a key follows.
const PROVED: u8 = 0b0000_0101;
const MADE: u8 = 0b0100_0101;

/// A passkey.
pub struct Passkey {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: Vec<u8>,
    /// Counts what it signs.
    pub counter: u32,
    /// The flags it says when it proves somebody.
    pub flags: u8,
    /// Where the browser says the page is from.
    pub origin: String,
}

impl Passkey {
    /// Makes one for what the script was offered; what the browser says of it.
    pub fn make(offer: &Value, origin: &str) -> (Self, String) {
        let options = &offer["options"]["publicKey"];
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let id: [u8; 32] = rand::random();
        let user = decode(&options["user"]["id"]);
        let passkey = Self { key, id: id.to_vec(), user, counter: 0, flags: PROVED, origin: origin.into() };
        let client = passkey.client("webauthn.create", options);
        let mut data = passkey.data(&options["rp"]["id"], MADE);
        data.extend([0; 16]);
        data.extend([0, 32]);
        data.extend(&passkey.id);
        data.extend(passkey.public_key());
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let response =
            json!({ "attestationObject": encode(&object), "clientDataJSON": encode(&client), "transports": ["internal"] });
        let answer = passkey.answer(&response);
        (passkey, answer)
    }

    /// Proves its owner for what the script was offered; what the browser says.
    pub fn prove(&mut self, offer: &Value) -> String {
        let options = &offer["options"]["publicKey"];
        self.counter += 1;
        let client = self.client("webauthn.get", options);
        let data = self.data(&options["rpId"], self.flags);
        let signed = [&data[..], &Sha256::digest(&client)[..]].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let response = json!({
            "authenticatorData": encode(&data),
            "clientDataJSON": encode(&client),
            "signature": encode(signature.as_ref()),
            "userHandle": encode(&self.user),
        });
        self.answer(&response)
    }

    /// The same passkey that says it is somebody else's.
    pub fn pretend(&mut self, user: uuid::Uuid) {
        self.user = user.as_bytes().to_vec();
    }

    fn answer(&self, response: &Value) -> String {
        json!({ "id": encode(&self.id), "rawId": encode(&self.id), "type": "public-key", "response": response }).to_string()
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    fn data(&self, host: &Value, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(host.as_str().unwrap()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The point as a COSE key (RFC 9053 §7.1.1).
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &point[1..33], b"\x22\x58\x20", &point[33..65]].concat()
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn decode(text: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_str().unwrap().as_bytes()).unwrap()
}
