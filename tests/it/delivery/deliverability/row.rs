//! A message of the table, and the senders who sign some of them.

use std::collections::BTreeMap;

use super::inside::Inside;
use crate::support::signer::{How, Signer, txt};

/// What a signed message of x.org is told as.
const PASS_OF_X: &str = "dkim=pass; spf=pass; dmarc=pass (p=none)";
/// And of any other honest sender.
const PASS: &str = "dkim=pass; spf=pass; dmarc=pass (p=reject)";
/// The address they are all sent to.
pub const ALIAS: &str = "lg.k7f3qz2m@you.example";

/// One message that is passed on.
pub struct Row {
    /// What it is, in plain words.
    pub name: &'static str,
    /// The reverse-path.
    pub sender: String,
    /// All bytes up to the final dot.
    pub message: Vec<u8>,
    /// How the sender signs it with DKIM.
    pub signs: Vec<String>,
    /// What the field for the owner's server says, without the names.
    pub told: &'static str,
    /// What it carries that can be checked.
    pub inside: Inside,
    /// Ends in lines of white space, which mail-auth hashes wrongly (`src/sender_auth/body.rs`): it gets them without.
    pub ends_in_space: bool,
}

impl Row {
    pub fn new(name: &'static str, domain: &str, message: impl Into<Vec<u8>>) -> Self {
        let mut message = message.into();
        if !message.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        Self {
            name,
            sender: format!("bounce@{domain}"),
            message,
            signs: Vec::new(),
            told: "dkim=none; spf=pass; dmarc=pass (p=reject)",
            inside: Inside::Nothing,
            ends_in_space: false,
        }
    }

    /// A file of `tests/corpus/`.
    pub fn file(name: &'static str, domain: &str, file: &str) -> Self {
        Self::new(name, domain, std::fs::read(format!("tests/corpus/{file}.eml")).unwrap())
    }

    /// Puts a signature on top.
    pub fn signed(mut self, signer: &Signer, how: &How) -> Self {
        let form = |relaxed| if relaxed { "relaxed" } else { "simple" };
        let algorithm = if signer.is_rsa() { "RSA" } else { "Ed25519" };
        self.signs.push(format!("{algorithm}, {}/{}", form(how.header_relaxed), form(how.body_relaxed)));
        self.message = signer.sign_bytes(&self.message, how);
        self.told = if signer.domain == "x.org" { PASS_OF_X } else { PASS };
        self
    }

    /// Signs as the author's domain does, in the usual manner.
    pub fn signed_by(self, senders: &Senders, domain: &str) -> Self {
        self.signed(senders.ed25519(domain), &How::default())
    }

    pub fn sender(mut self, sender: &str) -> Self {
        self.sender = sender.into();
        self
    }

    pub fn told(mut self, told: &'static str) -> Self {
        self.told = told;
        self
    }

    pub fn inside(mut self, inside: Inside) -> Self {
        self.inside = inside;
        self
    }

    pub fn ends_in_space(mut self) -> Self {
        self.ends_in_space = true;
        self
    }

    /// Something in the message becomes something else, after it was signed.
    pub fn changed(mut self, from: &str, to: &str) -> Self {
        let at = self.message.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        self.message.splice(at..at + from.len(), to.bytes());
        self
    }
}

/// A message from the shop with these fields of MIME and this body.
pub fn letter(fields: &str, body: &str) -> String {
    format!("{}{fields}\r\n{body}", head("Shop <news@shop.example>", "Offers"))
}

/// The fields every message has.
pub fn head(from: &str, subject: &str) -> String {
    format!(
        "From: {from}\r\nTo: {ALIAS}\r\nSubject: {subject}\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@shop.example>\r\n"
    )
}

/// The domains that send, with their keys.
pub struct Senders {
    rsa: BTreeMap<&'static str, Signer>,
    ed25519: BTreeMap<&'static str, Signer>,
}

impl Senders {
    pub fn new() -> Self {
        let all = ["shop.example", "lg.com", "x.org", "evil.example", "lists.example", "xn--bcher-kva.example", "bank.example"];
        Self {
            rsa: ["shop.example", "lg.com"].map(|domain| (domain, Signer::rsa(domain, "r1"))).into(),
            ed25519: all.map(|domain| (domain, Signer::ed25519(domain, "e1"))).into(),
        }
    }

    pub fn rsa(&self, domain: &str) -> &Signer {
        &self.rsa[domain]
    }

    pub fn ed25519(&self, domain: &str) -> &Signer {
        &self.ed25519[domain]
    }

    /// Their names: keys, who may send, and a policy for each.
    pub fn zone(&self) -> String {
        let mut zone: String = self.rsa.values().chain(self.ed25519.values()).map(Signer::record).collect();
        for domain in self.ed25519.keys() {
            let policy = match *domain {
                "x.org" => "none",
                "bank.example" => "quarantine",
                _ => "reject",
            };
            zone.push_str(&txt(domain, "v=spf1 ip4:127.0.0.1 -all"));
            zone.push_str(&txt(&format!("_dmarc.{domain}"), &format!("v=DMARC1; p={policy}")));
        }
        zone.push_str(&txt("elsewhere.example", "v=spf1 -all"));
        zone
    }
}
