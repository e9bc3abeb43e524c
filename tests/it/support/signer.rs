//! DKIM signatures made here, canonicalisation included, so that no library checks its own work (RFC 6376 §3.4).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use data_encoding::BASE64;
use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::{RsaKey, Sha256 as WithSha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults};
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// A key and the name it is published under.
pub struct Signer {
    key: Key,
    pub domain: String,
    pub selector: String,
}

/// How to sign.
#[derive(Clone)]
pub struct How {
    pub header_relaxed: bool,
    pub body_relaxed: bool,
    /// Names for `h=`; one that the message does not have is oversigned.
    pub names: Vec<&'static str>,
    /// More tags, such as `x=1700000000; `.
    pub tags: String,
    /// Sign this much of the body only (`l=`).
    pub length: Option<usize>,
}

impl Default for How {
    fn default() -> Self {
        let names = vec!["from", "from", "to", "subject"];
        Self { header_relaxed: true, body_relaxed: true, names, tags: String::new(), length: None }
    }
}

impl Signer {
    pub fn rsa(domain: &str, selector: &str) -> Self {
        let key = Key::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
        Self { key, domain: domain.into(), selector: selector.into() }
    }

    pub fn ed25519(domain: &str, selector: &str) -> Self {
        let key = Key::Ed25519(Ed25519KeyPair::generate().unwrap());
        Self { key, domain: domain.into(), selector: selector.into() }
    }

    /// The line of a zone file that publishes the key.
    pub fn record(&self) -> String {
        let (name, text) = self.record_parts();
        txt(&name, &text)
    }

    /// Name and text of that record.
    pub fn record_parts(&self) -> (String, String) {
        let (kind, key) = match &self.key {
            Key::Rsa(pair) => {
                let der: PublicKeyX509Der = pair.public_key().as_der().unwrap();
                ("rsa", BASE64.encode(der.as_ref()))
            }
            Key::Ed25519(pair) => ("ed25519", BASE64.encode(pair.public_key().as_ref())),
        };
        (format!("{}._domainkey.{}", self.selector, self.domain), format!("v=DKIM1; k={kind}; p={key}"))
    }

    /// Whether the key is an RSA key.
    pub fn is_rsa(&self) -> bool {
        matches!(self.key, Key::Rsa(_))
    }

    /// The message with a signature on top.
    pub fn sign(&self, message: &str, how: &How) -> String {
        String::from_utf8(self.sign_bytes(message.as_bytes(), how)).unwrap()
    }

    /// The same for a message that need not be UTF-8.
    pub fn sign_bytes(&self, message: &[u8], how: &How) -> Vec<u8> {
        let text = widened(message);
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        let mut body = narrowed(&canonical_body(body, how.body_relaxed));
        let length = how.length.map_or_else(String::new, |length| {
            body.truncate(length);
            format!("l={length}; ")
        });
        let form = |relaxed| if relaxed { "relaxed" } else { "simple" };
        let algorithm = if self.is_rsa() { "rsa-sha256" } else { "ed25519-sha256" };
        let unsigned = format!(
            "DKIM-Signature: v=1; a={algorithm}; c={}/{}; d={}; s={};\r\n\t{length}{}h={};\r\n\tbh={}; b=",
            form(how.header_relaxed),
            form(how.body_relaxed),
            self.domain,
            self.selector,
            how.tags,
            how.names.join(":"),
            BASE64.encode(&Sha256::digest(&body)),
        );
        let mut left = fields(header);
        let mut data = String::new();
        for name in &how.names {
            let at = left.iter().rposition(|field| field.split(':').next().unwrap().eq_ignore_ascii_case(name));
            if let Some(at) = at {
                data.push_str(&canonical_field(&left.remove(at), how.header_relaxed));
            }
        }
        data.push_str(canonical_field(&unsigned, how.header_relaxed).trim_end_matches("\r\n"));
        let signature = BASE64.encode(&self.bytes(&narrowed(&data)));
        [format!("{unsigned}{signature}\r\n").as_bytes(), message].concat()
    }

    fn bytes(&self, data: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).unwrap();
                signature
            }
            Key::Ed25519(pair) => pair.sign(&Sha256::digest(data)).as_ref().to_vec(),
        }
    }
}

/// A list that seals what it passes on as it came (ARC), by mail-auth.
pub struct Sealer {
    key: Vec<u8>,
    domain: String,
}

impl Sealer {
    pub fn new(domain: &str) -> Self {
        let key: Pkcs8V1Der = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        Self { key: key.as_ref().to_vec(), domain: domain.into() }
    }

    /// Name and text of the record of its key.
    pub fn record_parts(&self) -> (String, String) {
        let pair = RsaKeyPair::from_pkcs8(&self.key).unwrap();
        let public: PublicKeyX509Der = pair.public_key().as_der().unwrap();
        let public = BASE64.encode(public.as_ref());
        (format!("a._domainkey.{}", self.domain), format!("v=DKIM1; k=rsa; p={public}"))
    }

    /// The line of a zone file that publishes the key.
    pub fn record(&self) -> String {
        let (name, text) = self.record_parts();
        txt(&name, &text)
    }

    /// The message with the first set of a chain on top.
    pub fn seal(&self, message: &str) -> String {
        let parsed = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
        let results = AuthenticationResults::new("mx.list.example");
        let key = RsaKey::<WithSha256>::from_key_der(PrivateKeyDer::Pkcs8(self.key.clone().into())).unwrap();
        let sealer = ArcSealer::from_key(key).domain(&self.domain).selector("a");
        let set = sealer.headers(["From", "To", "Subject"]).seal(&parsed, &results, &ArcOutput::default()).unwrap();
        format!("{}{message}", set.to_header())
    }
}

/// A TXT record in a zone file, cut into strings.
pub fn txt(name: &str, text: &str) -> String {
    let strings: Vec<String> =
        text.as_bytes().chunks(200).map(|piece| format!("\"{}\"", str::from_utf8(piece).unwrap())).collect();
    format!("{name}. 60 IN TXT {}\n", strings.join(" "))
}

/// Each byte as a character, so that text which is no UTF-8 can be cut and joined like any other.
fn widened(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes again.
fn narrowed(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn fields(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.split("\r\n") {
        if line.starts_with([' ', '\t']) {
            let last = fields.last_mut().unwrap();
            *last = format!("{last}\r\n{line}");
        } else {
            fields.push(line.into());
        }
    }
    fields
}

fn canonical_field(field: &str, relaxed: bool) -> String {
    if !relaxed {
        return format!("{field}\r\n");
    }
    let (name, value) = field.split_once(':').unwrap();
    let value = value.replace("\r\n", "");
    let value: Vec<&str> = value.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    format!("{}:{}\r\n", name.trim().to_lowercase(), value.join(" "))
}

fn canonical_body(body: &str, relaxed: bool) -> String {
    let mut lines: Vec<String> = body.split("\r\n").map(str::to_owned).collect();
    if relaxed {
        for line in &mut lines {
            let starts_with_space = line.starts_with([' ', '\t']);
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            let space = if starts_with_space && !words.is_empty() { " " } else { "" };
            *line = format!("{space}{}", words.join(" "));
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    match (lines.is_empty(), relaxed) {
        (true, true) => String::new(),
        _ => lines.join("\r\n") + "\r\n",
    }
}
